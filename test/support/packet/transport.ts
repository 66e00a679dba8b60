/** TCP (RFC 9293), UDP (RFC 768), ICMP (RFC 792), ICMPv6 (RFC 4443), neighbour discovery (RFC 4861), payload. */
import { addressBytes } from '../../../src/net/address.js'
import { macBytes } from '../../../src/net/mac.js'
import { internetChecksum, pseudoHeader } from './checksum.js'
import { concat, padTo, u16, u32 } from './bytes.js'
import { IpProtocol, type Layer, type Surroundings } from './layer.js'

/** The bits of a TCP header's flag byte. */
export const TcpFlag = { fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ece: 64, cwr: 128 } as const
export type TcpFlagName = keyof typeof TcpFlag

/** Writes the checksum of `message`, at `offset` of it, over the pseudo header of the IP layer outside. */
function withChecksum(message: Uint8Array, offset: number, protocol: number, around: Surroundings): Uint8Array {
  if (around.addresses === undefined) return message
  const { src, dst } = around.addresses
  const pseudo = pseudoHeader(addressBytes(src), addressBytes(dst), protocol, message.length)
  const sum = internetChecksum(concat(pseudo, message))
  message.set(u16(sum === 0 && protocol === IpProtocol.udp ? 0xffff : sum), offset)
  return message
}

export interface TcpFields {
  sport: number
  dport: number
  /** Default: `['syn']`. */
  flags?: TcpFlagName[]
  seq?: number
  ack?: number
  window?: number
  urgent?: number
  /** Padded to a multiple of 4 with end-of-options. */
  options?: Uint8Array
  /** In units of 4 bytes. */
  dataOffset?: number
  checksum?: number
}

/** A TCP header. */
export function tcp(fields: TcpFields): Layer {
  const encode = (payload: Uint8Array, around: Surroundings): Uint8Array => {
    const options = padTo(fields.options ?? new Uint8Array(0), 4)
    const flags = (fields.flags ?? ['syn']).reduce((bits, name) => bits | TcpFlag[name], 0)
    const message = concat(
      u16(fields.sport),
      u16(fields.dport),
      u32(fields.seq ?? 1000),
      u32(fields.ack ?? 0),
      Uint8Array.of((fields.dataOffset ?? 5 + options.length / 4) << 4, flags),
      u16(fields.window ?? 64240),
      new Uint8Array(2),
      u16(fields.urgent ?? 0),
      options,
      payload,
    )
    if (fields.checksum === undefined) return withChecksum(message, 16, IpProtocol.tcp, around)
    message.set(u16(fields.checksum), 16)
    return message
  }
  return { name: 'tcp', ipProtocol: IpProtocol.tcp, encode }
}

export interface UdpFields {
  sport: number
  dport: number
  length?: number
  /** 0: none was computed. */
  checksum?: number
}

/** A UDP header. */
export function udp(fields: UdpFields): Layer {
  const encode = (payload: Uint8Array, around: Surroundings): Uint8Array => {
    const length = u16(fields.length ?? 8 + payload.length)
    const message = concat(u16(fields.sport), u16(fields.dport), length, u16(fields.checksum ?? 0), payload)
    return fields.checksum === undefined ? withChecksum(message, 6, IpProtocol.udp, around) : message
  }
  return { name: 'udp', ipProtocol: IpProtocol.udp, encode }
}

export interface IcmpFields {
  type: number
  code?: number
  /** The four bytes after the checksum. */
  rest?: number
  checksum?: number
}

/** An ICMP message; what it quotes or carries is the payload. */
export function icmp4(fields: IcmpFields): Layer {
  const encode = (payload: Uint8Array): Uint8Array => {
    const head = Uint8Array.of(fields.type, fields.code ?? 0, 0, 0)
    const message = concat(head, u32(fields.rest ?? 0), payload)
    message.set(u16(fields.checksum ?? internetChecksum(message)), 2)
    return message
  }
  return { name: 'icmp4', ipProtocol: IpProtocol.icmp4, encode }
}

/** An ICMPv6 message; what it quotes or carries is the payload. */
export function icmp6(fields: IcmpFields): Layer {
  const encode = (payload: Uint8Array, around: Surroundings): Uint8Array => {
    const head = Uint8Array.of(fields.type, fields.code ?? 0)
    const message = concat(head, u16(fields.checksum ?? 0), u32(fields.rest ?? 0), payload)
    return fields.checksum === undefined ? withChecksum(message, 2, IpProtocol.icmp6, around) : message
  }
  return { name: 'icmp6', ipProtocol: IpProtocol.icmp6, encode }
}

export interface EchoFields {
  id?: number
  sequence?: number
  reply?: boolean
  code?: number
  checksum?: number
}

const echo = (request: number, reply: number, fields: EchoFields): IcmpFields => ({
  type: fields.reply === true ? reply : request,
  code: fields.code ?? 0,
  rest: (fields.id ?? 0x1234) * 0x10000 + (fields.sequence ?? 1),
  ...(fields.checksum === undefined ? {} : { checksum: fields.checksum }),
})

/** An ICMP echo request, or the reply to one. */
export const icmp4Echo = (fields: EchoFields = {}): Layer => icmp4(echo(8, 0, fields))

/** An ICMPv6 echo request, or the reply to one. */
export const icmp6Echo = (fields: EchoFields = {}): Layer => icmp6(echo(128, 129, fields))

/** An ICMP error that quotes `quoted`, the bytes of an IP packet. */
export const icmp4Error = (fields: IcmpFields, quoted: Uint8Array): Layer[] => [icmp4(fields), payload(quoted)]

/** An ICMPv6 error that quotes `quoted`, the bytes of an IP packet. */
export const icmp6Error = (fields: IcmpFields, quoted: Uint8Array): Layer[] => [icmp6(fields), payload(quoted)]

/** A link-layer address option: 1 source, 2 target (RFC 4861 section 4.6.1). */
export function linkLayerOption(type: 1 | 2, mac: string): Uint8Array {
  return concat(Uint8Array.of(type, 1), macBytes(mac))
}

export interface SolicitationFields {
  target: string
  /** Option bytes; see {@link linkLayerOption}. */
  options?: Uint8Array
  code?: number
}

/** A neighbour solicitation. */
export function ndSolicitation(fields: SolicitationFields): Layer[] {
  const body = concat(addressBytes(fields.target), fields.options ?? new Uint8Array(0))
  return [icmp6({ type: 135, code: fields.code ?? 0 }), payload(body)]
}

/** The flags of a neighbour advertisement, as bits of the word after the checksum. */
export const NdFlag = { router: 0x80000000, solicited: 0x40000000, override: 0x20000000 } as const

export interface AdvertisementFields {
  target: string
  flags: (keyof typeof NdFlag)[]
  options?: Uint8Array
}

/** A neighbour advertisement. */
export function ndAdvertisement(fields: AdvertisementFields): Layer[] {
  const body = concat(addressBytes(fields.target), fields.options ?? new Uint8Array(0))
  return [icmp6({ type: 136, rest: fields.flags.reduce((bits, name) => bits + NdFlag[name], 0) }), payload(body)]
}

/** Bytes as they are, or text in UTF-8; an IP header that directly holds them names an experimental protocol. */
export function payload(content: string | Uint8Array): Layer {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  return { name: 'payload', encode: (inner) => concat(bytes, inner) }
}
