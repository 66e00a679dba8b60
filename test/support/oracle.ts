/**
 * What a director must do with a frame: plain and slow, from the contract, sharing nothing with bpf/.
 * Every rule stands where the contract puts it in the order of decisions.
 */
import { addressFromBytes, addressToWords, familyOf } from '../../src/net/address.js'
import { macBytes } from '../../src/net/mac.js'
import { slotFor, slotOfCursor } from '../../src/scheduler/hash.js'
import { readU16 } from './packet/bytes.js'
import { EtherType, IpProtocol } from './packet/layer.js'
import {
  decideArp,
  decideIcmp,
  decideSolicitation,
  destinationMac,
  isSolicitedGroup,
  withWord,
  type Decision,
} from './oracle/answer.js'
import { parseEthernet, parseIpv4, parseIpv6, parsePorts, type Ports } from './oracle/parse.js'
import {
  connKey,
  NO_COUNTS,
  serviceKey,
  type Conn,
  type ConnStateName,
  type Counters,
  type Destination,
  type Protocol,
  type Service,
  type Table,
  type VerdictName,
  type Vip,
  type XdpAction,
} from './oracle/table.js'
import { isSyn, nextTcpState } from './oracle/tcp-state.js'

export * from './oracle/table.js'

export interface Outcome {
  verdict: VerdictName
  action: XdpAction
  /** The frame afterwards; equal to the one given unless it was forwarded or answered. */
  frame: Uint8Array
}

/** A TCP or UDP packet to a VIP. */
interface Flow extends Ports {
  frame: Uint8Array
  l3: number
  family: 4 | 6
  ingress: number
  protocol: Protocol
  client: string
  vipAddress: string
  vip: Vip
  key: string
  ipLength: number
}

const TTL_OFFSET = { 4: 8, 6: 7 } as const

function forwardedFrame(flow: Flow, dest: Destination): Uint8Array {
  const at = flow.l3 + TTL_OFFSET[flow.family]
  let frame: Uint8Array = flow.frame.slice()
  if (flow.family === 4) frame = withWord(frame, at, readU16(frame, at) - 0x0100, flow.l3 + 10)
  else frame[at] = (frame[at] ?? 0) - 1
  frame.set(macBytes(dest.mac), 0)
  frame.set(macBytes(dest.srcMac), 6)
  return frame
}

function count(counters: Map<number, Counters>, id: number, flow: Flow, conns: number): void {
  const before = counters.get(id) ?? NO_COUNTS
  counters.set(id, {
    ...before,
    conns: before.conns + conns,
    inPkts: before.inPkts + 1,
    inBytes: before.inBytes + flow.ipLength,
  })
}

function forward(flow: Flow, dest: Destination, destId: number, verdict: VerdictName, table: Table): Decision {
  const conns = verdict === 'forwardNew' ? 1 : 0
  count(table.serviceCounters, dest.service, flow, conns)
  count(table.destCounters, destId, flow, conns)
  return { verdict, frame: forwardedFrame(flow, dest), out: dest.ifindex }
}

/** Why a packet cannot leave towards a destination, if it cannot. */
function obstacle(flow: Flow, dest: Destination, table: Table): VerdictName | undefined {
  if (!dest.neighbour) return 'dropNoNeighbour'
  const out = dest.ifindex === flow.ingress || table.txPorts.has(dest.ifindex)
  return out ? undefined : 'dropNoInterface'
}

const isTtlUsedUp = (flow: Flow): boolean => (flow.frame[flow.l3 + TTL_OFFSET[flow.family]] ?? 0) <= 1

const stateAfter = (flow: Flow, before: ConnStateName): ConnStateName =>
  flow.protocol === 'udp' ? 'udp' : nextTcpState(before, flow.flags)

function remember(flow: Flow, conn: Pick<Conn, 'dest' | 'generation' | 'state'>, table: Table): void {
  const state = stateAfter(flow, conn.state)
  const flags = { live: true, nooutput: true, noReuse: false, assured: false, oneWay: true, control: undefined }
  table.conns.set(flow.key, { ...flags, ...conn, state, expires: table.now + table.timeoutsNs[state] })
}

function knownFlow(flow: Flow, conn: Conn, dest: Destination, table: Table): Decision {
  if (isTtlUsedUp(flow)) return { verdict: 'dropTtl' }
  const blocked = obstacle(flow, dest, table)
  if (blocked !== undefined) return { verdict: blocked }
  remember(flow, conn, table)
  return forward(flow, dest, conn.dest, 'forwardKnown', table)
}

function pickSlot(service: Service, flow: Flow, table: Table): number {
  const { scheduler } = service
  if (scheduler === 'mh' || scheduler === 'sh' || scheduler === 'dh') {
    return slotFor({ name: scheduler, ports: service.ports }, service.ring.length, {
      client: addressToWords(flow.client),
      clientPort: flow.clientPort,
      vip: addressToWords(flow.vipAddress),
    })
  }
  const cursor = table.cursors.get(service.id) ?? 0n
  table.cursors.set(service.id, cursor + 1n)
  return slotOfCursor(cursor, service.ring.length)
}

