/** ICMP to a VIP: queries of services that have them, errors about what reals have sent, echo, solicitations. */
import { internetChecksum, pseudoHeader } from '../packet/checksum.js'
import { concat, readU16, u16 } from '../packet/bytes.js'
import { IpProtocol } from '../packet/layer.js'
import { decideEcho, decideSolicitation } from './answer.js'
import { destinationOf, livingConn } from './conns.js'
import type { Decision, Flow, ToVip } from './decision.js'
import { decideFlow, linked, obstacle, serviceOf, wayOut } from './flows.js'
import { IP, translated, ttlOf, type Family } from './frame.js'
import { parseQuote, type ErrorPacket, type Quote } from './quote.js'
import { decideErrorAtVip } from './probes.js'
import { schedule } from './schedule.js'
import { connKey, type Destination, type Protocol, type Table, type VerdictName } from './table.js'

const ERRORS: Record<Family, readonly number[]> = { 4: [3, 4, 11, 12], 6: [1, 2, 3, 4] }
const REQUESTS: Record<Family, readonly number[]> = { 4: [8, 13], 6: [128] }
const ECHO_REQUEST = { 4: 8, 6: 128 } as const

const transportOf = (protocol: number): Protocol => {
  if (protocol === IpProtocol.tcp) return 'tcp'
  return protocol === IpProtocol.udp ? 'udp' : 'icmp'
}

/** A packet as one of the flow that `client`, `clientPort` and `port` name. */
function flowOf(to: ToVip, transport: Protocol, ends: { client: string; clientPort: number; port: number }): Flow {
  const key = connKey({ ...ends, vip: to.vip.id, protocol: transport })
  return { ...to, ...ends, transport, flags: 0, key }
}

/** The destination that sent what an error is about. */
function quotedDestination(table: Table, flow: Flow): Destination | VerdictName {
  const conn = livingConn(table, flow.key)
  const known = conn === undefined ? undefined : destinationOf(table, conn)
  if (known !== undefined) return known
  const service = serviceOf(table, flow)
  if (service === undefined) return 'passIcmp'
  const isStateless = ['mh', 'sh', 'dh'].includes(service.scheduler)
  if (conn !== undefined || !isStateless) return 'dropIcmpNoConn'
  const chosen = schedule(table, flow, service)
  return (chosen === undefined ? undefined : table.dests.get(chosen)) ?? 'dropIcmpNoConn'
}

/** The whole ICMP message's checksum, computed anew: it was verified before anything changed. */
function withIcmpChecksum(frame: Uint8Array, { l3, l4, end, family }: ErrorPacket): Uint8Array {
  const message = frame.slice(l4, end)
  message.set([0, 0], 2)
  const { src, dst } = IP[6]
  const address = (at: number): Uint8Array => frame.subarray(l3 + at, l3 + at + 16)
  const pseudo =
    family === 4
      ? new Uint8Array(0)
      : pseudoHeader(address(src), address(dst), IpProtocol.icmp6, message.length)
  const changed = frame.slice()
  changed.set(u16(internetChecksum(concat(pseudo, message))), l4 + 2)
  return changed
}

export interface Rename {
  end: 'src' | 'dst'
  address: string
  /** Undefined: as it was. */
  port: number | undefined
}

/** The quoted packet with one end renamed, and its own sums as far as they are quoted. */
function requoted(frame: Uint8Array, family: Family, quote: Quote, rename: Rename): Uint8Array {
  const { l3, l4, end, protocol } = quote
  // Room for a checksum that is not quoted: what is written there is cut off again.
  const roomy = concat(frame.slice(0, end), new Uint8Array(64))
  const hasChecksum = l4 + (CHECKSUM_END.get(protocol) ?? 0) <= end
  const renamed = hasChecksum
    ? translated(roomy, { ...rename, l3, l4, family, protocol })
    : translated(roomy, { ...rename, l3, l4: undefined, family, protocol })
  const hasPorts = protocol === IpProtocol.tcp || protocol === IpProtocol.udp
  if (!hasChecksum && hasPorts && rename.port !== undefined) {
    renamed.set(u16(rename.port), l4 + (rename.end === 'src' ? 0 : 2))
  }
  return concat(renamed.subarray(0, end), frame.subarray(end))
}

/** Where the checksum of a quoted upper layer ends. */
const CHECKSUM_END = new Map<number, number>([
  [IpProtocol.tcp, 18],
  [IpProtocol.udp, 8],
  [IpProtocol.icmp6, 4],
])

/** An ICMP error as whom it concerns has to see it: one outer address and one end of the quoted packet renamed. */
export function rewrittenError(
  to: ErrorPacket,
  quote: Quote,
  outer: { end: 'src' | 'dst'; address: string } | undefined,
  inner: Rename,
): Uint8Array {
  const { l3, family } = to
  const renamed =
    outer === undefined
      ? to.frame
      : translated(to.frame, { ...outer, port: undefined, l3, family, protocol: IpProtocol.none, l4: undefined })
  return withIcmpChecksum(requoted(renamed, family, quote, inner), to)
}

/** An ICMP error to a VIP is about a reply: it goes to the real that sent that. */
function decideError(table: Table, to: ToVip): Decision {
  const quote = parseQuote(to)
  if (typeof quote === 'string') return { verdict: quote }
  if (table.vips.get(quote.src) !== to.vip) return { verdict: 'passIcmp' }
  const transport = transportOf(quote.protocol)
  const port = transport === 'icmp' ? 0 : quote.sport
  const flow = flowOf(to, transport, { client: quote.dst, clientPort: quote.dport, port })
  const dest = quotedDestination(table, flow)
  if (typeof dest === 'string') return { verdict: dest }
  if (!dest.local && ttlOf(to.frame, to.l3, to.family) <= 1) return { verdict: 'dropTtl' }
  const blocked = obstacle(table, to, dest)
  if (blocked !== undefined) return { verdict: blocked }
  if (dest.forward === 'dr') return { verdict: 'forwardIcmpError', frame: linked(to.frame, to, dest), out: wayOut(dest) }
  const inner: Rename = { end: 'src', address: dest.address, port: dest.port === 0 ? undefined : dest.port }
  const frame = rewrittenError(to, quote, { end: 'dst', address: dest.address }, inner)
  return { verdict: 'forwardIcmpError', frame: linked(frame, to, dest), out: wayOut(dest) }
}

/** ICMP or ICMPv6 to a VIP. */
export function decideIcmp(table: Table, to: ToVip): Decision {
  const { frame, l3, l4, end, family } = to
  if (end - l4 < 8) return { verdict: 'dropMalformed' }
  const [type = 0, code = 0] = frame.subarray(l4, l4 + 2)
  if (REQUESTS[family].includes(type)) {
    const ends = { client: to.client, clientPort: readU16(frame, l4 + 4), port: 0 }
    const query = flowOf(to, 'icmp', ends)
    if (serviceOf(table, query) !== undefined) return decideFlow(table, query)
  }
  if (to.fragment !== undefined) return { verdict: 'dropFragment' }
  if (type === ECHO_REQUEST[family] && code === 0) return decideEcho(frame, l3, l4, family, to.vip)
  if (ERRORS[family].includes(type)) return decideErrorAtVip(table, to) ?? decideError(table, to)
  const solicitation = family === 6 && l4 === l3 + 40 ? decideSolicitation(frame, l3, to.our, table) : undefined
  return solicitation ?? { verdict: 'passIcmp' }
}

