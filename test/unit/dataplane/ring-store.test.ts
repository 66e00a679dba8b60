import { describe, expect, it } from 'vitest'
import { packRing, ringSeal, ringSlots } from '../../../src/dataplane/ring-store.js'
import { ringChunkCodec } from '../../../src/maps/generated.js'

const SLOTS = Uint32Array.from({ length: 100 }, (_, slot) => slot % 3)
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
    const packed = packRing(SLOTS)
    expect(packed.length).toBe(2 * ringChunkCodec.size)
    expect(ringSlots(packed, 100)).toEqual(SLOTS)
    expect(ringSlots(packed, 101)[100]).toBe(0xffffffff)
  })

  it('of no slots is empty', () => {
    expect(packRing(new Uint32Array(0)).length).toBe(0)
  })
})

describe('the seal of a ring', () => {
  const seal = ringSeal(packRing(SLOTS), ORIGIN)

  it('does not depend on the order of the destinations', () => {
    expect(ringSeal(packRing(SLOTS), { ...ORIGIN, destinations: [...ORIGIN.destinations].reverse() })).toBe(seal)
  })

  it.each<[string, Uint32Array, Partial<typeof ORIGIN>]>([
    ['a slot', SLOTS.with(7, 9), {}],
    ['the size', SLOTS, { ringSize: 99 }],
    ['the digest', SLOTS, { ringDigest: 6n }],
    ['a weight', SLOTS, { destinations: [{ id: 0, effectiveWeight: 1 }, { id: 1, effectiveWeight: 3 }] }],
    ['a destination', SLOTS, { destinations: [{ id: 0, effectiveWeight: 1 }] }],
  ])('breaks with another value of %s', (_, slots, origin) => {
    expect(ringSeal(packRing(slots), { ...ORIGIN, ...origin })).not.toBe(seal)
  })
})
