/** What a plan found, in the words of those who read it. */
import { disruptionOf } from './disruption.js'
import type { Disruption } from './disruption.js'
import type { Change } from './change.js'
import { changesOf } from './changes.js'
import { forwardingWarnings, natFamilies } from './forwarding.js'
import type { Reconciliation } from './reconcile.js'
import type { Via } from './target.js'
import type { Instance } from '../dataplane/instance.js'
import type { NetworkNamespace } from '../system/netns.js'

/** How a real is reached, and the MAC of the next hop if it is known. */
export type ReachedBy = Via & { mac: string | undefined }

/** What `plan` found, or `apply` and `attach` did. */
export interface Plan {
  changes: Change[]
  disruption: Disruption[]
  /** Reals whose MAC, or whose gateway's, did not become known: they get no new flows. */
  unresolved: string[]
  /** What of the host keeps packets of this configuration from flowing, a sentence each. */
  warnings: string[]
  /** Every real by its address. */
  reals: Map<string, ReachedBy>
}

/** @param attachments - changes of what is attached, which the maps do not tell */
export function summarise(
  instance: Instance,
  namespace: NetworkNamespace,
  plan: Reconciliation,
  attachments: readonly Change[],
): Plan {
  const { services, interfaces } = plan.target
  const destinations = services.flatMap(({ destinations: each }) => each)
  const reals = new Map(
    destinations.map(({ address, link, nextHop, local, mac }) => [address, { link, nextHop, local, mac }]),
  )
  const names = [...interfaces.values()].map(({ name }) => name)
  return {
    changes: [...attachments, ...changesOf(plan)],
    disruption: disruptionOf(instance.maps, plan),
    unresolved: [...reals].flatMap(([address, real]) => unresolvedText(address, real)),
    warnings: forwardingWarnings(namespace, names, natFamilies(services.map(({ config }) => config))),
    reals,
  }
}

function unresolvedText(address: string, { nextHop, local, mac }: ReachedBy): string[] {
  if (local || mac !== undefined) return []
  return [nextHop === address ? address : `${address} (by ${nextHop})`]
}
