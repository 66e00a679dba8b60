import { ConnState } from '../maps/generated.js'
import { liveConns } from './conn-table.js'
import type { LbMaps } from './lb-maps.js'

/** Conns of one destination: active and inactive as IPVS counts them (ip_vs_proto_tcp.c, tcp_state_active()). */
export interface ConnCounts {
  active: number
  inactive: number
}

const ACTIVE: ReadonlySet<number> = new Set([
  ConnState.established,
  ConnState.synSent,
  ConnState.synRecv,
  ConnState.synack,
])

/**
 * Counts the conns that are alive at tick `now`, by destination id, in one walk over the table off the event loop. A
 * conn of an earlier owner of the id does not count.
 */
export async function countConns(
  maps: LbMaps,
  now: number,
  generationOf: (id: number) => number,
): Promise<Map<number, ConnCounts>> {
  const counts = new Map<number, ConnCounts>()
  for await (const conn of liveConns(maps, now)) {
    if (conn.generation !== generationOf(conn.dest)) continue
    const entry = counts.get(conn.dest) ?? { active: 0, inactive: 0 }
    if (ACTIVE.has(conn.state)) entry.active++
    else entry.inactive++
    counts.set(conn.dest, entry)
  }
  return counts
}
