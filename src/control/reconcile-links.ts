/** Interfaces, peers and networks of pings: which entries to write and which to take away. */
import type { LiveState } from '../dataplane/live-state.js'
import type { Interface } from '../maps/generated.js'
import { Limit } from '../maps/generated.js'
import { IdPool } from './ids.js'
import type { Target } from './target.js'
import type { Writes } from './writes.js'

export function reconcileInterfaces(
  live: LiveState,
  target: Target,
): Pick<Writes, 'writeInterfaces' | 'removeInterfaces'> {
  return {
    writeInterfaces: [...target.interfaces].filter(([ifindex, value]) => {
      const now = live.interfaces.get(ifindex)
      return now === undefined || !live.txPorts.has(ifindex) || !sameInterface(now, value)
    }),
    removeInterfaces: [...live.interfaces.keys()].filter((ifindex) => !target.interfaces.has(ifindex)),
  }
}

function sameInterface(a: Interface, b: Interface): boolean {
  return a.name === b.name && a.mode === b.mode && Buffer.compare(a.mac, b.mac) === 0
}

export function reconcilePeers(live: LiveState, target: Target): Pick<Writes, 'writePeers' | 'removePeers'> {
  const pool = new IdPool('peers', Limit.maxPeers, [...live.peers].keys())
  const writePeers = target.peers.filter((mac) => !live.peers.has(mac))
  for (const _ of writePeers) pool.take()
  return { writePeers, removePeers: [...live.peers].filter((mac) => !target.peers.includes(mac)) }
}

export function reconcilePingSources(
  live: LiveState,
  target: Target,
): Pick<Writes, 'writePingSources' | 'removePingSources'> {
  const pool = new IdPool('networks of pings', Limit.maxPingSources, [...live.pingSources].keys())
  const writePingSources = target.pingSources.filter((network) => !live.pingSources.has(network))
  for (const _ of writePingSources) pool.take()
  const wanted = new Set(target.pingSources)
  return { writePingSources, removePingSources: [...live.pingSources].filter((network) => !wanted.has(network)) }
}
