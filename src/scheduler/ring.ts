/**
 * Rings: the precomputed table of each service from which the dataplane takes a new flow's destination.
 * hash.ts says which slot.
 */
import type { SchedulerConfig } from '../config/schema.js'
import { destinationHash, sourceHash } from './buckets.js'
import { maglev } from './maglev.js'
import { roundRobin, weightedRoundRobin } from './round-robin.js'

/** A destination of a service; `address` canonical, `port` in host order, weight 0 to 65535. */
export interface Destination {
  readonly address: string
  readonly port: number
  readonly weight: number
}

/**
 * The ring of a service: one index into `destinations` per slot. Empty when no destination is usable; a destination of
 * weight 0 has no slot.
 *
 * @param destinations - in canonical order (src/config/order.ts), or directors will not agree
 */
export function buildRing(scheduler: SchedulerConfig, destinations: readonly Destination[]): Uint32Array {
  const usable = [...destinations.keys()].filter((index) => (destinations[index]?.weight ?? 0) > 0)
  if (usable.length === 0) return new Uint32Array(0)
  const ring = ringOf(
    scheduler,
    destinations.filter(({ weight }) => weight > 0),
  )
  return usable.length === destinations.length ? ring : ring.map((index) => usable[index] ?? 0)
}

function ringOf(scheduler: SchedulerConfig, usable: readonly Destination[]): Uint32Array {
  const weights = usable.map(({ weight }) => weight)
  switch (scheduler.name) {
    case 'mh':
      return maglev(usable, scheduler.tableSize)
    case 'sh':
      return sourceHash(weights)
    case 'dh':
      return destinationHash(weights)
    case 'wrr':
      return weightedRoundRobin(weights)
    default:
      // rr takes turns by it, and the others look at every destination that is usable.
      return roundRobin(weights)
  }
}
