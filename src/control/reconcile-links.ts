/** Interfaces and peers: which entries to write and which to take away. */
import type { LiveState } from '../dataplane/live-state.js'
import type { Interface } from '../maps/generated.js'
import { Limit } from '../maps/generated.js'
import { IdPool } from './ids.js'
import type { Reconciliation } from './reconcile.js'
import type { Target } from './target.js'

export function reconcileInterfaces(
  live: LiveState,
  target: Target,
): Pick<Reconciliation, 'writeInterfaces' | 'removeInterfaces'> {
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

export function reconcilePeers(live: LiveState, target: Target): Pick<Reconciliation, 'writePeers' | 'removePeers'> {
  const pool = new IdPool('peers', Limit.maxPeers, [...live.peers].keys())
  const writePeers = target.peers.filter((mac) => !live.peers.has(mac))
  for (const _ of writePeers) pool.take()
  return { writePeers, removePeers: [...live.peers].filter((mac) => !target.peers.includes(mac)) }
}
