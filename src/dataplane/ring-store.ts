/** Rings as the dataplane reads them: destination ids in chunks of an inner array map. */
import { crc32 } from 'node:zlib'
import type { BpfMap } from '../maps/bpf-map.js'
import type { RingChunk, Service } from '../maps/generated.js'
import { Limit, ringChunkCodec } from '../maps/generated.js'
import type { LbMaps } from './lb-maps.js'

/** A slot behind the end of the ring; no destination has this id, so the dataplane never uses it. */
const NO_DESTINATION = 0xffff_ffff

/** A ring as it lies in its map: whole chunks, 32-bit ids in host order. `ids[ring[slot]]` is the slot's destination. */
export function packRing(ring: Uint32Array, ids: readonly number[]): Buffer {
  const chunks = Math.ceil(ring.length / Limit.ringChunk)
  const slots = new Uint32Array(chunks * Limit.ringChunk)
  const idOf = Uint32Array.from(ids)
  for (let slot = 0; slot < ring.length; slot++) slots[slot] = idOf[ring[slot] as number] as number
  return Buffer.from(slots.fill(NO_DESTINATION, ring.length).buffer)
}

/** What a service's ring was built from, and what the service's entry says of it. */
export interface RingOrigin {
  ringSize: number
  ringDigest: bigint
  /** In any order. */
  destinations: readonly { id: number; effectiveWeight: number }[]
}

const SEAL_HEAD = 4 // words before the destinations

/** The id of no map: of the ring of a service that has none. */
export const NO_RING = 0

/**
 * What a service keeps as `ring_crc`: the CRC-32 of its ring's origin and of the kernel's id of the ring's map. That map
 * is frozen, so another ring is another map, and the kernel gives no id twice. Ring, destinations and service lie in
 * three maps that no write changes together; when one of them was edited, or an apply was killed between two, the seal
 * does not fit any more.
 *
 * @param ringId - {@link NO_RING} for a service without one
 */
export function ringSeal(ringId: number, { ringSize, ringDigest, destinations }: RingOrigin): number {
  const byId = isById(destinations) ? destinations : [...destinations].sort((a, b) => a.id - b.id)
  const words = sealWords(SEAL_HEAD + 2 * byId.length)
  words[0] = ringId
  words[1] = ringSize
  words[2] = Number(ringDigest >> 32n)
  words[3] = Number(ringDigest & 0xffff_ffffn)
  let at = SEAL_HEAD
  for (const { id, effectiveWeight } of byId) {
    words[at++] = id
    words[at++] = effectiveWeight
  }
  return crc32(words)
}

function isById(destinations: RingOrigin['destinations']): boolean {
  for (let index = 1; index < destinations.length; index++) {
    if ((destinations[index - 1] as { id: number }).id > (destinations[index] as { id: number }).id) return false
  }
  return true
}

let scratch = new Uint32Array(256)

/** The same memory each time: a plan seals the rings of all services. */
function sealWords(length: number): Uint32Array {
  if (length > scratch.length) scratch = new Uint32Array(2 * length)
  return scratch.subarray(0, length)
}

/**
 * Writes new rings at free indices of `rings`, all at once, and freezes them: a ring is never changed, only replaced. On
 * failure nothing is left in the map.
 *
 * @returns the ids of the rings' maps, by index
 */
export function storeRings(
  maps: LbMaps,
  rings: readonly { index: number; packed: Buffer }[],
): ReadonlyMap<number, number> {
  const inner: [number, BpfMap<number, RingChunk>][] = []
  try {
    for (const { index, packed } of rings) {
      const count = packed.length / ringChunkCodec.size
      const map = maps.rings.createInner({ name: `ring_${index}`, maxEntries: count })
      inner.push([index, map])
      map.raw.setPacked({ keys: chunkKeys(count), values: packed, count })
      map.raw.freeze()
    }
    maps.rings.setMany(inner)
  } catch (error) {
    removeRings(
      maps,
      rings.map(({ index }) => index),
    )
    throw error
  } finally {
    for (const [, map] of inner) map.close()
  }
  return new Map(inner.map(([index, map]) => [index, map.id]))
}

function chunkKeys(count: number): Buffer {
  const keys = new Uint32Array(count)
  for (let key = 0; key < count; key++) keys[key] = key
  return Buffer.from(keys.buffer)
}

const FREE = 'ring_free'

/**
 * Takes rings out of the map; indices that hold none are passed over. The kernel waits for a grace period in every
 * delete, and has no batch of them, but of updates: several rings give way to one map that is no ring.
 */
export function removeRings(maps: LbMaps, indices: readonly number[]): void {
  if (indices.length <= 1) return maps.rings.deleteMany(indices)
  using none = maps.rings.createInner({ name: FREE, maxEntries: 1 })
  maps.rings.setMany(indices.map((index) => [index, none]))
}

/** Indices that hold a ring, whether a service uses it or not, with the ids of the rings' maps. */
export function storedRings(maps: LbMaps, services: Iterable<Pick<Service, 'ring' | 'ringSize'>>): Map<number, number> {
  const used = new Set<number>()
  for (const { ring, ringSize } of services) if (ringSize > 0) used.add(ring)
  const free = new Map<number, boolean>()
  return new Map(
    [...maps.rings.ids()].filter(([index, id]) => {
      if (used.has(index)) return true
      const known = free.get(id) ?? isFree(maps, id)
      free.set(id, known)
      return !known
    }),
  )
}

function isFree(maps: LbMaps, id: number): boolean {
  using map = maps.rings.openInner(id)
  return map?.info.name === FREE
}

/** A ring as it is in the kernel, by the id of its map; undefined when there is none any more. */
export function readRing(maps: LbMaps, id: number): Buffer | undefined {
  const map = maps.rings.openInner(id)
  if (map === undefined) return undefined
  try {
    return map.raw.readAll()
  } finally {
    map.close()
  }
}

/** The destination ids of the first `size` slots of a packed ring. */
export function ringSlots(packed: Buffer, size: number): Uint32Array {
  const aligned = Uint8Array.from(packed.subarray(0, size * Uint32Array.BYTES_PER_ELEMENT))
  return new Uint32Array(aligned.buffer)
}
