/** IPv6 neighbour discovery (RFC 4861), as whole Ethernet frames: built and parsed, never sent here. */
import { addressBytes, addressFromBytes } from './address.js'
import { ETHERNET_HEADER_BYTES, ethernetHeader } from './arp.js'
import { macBytes, macFromBytes, solicitedNodeMac } from './mac.js'
import { ipField, JUMP_IF_EQUAL, LOAD_BYTE, RETURN, WHOLE_FRAME } from './socket-filter.js'

/** EtherType, host order. */
export const ETHERTYPE_IPV6 = 0x86dd

const IPV6_BYTES = 40
const ICMPV6 = 58
const NEIGHBOUR_SOLICITATION = 135
const NEIGHBOUR_ADVERTISEMENT = 136
/** Type, code, checksum, flags, target: what comes before the options of both messages. */
const MESSAGE_BYTES = 24
const OPTION_SOURCE_MAC = 1
const OPTION_TARGET_MAC = 2
/** Proves that no router forwarded the packet (RFC 4861 section 3.1). */
const HOP_LIMIT = 255
const FLAG_SOLICITED = 0x40
const FLAG_OVERRIDE = 0x20
const ALL_NODES = 'ff02::1'
const ALL_NODES_MAC = '33:33:00:00:00:01'
const UNSPECIFIED = '::'

/** The Internet checksum (RFC 1071) of bytes in network order; 0 over data that holds its own right checksum. */
export function internetChecksum(bytes: Uint8Array): number {
  let sum = 0
  for (let index = 0; index < bytes.length; index += 2) sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return ~sum & 0xffff
}

/** Over the pseudo-header of RFC 8200 section 8.1 and the message. `addresses`: source and destination, 32 bytes. */
function icmpv6Checksum(addresses: Uint8Array, message: Uint8Array): number {
  const { length } = message
  return internetChecksum(Uint8Array.of(...addresses, 0, 0, length >> 8, length & 0xff, 0, 0, 0, ICMPV6, ...message))
}

interface Envelope {
  sourceMac: string
  destinationMac: string
  source: string
  destination: string
}

function icmpv6Frame(envelope: Envelope, message: Uint8Array): Uint8Array {
  const addresses = Uint8Array.of(...addressBytes(envelope.source), ...addressBytes(envelope.destination))
  new DataView(message.buffer).setUint16(2, icmpv6Checksum(addresses, message))
  return Uint8Array.of(
    ...ethernetHeader(envelope.destinationMac, envelope.sourceMac, ETHERTYPE_IPV6),
    ...[0x60, 0, 0, 0, message.length >> 8, message.length & 0xff, ICMPV6, HOP_LIMIT],
    ...addresses,
    ...message,
  )
}

/** One unit of 8 bytes: type, length, MAC (RFC 4861 section 4.6.1). */
const macOption = (type: number, mac: string): Uint8Array => Uint8Array.of(type, 1, ...macBytes(mac))

function message(type: number, flags: number, target: string, options: Uint8Array): Uint8Array {
  return Uint8Array.of(type, 0, 0, 0, flags, 0, 0, 0, ...addressBytes(target), ...options)
}

/** ff02::1:ffXX:XXXX (RFC 4291 section 2.7.1). */
function solicitedNodeAddress(target: Uint8Array): string {
  return addressFromBytes(Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.subarray(13)))
}

export interface NeighbourSolicitation {
  sourceMac: string
  /** `::` asks without claiming an address; the answer then goes to all nodes (RFC 4861 section 7.2.4). */
  sourceAddress: string
  target: string
  /** Asks one station only, to see whether it still has the address; default: the solicited-node group. */
  destinationMac?: string
}

/** "Who has `target`?" */
export function neighbourSolicitation(solicitation: NeighbourSolicitation): Uint8Array {
  const { sourceMac, sourceAddress, target, destinationMac } = solicitation
  const targetBytes = addressBytes(target)
  // RFC 4861 section 4.3: no link-layer option without a source address.
  const options = sourceAddress === UNSPECIFIED ? new Uint8Array() : macOption(OPTION_SOURCE_MAC, sourceMac)
  const envelope: Envelope = {
    sourceMac,
    destinationMac: destinationMac ?? solicitedNodeMac(targetBytes),
    source: sourceAddress,
    destination: destinationMac === undefined ? solicitedNodeAddress(targetBytes) : target,
  }
  return icmpv6Frame(envelope, message(NEIGHBOUR_SOLICITATION, 0, target, options))
}

