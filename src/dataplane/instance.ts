/** One dataplane in the kernel: maps and program, pinned under BPFFS/veer/INSTANCE. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoOf, VeerError } from '../errors.js'
import { CollectionSpec } from '../loader/collection-spec.js'
import { Collection } from '../loader/collection.js'
import type { Link } from '../loader/link.js'
import { PinDirectory } from '../loader/pin.js'
import type { Program } from '../loader/program.js'
import { ConnState, Limit, xdpLb } from '../maps/generated.js'
import type { HasRaw } from '../maps/map-of-maps.js'
import { measureHz } from './clock.js'
import { connBuckets } from './conn-table.js'
import type { LbMaps } from './lb-maps.js'

const OBJECT_PATH = fileURLToPath(new URL('../../build/bpf/xdp_lb.o', import.meta.url))
const PROGRAM = 'xdp_lb'
const CLOCK = 'lb_clock'

/** Until the first apply: all that a configuration decides. */
const EMPTY_SETTINGS = {
  timeoutTicks: Object.values(ConnState).map(() => 0),
  era: 0,
  peers: 0,
  rearmTicks: 0,
  fragmentTicks: 0,
  lblcTicks: 0,
  answerTokens: 0,
}

export interface InstanceLocation {
  /** `[a-z0-9-]`, at most 63 characters. */
  name: string
  /** A directory in a BPF filesystem. */
  bpffs: string
}

/** The name that a link is pinned by; an interface's own name may hold dots, which bpffs does not allow. */
export function linkPinName(ifindex: number): string {
  return `xdp_${ifindex}`
}

function readObject(): Buffer {
  try {
    return readFileSync(OBJECT_PATH)
  } catch (cause) {
    throw new VeerError('LB_ERR_OBJECT_MISSING', `cannot read the BPF object ${OBJECT_PATH}: ${errnoOf(cause)}`, {
      hint: 'build it with scripts/setup',
      cause,
    })
  }
}

const UNREADABLE: ReadonlySet<string> = new Set([
  'LB_ERR_INSTANCE_VERSION',
  'LB_ERR_MAP_INCOMPATIBLE',
  'LB_ERR_PIN_MISSING',
])

export class Instance implements Disposable {
  readonly name: string
  readonly pins: PinDirectory
  readonly maps: LbMaps
  readonly program: Program
  /** Tells jiffies; see clock.ts. */
  readonly clock: Program

  private constructor(location: InstanceLocation, maps: LbMaps, program: Program, clock: Program) {
    this.name = location.name
    this.pins = pinsOf(location)
    this.maps = maps
    this.program = program
    this.clock = clock
  }

  /** Whether there are pins of this instance. */
  static exists(location: InstanceLocation): boolean {
    return pinsOf(location).list('maps').length > 0
  }

  /** Loads a new dataplane, pinned nowhere yet; closing it without {@link pin} leaves nothing. */
  static async load(location: InstanceLocation, options: { maxConns: number; netns: bigint }): Promise<Instance> {
    const bytes = readObject()
    const spec = CollectionSpec.parse(bytes, xdpLb.name)
    const buckets = connBuckets(options.maxConns)
    spec.map('conns').maxEntries = buckets
    const { maps, programs } = await Collection.load(spec, xdpLb)
    maps.meta.set(0, metaOf(bytes, options.netns))
    const hz = await measureHz(programs.lbClock)
    maps.settings.set(0, { ...EMPTY_SETTINGS, hashSeed: randomSeed(), connBuckets: buckets, hz })
    return new Instance(location, maps, programs.xdpLb, programs.lbClock)
  }

