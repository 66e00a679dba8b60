/** The packet that an ICMP error quotes (RFC 792, RFC 4443 section 2.4), and the sums that must be right before it is believed. */
import { addressFromBytes } from '../../../src/net/address.js'
import { pseudoHeader, sumsToZero } from '../packet/checksum.js'
import { concat, readU16 } from '../packet/bytes.js'
import { IpProtocol } from '../packet/layer.js'
import { IP, type Family } from './frame.js'
import { parseIpv6 } from './parse.js'
import type { VerdictName } from './table.js'

export interface Quote {
  src: string
  dst: string
  protocol: number
  /** Of the quoted packet; both are the identifier of an ICMP query. */
  sport: number
  dport: number
  /** Of a quoted ICMP query or its answer. */
  icmpType: number | undefined
  /** Of the quoted IP header and what follows it, in the frame. */
  l3: number
  l4: number
  /** Where the quoted packet ends. */
  end: number
}

const LEAST = 8

/** A packet with an ICMP error at `l4`. */
export interface ErrorPacket {
  frame: Uint8Array
  l3: number
  l4: number
  end: number
  family: Family
}

function outerSumsRight({ frame, l3, l4, end, family }: ErrorPacket): boolean {
  const message = frame.subarray(l4, end)
  if (family === 4) return sumsToZero(message) && sumsToZero(frame.subarray(l3, l4))
  const address = (at: number): Uint8Array => frame.subarray(l3 + at, l3 + at + 16)
  const pseudo = pseudoHeader(address(IP[6].src), address(IP[6].dst), IpProtocol.icmp6, message.length)
  return sumsToZero(concat(pseudo, message))
}

/** RFC 4884: how long what is quoted is, where more follows it; 0: to the end. */
function saidLength({ frame, l4, family }: ErrorPacket): number {
  const type = frame[l4] ?? 0
  if (family === 6) return type === 1 || type === 3 ? (frame[l4 + 4] ?? 0) * 8 : 0
  return type === 4 ? 0 : (frame[l4 + 5] ?? 0) * 4
}

type Inner = Pick<Quote, 'protocol' | 'l4' | 'end'>

function quotedIpv4(frame: Uint8Array, l3: number, room: number): Inner | VerdictName {
  const headerLength = ((frame[l3] ?? 0) & 15) * 4
  const sound = l3 + 20 <= room && (frame[l3] ?? 0) >> 4 === 4 && headerLength >= 20 && l3 + headerLength <= room
  if (!sound) return 'dropMalformed'
  if (!sumsToZero(frame.subarray(l3, l3 + headerLength))) return 'dropIcmpChecksum'
  if ((readU16(frame, l3 + 6) & 0x1fff) !== 0) return 'dropIcmpNoConn'
  const end = Math.min(room, l3 + readU16(frame, l3 + 2))
  return { protocol: frame[l3 + 9] ?? 0, l4: l3 + headerLength, end }
}

function quotedIpv6(frame: Uint8Array, l3: number, room: number): Inner | VerdictName {
  if (l3 + 40 > room || (frame[l3] ?? 0) >> 4 !== 6) return 'dropMalformed'
  const end = Math.min(room, l3 + 40 + readU16(frame, l3 + 4))
  // The walk over extension headers is every packet's; what is quoted is shorter than it says.
  const shortened = frame.slice(0, end)
  shortened.set([(end - l3 - 40) >> 8, (end - l3 - 40) & 255], l3 + 4)
  const parsed = parseIpv6(shortened, l3)
  if ('verdict' in parsed) return parsed.verdict
  if (parsed.fragment?.first === false) return 'dropIcmpNoConn'
  return { protocol: parsed.protocol, l4: parsed.l4, end }
}

const QUERIES: Record<Family, readonly number[]> = { 4: [8, 13, 0, 14], 6: [128, 129] }

/** The ports, or the identifier of a query, in the 8 bytes that every quote has. */
function quotedEnds(
  frame: Uint8Array,
  family: Family,
  inner: Inner,
): Pick<Quote, 'sport' | 'dport' | 'icmpType'> | VerdictName {
  const { protocol, l4, end } = inner
  const icmp = family === 4 ? IpProtocol.icmp4 : IpProtocol.icmp6
  const hasPorts = protocol === IpProtocol.tcp || protocol === IpProtocol.udp
  if (!hasPorts && protocol !== icmp) return 'dropIcmpNoConn'
  if (l4 + LEAST > end) return 'dropMalformed'
  if (hasPorts) return { sport: readU16(frame, l4), dport: readU16(frame, l4 + 2), icmpType: undefined }
  const [type = 0, id] = [frame[l4], readU16(frame, l4 + 4)]
  return QUERIES[family].includes(type) ? { sport: id, dport: id, icmpType: type } : 'dropIcmpNoConn'
}

/** What an error quotes, or the verdict that it deserves. */
export function parseQuote(error: ErrorPacket): Quote | VerdictName {
  const { frame, l4, family } = error
  if (!outerSumsRight(error)) return 'dropIcmpChecksum'
  const l3 = l4 + 8
  const said = saidLength(error)
  const room = said === 0 ? error.end : Math.min(error.end, l3 + said)
  const inner = family === 4 ? quotedIpv4(frame, l3, room) : quotedIpv6(frame, l3, room)
  if (typeof inner === 'string') return inner
  const ends = quotedEnds(frame, family, inner)
  if (typeof ends === 'string') return ends
  const address = (at: number): string => addressFromBytes(frame.subarray(l3 + at, l3 + at + IP[family].size))
  return { ...inner, ...ends, l3, src: address(IP[family].src), dst: address(IP[family].dst) }
}
