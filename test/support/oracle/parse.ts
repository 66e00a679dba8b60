/** Where things are in a frame, as plainly as it can be said. */
import { readU16, toHex } from '../packet/bytes.js'
import { EtherType, IpProtocol } from '../packet/layer.js'
import type { VerdictName } from './table.js'

export interface Ethernet {
  /** EtherType behind the VLAN tags; undefined when the frame ends before it. */
  type: number | undefined
  /** Where the header behind the tags starts. */
  l3: number
}

const isTag = (type: number): boolean => type === EtherType.vlan || type === EtherType.serviceVlan

/** Ethernet II and up to two VLAN tags. */
export function parseEthernet(frame: Uint8Array): Ethernet {
  let l3 = 14
  for (let tags = 0; tags < 2 && isTag(readU16(frame, l3 - 2)); tags += 1) l3 += 4
  return { l3, type: frame.length < l3 ? undefined : readU16(frame, l3 - 2) }
}

export interface FragmentPart {
  /** The identification, in hex. */
  id: string
  first: boolean
}

/** Where the upper layer of an IP packet is. */
export interface Upper {
  protocol: number
  l4: number
  /** Where the packet ends in the frame. */
  end: number
  ipLength: number
  /** Undefined: the packet is whole. */
  fragment: FragmentPart | undefined
}

/** The upper layer, or the verdict that the headers deserve. */
export type Parsed = Upper | { verdict: VerdictName }

/** IPv4 (RFC 791), from a frame that holds its fixed header. */
export function parseIpv4(frame: Uint8Array, l3: number): Parsed {
  const headerLength = ((frame[l3] ?? 0) & 0x0f) * 4
  const ipLength = readU16(frame, l3 + 2)
  if (ipLength < headerLength || l3 + ipLength > frame.length) return { verdict: 'dropMalformed' }
  const flagsAndOffset = readU16(frame, l3 + 6)
  const first = (flagsAndOffset & 0x1fff) === 0
  const whole = first && (flagsAndOffset & 0x2000) === 0
  const fragment = whole ? undefined : { id: toHex(frame.subarray(l3 + 4, l3 + 6)), first }
  return { protocol: frame[l3 + 9] ?? 0, l4: l3 + headerLength, end: l3 + ipLength, ipLength, fragment }
}

const MAX_EXTENSIONS = 8

/** The length of an extension header, or undefined when `type` is none. */
function extensionLength(type: number, lengthByte: number): number | undefined {
  switch (type) {
    case IpProtocol.hopByHop:
    case IpProtocol.routing:
    case IpProtocol.destinationOptions:
      return 8 + lengthByte * 8
    case IpProtocol.ah:
      return 8 + lengthByte * 4
    case IpProtocol.fragment:
      return 8
    default:
      return undefined
  }
}

/** The fragment header at `offset`; undefined when it says that the packet is whole (RFC 6946). */
function fragmentAt(frame: Uint8Array, offset: number): FragmentPart | undefined {
  const word = readU16(frame, offset + 2)
  if ((word & 0xfff9) === 0) return undefined
  return { id: toHex(frame.subarray(offset + 4, offset + 8)), first: (word & 0xfff8) === 0 }
}

/** IPv6 (RFC 8200) with its extension headers, from a frame that holds its fixed header. */
export function parseIpv6(frame: Uint8Array, l3: number): Parsed {
  const ipLength = 40 + readU16(frame, l3 + 4)
  const end = l3 + ipLength
  if (end > frame.length) return { verdict: 'dropMalformed' }
  let type = frame[l3 + 6] ?? 0
  let offset = l3 + 40
  let fragment: FragmentPart | undefined
  for (let count = 0; ; count += 1) {
    const length = extensionLength(type, frame[offset + 1] ?? 0)
    if (length === undefined || fragment?.first === false) {
      return { protocol: type, l4: offset, end, ipLength, fragment }
    }
    if (count === MAX_EXTENSIONS || offset + 8 > end) return { verdict: 'dropMalformed' }
    if (type === IpProtocol.fragment) fragment = fragmentAt(frame, offset) ?? fragment
    if (offset + length > end) return { verdict: 'dropMalformed' }
    type = frame[offset] ?? 0
    offset += length
  }
}

export interface Ports {
  /** The sender's. */
  clientPort: number
  port: number
  /** TCP's flag byte; 0 for UDP. */
  flags: number
}

/** The ports of a TCP or UDP header that is whole between `l4` and `end`, or undefined when it is malformed. */
export function parsePorts(frame: Uint8Array, protocol: 'tcp' | 'udp', upper: Upper): Ports | undefined {
  const { l4, end } = upper
  const room = end - l4
  const ports = { clientPort: readU16(frame, l4), port: readU16(frame, l4 + 2) }
  if (protocol === 'udp') {
    const length = readU16(frame, l4 + 4)
    const fits = length >= 8 && (length <= room || upper.fragment !== undefined)
    return room >= 8 && fits ? { ...ports, flags: 0 } : undefined
  }
  const headerLength = ((frame[l4 + 12] ?? 0) >> 4) * 4
  const fits = room >= 20 && headerLength >= 20 && headerLength <= room
  return fits ? { ...ports, flags: frame[l4 + 13] ?? 0 } : undefined
}
