/** Rings as the dataplane reads them: destination ids in chunks of an inner array map. */
import { crc32 } from 'node:zlib'
import type { BpfMap } from '../maps/bpf-map.js'
import type { RingChunk } from '../maps/generated.js'
import { Limit, ringChunkCodec } from '../maps/generated.js'
import type { LbMaps } from './lb-maps.js'

/** A slot behind the end of the ring; no destination has this id, so the dataplane never uses it. */
const NO_DESTINATION = 0xffff_ffff

/** A ring as it lies in its map: whole chunks, 32-bit ids in host order. */
export function packRing(destinationIds: Uint32Array): Buffer {
  const chunks = Math.ceil(destinationIds.length / Limit.ringChunk)
  const slots = new Uint32Array(chunks * Limit.ringChunk).fill(NO_DESTINATION)
  slots.set(destinationIds)
  return Buffer.from(slots.buffer)
}

/** The CRC-32 of a packed ring. */
export function ringCrc(packed: Buffer): number {
  return crc32(packed)
}

/** What a service's ring was built from, and what the service's entry says of it. */
export interface RingOrigin {
  ringSize: number
  ringDigest: bigint
  /** In any order. */
  destinations: readonly { id: number; effectiveWeight: number }[]
}

/**
 * What a service keeps as `ring_crc`: the CRC-32 of the slots, gone on with over their origin. Slots, destinations and
 * service lie in three maps that no write changes together; when one of them was edited, or an apply was killed
 * between two, the seal does not fit any more.
 */
export function ringSeal(packed: Buffer, { ringSize, ringDigest, destinations }: RingOrigin): number {
  const byId = [...destinations].sort((a, b) => a.id - b.id)
  const origin = BigUint64Array.from([
    BigInt(ringSize),
    ringDigest,
    ...byId.flatMap(({ id, effectiveWeight }) => [BigInt(id), BigInt(effectiveWeight)]),
  ])
  return crc32(Buffer.from(origin.buffer), ringCrc(packed))
}

/** Writes new rings at free indices of `rings`, all at once. On failure nothing is left in the map. */
export function storeRings(maps: LbMaps, rings: readonly { index: number; packed: Buffer }[]): void {
  const inner: [number, BpfMap<number, RingChunk>][] = []
  try {
    for (const { index, packed } of rings) {
      const count = packed.length / ringChunkCodec.size
      const map = maps.rings.createInner({ name: `ring_${index}`, maxEntries: count })
      inner.push([index, map])
      const keys = Buffer.from(Uint32Array.from({ length: count }, (_, key) => key).buffer)
      map.raw.setPacked({ keys, values: packed, count })
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
}

/** Takes rings out of the map; indices that hold none are passed over. */
export function removeRings(maps: LbMaps, indices: readonly number[]): void {
  maps.rings.deleteMany(indices)
}

/** A ring as it is in the kernel, undefined when there is none at `index`. */
export function readRing(maps: LbMaps, index: number): Buffer | undefined {
  const map = maps.rings.get(index)
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
