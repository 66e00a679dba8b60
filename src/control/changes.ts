/** A reconciliation in the words of the configuration: what `veer plan` prints. */
import type { LiveDestination, LiveService } from '../dataplane/live-state.js'
import type { Service } from '../maps/generated.js'
import { DestFlag, forwardNames } from '../maps/generated.js'
import { macFromBytes } from '../net/mac.js'
import type { Change } from './change.js'
import { add, change, remove } from './change.js'
import { flagsOf, isDestOf } from './entries.js'
import { healthOf } from './member-health.js'
import type { Reconciliation, ServiceStep } from './reconcile.js'
import type { GroupNames } from './service-view.js'
import {
  groupNames,
  realName,
  summaryOf,
  viewOfConfig,
  viewOfLive,
  viewOfLiveReal,
  viewOfTargetReal,
} from './service-view.js'
import { interfaceChanges, peerChanges, pingSourceChanges, settingChanges } from './setting-changes.js'
import type { TargetDestination, TargetService } from './target.js'
import { vipChanges } from './vip-changes.js'

export type { Change } from './change.js'

/** All differences between what the maps hold and what they should hold, in the order of the configuration. */
export function changesOf(plan: Reconciliation): Change[] {
  const groups = groupNames(plan.target.services.map(({ config }) => config))
  const told = [
    ...interfaceChanges(plan),
    ...peerChanges(plan),
    ...pingSourceChanges(plan),
    ...settingChanges(plan),
    ...plan.services.flatMap((step) => serviceChanges(step, groups)),
    ...plan.removeServices.map((service) => remove(`services.${service.value.name}`, summaryOfLive(service, groups))),
    ...vipChanges(plan),
    ...leftovers(plan),
  ]
  return told.length > 0 ? told : siblingChanges(plan)
}

/** Siblings follow from what else changes; they are told when somebody has edited them. */
function siblingChanges({ live, writeDests }: Reconciliation): Change[] {
  const written = new Map(writeDests)
  return live.services.flatMap(({ key, value, destinations }) =>
    destinations.flatMap(({ id, address, value: before }) => {
      const name = `services.${value.name}.reals.${realName(key.port, address, before.port)}.sibling`
      return change(name, before.sibling, written.get(id)?.sibling ?? before.sibling)
    }),
  )
}

function serviceChanges(step: ServiceStep, groups: GroupNames): Change[] {
  const { target, live, value } = step
  const path = `services.${target.config.name}`
  if (live === undefined) return [add(path, summaryOfTarget(target))]
  const after = viewOfConfig(target.config)
  const before = Object.entries(viewOfLive(live, groups))
  const fields = before.flatMap(([key, old]) => change(`${path}.${key}`, old, after[key as keyof typeof after]))
  const reals = realChanges(path, live, step)
  const ring = step.ringEdited && live.value.ringSize > 0 ? change(`${path}.ring`, 'edited', 'as configured') : []
  const entry = fields.length + reals.length + ring.length > 0 ? [] : entryChanges(path, live.value, value)
  return [...fields, ...reals, ...ring, ...entry]
}

/** Members that no key of the file stands for by itself. */
const HIDDEN = ['ringSize', 'flags', 'tableSize', 'persistenceTicks', 'persistenceScope', 'persistencePrefix', 'persistenceSeconds'] as const

function entryChanges(path: string, before: Service, after: Service): Change[] {
  return HIDDEN.flatMap((member) => change(`${path}.${member}`, before[member], after[member]))
}

function realChanges(path: string, live: LiveService, { target, value }: ServiceStep): Change[] {
  // A destination on the service's own port follows it when the port is edited.
  const before = new Map(live.destinations.map((each) => [realName(live.key.port, each.address, each.value.port), each]))
  const changed = target.destinations.flatMap((destination) => {
    const key = realName(target.config.port, destination.address, destination.port)
    const name = `${path}.reals.${key}`
    const old = before.get(key)
    if (old === undefined) return [add(name, viewOfTargetReal(destination))]
    before.delete(key)
    // A service's new forwarding method is told once.
    const forward = live.value.forward === value.forward ? value.forward : old.value.forward
    return destinationChanges(name, old, destination, forward)
  })
  return [...changed, ...[...before].map(([key, old]) => remove(`${path}.reals.${key}`, viewOfLiveReal(old)))]
}

function destinationChanges(name: string, { value }: LiveDestination, after: TargetDestination, forward: number): Change[] {
  const { sibling } = value
  if (isDestOf(value, after, { forward, sibling })) return []
  const weight = change(`${name}.weight`, value.weight, after.weight)
  const effective = change(`${name}.effectiveWeight`, value.effectiveWeight, after.effectiveWeight)
  const has = (flag: number): boolean => (value.flags & flag) !== 0
  const known = has(DestFlag.neighbour) && value.mac.some((byte) => byte !== 0)
  const changes = [
    ...weight,
    ...(weight.length > 0 ? [] : effective),
    ...change(`${name}.upperThreshold`, value.upper, after.upper),
    ...change(`${name}.lowerThreshold`, value.lower, after.lower),
    ...change(`${name}.forward`, forwardNames[value.forward] ?? value.forward, forwardNames[forward]),
    ...change(`${name}.health`, healthOf(value.flags), after.health),
    ...change(`${name}.sorry`, has(DestFlag.sorry), after.sorry),
    ...change(`${name}.local`, has(DestFlag.local), after.local),
    ...change(`${name}.mac`, known ? macFromBytes(value.mac) : null, after.mac ?? null),
    ...change(`${name}.interface`, value.ifindex, after.link.ifindex),
    ...change(`${name}.sourceMac`, macFromBytes(value.srcMac), after.link.mac),
  ]
  return changes.length > 0 ? changes : change(`${name}.flags`, value.flags, flagsOf(after))
}

function summaryOfTarget({ config, destinations }: TargetService): Record<string, unknown> {
  const reals = destinations.map((real) => ({
    address: realName(config.port, real.address, real.port),
    ...viewOfTargetReal(real),
  }))
  return summaryOf(viewOfConfig(config), reals)
}

function summaryOfLive(live: LiveService, groups: GroupNames): Record<string, unknown> {
  const reals = live.destinations.map((real) => ({
    address: realName(live.key.port, real.address, real.value.port),
    ...viewOfLiveReal(real),
  }))
  return summaryOf(viewOfLive(live, groups), reals)
}

/** What is in the maps and belongs to nothing: an apply that was killed, or an edit. */
function leftovers({ live }: Reconciliation): Change[] {
  return live.orphans.map(({ id, address }) => remove(`destinations.${id}`, { address }))
}
