/** The frames of the packet benchmarks, and the flows that the wrapper spreads them over (bench/bpf/frames.h). */
import { eth, ipv4, ipv6, type Layer, packet, payload, tcp, type TcpFlagName, udp } from '../test/support/packet/build.js'
import { padTo } from '../test/support/packet/bytes.js'
import { DIRECTOR_MAC, REAL_PORT, VIP4, VIP6 } from './director.js'

export type Family = 4 | 6

/** Frames are this long, so that one wrapper restores all of them. */
export const FRAME_BYTES = 80
/** Of those that quote an IPv6 packet, which have a wrapper of their own. */
export const LONG_FRAME_BYTES = 112
/** As the wrapper makes them. */
const FLOWS_PER_CLIENT = 16
const FIRST_PORT = 1024

export const CLIENT_MAC = '02:00:00:00:00:c1'
/** The bits that the wrapper changes are zero. */
export const CLIENT = { 4: '10.64.0.0', 6: '2001:db8:c::' } as const
/** Where the clients are, for a director's routes. */
export const CLIENT_NETWORKS = ['10.64.0.0/10', '2001:db8:c::/64'] as const
export const VIP = { 4: VIP4, 6: VIP6 } as const

const client4 = (flow: number): string => {
  const host = Math.floor(flow / FLOWS_PER_CLIENT)
  return `10.${64 + (host >> 16)}.${(host >> 8) & 0xff}.${host & 0xff}`
}
const client6 = (flow: number): string => {
  const host = Math.floor(flow / FLOWS_PER_CLIENT)
  return host === 0 ? CLIENT[6] : `2001:db8:c::${(host >>> 16).toString(16)}:${(host & 0xffff).toString(16)}`
}
const clientPort = (flow: number): number => FIRST_PORT + (flow % FLOWS_PER_CLIENT)

/** Which flow a frame of a client belongs to, by address and port. */
export function flowOf(family: Family, frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const client = family === 4 ? view.getUint32(26) & 0x3fffff : view.getUint32(34)
  return client * FLOWS_PER_CLIENT + view.getUint16(family === 4 ? 34 : 54) - FIRST_PORT
}

/** What a frame is about; the transport header is made for a flow. */
export interface Kind {
  family: Family
  l4: (flow: number) => Layer
  /** Default: the VIP of the family. */
  dst?: string
}

export const ip = (family: Family, src: string, dst: string, ttl = 64): Layer =>
  family === 4 ? ipv4({ src, dst, ttl }) : ipv6({ src, dst, hopLimit: ttl })

/** A packet that fills a frame. */
export function full(...layers: Layer[]): Uint8Array {
  const head = packet(...layers).bytes()
  return packet(...layers, payload(new Uint8Array(FRAME_BYTES - head.length))).bytes()
}

/** A packet that is shorter than its frame. */
export const padded = (bytes: Uint8Array): Uint8Array =>
  padTo(bytes, bytes.length > FRAME_BYTES ? LONG_FRAME_BYTES : FRAME_BYTES)

/** A client's frame to the director. */
export function requestFrame({ family, l4, dst }: Kind, flow = 0, ttl = 64): Uint8Array {
  const src = family === 4 ? client4(flow) : client6(flow)
  return full(eth({ src: CLIENT_MAC, dst: DIRECTOR_MAC }), ip(family, src, dst ?? VIP[family], ttl), l4(flow))
}

export const tcpTo = (dport: number, flags: TcpFlagName[], checksum?: number) => (flow: number): Layer =>
  tcp({ sport: clientPort(flow), dport, flags, ...(checksum === undefined ? {} : { checksum }) })

export const udpTo = (dport: number) => (flow: number): Layer => udp({ sport: clientPort(flow), dport, checksum: 0 })

/**
 * A client's TCP frame to a service of nat, or as it reaches a real. The wrapper does not change TCP's checksum with
 * the flow, so that is right in flow 0 only, and as right in each flow after translation as it was before.
 */
export function natFrame(family: Family, to: { address: string; port: number }, flags: TcpFlagName[], flow = 0, ttl = 64): Uint8Array {
  const kind = (checksum?: number): Kind => ({ family, dst: to.address, l4: tcpTo(to.port, flags, checksum) })
  const first = requestFrame(kind(), 0, ttl)
  if (flow === 0) return first
  const offset = 14 + (family === 4 ? 20 : 40) + 16
  return requestFrame(kind(new DataView(first.buffer, first.byteOffset).getUint16(offset)), flow, ttl)
}

/** Where a real of nat is reached. */
export const realEnd = (address: string): { address: string; port: number } => ({ address, port: REAL_PORT })

/** TCP from a service or real to the client of flow 0, as IP layer and what is in it. */
export function replyLayers(family: Family, from: { address: string; port: number }, ttl = 64): Layer[] {
  return [ip(family, from.address, CLIENT[family], ttl), tcp({ sport: from.port, dport: clientPort(0), flags: ['ack'] })]
}