function newFlow(flow: Flow, table: Table): Decision {
  const service = table.services.get(serviceKey(flow.vip.id, flow.protocol, flow.port))
  if (service === undefined) return { verdict: 'passUnmatched' }
  const reset = (flow.flags & 4) !== 0
  const mayStart = flow.protocol === 'udp' || isSyn(flow.flags) || (service.sloppy && !reset)
  if (!mayStart) return { verdict: 'passNoConn' }
  if (isTtlUsedUp(flow)) return { verdict: 'dropTtl' }
  if (service.ring.length === 0) return { verdict: 'dropNoReal' }
  const destId = service.ring[pickSlot(service, flow, table)]
  const dest = destId === undefined ? undefined : table.dests.get(destId)
  if (destId === undefined || dest === undefined) return { verdict: 'dropNoReal' }
  const blocked = obstacle(flow, dest, table)
  if (blocked !== undefined) return { verdict: blocked }
  remember(flow, { dest: destId, generation: dest.generation, state: 'none' }, table)
  return forward(flow, dest, destId, 'forwardNew', table)
}

/** conn_reuse: a SYN that meets a conn on its way out starts over. */
const startsOver = (flow: Flow, conn: Conn): boolean =>
  flow.protocol === 'tcp' && isSyn(flow.flags) && ['timeWait', 'close', 'finWait'].includes(conn.state)

function decideFlow(flow: Flow, table: Table): Decision {
  const conn = table.conns.get(flow.key)
  if (conn === undefined || conn.expires <= table.now || startsOver(flow, conn)) return newFlow(flow, table)
  const dest = table.dests.get(conn.dest)
  if (dest?.live === true && dest.generation === conn.generation) return knownFlow(flow, conn, dest, table)
  if (flow.protocol === 'tcp' && !isSyn(flow.flags)) return { verdict: 'dropRealGone' }
  return newFlow(flow, table)
}

const PROTOCOLS = new Map<number, 'tcp' | 'udp'>([
  [IpProtocol.tcp, 'tcp'],
  [IpProtocol.udp, 'udp'],
])

interface Addressed {
  frame: Uint8Array
  l3: number
  family: 4 | 6
  ingress: number
  client: string
  vipAddress: string
  vip: Vip
}

/** A packet to a VIP in a frame that is addressed to us. */
function decideForVip(to: Addressed, our: string, table: Table): Decision {
  const { frame, l3, family, vip } = to
  const upper = family === 4 ? parseIpv4(frame, l3) : parseIpv6(frame, l3)
  if ('verdict' in upper) return upper
  const { l4, end, ipLength } = upper
  if (upper.protocol === (family === 4 ? IpProtocol.icmp4 : IpProtocol.icmp6)) {
    if (end - l4 < 8) return { verdict: 'dropMalformed' }
    const solicitation = family === 6 && l4 === l3 + 40 ? decideSolicitation(frame, l3, our, table) : undefined
    return solicitation ?? decideIcmp(frame, l3, l4, family, vip)
  }
  const protocol = PROTOCOLS.get(upper.protocol)
  if (protocol === undefined) return { verdict: 'passProtocol' }
  const ports = parsePorts(frame, protocol, l4, end)
  if (ports === undefined) return { verdict: 'dropMalformed' }
  const key = connKey({ client: to.client, clientPort: ports.clientPort, vip: vip.id, port: ports.port, protocol })
  return decideFlow({ ...to, ...ports, protocol, key, ipLength }, table)
}

const HEADERS = { 4: { length: 20, src: 12, dst: 16, size: 4 }, 6: { length: 40, src: 8, dst: 24, size: 16 } } as const

function decideIp(frame: Uint8Array, l3: number, family: 4 | 6, ingress: number, table: Table): Decision {
  const header = HEADERS[family]
  const first = frame[l3] ?? 0
  const legible = frame.length >= l3 + header.length && first >> 4 === family && (family === 6 || (first & 15) >= 5)
  if (!legible) return { verdict: 'passIncomplete' }
  const addressAt = (offset: number): Uint8Array => frame.subarray(l3 + offset, l3 + offset + header.size)
  const our = table.interfaces.get(ingress)
  if (family === 6 && frame[l3 + 6] === IpProtocol.icmp6 && isSolicitedGroup(addressAt(header.dst))) {
    return decideSolicitation(frame, l3, our, table) ?? { verdict: 'passNotVip' }
  }
  const vipAddress = addressFromBytes(addressAt(header.dst))
  const vip = familyOf(vipAddress) === family ? table.vips.get(vipAddress) : undefined
  if (vip === undefined) return { verdict: 'passNotVip' }
  if (our === undefined || destinationMac(frame) !== our) return { verdict: 'passOtherHost' }
  const client = addressFromBytes(addressAt(header.src))
  return decideForVip({ frame, l3, family, ingress, client, vipAddress, vip }, our, table)
}

function decide(frame: Uint8Array, ingress: number, table: Table): Decision {
  const { type, l3 } = parseEthernet(frame)
  switch (type) {
    case undefined:
      return { verdict: 'passIncomplete' }
    case EtherType.arp:
      return decideArp(frame, l3, table.interfaces.get(ingress), table)
    case EtherType.ipv4:
      return decideIp(frame, l3, 4, ingress, table)
    case EtherType.ipv6:
      return decideIp(frame, l3, 6, ingress, table)
    default:
      return { verdict: 'passNotIp' }
  }
}

function actionOf(decision: Decision, ingress: number): XdpAction {
  if (decision.verdict.startsWith('pass')) return 'pass'
  if (decision.verdict.startsWith('drop')) return 'drop'
  if (decision.verdict.startsWith('reply')) return 'tx'
  return decision.out === ingress ? 'tx' : 'redirect'
}

/** What happens to `frame`, come in by interface `ingress`. Conns, cursors and counters of `table` move on. */
export function judge(frame: Uint8Array, ingress: number, table: Table): Outcome {
  const decision = decide(frame, ingress, table)
  return {
    verdict: decision.verdict,
    action: actionOf(decision, ingress),
    frame: decision.frame ?? frame,
  }
}
