/** The programs of a dataplane, loaded from its objects or opened from pins. */
import type { ObjectDescriptor } from '../maps/descriptor.js'
import { tcReply, xdpLb } from '../maps/generated.js'
import type { HasRaw } from '../maps/map-of-maps.js'
import { CollectionSpec } from '../loader/collection-spec.js'
import { Collection } from '../loader/collection.js'
import type { PinDirectory } from '../loader/pin.js'
import type { Program } from '../loader/program.js'
import type { HookKind } from './hooks.js'
import type { LbMaps } from './lb-maps.js'
import { digestOf, readObject } from './objects.js'

/** By the hook that each is for; `clock` tells jiffies, see clock.ts. */
export type Programs = Readonly<Record<HookKind | 'clock', Program>>

/** The names that they are pinned by. */
export const PROGRAM_PINS: Readonly<Record<keyof Programs, string>> = {
  xdp: xdpLb.programs.xdpLb.name,
  clock: xdpLb.programs.lbClock.name,
  ingress: tcReply.programs.tcReplyIngress.name,
  egress: tcReply.programs.tcReplyEgress.name,
}

export interface LoadedObjects {
  maps: LbMaps
  programs: Programs
  /** For {@link startSweeper}. */
  sweepStart: Program
}

/** SHA-256 over the objects as they are built, hex. Throws `LB_ERR_OBJECT_MISSING`. */
export function objectsDigest(): string {
  return digestOf([readObject(xdpLb.name), readObject(tcReply.name)])
}

/**
 * Loads both objects over one set of maps.
 *
 * @param buckets - entries of `conns` and of `reverse`
 * @param maps - live maps to use; default: new ones
 */
export async function loadObjects(buckets: number, maps?: LbMaps): Promise<LoadedObjects> {
  const lb = await Collection.load(specOf(xdpLb, buckets), xdpLb, maps === undefined ? {} : { mapReplacements: maps })
  try {
    const reply = await Collection.load(specOf(tcReply, buckets), tcReply, { mapReplacements: lb.maps })
    closeMaps(reply.maps)
    const { xdpLb: xdp, lbClock: clock, lbSweepStart: sweepStart, lbSweep } = lb.programs
    const { tcReplyIngress: ingress, tcReplyEgress: egress } = reply.programs
    // For tests and benchmarks only.
    lbSweep.close()
    return { maps: lb.maps, programs: { xdp, clock, ingress, egress }, sweepStart }
  } catch (error) {
    lb.close()
    throw error
  }
}

/** The spec of an object over tables of so many buckets. */
export function specOf({ name }: ObjectDescriptor, buckets: number): CollectionSpec {
  const spec = CollectionSpec.parse(readObject(name), name)
  for (const map of ['conns', 'reverse']) spec.map(map).maxEntries = buckets
  return spec
}

/** The pinned programs. Throws `LB_ERR_PIN_MISSING`; nothing stays open then. */
export function openPrograms(pins: PinDirectory): Programs {
  const opened: [string, Program][] = []
  try {
    for (const [name, pin] of Object.entries(PROGRAM_PINS)) opened.push([name, pins.openProgram(pin)])
  } catch (error) {
    for (const [, program] of opened) program.close()
    throw error
  }
  return Object.fromEntries(opened) as unknown as Programs
}

export function closePrograms(programs: Programs): void {
  for (const program of Object.values(programs)) program.close()
}

export function closeMaps(maps: LbMaps): void {
  for (const map of Object.values<HasRaw>(maps)) map.close()
}

const XDP_PASS = 2
/** A frame that is long enough for a test run. */
const ANY_FRAME = new Uint8Array(14)

/** Starts the timer of the map `sweeper`; a timer that runs calls this version's program from then on. Settings come first. */
export function startSweeper({ sweepStart }: LoadedObjects): void {
  const { retval } = sweepStart.run({ data: ANY_FRAME })
  if (retval !== XDP_PASS) throw new Error(`the sweeper did not start (${retval})`)
}
