/** Packets of flows: TCP, UDP and ICMP queries to a VIP. */
import {
  advance,
  connByRealSide,
  destinationOf,
  endConn,
  livingConn,
  makeConn,
  realSide,
  startsOver,
} from './conns.js'
import type { Decision, Flow } from './decision.js'
import { portUnreachable, reset, timeExceeded } from './errors.js'
import { sourceMac, translated, ttlOf, withMacs, withTtlDecremented } from './frame.js'
import { countedDown, pingOf } from './pings.js'
import { decideAnswerAtVip } from './probes.js'
import { otherDestination, schedule } from './schedule.js'
import {
  fragmentKey,
  NO_COUNTS,
  serviceKey,
  type Conn,
  type Destination,
  type Service,
  type Table,
  type VerdictName,
} from './table.js'
import { affinity, joinTemplate, leaveTemplate, templateOf } from './templates.js'
import { isSyn } from './tcp-state.js'

export type Counted = Pick<Flow, 'ipLength'>

/** Counts a packet from the client for a service and its destination. */
export function countRequest(table: Table, destId: number, packet: Counted, conns: number): void {
  const service = table.dests.get(destId)?.service ?? -1
  for (const [counters, id] of [[table.serviceCounters, service], [table.destCounters, destId]] as const) {
    const before = counters.get(id) ?? NO_COUNTS
    const { inPkts, inBytes } = before
    counters.set(id, {
      ...before,
      conns: before.conns + conns,
      inPkts: inPkts + 1,
      inBytes: inBytes + packet.ipLength,
    })
  }
}

/** Where a frame leaves towards a destination. */
export const wayOut = (dest: Destination): number | 'host' => (dest.local ? 'host' : dest.ifindex)

/** What forwarding changes of the link and of a router's business. */
export function linked(frame: Uint8Array, flow: Pick<Flow, 'l3' | 'family'>, dest: Destination): Uint8Array {
  if (dest.local) return frame
  return withMacs(withTtlDecremented(frame, flow.l3, flow.family), dest.mac, dest.srcMac)
}

/** The packet as a real gets it. */
export function forwardedFrame(flow: Flow, dest: Destination): Uint8Array {
  const { frame, l3, l4, family, protocol } = flow
  if (dest.forward === 'dr') return linked(frame, flow, dest)
  const port = flow.transport === 'icmp' || dest.port === 0 ? undefined : dest.port
  const renamed = translated(frame, { l3, l4, family, protocol, end: 'dst', address: dest.address, port })
  return linked(renamed, flow, dest)
}

/** Why a packet cannot leave towards a destination, if it cannot. */
export function obstacle(table: Table, flow: Pick<Flow, 'ingress'>, dest: Destination): VerdictName | undefined {
  if (dest.local) return undefined
  if (!dest.neighbour) return 'dropNoNeighbour'
  const out = dest.ifindex === flow.ingress || table.txPorts.has(dest.ifindex)
  return out ? undefined : 'dropNoInterface'
}

const ttlUsedUp = (flow: Flow): boolean => ttlOf(flow.frame, flow.l3, flow.family) <= 1

function followers(table: Table, flow: Flow, conn: Pick<Conn, 'dest' | 'generation'>): void {
  if (flow.fragment === undefined) return
  const { dest, generation } = conn
  const key = fragmentKey(flow.client, flow.vipAddress, flow.protocol, flow.fragment.id)
  const expires = table.now + table.fragmentNs
  table.fragments.set(key, { dest, generation, expires, way: 'toReal', vip: flow.vip.id })
}

function knownFlow(table: Table, flow: Flow, conn: Conn, dest: Destination): Decision {
  if (!dest.local && ttlUsedUp(flow)) return timeExceeded(table, flow)
  const blocked = obstacle(table, flow, dest)
  if (blocked !== undefined) return { verdict: blocked }
  advance(table, flow.key, flow.flags, 'input')
  followers(table, flow, conn)
  countRequest(table, conn.dest, flow, 0)
  return { verdict: 'forwardKnown', frame: forwardedFrame(flow, dest), out: wayOut(dest) }
}

/** The service of a flow: on its port, else the one for all ports. */
export function serviceOf(table: Table, flow: Pick<Flow, 'vip' | 'transport' | 'port'>): Service | undefined {
  const on = (port: number): Service | undefined => table.services.get(serviceKey(flow.vip.id, flow.transport, port))
  return on(flow.port) ?? on(0)
}

function unmatched(table: Table, flow: Flow): Decision {
  const verdict = flow.vip.dropUnmatched === true ? 'dropUnmatched' : 'passUnmatched'
  return ttlUsedUp(flow) && flow.vip.bind !== true
    ? portUnreachable(table, flow, 'replyUnmatched', verdict)
    : { verdict }
}

function withoutReal(table: Table, flow: Flow, service: Service): Decision {
  if (service.noReal === 'drop') return { verdict: 'dropNoReal' }
  if (service.noReal === 'pass') return { verdict: 'passNoReal' }
  return portUnreachable(table, flow, 'replyNoReal', 'dropNoReal')
}

const mayStart = (flow: Flow, service: Service): boolean =>
  flow.transport !== 'tcp' || isSyn(flow.flags) || (service.sloppy && (flow.flags & 4) === 0)

/** Other destinations that are tried for a nat conn whose real's side is taken at the first. */
const ATTEMPTS = 16

