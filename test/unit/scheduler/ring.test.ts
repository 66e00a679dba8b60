import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { inCanonicalOrder } from '../../../src/config/order.js'
import { ringDigest } from '../../../src/scheduler/digest.js'
import { buildRing } from '../../../src/scheduler/ring.js'
import { anyScheduler, destinationsOf, reals, SCANNING } from './support.js'

const anyWeight = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 65535 }), fc.integer({ min: 1, max: 5 }))

describe('every ring', () => {
  it('holds usable destinations only, and is empty when there are none', () => {
    fc.assert(
      fc.property(anyScheduler, destinationsOf(anyWeight, 30), (scheduler, destinations) => {
        const ring = buildRing(scheduler, destinations)
        expect(ring.length > 0).toBe(destinations.some(({ weight }) => weight > 0))
        expect([...ring].every((index) => (destinations[index]?.weight ?? 0) > 0)).toBe(true)
      }),
    )
  })

  it('gives every usable destination a slot', () => {
    fc.assert(
      fc.property(anyScheduler, destinationsOf(anyWeight, 30), (scheduler, destinations) => {
        const holders = new Set(buildRing(scheduler, destinations))
        expect(holders.size).toBe(destinations.filter(({ weight }) => weight > 0).length)
      }),
    )
  })

  it('is the same, and has the same digest, in whatever order the file has the reals', () => {
    fc.assert(
      fc.property(anyScheduler, destinationsOf(anyWeight, 20), fc.infiniteStream(fc.nat()), (scheduler, sorted, keys) => {
        const shuffled = sorted
          .map((destination) => ({ destination, key: keys.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ destination }) => destination)
        const ring = buildRing(scheduler, sorted)
        const again = inCanonicalOrder(shuffled)
        expect(buildRing(scheduler, again)).toEqual(ring)
        expect(ringDigest(buildRing(scheduler, again), again)).toBe(ringDigest(ring, sorted))
      }),
    )
  })
})

describe.each(['rr', ...SCANNING] as const)('%s', (name) => {
  it('has each usable destination once, in canonical order', () => {
    expect([...buildRing({ name }, reals([1, 0, 7, 2]))]).toEqual([0, 2, 3])
  })
})

describe('sh', () => {
  it('gives each destination as many buckets in a row as its weight, round and round', () => {
    const ring = buildRing({ name: 'sh', ports: false, fallback: false }, reals([2, 0, 1]))
    expect([...ring.subarray(0, 7)]).toEqual([0, 0, 2, 0, 0, 2, 0])
    expect(ring).toHaveLength(256)
  })

  it('scales weights that sum to more than there are buckets', () => {
    const ring = buildRing({ name: 'sh', ports: false, fallback: false }, reals([1000, 1000, 2000]))
    expect([0, 1, 2].map((index) => ring.filter((slot) => slot === index).length)).toEqual([64, 64, 128])
  })
})

describe('dh', () => {
  it('gives each usable destination a bucket in turn, whatever its weight', () => {
    const ring = buildRing({ name: 'dh' }, reals([9, 0, 1]))
    expect([...ring.subarray(0, 5)]).toEqual([0, 2, 0, 2, 0])
    expect(ring).toHaveLength(256)
  })
})

describe('ringDigest', () => {
  const destinations = reals([1, 1, 0])
  const ring = Uint32Array.of(0, 1, 1)

  it('differs when a slot, an address or a port differs', () => {
    const other = destinations.map((destination, i) => (i === 1 ? { ...destination, port: 81 } : destination))
    const digests = [
      ringDigest(ring, destinations),
      ringDigest(Uint32Array.of(0, 1, 0), destinations),
      ringDigest(ring, reals([1, 1, 0], 1)),
      ringDigest(ring, other),
    ]
    expect(new Set(digests).size).toBe(4)
  })

  it('does not depend on destinations that hold no slot', () => {
    const drained = { address: '10.0.0.0', port: 79, weight: 0 }
    const shifted = ring.map((index) => index + 1)
    expect(ringDigest(shifted, [drained, ...destinations])).toBe(ringDigest(ring, destinations))
  })

  it('is what its documentation says', () => {
    // printf '10.0.0.0:80\n10.0.0.1:80\n\n\0\0\1\0\1\0' | sha256sum
    expect(ringDigest(ring, destinations).toString(16).padStart(16, '0')).toBe('181f8e5bde4f098e')
  })
})
