/** What the director wants of the hosts on its links; NeighbourProber does it, tests stand in for it. */
import type { LiveState } from '../dataplane/live-state.js'
import { DestFlag } from '../maps/generated.js'
import { macFromBytes } from '../net/mac.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { neighbourKey, NeighbourProber } from '../system/neighbour-prober.js'
import type { NeighbourTarget } from '../system/neighbour-prober.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { Via } from './target.js'

export interface Neighbours extends Disposable {
  /** MACs by neighbourKey(); who does not answer within `timeoutMs` is not in it. */
  resolve(targets: readonly NeighbourTarget[], timeoutMs: number): Promise<Map<string, string>>
  /** Tells the hosts on a link that these addresses are here now. */
  announce(addresses: readonly string[], ifindex: number): void
}

export type OpenNeighbours = (namespace: NetworkNamespace, interfaces: readonly InterfaceFacts[]) => Neighbours

export const probeNeighbours: OpenNeighbours = (namespace, interfaces) => new NeighbourProber({ namespace, interfaces })

/**
 * MACs that the maps hold, by neighbourKey() of the next hop: one that does not answer just now keeps its MAC.
 *
 * @param viaOf - how a real is reached now; undefined for one that is not configured any more
 */
export function knownMacs(live: LiveState, viaOf: (address: string) => Via | undefined): Map<string, string> {
  const known = new Map<string, string>()
  for (const { destinations } of live.services) {
    for (const { address, value } of destinations) {
      const via = viaOf(address)
      const isKnown = (value.flags & (DestFlag.neighbour | DestFlag.local)) === DestFlag.neighbour
      if (!isKnown || via?.link.ifindex !== value.ifindex) continue
      known.set(neighbourKey({ address: via.nextHop, ifindex: value.ifindex }), macFromBytes(value.mac))
    }
  }
  return known
}
