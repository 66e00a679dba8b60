/** IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200, RFC 4302). */
import { addressBytes } from '../../../src/net/address.js'
import { internetChecksum } from './checksum.js'
import { concat, padTo, u16, u32 } from './bytes.js'
import { EtherType, IpProtocol, type Layer, type Surroundings } from './layer.js'

export interface Ipv4Fields {
  src: string
  dst: string
  ttl?: number
  tos?: number
  id?: number
  /** Three bits: 2 don't fragment (default), 1 more fragments. */
  flags?: number
  /** In units of 8 bytes. */
  fragmentOffset?: number
  /** Padded to a multiple of 4 with end-of-options. */
  options?: Uint8Array
  version?: number
  /** In units of 4 bytes. */
  headerLength?: number
  totalLength?: number
  protocol?: number
  checksum?: number
}

const nextProtocol = ({ next }: Surroundings, otherwise: number): number => next?.ipProtocol ?? otherwise

/** An IPv4 header. */
export function ipv4(fields: Ipv4Fields): Layer {
  const encode = (payload: Uint8Array, around: Surroundings): Uint8Array => {
    const options = padTo(fields.options ?? new Uint8Array(0), 4)
    const length = 20 + options.length
    const header = concat(
      Uint8Array.of(((fields.version ?? 4) << 4) | (fields.headerLength ?? length / 4), fields.tos ?? 0),
      u16(fields.totalLength ?? length + payload.length),
      u16(fields.id ?? 0),
      u16(((fields.flags ?? 2) << 13) | (fields.fragmentOffset ?? 0)),
      Uint8Array.of(fields.ttl ?? 64, fields.protocol ?? nextProtocol(around, IpProtocol.experiment), 0, 0),
      addressBytes(fields.src),
      addressBytes(fields.dst),
      options,
    )
    header.set(u16(fields.checksum ?? internetChecksum(header)), 10)
    return concat(header, payload)
  }
  return { name: 'ipv4', etherType: EtherType.ipv4, ipProtocol: 4, addresses: fields, encode }
}

export interface Ipv6Fields {
  src: string
  dst: string
  hopLimit?: number
  trafficClass?: number
  flowLabel?: number
  version?: number
  payloadLength?: number
  nextHeader?: number
}

/** An IPv6 header. A v4-mapped address may be given as `::ffff:a.b.c.d`. */
export function ipv6(fields: Ipv6Fields): Layer {
  return {
    name: 'ipv6',
    etherType: EtherType.ipv6,
    ipProtocol: 41,
    addresses: fields,
    encode: (payload, around) =>
      concat(
        u32((fields.version ?? 6) * 0x10000000 + ((fields.trafficClass ?? 0) << 20) + (fields.flowLabel ?? 0)),
        u16(fields.payloadLength ?? payload.length),
        Uint8Array.of(fields.nextHeader ?? nextProtocol(around, IpProtocol.none), fields.hopLimit ?? 64),
        addressBytes(fields.src),
        addressBytes(fields.dst),
        payload,
      ),
  }
}

export interface ExtensionFields {
  /** What follows the two (AH: twelve) fixed bytes; padded to the header's unit. */
  data?: Uint8Array
  nextHeader?: number
  /** The length byte as it stands in the header. */
  length?: number
}

/** Hop-by-hop, routing and destination options: length in units of 8 bytes, the first not counted. */
function extension(name: string, ipProtocol: number, fields: ExtensionFields, filler: Uint8Array): Layer {
  return {
    name,
    ipProtocol,
    encode: (payload, around) => {
      const body = padTo(concat(new Uint8Array(2), fields.data ?? filler), 8)
      body[0] = fields.nextHeader ?? nextProtocol(around, IpProtocol.none)
      body[1] = fields.length ?? body.length / 8 - 1
      return concat(body, payload)
    },
  }
}

/** PadN with four bytes of padding (RFC 8200 section 4.2). */
const PAD_N = Uint8Array.of(1, 4, 0, 0, 0, 0)
/** An experimental routing type with no segments left, which the destination passes over. */
const NO_SEGMENTS_LEFT = Uint8Array.of(253, 0, 0, 0, 0, 0)

export const hopByHop = (fields: ExtensionFields = {}): Layer =>
  extension('hopByHop', IpProtocol.hopByHop, fields, PAD_N)

export const destinationOptions = (fields: ExtensionFields = {}): Layer =>
  extension('destinationOptions', IpProtocol.destinationOptions, fields, PAD_N)

export const routing = (fields: ExtensionFields = {}): Layer =>
  extension('routing', IpProtocol.routing, fields, NO_SEGMENTS_LEFT)

export interface AhFields extends ExtensionFields {
  spi?: number
  sequence?: number
}

/** An authentication header: length in units of 4 bytes, less two (RFC 4302 section 2.2). */
export function ah(fields: AhFields = {}): Layer {
  return {
    name: 'ah',
    ipProtocol: IpProtocol.ah,
    encode: (payload, around) => {
      const value = padTo(fields.data ?? new Uint8Array(12), 4)
      const header = concat(new Uint8Array(4), u32(fields.spi ?? 1), u32(fields.sequence ?? 1), value)
      header[0] = fields.nextHeader ?? nextProtocol(around, IpProtocol.none)
      header[1] = fields.length ?? header.length / 4 - 2
      return concat(header, payload)
    },
  }
}

export interface FragmentFields {
  /** In units of 8 bytes. */
  offset?: number
  more?: boolean
  id?: number
  nextHeader?: number
}

/** A fragment header; with neither offset nor `more` it is an atomic fragment (RFC 6946). */
export function fragment(fields: FragmentFields = {}): Layer {
  return {
    name: 'fragment',
    ipProtocol: IpProtocol.fragment,
    encode: (payload, around) =>
      concat(
        Uint8Array.of(fields.nextHeader ?? nextProtocol(around, IpProtocol.none), 0),
        u16(((fields.offset ?? 0) << 3) | (fields.more === true ? 1 : 0)),
        u32(fields.id ?? 1),
        payload,
      ),
  }
}