/** nat: another conn of the client looks the same from the real's side. */
const clashes = (table: Table, flow: Flow, dest: Destination): boolean =>
  dest.forward === 'nat' && connByRealSide(table, realSide(flow.key, dest), flow.key) !== undefined

function fromPeer(table: Table, flow: Flow, service: Service): Decision | undefined {
  if (!table.peers.has(sourceMac(flow.frame))) return undefined
  const isHere = [...table.dests.values()].some((dest) => dest.service === service.id && dest.local)
  return { verdict: isHere ? 'passPeer' : 'dropLoop' }
}

function newFlow(table: Table, flow: Flow, isPing: boolean): Decision {
  const service = serviceOf(table, flow)
  if (service === undefined) return unmatched(table, flow)
  if (!mayStart(flow, service)) return { verdict: 'passNoConn' }
  const passed = fromPeer(table, flow, service)
  if (passed !== undefined) return passed
  const { persistence } = service
  const template = persistence === undefined ? undefined : templateOf(flow, persistence)
  const bound = template === undefined || persistence === undefined ? undefined : affinity(table, template, persistence, service.id)
  const chosen = bound ?? schedule(table, flow, service)
  if (chosen === undefined) return withoutReal(table, flow, service)
  return isPing ? forwardPing(table, flow, service, chosen) : start(table, flow, service, chosen)
}

/** A new flow has got its destination; where that would clash it gets another. */
function start(table: Table, flow: Flow, service: Service, chosen: number): Decision {
  const first = startAt(table, flow, service, chosen, true)
  if (first !== 'clash') return first
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const other = otherDestination(table, flow, service, attempt)
    const next = other === undefined ? 'clash' : startAt(table, flow, service, other, false)
    if (next !== 'clash') return next
  }
  return { verdict: 'dropClash' }
}

/** What keeps the first packet of a flow from its destination, if anything does. */
function hindrance(table: Table, flow: Flow, dest: Destination): Decision | undefined {
  const isOwn = !dest.local && !dest.gateway && sourceMac(flow.frame) === dest.mac
  if (isOwn) return { verdict: 'dropLoop' }
  if (!dest.local && ttlUsedUp(flow)) return timeExceeded(table, flow)
  const blocked = obstacle(table, flow, dest)
  return blocked === undefined ? undefined : { verdict: blocked }
}

/** A gateway ping: sent as a flow would be, and no conn made. */
function forwardPing(table: Table, flow: Flow, service: Service, destId: number): Decision {
  const dest = table.dests.get(destId)
  if (dest === undefined) return withoutReal(table, flow, service)
  const hindered = hindrance(table, flow, dest)
  if (hindered !== undefined) return hindered
  followers(table, flow, { dest: destId, generation: dest.generation })
  countRequest(table, destId, flow, 0)
  const frame = forwardedFrame({ ...flow, frame: countedDown(flow) }, dest)
  return { verdict: 'forwardPing', frame, out: wayOut(dest) }
}

/** Only the client's first choice is a child of its template. */
function startAt(table: Table, flow: Flow, service: Service, destId: number, first: boolean): Decision | 'clash' {
  const dest = table.dests.get(destId)
  if (dest === undefined) return withoutReal(table, flow, service)
  const hindered = hindrance(table, flow, dest)
  if (hindered !== undefined) return hindered
  if (!service.onePacket && !remember(table, flow, service, destId, dest, first)) return 'clash'
  followers(table, flow, { dest: destId, generation: dest.generation })
  countRequest(table, destId, flow, 1)
  const verdict = service.onePacket ? 'forwardOnePacket' : 'forwardNew'
  return { verdict, frame: forwardedFrame(flow, dest), out: wayOut(dest) }
}

/** Makes the conn, and what its client's template becomes by it; false when it would clash. */
function remember(
  table: Table,
  flow: Flow,
  service: Service,
  destId: number,
  dest: Destination,
  joins: boolean,
): boolean {
  const { persistence } = service
  const control = persistence === undefined || !joins ? undefined : templateOf(flow, persistence)
  if (control !== undefined && persistence !== undefined) joinTemplate(table, control, destId, persistence)
  if (clashes(table, flow, dest)) {
    endConn(table, flow.key)
    if (control !== undefined) leaveTemplate(table, control)
    return false
  }
  makeConn(table, flow, destId, dest, { noReuse: control !== undefined || !service.connReuse, control })
  return true
}

/** A flow whose conn does not decide; `gone`: its destination was taken out of the configuration. */
function undecided(table: Table, flow: Flow, gone: boolean): Decision {
  const answer = decideAnswerAtVip(table, flow)
  if (answer !== undefined) return answer
  const ping = pingOf(table, flow)
  if (ping === 'passPing' || ping === 'dropPing') return { verdict: ping }
  if (gone && flow.transport === 'tcp' && !isSyn(flow.flags)) return reset(table, flow)
  return newFlow(table, flow, ping === 'forwardPing')
}

export function decideFlow(table: Table, flow: Flow): Decision {
  const conn = livingConn(table, flow.key)
  if (conn === undefined) return undecided(table, flow, false)
  const dest = destinationOf(table, conn)
  if (dest === undefined) return undecided(table, flow, true)
  return startsOver(flow, conn, dest) ? undecided(table, flow, false) : knownFlow(table, flow, conn, dest)
}
