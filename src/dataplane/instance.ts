/** One dataplane in the kernel: maps and program, pinned under BPFFS/veer/INSTANCE. */
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { errnoOf, VeerError } from '../errors.js'
import { CollectionSpec } from '../loader/collection-spec.js'
import { Collection } from '../loader/collection.js'
import type { Link } from '../loader/link.js'
import { PinDirectory } from '../loader/pin.js'
import type { Program } from '../loader/program.js'
import { Limit, xdpLb } from '../maps/generated.js'
import type { HasRaw } from '../maps/map-of-maps.js'
import type { LbMaps } from './lb-maps.js'

const OBJECT_PATH = fileURLToPath(new URL('../../build/bpf/xdp_lb.o', import.meta.url))
const PROGRAM = 'xdp_lb'

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

export class Instance implements Disposable {
  readonly name: string
  readonly pins: PinDirectory
  readonly maps: LbMaps
  readonly program: Program

  private constructor(location: InstanceLocation, maps: LbMaps, program: Program) {
    this.name = location.name
    this.pins = pinsOf(location)
    this.maps = maps
    this.program = program
  }

  /** Whether there are pins of this instance. */
  static exists(location: InstanceLocation): boolean {
    return pinsOf(location).list('maps').length > 0
  }

  /** Loads a new dataplane, pinned nowhere yet; closing it without {@link pin} leaves nothing. */
  static async load(location: InstanceLocation, options: { maxConns: number; netns: bigint }): Promise<Instance> {
    const bytes = readObject()
    const spec = CollectionSpec.parse(bytes, xdpLb.name)
    spec.map('conns').maxEntries = options.maxConns
    const collection = await Collection.load(spec, xdpLb)
    collection.maps.meta.set(0, metaOf(bytes, options.netns))
    return new Instance(location, collection.maps, collection.programs.xdpLb)
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
      return new Instance(location, maps, pins.openProgram(PROGRAM))
    } catch (error) {
      closeMaps(maps)
      throw error
    }
  }

  /** Pins maps, program and links, all of them at once or none. */
  pin(links: ReadonlyMap<number, Link>): void {
    const staging = new PinDirectory(`${this.pins.path}-new-${process.pid}`)
    try {
      staging.pinMaps(xdpLb, this.maps)
      staging.pin('programs', PROGRAM, this.program)
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
