/** What a director must do with a frame from a real's side (nat): bpf/tc_reply.c. */
import { addressFromBytes } from '../../../src/net/address.js'
import { readU16 } from '../packet/bytes.js'
import { EtherType, IpProtocol } from '../packet/layer.js'
import { advance, connByRealSide, destinationOf } from './conns.js'
import type { Outcome } from './decision.js'
import { destinationMac, IP, translated, ttlOf, withTtlDecremented, type Family } from './frame.js'
import { rewrittenError } from './icmp.js'
import { parseEthernet, parseIpv4, parseIpv6, parsePorts, type Upper } from './parse.js'
import { parseQuote } from './quote.js'
import { fragmentKey, NO_COUNTS, type Conn, type Protocol, type Table, type VerdictName } from './table.js'

export type ReplyAction = 'ok' | 'shot' | 'redirect'
type ReplyOutcome = Outcome<ReplyAction>

/** A packet from a real. */
interface Reply extends Upper {
  frame: Uint8Array
  l3: number
  family: Family
  direction: 'ingress' | 'egress'
  src: string
  dst: string
}

/** From whom to whom, as the real's side has it. */
interface Tuple {
  transport: Protocol
  client: string
  clientPort: number
  real: string
  realPort: number
}

const untouched = (frame: Uint8Array): ReplyOutcome => ({ verdict: 'passNotReply', action: 'ok', frame })

/** Counts a packet to the client for a destination and its service. */
function countReply(table: Table, destId: number, ipLength: number): void {
  const service = table.dests.get(destId)?.service ?? -1
  for (const [counters, id] of [[table.serviceCounters, service], [table.destCounters, destId]] as const) {
    const before = counters.get(id) ?? NO_COUNTS
    counters.set(id, { ...before, outPkts: before.outPkts + 1, outBytes: before.outBytes + ipLength })
  }
}

/** The address of a VIP by its id; empty when there is none. */
export const vipAddress = (table: Table, id: number): string =>
  [...table.vips].find(([, vip]) => vip.id === id)?.[0] ?? ''

/** The VIP's id and the virtual port of a conn. */
function virtualOf(key: string): { vip: number; port: number } {
  const [, , , vip, port] = key.split(' ')
  return { vip: Number(vip), port: Number(port) }
}

function connOf(table: Table, tuple: Tuple): [string, Conn] | undefined {
  const { transport, client, clientPort, real, realPort } = tuple
  return connByRealSide(table, `${transport} ${client} ${clientPort} ${real} ${realPort}`)
}

/** The host says why a packet with this TTL goes no further; replies of a real on this host have not gone any way. */
const endsHere = ({ frame, l3, family, direction }: Reply): boolean =>
  direction === 'ingress' && ttlOf(frame, l3, family) <= 1

/** What is translated leaves by the host's route, one hop further; or goes on as the host has sent it. */
function leaving(reply: Reply, verdict: VerdictName, frame: Uint8Array): ReplyOutcome {
  return reply.direction === 'egress'
    ? { verdict, action: 'ok', frame }
    : { verdict, action: 'redirect', frame: withTtlDecremented(frame, reply.l3, reply.family) }
}

function follow(table: Table, reply: Reply, conn: Conn, vip: number): void {
  if (reply.fragment === undefined) return
  const { dest, generation } = conn
  const expires = table.now + table.fragmentNs
  const key = fragmentKey(reply.src, reply.dst, reply.protocol, reply.fragment.id)
  table.fragments.set(key, { dest, generation, expires, way: 'toClient', vip })
}

function decideReply(table: Table, reply: Reply, tuple: Tuple, flags: number): ReplyOutcome {
  const { frame, l3, l4, family, protocol } = reply
  const found = connOf(table, tuple)
  if (found === undefined) return untouched(frame)
  if (endsHere(reply)) return { verdict: 'passTtl', action: 'ok', frame }
  const [key, conn] = found
  const { vip, port } = virtualOf(key)
  advance(table, key, flags, 'output')
  follow(table, reply, conn, vip)
  countReply(table, conn.dest, reply.ipLength)
  const address = vipAddress(table, vip)
  return leaving(reply, 'forwardReply', translated(frame, { l3, l4, family, protocol, end: 'src', address, port }))
}

function decideLater(table: Table, reply: Reply): ReplyOutcome {
  const { frame, l3, family, protocol } = reply
  const first = table.fragments.get(fragmentKey(reply.src, reply.dst, protocol, reply.fragment?.id ?? ''))
  const follows = first?.way === 'toClient' && first.expires > table.now
  if (!follows || destinationOf(table, first) === undefined) return untouched(frame)
  if (endsHere(reply)) return { verdict: 'passTtl', action: 'ok', frame }
  countReply(table, first.dest, reply.ipLength)
  const to = { end: 'src', address: vipAddress(table, first.vip), port: undefined, l4: undefined } as const
  return leaving(reply, 'forwardReplyFragment', translated(frame, { ...to, l3, family, protocol }))
}

