import fc from 'fast-check'
import { inCanonicalOrder } from '../../../src/config/order.js'
import type { SchedulerConfig } from '../../../src/config/schema.js'
import { addressFromBytes } from '../../../src/net/address.js'
import type { Destination } from '../../../src/scheduler/ring.js'

/** Destinations 10.0.0.1, 10.0.0.2 … with these weights, in canonical order. */
export function reals(weights: readonly number[], block = 0): Destination[] {
  return weights.map((weight, i) => ({ address: `10.${block}.${i >> 8}.${i & 255}`, port: 80, weight }))
}

/** How many slots each destination holds. */
export function slotCounts(ring: Uint32Array, destinations: readonly Destination[]): number[] {
  const counts = destinations.map(() => 0)
  for (const index of ring) counts[index] = (counts[index] ?? 0) + 1
  return counts
}

/** Distinct destinations in canonical order. */
export function destinationsOf(
  weight: fc.Arbitrary<number>,
  maxLength: number,
  minLength = 0,
): fc.Arbitrary<Destination[]> {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }).map((value) => value.fill(0x20, 0, 1)),
  )
  const destination = fc.record({ address: bytes.map(addressFromBytes), port: fc.integer({ min: 1, max: 65535 }), weight })
  return fc
    .uniqueArray(destination, { minLength, maxLength, selector: ({ address, port }) => `${address} ${port}` })
    .map(inCanonicalOrder)
}

/** Schedulers whose ring has each usable destination once, in canonical order. */
export const SCANNING = ['lc', 'wlc', 'sed', 'nq', 'fo', 'ovf', 'twos', 'lblc', 'lblcr'] as const

const PLAIN_SCHEDULERS = ['dh', 'rr', 'wrr', ...SCANNING] as const

export const anyScheduler: fc.Arbitrary<SchedulerConfig> = fc.constantFrom<SchedulerConfig[]>(
  { name: 'mh', tableSize: 251, ports: false, fallback: false },
  { name: 'sh', ports: false, fallback: false },
  ...PLAIN_SCHEDULERS.map((name) => ({ name })),
)
