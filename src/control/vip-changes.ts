/** Differences of VIPs that no change of a service explains. */
import type { Vip } from '../maps/generated.js'
import { Echo, VipFlag } from '../maps/generated.js'
import type { Change } from './change.js'
import { change, remove } from './change.js'
import type { Reconciliation, ServiceStep } from './reconcile.js'
import type { VipStep } from './writes.js'

const ECHO_NAMES: Readonly<Record<number, string>> = {
  [Echo.reply]: 'reply',
  [Echo.replyIfUp]: 'reply-if-up',
  [Echo.pass]: 'pass',
  [Echo.drop]: 'drop',
}

function announceOf(flags: number): string {
  if ((flags & VipFlag.announce) !== 0) return 'dataplane'
  return (flags & VipFlag.bind) !== 0 ? 'bind' : 'none'
}

function viewOf({ flags, echo }: Vip): Record<string, string | undefined> {
  return {
    announce: announceOf(flags),
    echo: ECHO_NAMES[echo],
    unmatched: (flags & VipFlag.dropUnmatched) === 0 ? 'pass' : 'drop',
  }
}

/** What follows from a change of a service is not told twice. */
export function vipChanges({ vips, removeVips, services, removeServices }: Reconciliation): Change[] {
  const moved = services.flatMap(({ live, target }) => (live !== undefined && live.vip !== target.config.vip ? live : []))
  const explained = new Set([...removeServices, ...moved].map(({ vip }) => vip))
  const edited = vips.flatMap(({ address, value, live }) => {
    if (live === undefined) return []
    const after = viewOf(value)
    return Object.entries(viewOf(live.value)).flatMap(([key, old]) => change(`vips.${address}.${key}`, old, after[key]))
  })
  const removed = removeVips.filter(({ address }) => !explained.has(address))
  return [...edited, ...upChanges(vips, services), ...removed.map(({ address }) => remove(`vips.${address}`, { address }))]
}

/** A VIP that is up or down otherwise than its services, which nobody changed, say. */
function upChanges(vips: readonly VipStep[], services: readonly ServiceStep[]): Change[] {
  const changed = new Set(services.flatMap(({ target, ringChanged }) => (ringChanged ? target.config.vip : [])))
  return vips.flatMap(({ address, value, live }) => {
    if (live === undefined || changed.has(address)) return []
    return change(`vips.${address}.up`, live.value.up === 1, value.up === 1)
  })
}
