/** Packets that the director makes in answer to one that goes no further: ICMP errors and TCP resets. */
import { addressBytes } from '../../../src/net/address.js'
import { macBytes } from '../../../src/net/mac.js'
import { eth, icmp4Error, icmp6Error, ipv4, ipv6, packet, payload, tcp, type Layer } from '../packet/build.js'
import { concat, readU16, readU32 } from '../packet/bytes.js'
import { mayAnswer, type Decision, type Flow } from './decision.js'
import { destinationMac, sourceMac } from './frame.js'
import { TcpFlag } from '../packet/transport.js'
import type { Table, VerdictName } from './table.js'

const TTL = 64
const INTERNETWORK_CONTROL = 0xc0
const LEAST_QUOTED = 8
const MOST_QUOTED = 120

/** The link-layer header back to where the frame came from, VLAN tags as they came; then an IP header from the VIP. */
function back(flow: Flow, tos: number, inside: (Layer | Layer[])[]): Uint8Array {
  const { frame, l3, family, client, vipAddress, our } = flow
  const ends = { src: vipAddress, dst: client }
  const id = readU16(frame, l3 + 4)
  const ip =
    family === 4
      ? ipv4({ ...ends, ttl: TTL, tos, id, flags: 0 })
      : ipv6({ ...ends, hopLimit: TTL, trafficClass: 0, flowLabel: 0 })
  const bytes = packet(eth({ src: our, dst: sourceMac(frame) }), ip, ...inside).bytes()
  return concat(macBytes(sourceMac(frame)), macBytes(our), frame.subarray(12, l3), bytes.subarray(14))
}

/** An address that is one host's, and may be on a network (RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e)). */
function isOneHost(address: string): boolean {
  const bytes = addressBytes(address)
  const first = bytes[0] ?? 0
  if (bytes.length === 4) return first !== 0 && first !== 127 && first < 224
  const isLow = bytes.subarray(0, 15).every((byte) => byte === 0) && (bytes[15] ?? 0) <= 1
  return first !== 0xff && !isLow
}

const isGroup = (mac: string): boolean => ((macBytes(mac)[0] ?? 0) & 1) === 1

function mayBeAnswered(table: Table, flow: Flow): boolean {
  const { frame, client } = flow
  return mayAnswer(table) && isOneHost(client) && !isGroup(sourceMac(frame)) && !isGroup(destinationMac(frame))
}

/** Up to 8 bytes behind the IP header and its extensions. */
function quoted({ frame, l3, l4, ipLength }: Flow): Uint8Array {
  return frame.slice(l3, l3 + Math.min(l4 - l3 + LEAST_QUOTED, ipLength, MOST_QUOTED))
}

function error(flow: Flow, types: Record<4 | 6, [number, number]>): Uint8Array {
  const [type, code] = types[flow.family]
  const message = (flow.family === 4 ? icmp4Error : icmp6Error)({ type, code }, quoted(flow))
  return back(flow, INTERNETWORK_CONTROL, message)
}

/** Time exceeded, if one may be sent. */
export function timeExceeded(table: Table, flow: Flow): Decision {
  if (!mayBeAnswered(table, flow)) return { verdict: 'dropTtl' }
  return { verdict: 'replyTtl', frame: error(flow, { 4: [11, 0], 6: [3, 0] }) }
}

/** Port unreachable, if one may be sent. */
export function portUnreachable(table: Table, flow: Flow, sent: VerdictName, withheld: VerdictName): Decision {
  if (!mayBeAnswered(table, flow)) return { verdict: withheld }
  return { verdict: sent, frame: error(flow, { 4: [3, 3], 6: [1, 4] }) }
}

/** A reset that the client's TCP believes (RFC 9293 section 3.5.2, group 1 and the end of 3.10.7.1). */
export function reset(table: Table, flow: Flow): Decision {
  const { frame, l4, end, flags, port, clientPort } = flow
  // How much of a segment a part of it acknowledges is not known.
  const withheld = (flags & TcpFlag.rst) !== 0 || flow.fragment !== undefined || !mayBeAnswered(table, flow)
  if (withheld) return { verdict: 'dropRealGone' }
  const ports = { sport: port, dport: clientPort, window: 0 }
  const length = end - l4 - ((frame[l4 + 12] ?? 0) >> 4) * 4
  const consumed = length + ((flags & TcpFlag.syn) !== 0 ? 1 : 0) + ((flags & TcpFlag.fin) !== 0 ? 1 : 0)
  const answer =
    (flags & TcpFlag.ack) !== 0
      ? tcp({ ...ports, flags: ['rst'], seq: readU32(frame, l4 + 8), ack: 0 })
      : tcp({ ...ports, flags: ['rst', 'ack'], seq: 0, ack: (readU32(frame, l4 + 4) + consumed) >>> 0 })
  return { verdict: 'replyReset', frame: back(flow, INTERNETWORK_CONTROL, [answer, payload('')]) }
}

