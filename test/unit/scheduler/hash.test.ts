import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressToWords } from '../../../src/net/address.js'
import { bucketOf, endpointHash, flowHash, slotFor, slotOfCursor } from '../../../src/scheduler/hash.js'

const CLIENT = addressToWords('192.0.2.1')
const VIP = addressToWords('203.0.113.10')
const flow = { client: CLIENT, clientPort: 4711, vip: VIP }

/** MurmurHash3_x86_32 of five blocks in exact integers. */
function murmur(seed: number, blocks: readonly number[]): number {
  const mask = 0xffffffffn
  const rotate = (value: bigint, bits: bigint) => ((value << bits) | (value >> (32n - bits))) & mask
  let h = BigInt(seed)
  for (const block of blocks) {
    const k = (rotate((BigInt(block) * 0xcc9e2d51n) & mask, 15n) * 0x1b873593n) & mask
    h = (rotate(h ^ k, 13n) * 5n + 0xe6546b64n) & mask
  }
  h ^= BigInt(blocks.length * 4)
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & mask
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & mask
  return Number(h ^ (h >> 16n))
}

describe('flowHash', () => {
  it('is MurmurHash3_x86_32 of the address words and the port', () => {
    const words = fc.array(fc.nat(0xffffffff), { minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(words, fc.nat(65535), fc.nat(0xffffffff), (word, port, seed) => {
        expect(endpointHash(seed, { word }, port)).toBe(murmur(seed, [...word, port]))
        expect(flowHash({ word }, port)).toBe(murmur(0x76656572, [...word, port]))
      }),
    )
  })
})

describe('slotFor', () => {
  it('spreads consecutive clients evenly over a ring of mh', () => {
    const counts = new Array<number>(251).fill(0)
    for (let i = 0; i < 251_000; i++) {
      const client = { word: [0, 0, 0xffff, 0x0a000000 + i] }
      const slot = slotFor({ name: 'mh', ports: false }, 251, { ...flow, client })
      counts[slot] = (counts[slot] ?? NaN) + 1
    }
    expect(Math.min(...counts)).toBeGreaterThan(850)
    expect(Math.max(...counts)).toBeLessThan(1150)
  })

  it.each(['mh', 'sh'] as const)('of %s looks at the client port only when it is told to', (name) => {
    const other = { ...flow, clientPort: 4712 }
    expect(slotFor({ name, ports: false }, 256, flow)).toBe(slotFor({ name, ports: false }, 256, other))
    expect(slotFor({ name, ports: true }, 256, flow)).not.toBe(slotFor({ name, ports: true }, 256, other))
  })

  it('of dh looks at the VIP alone', () => {
    expect(slotFor({ name: 'dh' }, 256, flow)).toBe(bucketOf(VIP, 0))
    expect(slotFor({ name: 'dh' }, 256, { ...flow, client: VIP, clientPort: 1 })).toBe(bucketOf(VIP, 0))
  })

  it('is always inside the ring', () => {
    const words = fc.array(fc.nat(0xffffffff), { minLength: 4, maxLength: 4 })
    fc.assert(
      fc.property(words, fc.nat(65535), fc.integer({ min: 1, max: 131071 }), (word, clientPort, size) => {
        const slot = slotFor({ name: 'mh', ports: true }, size, { client: { word }, clientPort, vip: VIP })
        expect(slot >= 0 && slot < size && Number.isInteger(slot)).toBe(true)
      }),
    )
  })
})

describe('bucketOf', () => {
  /** hash_32(value, 8) of include/linux/hash.h in exact integers. */
  const hash32 = (value: bigint): number => Number(((value * 0x61c88647n) & 0xffffffffn) >> 24n)

  it('is hash_32 of an IPv4 address plus the port', () => {
    fc.assert(
      fc.property(fc.nat(0xffffffff), fc.nat(65535), (address, port) => {
        expect(bucketOf({ word: [0, 0, 0xffff, address] }, port)).toBe(hash32(BigInt(address) + BigInt(port)))
      }),
    )
  })

  it('is hash_32 of the four words of an IPv6 address together, plus the port', () => {
    const words = fc.tuple(fc.integer({ min: 1, max: 0xffffffff }), ...[1, 2, 3].map(() => fc.nat(0xffffffff)))
    fc.assert(
      fc.property(words, fc.nat(65535), (word, port) => {
        const folded = word.reduce((all, value) => all ^ BigInt(value), 0n)
        expect(bucketOf({ word }, port)).toBe(hash32(folded + BigInt(port)))
      }),
    )
  })

  it.each([
    ['192.0.2.1', 0, 50],
    ['2001:db8::1', 4711, 176],
  ])('of %s and port %i is the one that IPVS has', (address, port, bucket) => {
    expect(bucketOf(addressToWords(address), port)).toBe(bucket)
  })
})

describe('slotOfCursor', () => {
  it('goes round the ring', () => {
    expect([0n, 1n, 2n, 3n, 2n ** 64n - 1n].map((cursor) => slotOfCursor(cursor, 3))).toEqual([0, 1, 2, 0, 0])
  })
})
