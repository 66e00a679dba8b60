/** Differences of what all services share: interfaces, peers, timeouts. */
import { secondsUntil } from '../dataplane/clock.js'
import type { Settings } from '../maps/generated.js'
import { ConnState, xdpModeNames } from '../maps/generated.js'
import { macFromBytes } from '../net/mac.js'
import type { Change } from './change.js'
import { add, change, remove } from './change.js'
import type { Reconciliation } from './reconcile.js'
import type { TargetSettings } from './target.js'

export function interfaceChanges({ live, target, writeInterfaces, removeInterfaces }: Reconciliation): Change[] {
  const view = (ifindex: number, map: typeof live.interfaces) => {
    const entry = map.get(ifindex)
    return entry && { ifindex, mac: macFromBytes(entry.mac), mode: xdpModeNames[entry.mode] }
  }
  const written = writeInterfaces.flatMap(([ifindex, { name }]) => {
    const before = view(ifindex, live.interfaces)
    const after = view(ifindex, target.interfaces)
    if (before === undefined) return [add(`interfaces.${name}`, after)]
    const differences = change(`interfaces.${name}`, before, after)
    return differences.length > 0 ? differences : [add(`interfaces.${name}.tx`, ifindex)]
  })
  const removed = removeInterfaces.map((ifindex) => {
    return remove(`interfaces.${live.interfaces.get(ifindex)?.name}`, view(ifindex, live.interfaces))
  })
  return [...written, ...removed]
}

export function peerChanges({ writePeers, removePeers }: Reconciliation): Change[] {
  return [
    ...writePeers.map((mac) => add(`peers.${mac}`, { mac })),
    ...removePeers.map((mac) => remove(`peers.${mac}`, { mac })),
  ]
}

export function pingSourceChanges({ writePingSources, removePingSources }: Reconciliation): Change[] {
  return [
    ...writePingSources.map((network) => add(`ping.sources.${network}`, { network })),
    ...removePingSources.map((network) => remove(`ping.sources.${network}`, { network })),
  ]
}

/** States whose timeouts are keys of the file; the others have their own names. */
const TIMEOUT_KEYS: Readonly<Record<string, string>> = { established: 'tcp', finWait: 'tcpFin' }

export function settingChanges(plan: Reconciliation): Change[] {
  const before = plan.live.settings
  // A new instance has none yet; they are no change of anything.
  if (before.timeoutTicks.every((ticks) => ticks === 0)) return []
  const old = view(before, before)
  const next = view(plan.target.settings, before)
  const told = new Set([
    ...(plan.writePeers.length + plan.removePeers.length > 0 ? ['settings.peers'] : []),
    ...(plan.writePingSources.length + plan.removePingSources.length > 0 ? ['settings.pingSources'] : []),
  ])
  return Object.entries(old)
    .filter(([name]) => !told.has(name))
    .flatMap(([name, value]) => change(name, value, next[name]))
}

function view(settings: TargetSettings, { hz }: Pick<Settings, 'hz'>): Record<string, number> {
  const seconds = (ticks = 0): number => secondsUntil(ticks, 0, hz)
  const timeouts = Object.entries(ConnState).map(([state, index]) => {
    return [`timeouts.${TIMEOUT_KEYS[state] ?? state}`, seconds(settings.timeoutTicks[index])]
  })
  return {
    ...(Object.fromEntries(timeouts) as Record<string, number>),
    'settings.peers': settings.peers,
    'settings.pingSources': settings.pingSources,
    'settings.templateRearm': seconds(settings.rearmTicks),
    'settings.fragmentTimeout': seconds(settings.fragmentTicks),
    'settings.lblcExpiration': seconds(settings.lblcTicks),
    'settings.answerRate': settings.answerTokens,
  }
}
