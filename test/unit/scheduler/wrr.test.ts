import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildRing } from '../../../src/scheduler/ring.js'
import { reals, slotCounts } from './support.js'

/** IPVS's wrr as its documentation tells it, one choice at a time (ip_vs_wrr.c; Linux Virtual Server, "WRR scheduling"). */
function* choices(weights: readonly number[]): Generator<number> {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
  const step = weights.reduce(gcd, 0)
  const largest = Math.max(...weights)
  let last = -1
  let current = 0
  for (;;) {
    last = (last + 1) % weights.length
    if (last === 0) {
      current -= step
      if (current <= 0) current = largest
    }
    if ((weights[last] ?? 0) >= current) yield last
  }
}

function take(weights: readonly number[], count: number): number[] {
  const source = choices(weights)
  return Array.from({ length: count }, () => source.next().value as number)
}

describe('wrr', () => {
  it('interleaves: weights 4, 3, 2 give AABABCABC', () => {
    expect([...buildRing({ name: 'wrr' }, reals([4, 3, 2]))]).toEqual([0, 0, 1, 0, 1, 2, 0, 1, 2])
  })

  it('is one whole period of the order in which IPVS chooses', () => {
    const weights = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 9 }), (given, factor) => {
        fc.pre(given.some((weight) => weight > 0))
        const ring = buildRing({ name: 'wrr' }, reals(given.map((weight) => weight * factor)))
        expect([...ring, ...ring]).toEqual(take(given, 2 * ring.length))
      }),
    )
  })

  it('scales a long period down to 16,384 slots, each share within a slot', () => {
    const weights = fc.array(fc.integer({ min: 600, max: 65535 }), { minLength: 2, maxLength: 20 })
    fc.assert(
      fc.property(weights, (given) => {
        const destinations = reals([...given, 65521])
        const ring = buildRing({ name: 'wrr' }, destinations)
        const sum = destinations.reduce((total, { weight }) => total + weight, 0)
        expect(ring.length).toBeLessThanOrEqual(16384)
        slotCounts(ring, destinations).forEach((count, i) => {
          const share = ((destinations[i]?.weight ?? 0) * ring.length) / sum
          expect(Math.abs(count - share)).toBeLessThanOrEqual(1)
        })
      }),
      { numRuns: 50 },
    )
  })

  it('leaves nobody without a slot when it scales', () => {
    const destinations = reals([65535, 1, 1, 65534])
    const counts = slotCounts(buildRing({ name: 'wrr' }, destinations), destinations)
    expect(counts.slice(1, 3)).toEqual([1, 1])
    expect(counts.reduce((a, b) => a + b, 0)).toBe(16384)
  })
})
