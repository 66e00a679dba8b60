/** Fragments without ports: they go where the first of their datagram went. */
import { destinationOf } from './conns.js'
import type { Decision, ToVip } from './decision.js'
import { countRequest, linked, obstacle, wayOut } from './flows.js'
import { translated, ttlOf } from './frame.js'
import { fragmentKey, type Table } from './table.js'

/** A later fragment to a VIP. */
export function decideLaterFragment(table: Table, to: ToVip): Decision {
  const key = fragmentKey(to.client, to.vipAddress, to.protocol, to.fragment?.id ?? '')
  const first = table.fragments.get(key)
  if (first === undefined || first.expires <= table.now) return { verdict: 'dropFragment' }
  if (first.way !== 'toReal') return { verdict: 'passFragment' }
  const dest = destinationOf(table, first)
  if (dest === undefined) return { verdict: 'dropFragment' }
  if (!dest.local && ttlOf(to.frame, to.l3, to.family) <= 1) return { verdict: 'dropTtl' }
  const blocked = obstacle(table, to, dest)
  if (blocked !== undefined) return { verdict: blocked }
  countRequest(table, first.dest, to, 0)
  const { frame, l3, family, protocol } = to
  const address = { end: 'dst', address: dest.address, port: undefined, l4: undefined } as const
  const renamed = dest.forward === 'dr' ? frame : translated(frame, { ...address, l3, family, protocol })
  return { verdict: 'forwardFragment', frame: linked(renamed, to, dest), out: wayOut(dest) }
}

/** A first fragment was left to the host: the others have to be, too. */
export function passFollowers(table: Table, to: ToVip): void {
  if (to.fragment?.first !== true) return
  const key = fragmentKey(to.client, to.vipAddress, to.protocol, to.fragment.id)
  const expires = table.now + table.fragmentNs
  table.fragments.set(key, { dest: 0, generation: 0, expires, way: 'pass', vip: to.vip.id })
}
