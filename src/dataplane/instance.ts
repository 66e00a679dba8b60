/** One dataplane in the kernel: maps and programs, pinned under BPFFS/veer/INSTANCE. */
import { mkdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { VeerError } from '../errors.js'
import type { PinKind } from '../loader/pin.js'
import { PinDirectory } from '../loader/pin.js'
import type { Program } from '../loader/program.js'
import type { Meta } from '../maps/generated.js'
import { ConnState, Limit, xdpLb } from '../maps/generated.js'
import type { NetworkNamespace } from '../system/netns.js'
import { measureHz } from './clock.js'
import { connBuckets } from './conn-table.js'
import type { LbMaps } from './lb-maps.js'
import type { Programs } from './programs.js'
import { closeMaps, closePrograms, openPrograms, PROGRAM_PINS } from './programs.js'
import { readRingIds } from './ring-ids.js'

export interface InstanceLocation {
  /** `[a-z0-9-]`, at most 63 characters. */
  name: string
  /** A directory in a BPF filesystem. */
  bpffs: string
}

/** Something that lives as long as it is pinned under this name. */
export interface Pin {
  kind: PinKind
  name: string
  object: { pin(path: string): void }
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
  readonly programs: Programs

  private constructor(location: InstanceLocation, maps: LbMaps, programs: Programs) {
    this.name = location.name
    this.pins = instancePins(location)
    this.maps = maps
    this.programs = programs
    maps.rings.readIds = () => readRingIds(programs.ringIds)
  }

  /** Tells jiffies; see clock.ts. */
  get clock(): Program {
    return this.programs.clock
  }

  /** Whether there are pins of this instance. */
  static exists(location: InstanceLocation): boolean {
    return instancePins(location).list('maps').length > 0
  }

  /** Loads a new dataplane, pinned nowhere yet; closing it without {@link pin} leaves nothing. */
  static async load(location: InstanceLocation, options: { maxConns: number; netns: bigint }): Promise<Instance> {
    const buckets = connBuckets(options.maxConns)
    const { loadObjects, objectsDigest, startSweeper } = await import('./loaded-objects.js')
    const loaded = await loadObjects(buckets)
    using _started = loaded.sweepStart
    const { maps, programs } = loaded
    maps.meta.set(0, metaOf(objectsDigest(), options.netns))
    const hz = await measureHz(programs.clock)
    maps.settings.set(0, { ...EMPTY_SETTINGS, hashSeed: randomSeed(), connBuckets: buckets, hz })
    startSweeper(loaded)
    return new Instance(location, maps, programs)
  }

  /** The pinned dataplane. Throws `LB_ERR_INSTANCE_MISSING`, or `LB_ERR_INSTANCE_VERSION` for another layout of the maps. */
  static open(location: InstanceLocation): Instance {
    const pins = instancePins(location)
    if (!Instance.exists(location)) {
      throw new VeerError('LB_ERR_INSTANCE_MISSING', `instance ${location.name} is not attached (nothing in ${pins.path})`, {
        hint: 'attach it with: veer attach -f FILE',
      })
    }
    checkVersion(location, pins)
    const maps = pins.openMaps(xdpLb)
    try {
      return new Instance(location, maps, openPrograms(pins))
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

  /** Pins maps, programs and what is attached, all of them at once or none. */
  pin(attached: readonly Pin[]): void {
    const staging = new PinDirectory(`${this.pins.path}-new-${process.pid}`)
    try {
      staging.pinMaps(xdpLb, this.maps)
      for (const [name, pin] of Object.entries(PROGRAM_PINS)) {
        staging.pin('programs', pin, this.programs[name as keyof Programs])
      }
      for (const { kind, name, object } of attached) staging.pin(kind, name, object)
      mkdirSync(join(staging.path, 'links'), { recursive: true })
      renameSync(staging.path, this.pins.path)
    } catch (error) {
      staging.removeAll()
      throw error
    }
  }

  /**
   * Puts the programs of this version of veer in place of those that run, over the same maps, without a packet lost.
   * Returns whether there was anything to do.
   */
  async upgrade(namespace: NetworkNamespace): Promise<boolean> {
    const { loadObjects, objectsDigest, startSweeper } = await import('./loaded-objects.js')
    const { replacePrograms } = await import('./upgrade.js')
    const meta = metaOf(objectsDigest(), namespace.inode())
    if (this.maps.meta.get(0)?.objectDigest === meta.objectDigest) return false
    const loaded = await loadObjects(this.maps.conns.info.maxEntries, this.maps)
    try {
      replacePrograms(this.pins, loaded.programs, namespace)
      startSweeper(loaded)
      this.maps.meta.set(0, meta)
    } finally {
      closeMaps(loaded.maps)
      closePrograms(loaded.programs)
      loaded.sweepStart.close()
    }
    return true
  }

  close(): void {
    closeMaps(this.maps)
    closePrograms(this.programs)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** The pins of an instance, whatever version made them: what detach works on. */
export function instancePins({ name, bpffs }: InstanceLocation): PinDirectory {
  return new PinDirectory(join(bpffs, 'veer', name))
}

/** Until the first apply: all that a configuration decides. */
export const EMPTY_SETTINGS = {
  timeoutTicks: Object.values(ConnState).map(() => 0),
  era: 0,
  peers: 0,
  rearmTicks: 0,
  fragmentTicks: 0,
  lblcTicks: 0,
  answerTokens: 0,
  pingSources: 0,
  probeFirst: 0,
  probeCount: 0,
  probeMac: new Uint8Array(6),
}

/** Nobody outside can tell which flows share a bucket. */
function randomSeed(): bigint {
  return crypto.getRandomValues(new BigUint64Array(1))[0] as bigint
}

function metaOf(objectDigest: string, netns: bigint): Meta {
  return { abiVersion: Limit.abiVersion, netns, objectDigest }
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
