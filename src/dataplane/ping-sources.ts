/** Networks that gateway pings may come from, as the LPM trie of the maps has them. */
import type { PingSourceKey } from '../maps/generated.js'
import { addressFromWords, addressToWords, familyOf, MAPPED_BITS } from '../net/address.js'

/** @param network - canonical `address/bits` */
export function pingSourceKey(network: string): PingSourceKey {
  const [address = '', bits] = network.split('/')
  return { addr: addressToWords(address), prefixLen: Number(bits) + (familyOf(address) === 4 ? MAPPED_BITS : 0) }
}

/** Canonical `address/bits`. */
export function pingSourceOf({ addr, prefixLen }: PingSourceKey): string {
  const address = addressFromWords(addr)
  const isShort = familyOf(address) === 4 && prefixLen >= MAPPED_BITS
  return `${address}/${isShort ? prefixLen - MAPPED_BITS : prefixLen}`
}
