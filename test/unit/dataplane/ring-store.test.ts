import { describe, expect, it } from 'vitest'
import { packRing, ringSeal, ringSlots } from '../../../src/dataplane/ring-store.js'
import { ringChunkCodec } from '../../../src/maps/generated.js'

const SLOTS = Uint32Array.from({ length: 100 }, (_, slot) => slot % 3)
const IDS = [7, 8, 9]
const RING_ID = 42
const ORIGIN = {
  ringSize: 100,
  ringDigest: 5n,
  destinations: [
    { id: 0, effectiveWeight: 1 },
    { id: 1, effectiveWeight: 2 },
  ],
}

describe('a packed ring', () => {
  it('is whole chunks, and gives its slots back', () => {
    const packed = packRing(SLOTS, IDS)
    expect(packed.length).toBe(2 * ringChunkCodec.size)
    expect(ringSlots(packed, 100)).toEqual(SLOTS.map((rank) => rank + 7))
    expect(ringSlots(packed, 101)[100]).toBe(0xffffffff)
  })

  it('of no slots is empty', () => {
    expect(packRing(new Uint32Array(0), []).length).toBe(0)
  })
})

describe('the seal of a ring', () => {
  const seal = ringSeal(RING_ID, ORIGIN)

  it('does not depend on the order of the destinations', () => {
    expect(ringSeal(RING_ID, { ...ORIGIN, destinations: [...ORIGIN.destinations].reverse() })).toBe(seal)
  })

  it.each<[string, number, Partial<typeof ORIGIN>]>([
    ['the map', RING_ID + 1, {}],
    ['the size', RING_ID, { ringSize: 99 }],
    ['the digest', RING_ID, { ringDigest: 6n }],
    ['the upper half of the digest', RING_ID, { ringDigest: 5n | (1n << 32n) }],
    ['a weight', RING_ID, { destinations: [{ id: 0, effectiveWeight: 1 }, { id: 1, effectiveWeight: 3 }] }],
    ['a destination', RING_ID, { destinations: [{ id: 0, effectiveWeight: 1 }] }],
  ])('breaks with another value of %s', (_, ringId, origin) => {
    expect(ringSeal(ringId, { ...ORIGIN, ...origin })).not.toBe(seal)
  })
})
