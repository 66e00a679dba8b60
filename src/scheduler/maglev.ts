import { addressToWords } from '../net/address.js'
import { endpointHash } from './hash.js'
import type { Destination } from './ring.js'

const OFFSET_SEED = 0x6f666673 // "offs"
const SKIP_SEED = 0x736b6970 // "skip"
const FREE = -1 // the ring is signed while it is filled: V8 keeps 32-bit signed values out of the heap

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
  const ring = new Int32Array(tableSize).fill(FREE)
  const free = takeFirst(ring, positions, skips)
  takeShares(ring, free, positions, skips, Float64Array.from(usable, ({ weight }) => weight))
  return new Uint32Array(ring.buffer)
}

/** The first round: every destination takes the first free slot it finds, so that no weight is too small for one. */
function takeFirst(ring: Int32Array, positions: Int32Array, skips: Int32Array): number {
  const takers = Math.min(ring.length, positions.length)
  for (let index = 0; index < takers; index++) {
    while (ring[positions[index] as number] !== FREE) advance(positions, skips, index, ring.length)
    ring[positions[index] as number] = index
  }
  return ring.length - takers
}

/** All further rounds: one look for each destination whose turn it is, until the `free` slots are taken. */
function takeShares(
  ring: Int32Array,
  free: number,
  positions: Int32Array,
  skips: Int32Array,
  weights: Float64Array,
): void {
  const size = ring.length
  const sum = weights.reduce((a, b) => a + b, 0)
  const largest = weights.reduce((a, b) => Math.max(a, b), 0)
  const wanted = Int32Array.from(weights, (weight) => Math.ceil((weight * size) / sum) - 1)
  const stride = weights.map((weight) => largest / weight)
  const due = stride.slice()
  let seekers = Int32Array.from(weights.keys()).filter((index) => (wanted[index] as number) > 0)
  for (let round = 1; free > 0; ) {
    let sated = false
    let earliest = Infinity
    for (let i = 0; i < seekers.length; i++) {
      const index = seekers[i] as number
      let next = due[index] as number
      if (next <= round) {
        next += stride[index] as number
        due[index] = next
        const position = advance(positions, skips, index, size)
        if (ring[position] === FREE) {
          ring[position] = index
          wanted[index] = (wanted[index] as number) - 1
          sated ||= wanted[index] === 0
          if (--free === 0) return
        }
      }
      if (next < earliest) earliest = next
    }
    if (sated) seekers = seekers.filter((index) => (wanted[index] as number) > 0)
    round = Math.max(round + 1, Math.ceil(earliest))
  }
}

function advance(positions: Int32Array, skips: Int32Array, index: number, size: number): number {
  const sum = (positions[index] as number) + (skips[index] as number)
  return (positions[index] = sum >= size ? sum - size : sum)
}
