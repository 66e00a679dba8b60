import { addressToWords } from '../net/address.js'
import { endpointHash } from './hash.js'
import type { Destination } from './ring.js'

const OFFSET_SEED = 0x6f666673 // "offs"
const SKIP_SEED = 0x736b6970 // "skip"
const FREE = 0xffffffff

/**
 * `mh`: Maglev (Eisenbud et al., NSDI 2016, section 3.4). Each destination prefers the slots in an order of its own,
 * `offset + i * skip` modulo the table's prime size; they take turns, each turn the next preferred slot that is free.
 *
 * In round r a destination has a turn if its weight, as a share of the largest, adds up to a whole turn again. Turns so
 * spread keep the shares exact to a slot or two, where IPVS's turns in a row leave the last round to the first few.
 *
 * @param usable - canonical order, weights above 0, at least one
 * @param tableSize - prime
 */
export function maglev(usable: readonly Destination[], tableSize: number): Uint32Array {
  const words = usable.map(({ address }) => addressToWords(address))
  const positions = Uint32Array.from(usable, ({ port }, i) => hashOf(OFFSET_SEED, words[i], port) % tableSize)
  const skips = Uint32Array.from(usable, ({ port }, i) => (hashOf(SKIP_SEED, words[i], port) % (tableSize - 1)) + 1)
  const largest = usable.reduce((weight, destination) => Math.max(weight, destination.weight), 0)
  const stride = Float64Array.from(usable, ({ weight }) => largest / weight)
  return takeTurns(tableSize, positions, skips, stride)
}

function hashOf(seed: number, words: ReturnType<typeof addressToWords> | undefined, port: number): number {
  return words === undefined ? 0 : endpointHash(seed, words, port)
}

/** @param stride - rounds from one turn of a destination to its next */
function takeTurns(size: number, positions: Uint32Array, skips: Uint32Array, stride: Float64Array): Uint32Array {
  const ring = new Uint32Array(size).fill(FREE)
  const due = new Float64Array(stride.length)
  let taken = 0
  for (let round = 0; ; round++) {
    for (let index = 0; index < due.length; index++) {
      if ((due[index] as number) > round) continue
      due[index] = (due[index] as number) + (stride[index] as number)
      const skip = skips[index] as number
      let position = positions[index] as number
      while (ring[position] !== FREE) position = next(position, skip, size)
      ring[position] = index
      positions[index] = next(position, skip, size)
      if (++taken === size) return ring
    }
  }
}

function next(position: number, skip: number, size: number): number {
  const sum = position + skip
  return sum >= size ? sum - size : sum
}