const ERRORS: Record<Family, readonly number[]> = { 4: [3, 4, 11, 12], 6: [1, 2, 3, 4] }
const QUERIES: Record<Family, readonly number[]> = { 4: [8, 13], 6: [128] }
const ANSWERS: Record<Family, readonly number[]> = { 4: [0, 14], 6: [129] }

/** An ICMP error about a request: the client has to see it quote what the client has sent. */
function decideError(table: Table, reply: Reply): ReplyOutcome {
  const { frame, family } = reply
  const quote = reply.fragment === undefined ? parseQuote(reply) : 'dropFragment'
  if (typeof quote === 'string' || quote.src !== reply.dst) return untouched(frame)
  const queried = quote.icmpType
  const isQuery = queried !== undefined
  if (isQuery && !QUERIES[family].includes(queried)) return untouched(frame)
  const transport: Protocol = isQuery ? 'icmp' : quote.protocol === IpProtocol.tcp ? 'tcp' : 'udp'
  const ends = { client: quote.src, clientPort: quote.sport, real: quote.dst, realPort: isQuery ? 0 : quote.dport }
  const found = connOf(table, { transport, ...ends })
  if (found === undefined) return untouched(frame)
  if (endsHere(reply)) return { verdict: 'passTtl', action: 'ok', frame }
  const [key, conn] = found
  const { vip, port } = virtualOf(key)
  const address = vipAddress(table, vip)
  countReply(table, conn.dest, reply.ipLength)
  // A router on the way keeps its own address: the client's traceroute shows it.
  const outer = reply.src === quote.dst ? ({ end: 'src', address } as const) : undefined
  const changed = rewrittenError(reply, quote, outer, { end: 'dst', address, port: isQuery ? undefined : port })
  return leaving(reply, 'forwardReplyIcmpError', changed)
}

function decideIcmp(table: Table, reply: Reply): ReplyOutcome {
  const { frame, l4, end, family } = reply
  if (end - l4 < 8) return untouched(frame)
  const type = frame[l4] ?? 0
  if (ERRORS[family].includes(type)) return decideError(table, reply)
  if (!ANSWERS[family].includes(type)) return untouched(frame)
  const clientPort = readU16(frame, l4 + 4)
  const tuple: Tuple = { transport: 'icmp', client: reply.dst, clientPort, real: reply.src, realPort: 0 }
  return decideReply(table, reply, tuple, 0)
}

function decideUpper(table: Table, reply: Reply): ReplyOutcome {
  const { frame, protocol, family } = reply
  if (reply.fragment?.first === false) return decideLater(table, reply)
  if (protocol === (family === 4 ? IpProtocol.icmp4 : IpProtocol.icmp6)) return decideIcmp(table, reply)
  if (protocol !== IpProtocol.tcp && protocol !== IpProtocol.udp) return untouched(frame)
  const transport = protocol === IpProtocol.tcp ? 'tcp' : 'udp'
  const ports = parsePorts(frame, transport, reply)
  if (ports === undefined) return untouched(frame)
  const ends = { client: reply.dst, clientPort: ports.port, real: reply.src, realPort: ports.clientPort }
  return decideReply(table, reply, { transport, ...ends }, ports.flags)
}

/** What happens to a frame that comes in from a real by interface `ingress`, or (egress) from one on this host. */
export function judgeReply(
  frame: Uint8Array,
  direction: 'ingress' | 'egress',
  ingress: number,
  table: Table,
): ReplyOutcome {
  const isOurs = destinationMac(frame) === table.interfaces.get(ingress)
  if (direction === 'ingress' && !isOurs) return { verdict: 'passOtherHost', action: 'ok', frame }
  const { type, l3 } = parseEthernet(frame)
  const family = type === EtherType.ipv4 ? 4 : type === EtherType.ipv6 ? 6 : undefined
  if (family === undefined || frame.length < l3 + IP[family].length) return untouched(frame)
  const first = frame[l3] ?? 0
  if (first >> 4 !== family || (family === 4 && (first & 15) < 5)) return untouched(frame)
  const parsed = family === 4 ? parseIpv4(frame, l3) : parseIpv6(frame, l3)
  if ('verdict' in parsed) return untouched(frame)
  const { src, dst, size } = IP[family]
  const address = (at: number): string => addressFromBytes(frame.subarray(l3 + at, l3 + at + size))
  return decideUpper(table, { ...parsed, frame, l3, family, direction, src: address(src), dst: address(dst) })
}
