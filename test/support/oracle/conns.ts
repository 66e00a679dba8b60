/** Conns: which one counts, what packets make of it, how one is made. */
import { countsOf } from './counts.js'
import type { Flow } from './decision.js'
import type { Direction } from './tcp-state.js'
import { isSyn, nextTcpState } from './tcp-state.js'
import { isTemplate, type Conn, type ConnStateName, type Destination, type Table } from './table.js'

/** The conn under a key that is alive. */
export function livingConn(table: Table, key: string): Conn | undefined {
  const conn = table.conns.get(key)
  return conn?.live === true && conn.expires > table.now ? conn : undefined
}

/** A destination that a conn names, if it is still the one that it was made for. */
export function destinationOf(table: Table, conn: Pick<Conn, 'dest' | 'generation'>): Destination | undefined {
  const dest = table.dests.get(conn.dest)
  return dest?.live === true && dest.generation === conn.generation ? dest : undefined
}

/**
 * OVERLOAD of a destination with an upper threshold: set from there on, taken away below the lower one, or three
 * quarters of the upper (ip_vs_bind_dest(), ip_vs_unbind_dest()).
 */
export function weighThresholds(table: Table, destId: number): void {
  const dest = table.dests.get(destId)
  if (dest === undefined || dest.upper === 0) return
  const { active, inactive } = countsOf(table, destId)
  const total = active + inactive
  const recovered = dest.lower > 0 ? total < dest.lower : 4 * total < 3 * dest.upper
  if (total >= dest.upper) table.overloaded.add(destId)
  else if (recovered) table.overloaded.delete(destId)
}

/** What is not a property of a packet's flow: its state, and whether more than its first packet was seen. */
function stateAfter(conn: Conn, flags: number, flow: 'tcp' | 'other', direction: 'input' | 'output'): Partial<Conn> {
  if (flow === 'other') return { assured: true }
  if (direction === 'output') return { nooutput: false, state: nextTcpState('output', conn.state, flags) }
  const table: Direction = conn.nooutput ? 'inputOnly' : 'input'
  return { state: nextTcpState(table, conn.state, flags) }
}

/** A packet of a conn: its state and timer move on, and what counts it follows. */
export function advance(table: Table, key: string, flags: number, direction: 'input' | 'output'): void {
  const conn = table.conns.get(key)
  if (conn === undefined) throw new Error(`no conn ${key}`)
  const before = { ...conn }
  Object.assign(conn, stateAfter(conn, flags, key.startsWith('tcp ') ? 'tcp' : 'other', direction))
  conn.expires = table.now + table.timeoutsNs[conn.state]
  const template = conn.control === undefined ? undefined : table.conns.get(conn.control)
  const established = before.state !== 'established' && conn.state === 'established'
  if (template !== undefined && (established || (conn.assured && !before.assured))) template.assured = true
  weighThresholds(table, conn.dest)
}

/** The children of a template that are counted. */
export const childrenOf = (table: Table, template: string): Conn[] =>
  [...table.conns.values()].filter((conn) => conn.live && conn.control === template)

/** Takes a conn or template out, whoever it was. */
export function endConn(table: Table, key: string): void {
  const conn = table.conns.get(key)
  table.conns.delete(key)
  if (conn === undefined || isTemplate(key)) return
  weighThresholds(table, conn.dest)
}

const firstState = (flow: Flow, dest: Destination): ConnStateName =>
  flow.transport === 'tcp' ? nextTcpState(dest.forward === 'nat' ? 'input' : 'inputOnly', 'none', flow.flags) : flow.transport

/** Records that a flow goes to a destination. */
export function makeConn(
  table: Table,
  flow: Flow,
  destId: number,
  dest: Destination,
  fields: Pick<Conn, 'noReuse' | 'control'>,
): void {
  endConn(table, flow.key)
  const state = firstState(flow, dest)
  table.conns.set(flow.key, {
    expires: table.now + table.timeoutsNs[state],
    dest: destId,
    generation: dest.generation,
    state,
    live: true,
    nooutput: dest.forward === 'dr',
    assured: false,
    ...fields,
  })
  weighThresholds(table, destId)
}

/**
 * conn_reuse: a SYN that meets a conn on its way out starts over (is_new_conn_expected() in
 * net/netfilter/ipvs/ip_vs_core.c); FIN_WAIT where the real's FIN is never seen. A real that is down and does not
 * serve all the same gets no SYN at all.
 */
export function startsOver(flow: Flow, conn: Conn, dest: Destination): boolean {
  if (flow.transport !== 'tcp' || !isSyn(flow.flags)) return false
  if (dest.down && dest.effectiveWeight === 0) return true
  if (conn.noReuse) return false
  const leaving = conn.state === 'timeWait' || conn.state === 'close'
  return leaving || (conn.state === 'finWait' && conn.nooutput)
}

/** What the real of a conn answers from: the tuple by which a reply is told. */
export function realSide(key: string, dest: Destination): string {
  const [transport, client, clientPort, , port] = key.split(' ')
  return `${transport} ${client} ${clientPort} ${dest.address} ${dest.port === 0 ? port : dest.port}`
}

/** The nat conn, other than `but`, whose real's side is this. */
export function connByRealSide(table: Table, side: string, but?: string): [string, Conn] | undefined {
  return [...table.conns].find(([key, conn]) => {
    if (isTemplate(key) || key === but || livingConn(table, key) === undefined) return false
    const dest = destinationOf(table, conn)
    return dest?.forward === 'nat' && realSide(key, dest) === side
  })
}
