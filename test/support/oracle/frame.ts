/** Changing frames the way a router and a translator may: field by field, checksums updated and not computed anew. */
import { addressBytes } from '../../../src/net/address.js'
import { macBytes, macFromBytes } from '../../../src/net/mac.js'
import { readU16, u16 } from '../packet/bytes.js'
import { IpProtocol } from '../packet/layer.js'

export type Family = 4 | 6

export const destinationMac = (frame: Uint8Array): string => macFromBytes(frame.subarray(0, 6))
export const sourceMac = (frame: Uint8Array): string => macFromBytes(frame.subarray(6, 12))

/** Offsets in the IP header. */
export const IP = {
  4: { length: 20, ttl: 8, src: 12, dst: 16, size: 4 },
  6: { length: 40, ttl: 7, src: 8, dst: 24, size: 16 },
} as const

export const ttlOf = (frame: Uint8Array, l3: number, family: Family): number => frame[l3 + IP[family].ttl] ?? 0

/** RFC 1624, equation 3: a checksum after one of the words under it changed. */
export function updatedChecksum(checksum: number, from: number, to: number): number {
  let sum = (~checksum & 0xffff) + (~from & 0xffff) + to
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** `frame` with `bytes` at `offset`, both even, and the checksums at these places updated for it. */
export function withBytes(
  frame: Uint8Array,
  offset: number,
  bytes: Uint8Array,
  checksumsAt: readonly number[],
): Uint8Array {
  const changed = frame.slice()
  for (let at = 0; at < bytes.length; at += 2) {
    const [from, to] = [readU16(frame, offset + at), readU16(bytes, at)]
    for (const place of checksumsAt) changed.set(u16(updatedChecksum(readU16(changed, place), from, to)), place)
  }
  changed.set(bytes, offset)
  return changed
}

/** `frame` with the word at `offset` set to `value` and the checksum at `checksumAt` updated. */
export const withWord = (frame: Uint8Array, offset: number, value: number, checksumAt: number): Uint8Array =>
  withBytes(frame, offset, u16(value), [checksumAt])

/** The TTL or hop limit one less. */
export function withTtlDecremented(frame: Uint8Array, l3: number, family: Family): Uint8Array {
  const at = l3 + IP[family].ttl
  if (family === 4) return withWord(frame, at, readU16(frame, at) - 0x0100, l3 + 10)
  const changed = frame.slice()
  changed[at] = (changed[at] ?? 0) - 1
  return changed
}

export function withMacs(frame: Uint8Array, dst: string, src: string): Uint8Array {
  const changed = frame.slice()
  changed.set(macBytes(dst), 0)
  changed.set(macBytes(src), 6)
  return changed
}

/** Where the checksum lies in an upper layer's header that covers addresses. */
const CHECKSUM_AT = new Map<number, number>([
  [IpProtocol.tcp, 16],
  [IpProtocol.udp, 6],
  [IpProtocol.icmp6, 2],
])

export interface Translation {
  l3: number
  family: Family
  protocol: number
  /** Where the upper layer's header is; undefined in a later fragment. */
  l4: number | undefined
  end: 'src' | 'dst'
  address: string
  /** Undefined: as it was. */
  port: number | undefined
}

/** The checksum of the upper layer that a translation must keep right; of UDP without one there is none. */
function upperChecksum(frame: Uint8Array, { protocol, l4 }: Translation): number | undefined {
  const offset = CHECKSUM_AT.get(protocol)
  if (l4 === undefined || offset === undefined) return undefined
  const isNone = protocol === IpProtocol.udp && readU16(frame, l4 + offset) === 0
  return isNone ? undefined : l4 + offset
}

/** One end of a packet's flow renamed: address, port, and the checksums that cover them (RFC 3022 section 4.1). */
export function translated(frame: Uint8Array, translation: Translation): Uint8Array {
  const { l3, l4, family, protocol, end, address, port } = translation
  const upper = upperChecksum(frame, translation)
  const covering = upper === undefined ? [] : [upper]
  const ipChecksum = family === 4 ? [l3 + 10] : []
  let changed = withBytes(frame, l3 + IP[family][end], addressBytes(address), [...ipChecksum, ...covering])
  const hasPorts = protocol === IpProtocol.tcp || protocol === IpProtocol.udp
  if (port !== undefined && l4 !== undefined && hasPorts) {
    changed = withBytes(changed, l4 + (end === 'src' ? 0 : 2), u16(port), covering)
  }
  // RFC 768: a sum of zero is sent as all ones, since zero says that there is none.
  if (protocol === IpProtocol.udp && upper !== undefined && readU16(changed, upper) === 0) {
    changed.set([0xff, 0xff], upper)
  }
  return changed
}
