/**
 * The maps and programs of a dataplane, loaded from its objects. What only opens pins does without this module: readers
 * of ELF and BTF take longer to start than to list conns.
 */
import { CollectionSpec } from '../loader/collection-spec.js'
import { Collection } from '../loader/collection.js'
import type { Program } from '../loader/program.js'
import type { ObjectDescriptor } from '../maps/descriptor.js'
import { tcReply, xdpLb, xdpPing } from '../maps/generated.js'
import type { LbMaps } from './lb-maps.js'
import { digestOf, readObject } from './objects.js'
import type { Programs } from './programs.js'
import { closeMaps } from './programs.js'

export interface LoadedObjects {
  maps: LbMaps
  programs: Programs
  /** For {@link startSweeper}. */
  sweepStart: Program
}

/** SHA-256 over the objects as they are built, hex. Throws `LB_ERR_OBJECT_MISSING`. */
export function objectsDigest(): string {
  return digestOf([xdpLb, tcReply, xdpPing].map(({ name }) => readObject(name)))
}

/**
 * Loads all objects over one set of maps.
 *
 * @param buckets - entries of `conns` and of `reverse`
 * @param maps - live maps to use; default: new ones
 */
export async function loadObjects(buckets: number, maps?: LbMaps): Promise<LoadedObjects> {
  const lb = await Collection.load(specOf(xdpLb, buckets), xdpLb, maps === undefined ? {} : { mapReplacements: maps })
  const loaded: { close(): void }[] = [lb]
  try {
    const reply = await Collection.load(specOf(tcReply, buckets), tcReply, { mapReplacements: lb.maps })
    loaded.push(reply)
    const ping = await Collection.load(specOf(xdpPing, buckets), xdpPing, { mapReplacements: lb.maps })
    closeMaps(reply.maps)
    closeMaps(ping.maps)
    const { xdpLb: xdp, lbClock: clock, lbRingIds: ringIds, lbSweepStart: sweepStart, lbSweep } = lb.programs
    const { tcReplyIngress: ingress, tcReplyEgress: egress } = reply.programs
    const { xdpPingTx: probe } = ping.programs
    // For tests and benchmarks only.
    lbSweep.close()
    return { maps: lb.maps, programs: { xdp, clock, ringIds, ingress, egress, probe }, sweepStart }
  } catch (error) {
    for (const each of loaded) each.close()
    throw error
  }
}

/** The spec of an object over tables of so many buckets. */
export function specOf({ name }: ObjectDescriptor, buckets: number): CollectionSpec {
  const spec = CollectionSpec.parse(readObject(name), name)
  for (const map of ['conns', 'reverse']) spec.map(map).maxEntries = buckets
  return spec
}

const XDP_PASS = 2
/** A frame that is long enough for a test run. */
const ANY_FRAME = new Uint8Array(14)

/** Starts the timer of the map `sweeper`; a timer that runs calls this version's program from then on. Settings come first. */
export function startSweeper({ sweepStart }: LoadedObjects): void {
  const { retval } = sweepStart.run({ data: ANY_FRAME })
  if (retval !== XDP_PASS) throw new Error(`the sweeper did not start (${retval})`)
}
