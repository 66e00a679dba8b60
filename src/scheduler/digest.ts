import { createHash } from 'node:crypto'
import { endianness } from 'node:os'
import { formatEndpoint } from '../net/address.js'

/**
 * A digest of what a ring does, the same on all directors that send the same flows to the same reals: the first eight
 * bytes, big endian, of SHA-256 over `address:port` of each destination that holds a slot, one a line, in their order,
 * an empty line, and per slot the rank of its destination among those as 16 bits, little endian.
 *
 * @param ring - as {@link buildRing} made it from `destinations`
 */
export function ringDigest(ring: Uint32Array, destinations: readonly { address: string; port: number }[]): bigint {
  const rankOf = new Uint16Array(destinations.length)
  for (let slot = 0; slot < ring.length; slot++) rankOf[ring[slot] as number] = 1
  const lines: string[] = []
  destinations.forEach(({ address, port }, index) => {
    if (rankOf[index] === 1) rankOf[index] = lines.push(`${formatEndpoint(address, port)}\n`) - 1
  })
  const hash = createHash('sha256').update(lines.join('')).update('\n').update(slotBytes(ring, rankOf))
  return hash.digest().readBigUInt64BE(0)
}

function slotBytes(ring: Uint32Array, rankOf: Uint16Array): Buffer {
  const ranks = new Uint16Array(ring.length)
  for (let slot = 0; slot < ring.length; slot++) ranks[slot] = rankOf[ring[slot] as number] as number
  const bytes = Buffer.from(ranks.buffer)
  return endianness() === 'LE' ? bytes : bytes.swap16()
}
