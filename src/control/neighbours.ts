/** What the director wants of the hosts on its links; NeighbourProber does it, tests stand in for it. */
import type { LiveState } from '../dataplane/live-state.js'
import { DestFlag } from '../maps/generated.js'
import { macFromBytes } from '../net/mac.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { NeighbourProber } from '../system/neighbour-prober.js'
import type { NeighbourTarget } from '../system/neighbour-prober.js'
import type { NetworkNamespace } from '../system/netns.js'

export interface Neighbours extends Disposable {
  /** MACs by address; who does not answer within `timeoutMs` is not in it. */
  resolve(targets: readonly NeighbourTarget[], timeoutMs: number): Promise<Map<string, string>>
  /** Tells the hosts on a link that these addresses are here now. */
  announce(addresses: readonly string[], ifindex: number): void
}

export type OpenNeighbours = (namespace: NetworkNamespace, interfaces: readonly InterfaceFacts[]) => Neighbours

export const probeNeighbours: OpenNeighbours = (namespace, interfaces) => new NeighbourProber({ namespace, interfaces })

/** MACs that the maps hold, by `IFINDEX ADDRESS`: a real that does not answer just now keeps its MAC. */
export function knownMacs(live: LiveState): Map<string, string> {
  const known = new Map<string, string>()
  for (const { destinations } of live.services) {
    for (const { address, value } of destinations) {
      if ((value.flags & DestFlag.neighbour) === 0) continue
      known.set(`${value.ifindex} ${address}`, macFromBytes(value.mac))
    }
  }
  return known
}
