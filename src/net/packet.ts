/** TCP, UDP and ICMP echo packets as whole Ethernet frames: built, and read back after the dataplane has had them. */
import { addressBytes, addressFromBytes, familyOf } from './address.js'
import { ETHERNET_HEADER_BYTES, ethernetHeader } from './arp.js'
import { macFromBytes } from './mac.js'
import { ETHERTYPE_IPV6, internetChecksum } from './ndp.js'

/** EtherType, host order. */
export const ETHERTYPE_IPV4 = 0x0800

/** IANA protocol numbers. */
export const PROTOCOLS = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const

/** Bits of the TCP header (RFC 9293 section 3.1), in the order that they are printed. */
export const TCP_FLAGS = { SYN: 0x02, ACK: 0x10, FIN: 0x01, RST: 0x04, PSH: 0x08, URG: 0x20, ECE: 0x40, CWR: 0x80 } as const

export type TcpFlag = keyof typeof TCP_FLAGS

/** Every flag by its name. */
export const TCP_FLAG_NAMES = Object.keys(TCP_FLAGS) as readonly TcpFlag[]

/** Of a TCP header without options. */
export const TCP_BYTES = 20

const ECHO_REQUEST = { 4: 8, 6: 128 } as const
const IPV4_BYTES = 20
export const IPV6_BYTES = 40

export interface PacketFields {
  sourceMac: string
  destinationMac: string
  /** Canonical, as {@link destination}, and of one family with it. */
  source: string
  destination: string
  /** TTL or hop limit. */
  ttl: number
  protocol: 'tcp' | 'udp' | 'icmp'
  /** Of ICMP echo: the identifier. */
  sourcePort: number
  /** Of ICMP echo: 0. */
  destinationPort: number
  /** TCP only. */
  flags: readonly TcpFlag[]
  /** TCP only; default 1. */
  sequence?: number
  /** TCP only; default 0. */
  acknowledgement?: number
  /** TCP only, padded to 4 bytes; default: none. */
  options?: Uint8Array
}

/** A frame without payload, with right checksums. ICMP: an echo request of the addresses' family. */
export function buildPacket(fields: PacketFields): Uint8Array {
  const family = familyOf(fields.source)
  const addresses = Uint8Array.of(...addressBytes(fields.source), ...addressBytes(fields.destination))
  const protocol = fields.protocol === 'icmp' && family === 6 ? PROTOCOLS.icmpv6 : PROTOCOLS[fields.protocol]
  const message = transportOf(fields, family)
  const pseudo = Uint8Array.of(...addresses, 0, 0, message.length >> 8, message.length & 0xff, 0, 0, 0, protocol)
  // ICMP of IPv4 alone sums the message without the addresses (RFC 792).
  const sum = internetChecksum(protocol === PROTOCOLS.icmp ? message : Uint8Array.of(...pseudo, ...message))
  const isZeroUdp = protocol === PROTOCOLS.udp && sum === 0
  new DataView(message.buffer).setUint16(CHECKSUM_OFFSET[fields.protocol], isZeroUdp ? 0xffff : sum)
  const header = family === 4 ? ipv4Header(fields.ttl, protocol, addresses, message) : ipv6Header(fields.ttl, protocol, addresses, message)
  const etherType = family === 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6
  return Uint8Array.of(...ethernetHeader(fields.destinationMac, fields.sourceMac, etherType), ...header, ...message)
}

const CHECKSUM_OFFSET = { tcp: 16, udp: 6, icmp: 2 } as const

const be16 = (value: number): [number, number] => [value >> 8, value & 0xff]
const be32 = (value: number): [number, number, number, number] => [...be16(value >>> 16), ...be16(value & 0xffff)]

