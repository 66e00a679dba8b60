/** What is counted of a destination, counted anew from the conns (ip_vs_proto_tcp.c, tcp_state_active_table). */
import { isTemplate, type ConnStateName, type DestState, type Table } from './table.js'

const ACTIVE: readonly ConnStateName[] = ['established', 'synSent', 'synRecv', 'synack']

export const isActive = (state: ConnStateName): boolean => ACTIVE.includes(state)

/** Conns and templates of one destination that are counted, those too that have run out and were not swept. */
export function countsOf(table: Table, destId: number): DestState {
  const generation = table.dests.get(destId)?.generation
  const own = [...table.conns].filter(
    ([, conn]) => conn.live && conn.dest === destId && conn.generation === generation,
  )
  const conns = own.filter(([key]) => !isTemplate(key))
  const active = conns.filter(([, { state }]) => isActive(state)).length
  return {
    active,
    inactive: conns.length - active,
    persistent: own.length - conns.length,
    overloaded: table.overloaded.has(destId),
  }
}