  /** The pinned dataplane. Throws `LB_ERR_INSTANCE_MISSING`, or `LB_ERR_INSTANCE_VERSION` for another layout of the maps. */
  static open(location: InstanceLocation): Instance {
    const pins = pinsOf(location)
    if (!Instance.exists(location)) {
      throw new VeerError('LB_ERR_INSTANCE_MISSING', `instance ${location.name} is not attached (nothing in ${pins.path})`, {
        hint: 'attach it with: veer attach -f FILE',
      })
    }
    checkVersion(location, pins)
    const maps = pins.openMaps(xdpLb)
    try {
      return new Instance(location, maps, pins.openProgram(PROGRAM), pins.openProgram(CLOCK))
    } catch (error) {
      closeMaps(maps)
      throw error
    }
  }

  /**
   * The pinned dataplane, or undefined when there is none or its maps are those of another version: it must be possible
   * to remove what cannot be read.
   */
  static openReadable(location: InstanceLocation): Instance | undefined {
    if (!Instance.exists(location)) return undefined
    try {
      return Instance.open(location)
    } catch (error) {
      if (error instanceof VeerError && UNREADABLE.has(error.code)) return undefined
      throw error
    }
  }

  /** Pins maps, program and links, all of them at once or none. */
  pin(links: ReadonlyMap<number, Link>): void {
    const staging = new PinDirectory(`${this.pins.path}-new-${process.pid}`)
    try {
      staging.pinMaps(xdpLb, this.maps)
      staging.pin('programs', PROGRAM, this.program)
      staging.pin('programs', CLOCK, this.clock)
      for (const [ifindex, link] of links) staging.pin('links', linkPinName(ifindex), link)
      mkdirSync(join(staging.path, 'links'), { recursive: true })
      renameSync(staging.path, this.pins.path)
    } catch (error) {
      staging.removeAll()
      throw error
    }
  }

  /**
   * Puts the program of this version of veer in place of the one that runs, over the same maps, without a packet lost.
   * Returns whether there was anything to do.
   */
  async upgrade(netns: bigint): Promise<boolean> {
    const bytes = readObject()
    const meta = metaOf(bytes, netns)
    if (this.maps.meta.get(0)?.objectDigest === meta.objectDigest) return false
    const spec = CollectionSpec.parse(bytes, xdpLb.name)
    spec.map('conns').maxEntries = this.maps.conns.info.maxEntries
    using collection = await Collection.load(spec, xdpLb, { mapReplacements: this.maps })
    for (const name of this.pins.list('links')) {
      using link = this.pins.openLink(name)
      link.update(collection.programs.xdpLb)
    }
    this.pins.remove('programs', PROGRAM)
    this.pins.pin('programs', PROGRAM, collection.programs.xdpLb)
    this.maps.meta.set(0, meta)
    return true
  }

  close(): void {
    closeMaps(this.maps)
    this.program.close()
    this.clock.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function pinsOf({ name, bpffs }: InstanceLocation): PinDirectory {
  return new PinDirectory(join(bpffs, 'veer', name))
}

/** The pins of an instance, whatever version made them: what detach works on. */
export function instancePins(location: InstanceLocation): PinDirectory {
  return pinsOf(location)
}

/** Nobody outside can tell which flows share a bucket. */
function randomSeed(): bigint {
  return randomBytes(8).readBigUInt64LE()
}

function metaOf(object: Buffer, netns: bigint) {
  return {
    abiVersion: Limit.abiVersion,
    netns,
    objectDigest: createHash('sha256').update(object).digest('hex'),
  }
}

function checkVersion({ name }: InstanceLocation, pins: PinDirectory): void {
  using meta = pins.openMap(xdpLb.maps.meta)
  const version = meta.get(0)?.abiVersion
  if (version === Limit.abiVersion) return
  throw new VeerError(
    'LB_ERR_INSTANCE_VERSION',
    `instance ${name} was attached by a veer whose maps have another layout (${version}, ours is ${Limit.abiVersion})`,
    { hint: 'detach it and attach it again: veer detach, veer attach -f FILE; its conns are lost' },
  )
}

function closeMaps(maps: LbMaps): void {
  for (const map of Object.values<HasRaw>(maps)) map.raw.close()
}