/** "I have `address`", to all nodes, replacing what they knew (RFC 4861 section 7.2.6). */
export function unsolicitedAdvertisement(mac: string, address: string): Uint8Array {
  const envelope = { sourceMac: mac, destinationMac: ALL_NODES_MAC, source: address, destination: ALL_NODES }
  const options = macOption(OPTION_TARGET_MAC, mac)
  return icmpv6Frame(envelope, message(NEIGHBOUR_ADVERTISEMENT, FLAG_OVERRIDE, address, options))
}

/** What a valid neighbour advertisement says. */
export interface NeighbourAdvertisement {
  target: string
  /** The target's MAC; undefined when left out, as an answer to a unicast solicitation may. */
  mac: string | undefined
  solicited: boolean
  /** Whether it replaces a MAC that is already known. */
  override: boolean
}

/**
 * The neighbour advertisement in a frame, or undefined when the frame is none or fails a check of
 * RFC 4861 section 7.1.2 (hop limit, checksum, code, lengths, target, solicited flag of a multicast).
 */
export function parseNeighbourAdvertisement(frame: Uint8Array): NeighbourAdvertisement | undefined {
  const icmp = icmpv6Message(frame, NEIGHBOUR_ADVERTISEMENT)
  if (icmp === undefined || icmp.length < MESSAGE_BYTES || icmp[1] !== 0) return undefined
  const ip = frame.subarray(ETHERNET_HEADER_BYTES)
  if (ip[7] !== HOP_LIMIT || icmpv6Checksum(ip.subarray(8, IPV6_BYTES), icmp) !== 0) return undefined
  const flags = icmp[4] ?? 0
  const solicited = (flags & FLAG_SOLICITED) !== 0
  const toMulticast = ip[24] === 0xff
  const targetIsMulticast = icmp[8] === 0xff
  if (targetIsMulticast || (toMulticast && solicited)) return undefined
  const options = parseOptions(icmp.subarray(MESSAGE_BYTES))
  if (options === undefined) return undefined
  const mac = options.get(OPTION_TARGET_MAC)
  return {
    target: addressFromBytes(icmp.subarray(8, MESSAGE_BYTES)),
    mac: mac?.length === 6 ? macFromBytes(mac) : undefined,
    solicited,
    override: (flags & FLAG_OVERRIDE) !== 0,
  }
}

/**
 * For a packet socket of {@link ETHERTYPE_IPV6}: lets neighbour advertisements pass and nothing else, so that a busy
 * link costs nothing.
 */
export const ADVERTISEMENTS_ONLY = [
  [LOAD_BYTE, 0, 0, ipField(6)],
  [JUMP_IF_EQUAL, 0, 3, ICMPV6],
  [LOAD_BYTE, 0, 0, ipField(IPV6_BYTES)],
  [JUMP_IF_EQUAL, 0, 1, NEIGHBOUR_ADVERTISEMENT],
  [RETURN, 0, 0, WHOLE_FRAME],
  [RETURN, 0, 0, 0],
] as const

/** The ICMPv6 message of a type that follows the IPv6 header directly, as long as that header says. */
function icmpv6Message(frame: Uint8Array, type: number): Uint8Array | undefined {
  const start = ETHERNET_HEADER_BYTES + IPV6_BYTES
  if (frame[start] !== type || frame[ETHERNET_HEADER_BYTES + 6] !== ICMPV6) return undefined
  if (frame[12] !== ETHERTYPE_IPV6 >> 8 || frame[13] !== (ETHERTYPE_IPV6 & 0xff)) return undefined
  if ((frame[ETHERNET_HEADER_BYTES] ?? 0) >> 4 !== 6) return undefined
  const length = ((frame[ETHERNET_HEADER_BYTES + 4] ?? 0) << 8) | (frame[ETHERNET_HEADER_BYTES + 5] ?? 0)
  return start + length <= frame.length ? frame.subarray(start, start + length) : undefined
}

/** Option bodies by type; undefined when one has length 0 or runs past the end (RFC 4861 section 4.6). */
function parseOptions(bytes: Uint8Array): Map<number, Uint8Array> | undefined {
  const options = new Map<number, Uint8Array>()
  let rest = bytes
  while (rest.length > 0) {
    const length = (rest[1] ?? 0) * 8
    if (length === 0 || length > rest.length) return undefined
    options.set(rest[0] ?? 0, rest.subarray(2, length))
    rest = rest.subarray(length)
  }
  return options
}
