/** What is logged of health: each change once, with its reason. */
import type { Logger } from 'pino'
import type { Config } from '../config/schema.js'
import type { HealthChange, HealthState, ProbeTarget } from '../health/protocol.js'
import { formatEndpoint } from '../net/address.js'
import type { Change } from './change.js'

/** @param targets - as they were before the changes, by key */
export function logHealthChanges(log: Logger, changes: Iterable<HealthChange>, targets: ReadonlyMap<string, ProbeTarget>): void {
  for (const { key, state, last, inARow } of changes) {
    const target = targets.get(key)
    // What the maps say already is no change.
    if (target === undefined || target.state === state) continue
    const { service, address, port, state: from } = target
    const what = { service, real: formatEndpoint(address, port), from, to: state, inARow, step: last.step }
    if (state === 'down') log.warn({ ...what, reason: last.reason }, 'real is down')
    else log.info(what, 'real is up')
  }
}

/** Services that lost their last real, or have one again. */
export function logOutages(log: Logger, before: Iterable<ProbeTarget>, after: Iterable<ProbeTarget>): void {
  const out = outages(after)
  const was = outages(before)
  for (const service of out) if (!was.has(service)) log.error({ service }, 'all reals are down')
  for (const service of was) if (!out.has(service)) log.info({ service }, 'a real is up again')
}

function outages(targets: Iterable<ProbeTarget>): Set<string> {
  const states = new Map<string, HealthState[]>()
  for (const { service, state } of targets) states.set(service, [...(states.get(service) ?? []), state])
  return new Set([...states].filter(([, each]) => each.every((state) => state === 'down')).map(([service]) => service))
}

/** Quorums lost and regained, out of what an apply changed. */
export function logQuorums(log: Logger, config: Config, changes: readonly Change[]): void {
  for (const { name, sorryServer } of config.services) {
    const quorum = changes.find(({ object }) => object === `services.${name}.quorum`)
    if (quorum === undefined) continue
    const sorry = sorryServer === false ? {} : { sorryServer: formatEndpoint(sorryServer.address, sorryServer.port) }
    if (quorum.after === 'lost') log.warn({ service: name, ...sorry }, sorryServer === false ? 'quorum lost' : 'quorum lost; the sorry server serves')
    else log.info({ service: name, ...sorry }, sorryServer === false ? 'quorum regained' : 'quorum regained; the sorry server rests')
  }
}
