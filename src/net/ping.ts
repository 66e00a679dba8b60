/** Gateway pings as whole frames: a SYN marked by its TCP timestamp, what ends it, and what answers it. */
import { addressFromBytes, type Family, familyOf } from './address.js'
import { ETHERNET_HEADER_BYTES } from './arp.js'
import { macFromBytes } from './mac.js'
import { ETHERTYPE_IPV6 } from './ndp.js'
import { buildPacket, ETHERTYPE_IPV4, IPV6_BYTES, type PacketFields, PROTOCOLS, TCP_BYTES, TCP_FLAGS } from './packet.js'

/** A ping under way; addresses canonical and of one family, ports in host order. */
export interface PingSyn {
  sourceMac: string
  /** Of the director. */
  destinationMac: string
  source: string
  sourcePort: number
  /** The VIP. */
  destination: string
  destinationPort: number
  /** Random, so that an answer to another packet is not taken for one to this. */
  sequence: number
  /** Timestamp value that marks it. */
  mark: number
}

/** What somebody said about a ping. */
export type PingAnswer = {
  /** Of the frame: of who said so, or of a router on the way. */
  mac: string
  /** Who said so: the VIP, the real, a director, a router. */
  address: string
} & (
  | {
      kind: 'syn-ack'
      port: number
      /** The timestamp value that reached the real; undefined when the real's TCP has none. */
      echo: number | undefined
      /** Acknowledges the SYN-ACK. */
      sequence: number
    }
  | { kind: 'reset'; port: number }
  /** ICMP or ICMPv6. */
  | { kind: 'error'; family: Family; type: number; code: number }
)

/** As most hosts do. */
const TTL = 64

/** Maximum segment size (RFC 9293), then two NOPs that align the timestamps (RFC 7323 appendix A). */
const OPTIONS = { end: 0, nop: 1, mss: 2, timestamps: 8 } as const
const MSS = { 4: 1460, 6: 1440 } as const
const TIMESTAMPS_BYTES = 10

const ICMP_BYTES = 8
/** Sequence number and ports of a quoted TCP header: the 8 bytes that every error has (RFC 792). */
const QUOTED_TCP_BYTES = 8
/** Destination unreachable, time exceeded, parameter problem; in ICMPv6 packet too big as well. */
const ERRORS = { 4: [3, 11, 12], 6: [1, 2, 3, 4] } as const

const next = (sequence: number): number => (sequence + 1) >>> 0

/** The SYN. */
export function pingSyn(ping: PingSyn): Uint8Array {
  const options = pingOptions(familyOf(ping.source), ping.mark)
  return buildPacket({ ...addressed(ping), flags: ['SYN'], sequence: ping.sequence, options })
}

/** The TCP options of a SYN with this timestamp value. */
export function pingOptions(family: Family, mark: number): Uint8Array {
  const options = new Uint8Array(16)
  const view = new DataView(options.buffer)
  options.set([OPTIONS.mss, 4])
  view.setUint16(2, MSS[family])
  options.set([OPTIONS.nop, OPTIONS.nop, OPTIONS.timestamps, TIMESTAMPS_BYTES], 4)
  view.setUint32(8, mark)
  return options
}

/** Ends what the SYN has begun at the real with this MAC. */
export function pingReset(ping: PingSyn, real: { mac: string; address: string; port: number }): Uint8Array {
  const to = { destinationMac: real.mac, destination: real.address, destinationPort: real.port }
  return buildPacket({ ...addressed({ ...ping, ...to }), flags: ['RST'], sequence: next(ping.sequence) })
}

function addressed(ping: PingSyn): PacketFields {
  const { sourceMac, destinationMac, source, destination, sourcePort, destinationPort } = ping
  const ends = { sourceMac, destinationMac, source, destination, sourcePort, destinationPort }
  return { ...ends, ttl: TTL, protocol: 'tcp', flags: [] }
}

/**
 * What a frame says about the ping; undefined when it is about something else, or cut short.
 *
 * The answer of a real of nat comes from the real's own address: a ping makes no conn that would translate it.
 */
export function parsePingAnswer(frame: Uint8Array, ping: PingSyn): PingAnswer | undefined {
  const outer = readIp(frame.subarray(ETHERNET_HEADER_BYTES), etherTypeOf(frame))
  if (outer === undefined || outer.destination !== ping.source) return undefined
  const from = { mac: macFromBytes(frame.subarray(6, 12)), address: outer.source }
  if (outer.protocol === PROTOCOLS.tcp) return parseTcp(outer.payload, ping, from)
  const isIcmp = outer.protocol === (outer.family === 4 ? PROTOCOLS.icmp : PROTOCOLS.icmpv6)
  return isIcmp ? parseError(outer.family, outer.payload, ping, from) : undefined
}

