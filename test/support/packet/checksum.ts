/** The Internet checksum (RFC 1071), in plain code that shares nothing with the dataplane. */
import { concat, readU16, u32 } from './bytes.js'

/** The one's complement of the one's complement sum of the 16-bit words; an odd last byte is padded with zero. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0
  for (let offset = 0; offset < bytes.length; offset += 2) sum += readU16(bytes, offset)
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000)
  return ~sum & 0xffff
}

/** Whether a region that contains its own checksum sums up right. */
export function sumsToZero(bytes: Uint8Array): boolean {
  return internetChecksum(bytes) === 0
}

/** The pseudo header of TCP, UDP and ICMPv6: RFC 9293 section 3.1 for 4-byte addresses, RFC 8200 section 8.1 for 16. */
export function pseudoHeader(src: Uint8Array, dst: Uint8Array, protocol: number, length: number): Uint8Array {
  if (src.length === 4) {
    return concat(src, dst, Uint8Array.of(0, protocol, (length >>> 8) & 0xff, length & 0xff))
  }
  return concat(src, dst, u32(length), Uint8Array.of(0, 0, 0, protocol))
}
