import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { buildRing, type Destination } from '../../../src/scheduler/ring.js'
import { reals, slotCounts } from './support.js'

const SLOTS = 16381
const MH = { name: 'mh', tableSize: SLOTS, ports: false } as const

function moved(a: Uint32Array, b: Uint32Array): number {
  return a.filter((index, slot) => index !== b[slot]).length / a.length
}

function without(destinations: readonly Destination[], index: number): Destination[] {
  return destinations.map((destination, i) => (i === index ? { ...destination, weight: 0 } : destination))
}

describe('mh', () => {
  it('moves no more than 1/N + 1 % of the slots when one of N reals goes, or comes', () => {
    const setting = fc.record({ count: fc.integer({ min: 2, max: 100 }), gone: fc.nat(), block: fc.nat(255) })
    fc.assert(
      fc.property(setting, ({ count, gone, block }) => {
        const all = reals(Array<number>(count).fill(1), block)
        const fewer = without(all, gone % count)
        expect(moved(buildRing(MH, all), buildRing(MH, fewer))).toBeLessThanOrEqual(1 / count + 0.01)
      }),
      { numRuns: 60, examples: [[{ count: 100, gone: 0, block: 0 }], [{ count: 100, gone: 99, block: 1 }]] },
    )
  })

  it('gives each real its share of the slots within 2 % of all slots, whatever the weights', () => {
    const weights = fc.array(fc.oneof(fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: 10 })), {
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(weights, (given) => {
        const destinations = reals(given)
        const sum = given.reduce((a, b) => a + b, 0)
        const counts = slotCounts(buildRing(MH, destinations), destinations)
        counts.forEach((count, i) => {
          expect(Math.abs(count / SLOTS - (given[i] ?? 0) / sum)).toBeLessThanOrEqual(0.02)
        })
      }),
      { numRuns: 60, examples: [[[65535, 1, 1, 1]], [[1, 65535]]] },
    )
  })

  it('gives nobody more than its share rounded up when weights are equal', () => {
    const destinations = reals(Array<number>(10).fill(3))
    expect(Math.max(...slotCounts(buildRing(MH, destinations), destinations))).toBe(Math.ceil(SLOTS / 10))
  })

  it('does not depend on a common factor of the weights', () => {
    expect(buildRing(MH, reals([2, 4, 6]))).toEqual(buildRing(MH, reals([1, 2, 3])))
  })

  it('ends when there are as many reals as slots', () => {
    const destinations = reals(Array.from({ length: 251 }, (_, i) => i + 1))
    const ring = buildRing({ name: 'mh', tableSize: 251, ports: false }, destinations)
    expect(new Set(ring).size).toBe(251)
  })
})