interface IpPacket {
  family: Family
  source: string
  destination: string
  protocol: number
  payload: Uint8Array
}

const etherTypeOf = (frame: Uint8Array): number => ((frame[12] ?? 0) << 8) | (frame[13] ?? 0)

/** A whole packet; of one that is quoted the payload may end early. */
function readIp(bytes: Uint8Array, etherType: number): IpPacket | undefined {
  if (etherType === ETHERTYPE_IPV4) return readIpv4(bytes)
  return etherType === ETHERTYPE_IPV6 ? readIpv6(bytes) : undefined
}

function readIpv4(bytes: Uint8Array): IpPacket | undefined {
  const header = ((bytes[0] ?? 0) & 0xf) * 4
  if (header < 20 || (bytes[0] ?? 0) >> 4 !== 4 || bytes.length < header) return undefined
  const view = viewOf(bytes)
  // Neither a later fragment nor one that others follow: an answer is never cut.
  if ((view.getUint16(6) & 0x3fff) !== 0) return undefined
  const addresses = { source: addressFromBytes(bytes.subarray(12, 16)), destination: addressFromBytes(bytes.subarray(16, 20)) }
  return { family: 4, ...addresses, protocol: view.getUint8(9), payload: bytes.subarray(header, view.getUint16(2)) }
}

/** Without extension headers: neither a ping nor its answer has any. */
function readIpv6(bytes: Uint8Array): IpPacket | undefined {
  if ((bytes[0] ?? 0) >> 4 !== 6 || bytes.length < IPV6_BYTES) return undefined
  const view = viewOf(bytes)
  const addresses = { source: addressFromBytes(bytes.subarray(8, 24)), destination: addressFromBytes(bytes.subarray(24, 40)) }
  const payload = bytes.subarray(IPV6_BYTES, IPV6_BYTES + view.getUint16(4))
  return { family: 6, ...addresses, protocol: view.getUint8(6), payload }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

type From = Pick<PingAnswer, 'mac' | 'address'>

function parseTcp(tcp: Uint8Array, ping: PingSyn, from: From): PingAnswer | undefined {
  if (tcp.length < TCP_BYTES) return undefined
  const view = viewOf(tcp)
  const flags = view.getUint8(13)
  const isAnswer = view.getUint16(2) === ping.sourcePort && view.getUint32(8) === next(ping.sequence)
  if (!isAnswer || (flags & TCP_FLAGS.ACK) === 0) return undefined
  const port = view.getUint16(0)
  if ((flags & TCP_FLAGS.RST) !== 0) return { ...from, kind: 'reset', port }
  if ((flags & TCP_FLAGS.SYN) === 0) return undefined
  return { ...from, kind: 'syn-ack', port, echo: timestampEcho(tcp), sequence: view.getUint32(4) }
}

/** TSecr of the timestamps option (RFC 7323 section 3.2), or undefined. */
function timestampEcho(tcp: Uint8Array): number | undefined {
  const end = Math.min(tcp.length, ((tcp[12] ?? 0) >> 4) * 4)
  for (let at = TCP_BYTES; at < end; ) {
    const kind = tcp[at]
    const length = kind === OPTIONS.nop ? 1 : (tcp[at + 1] ?? 0)
    if (kind === OPTIONS.end || length === 0 || at + length > end) return undefined
    if (kind === OPTIONS.timestamps && length === TIMESTAMPS_BYTES) return viewOf(tcp).getUint32(at + 6)
    at += length
  }
  return undefined
}

function parseError(family: Family, icmp: Uint8Array, ping: PingSyn, from: From): PingAnswer | undefined {
  const [type = 0, code = 0] = icmp
  const isError = (ERRORS[family] as readonly number[]).includes(type)
  const quote = icmp.subarray(ICMP_BYTES)
  const quoted = isError ? readIp(quote, family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6) : undefined
  const tcp = quoted?.payload
  if (tcp === undefined || quoted?.protocol !== PROTOCOLS.tcp || tcp.length < QUOTED_TCP_BYTES) return undefined
  const view = viewOf(tcp)
  const isOurs = quoted.source === ping.source && view.getUint16(0) === ping.sourcePort
  if (!isOurs || view.getUint32(4) !== ping.sequence) return undefined
  return { ...from, kind: 'error', family, type, code }
}
