import { addressToWords } from '../net/address.js'
import { endpointHash } from './hash.js'
import type { Destination } from './ring.js'

const OFFSET_SEED = 0x6f666673 // "offs"
const SKIP_SEED = 0x736b6970 // "skip"
const WALK_SEED = 0x77616c6b // "walk"

/**
 * `mh`: Maglev (Eisenbud et al., NSDI 2016, section 3.4). Each destination prefers the slots in an order of its own,
 * and they take turns. Three things differ from the paper:
 *
 * - The order is `offset + walk[i] * skip` modulo the table's prime size, and `walk` is one fixed shuffle of all slots,
 *   where the paper has `i`. With `i`, two destinations whose skips are equal, opposite or in a small ratio follow one
 *   another through the table, however good the hash: about one removal in a hundred of four reals then moves more than
 *   1/N + 1 %.
 * - A turn is one look, whether the slot is free or not, until a destination has its share of the slots, rounded up; so
 *   a slot goes to who prefers it most and not to who happens to be first.
 * - A weight is the frequency of the turns, which spreads them, where IPVS gives them in a row (ip_vs_mh.c).
 *
 * Removing one of N reals of equal weight moves its own slots and, since the others' shares grow, a few more: in 16,381
 * slots, 1/N + 0.01 % at N = 2, and at worst 1/N + 0.9 % in 30,000 removals with N from 3 to 100. The walk makes
 * more than 1/N + 1 % unlikely, not impossible: two destinations whose offset and skip are both equal have one order.
 *
 * @param usable - canonical order, weights above 0, at least one
 * @param tableSize - prime
 */
export function maglev(usable: readonly Destination[], tableSize: number): Uint32Array {
  const orders = ordersOf(usable, tableSize)
  const weights = Float64Array.from(usable, ({ weight }) => weight)
  const ring = new Uint32Array(tableSize)
  const taken = new Uint8Array(tableSize)
  takeFirst(ring, taken, orders)
  takeShares(ring, taken, orders.walk, seekersOf(weights, tableSize, orders))
  return ring
}

/** Each destination's order of the slots, as arrays side by side. */
interface Orders {
  walk: Int32Array
  offset: Int32Array
  skip: Int32Array
  /** How many slots each has looked at. */
  seen: Int32Array
}

function ordersOf(usable: readonly Destination[], size: number): Orders {
  const hashes = (seed: number) =>
    usable.map(({ address, port }) => endpointHash(seed, addressToWords(address), port))
  return {
    walk: walkOf(size),
    offset: Int32Array.from(hashes(OFFSET_SEED), (hash) => hash % size),
    skip: Int32Array.from(hashes(SKIP_SEED), (hash) => (hash % (size - 1)) + 1),
    seen: new Int32Array(usable.length),
  }
}

/** Walks by table size: a shuffle costs as much as a small ring, and there are only as many as there are sizes. */
const walks = new Map<number, Int32Array>()

function walkOf(size: number): Int32Array {
  const walk = walks.get(size) ?? shuffledSlots(size)
  walks.set(size, walk)
  return walk
}

/** Fisher and Yates's shuffle of all slots, with a hash of the position for dice: every director has the same. */
function shuffledSlots(size: number): Int32Array {
  const slots = Int32Array.from({ length: size }, (_, slot) => slot)
  for (let last = size - 1; last > 0; last--) {
    const other = endpointHash(WALK_SEED, { word: [0, 0, 0, 0] }, last) % (last + 1)
    const slot = slots[last] as number
    slots[last] = slots[other] as number
    slots[other] = slot
  }
  return slots
}

/**
 * `(offset + walked * skip) % size` without a division, which would be half of the work. The half keeps the quotient
 * off whole numbers by more than doubles err, so its floor is exact up to the largest table.
 */
function slotAt(offset: number, skip: number, walked: number, size: number, perSlot: number): number {
  const sum = offset + walked * skip
  return (sum - (((sum + 0.5) * perSlot) | 0) * size) | 0
}

/** The first round: every destination takes the first free slot it finds, so that no weight is too small for one. */
function takeFirst(ring: Uint32Array, taken: Uint8Array, { walk, offset, skip, seen }: Orders): void {
  const takers = Math.min(ring.length, seen.length)
  const look = (index: number) => {
    const walked = walk[(seen[index] as number)++] as number
    return slotAt(offset[index] as number, skip[index] as number, walked, ring.length, 1 / ring.length)
  }
  for (let index = 0; index < takers; index++) {
    let slot = look(index)
    while (taken[slot] !== 0) slot = look(index)
    taken[slot] = 1
    ring[slot] = index
  }
}

/**
 * The destinations that have less than their share, as arrays side by side: a ring takes a hundred thousand looks, and
 * there may be thousands of rings.
 */
interface Seekers {
  count: number
  index: Int32Array
  offset: Int32Array
  skip: Int32Array
  seen: Int32Array
  /** Slots short of the share. */
  wanted: Int32Array
  /** Rounds from one turn to the next, and the round of the next turn. */
  stride: Float64Array
  due: Float64Array
}

function seekersOf(weights: Float64Array, size: number, { offset, skip, seen }: Orders): Seekers {
  const sum = weights.reduce((a, b) => a + b, 0)
  const largest = weights.reduce((a, b) => Math.max(a, b), 0)
  const wanted = Int32Array.from(weights, (weight) => Math.ceil((weight * size) / sum) - 1)
  const stride = weights.map((weight) => largest / weight)
  const index = Int32Array.from(weights.keys())
  return withoutSated({ count: weights.length, index, offset, skip, seen, wanted, stride, due: stride.slice() })
}

/** All further rounds: one look for each destination whose turn it is, until all slots are taken. */
function takeShares(ring: Uint32Array, taken: Uint8Array, walk: Int32Array, seekers: Seekers): void {
  const { index, offset, skip, seen, wanted, stride, due } = seekers
  const size = ring.length | 0
  const perSlot = 1 / size
  let free = size - Math.min(size, index.length)
  for (let round = 1; free > 0; round++) {
    const count = seekers.count | 0
    let looks = 0
    let sated = 0
    for (let i = 0; i < count; i++) {
      const turn = due[i] as number
      if (turn > round) continue
      looks = 1
      due[i] = turn + (stride[i] as number)
      const walked = walk[(seen[i] as number)++] as number
      const slot = slotAt(offset[i] as number, skip[i] as number, walked, size, perSlot)
      if (taken[slot] !== 0) continue
      taken[slot] = 1
      ring[slot] = index[i] as number
      const short = ((wanted[i] as number) - 1) | 0
      wanted[i] = short
      if (short === 0) sated = 1
      if (--free === 0) return
    }
    if (sated !== 0) withoutSated(seekers)
    if (looks === 0) round = lastIdleRound(seekers)
  }
}

/** Moves those that still want slots together, in their order. */
function withoutSated(seekers: Seekers): Seekers {
  const { index, offset, skip, seen, wanted, stride, due } = seekers
  let kept = 0
  for (let i = 0; i < seekers.count; i++) {
    if ((wanted[i] as number) <= 0) continue
    for (const column of [index, offset, skip, seen, wanted, stride, due]) column[kept] = column[i] as number
    kept++
  }
  seekers.count = kept
  return seekers
}

/** The round before that in which the next turn is. */
function lastIdleRound({ count, due }: Seekers): number {
  return Math.ceil(due.subarray(0, count).reduce((a, b) => Math.min(a, b), Infinity)) - 1
}