/** The header behind IP, its checksum still 0. */
function transportOf(fields: PacketFields, family: 4 | 6): Uint8Array {
  const ports = [...be16(fields.sourcePort), ...be16(fields.destinationPort)]
  switch (fields.protocol) {
    case 'tcp': {
      const { sequence = 1, acknowledgement = 0, options = new Uint8Array() } = fields
      const flags = fields.flags.reduce((bits, name) => bits | TCP_FLAGS[name], 0)
      const offset = ((TCP_BYTES + options.length) / 4) << 4
      const numbers = [...be32(sequence), ...be32(acknowledgement)]
      return Uint8Array.of(...ports, ...numbers, offset, flags, 0xff, 0xff, 0, 0, 0, 0, ...options)
    }
    case 'udp':
      return Uint8Array.of(...ports, 0, 8, 0, 0)
    case 'icmp':
      return Uint8Array.of(ECHO_REQUEST[family], 0, 0, 0, ...be16(fields.sourcePort), 0, 1)
  }
}

/** RFC 791 section 3.1, without options, "don't fragment" set. */
function ipv4Header(ttl: number, protocol: number, addresses: Uint8Array, { length }: Uint8Array): Uint8Array {
  const header = Uint8Array.of(0x45, 0, ...be16(IPV4_BYTES + length), 0, 0, 0x40, 0, ttl, protocol, 0, 0, ...addresses)
  new DataView(header.buffer).setUint16(10, internetChecksum(header))
  return header
}

/** RFC 8200 section 3. */
function ipv6Header(ttl: number, protocol: number, addresses: Uint8Array, { length }: Uint8Array): Uint8Array {
  return Uint8Array.of(0x60, 0, 0, 0, ...be16(length), protocol, ttl, ...addresses)
}

/** What a person reads of a packet. */
export interface PacketSummary {
  sourceMac: string
  destinationMac: string
  source: string
  destination: string
  ttl: number
  /** `tcp`, `udp`, `icmp`, `icmpv6`, or the IANA number. */
  protocol: string
  /** TCP and UDP only. */
  sourcePort?: number
  destinationPort?: number
  /** TCP only. */
  flags?: TcpFlag[]
  /** ICMP only. */
  type?: number
  code?: number
}

/** Reads a frame of IPv4 or IPv6 without extension headers or VLAN tags; undefined when it is none, or cut short. */
export function readPacket(frame: Uint8Array): PacketSummary | undefined {
  if (frame.length < ETHERNET_HEADER_BYTES + IPV4_BYTES) return undefined
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const link = { destinationMac: macFromBytes(frame.subarray(0, 6)), sourceMac: macFromBytes(frame.subarray(6, 12)) }
  const ip = frame.subarray(ETHERNET_HEADER_BYTES)
  const byte = (index: number): number => ip[index] ?? 0
  const addresses = (start: number, size: number): Pick<PacketSummary, 'source' | 'destination'> => ({
    source: addressFromBytes(ip.subarray(start, start + size)),
    destination: addressFromBytes(ip.subarray(start + size, start + 2 * size)),
  })
  switch (view.getUint16(12)) {
    case ETHERTYPE_IPV4:
      return { ...link, ...addresses(12, 4), ttl: byte(8), ...transportIn(ip.subarray((byte(0) & 0xf) * 4), byte(9)) }
    case ETHERTYPE_IPV6:
      if (ip.length < IPV6_BYTES) return undefined
      return { ...link, ...addresses(8, 16), ttl: byte(7), ...transportIn(ip.subarray(IPV6_BYTES), byte(6)) }
    default:
      return undefined
  }
}

type Transport = Pick<PacketSummary, 'protocol' | 'sourcePort' | 'destinationPort' | 'flags' | 'type' | 'code'>

function transportIn(message: Uint8Array, number: number): Transport {
  const protocol = Object.entries(PROTOCOLS).find(([, each]) => each === number)?.[0] ?? String(number)
  if (message.length < 8) return { protocol }
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  switch (number) {
    case PROTOCOLS.tcp:
    case PROTOCOLS.udp: {
      const ports = { sourcePort: view.getUint16(0), destinationPort: view.getUint16(2) }
      if (number === PROTOCOLS.udp) return { protocol, ...ports }
      return { protocol, ...ports, flags: TCP_FLAG_NAMES.filter((name) => ((message[13] ?? 0) & TCP_FLAGS[name]) !== 0) }
    }
    case PROTOCOLS.icmp:
    case PROTOCOLS.icmpv6:
      return { protocol, type: view.getUint8(0), code: view.getUint8(1) }
    default:
      return { protocol }
  }
}
