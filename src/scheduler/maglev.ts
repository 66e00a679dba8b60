import { addressToWords } from '../net/address.js'
import { endpointHash } from './hash.js'
import type { Destination } from './ring.js'

const OFFSET_SEED = 0x6f666673 // "offs"
const SKIP_SEED = 0x736b6970 // "skip"

/**
 * `mh`: Maglev (Eisenbud et al., NSDI 2016, section 3.4). Each destination prefers the slots in an order of its own,
 * `offset + i * skip` modulo the table's prime size, and they take turns.
 *
 * Two things differ from the paper. A turn is one look, whether the slot is free or not, until a destination has its
 * share of the slots, rounded up; so a slot goes to who prefers it most and not to who happens to be first. That halves
 * the flows that move without need: 1/N + 1 % holds for a hundred reals in 16,381 slots, which the paper's turns miss.
 * And a weight is the frequency of the turns, which spreads them, where IPVS gives them in a row (ip_vs_mh.c).
 *
 * @param usable - canonical order, weights above 0, at least one
 * @param tableSize - prime
 */
export function maglev(usable: readonly Destination[], tableSize: number): Uint32Array {
  const hashes = (seed: number) =>
    usable.map(({ address, port }) => endpointHash(seed, addressToWords(address), port))
  const positions = Int32Array.from(hashes(OFFSET_SEED), (hash) => hash % tableSize)
  const skips = Int32Array.from(hashes(SKIP_SEED), (hash) => (hash % (tableSize - 1)) + 1)
  const weights = Float64Array.from(usable, ({ weight }) => weight)
  const ring = new Uint32Array(tableSize)
  const taken = new Uint8Array(tableSize)
  takeFirst(ring, taken, positions, skips)
  takeShares(ring, taken, seekersOf(weights, tableSize, positions, skips))
  return ring
}

/** The first round: every destination takes the first free slot it finds, so that no weight is too small for one. */
function takeFirst(ring: Uint32Array, taken: Uint8Array, positions: Int32Array, skips: Int32Array): void {
  const takers = Math.min(ring.length, positions.length)
  for (let index = 0; index < takers; index++) {
    let position = positions[index] as number
    while (taken[position] !== 0) position = advance(position, skips[index] as number, ring.length)
    positions[index] = position
    taken[position] = 1
    ring[position] = index
  }
}

/**
 * The destinations that have less than their share, as arrays side by side: a ring takes a hundred thousand looks, and
 * there may be thousands of rings.
 */
interface Seekers {
  count: number
  index: Int32Array
  position: Int32Array
  skip: Int32Array
  /** Slots short of the share. */
  wanted: Int32Array
  /** Rounds from one turn to the next, and the round of the next turn. */
  stride: Float64Array
  due: Float64Array
}

function seekersOf(weights: Float64Array, size: number, position: Int32Array, skip: Int32Array): Seekers {
  const sum = weights.reduce((a, b) => a + b, 0)
  const largest = weights.reduce((a, b) => Math.max(a, b), 0)
  const wanted = Int32Array.from(weights, (weight) => Math.ceil((weight * size) / sum) - 1)
  const stride = weights.map((weight) => largest / weight)
  const index = Int32Array.from(weights.keys())
  return withoutSated({ count: weights.length, index, position, skip, wanted, stride, due: stride.slice() })
}

/**
 * All further rounds: one look for each destination whose turn it is, until all slots are taken. The step to the next
 * position wraps without a branch: no processor guesses it right.
 */
function takeShares(ring: Uint32Array, taken: Uint8Array, seekers: Seekers): void {
  const { index, position, skip, wanted, stride, due } = seekers
  const size = ring.length | 0
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
      const past = ((position[i] as number) + (skip[i] as number) - size) | 0
      const slot = (past + ((past >> 31) & size)) | 0
      position[i] = slot
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
  const { index, position, skip, wanted, stride, due } = seekers
  let kept = 0
  for (let i = 0; i < seekers.count; i++) {
    if ((wanted[i] as number) <= 0) continue
    for (const column of [index, position, skip, wanted, stride, due]) column[kept] = column[i] as number
    kept++
  }
  seekers.count = kept
  return seekers
}

/** The round before that in which the next turn is. */
function lastIdleRound({ count, due }: Seekers): number {
  return Math.ceil(due.subarray(0, count).reduce((a, b) => Math.min(a, b), Infinity)) - 1
}

function advance(position: number, skip: number, size: number): number {
  const sum = position + skip
  return sum >= size ? sum - size : sum
}
