/** A reconciliation in the words of the configuration: what `veer plan` prints. */
import type { ServiceConfig } from '../config/schema.js'
import { secondsUntil } from '../dataplane/clock.js'
import type { LiveDestination, LiveService } from '../dataplane/live-state.js'
import { liveScheduler } from '../dataplane/live-state.js'
import { protocolName } from '../dataplane/lb-maps.js'
import type { Service, Vip } from '../maps/generated.js'
import { ConnState, DestFlag, Echo, ServiceFlag, VipFlag, xdpModeNames } from '../maps/generated.js'
import { formatEndpoint } from '../net/address.js'
import { macFromBytes } from '../net/mac.js'
import { isDestOf } from './entries.js'
import type { Reconciliation, ServiceStep, VipStep } from './reconcile.js'
import type { TargetDestination } from './target.js'

/** One difference; `object` is a path such as `services.web.reals.10.0.0.11.weight`. JSON of `plan --json`. */
export interface Change {
  action: 'add' | 'remove' | 'change'
  object: string
  before: unknown
  after: unknown
}

/** All differences between what the maps hold and what they should hold, in the order of the configuration. */
export function changesOf(plan: Reconciliation): Change[] {
  return [
    ...interfaceChanges(plan),
    ...timeoutChanges(plan),
    ...plan.services.flatMap(serviceChanges),
    ...plan.removeServices.map((service) => remove(`services.${service.value.name}`, summaryOfLive(service))),
    ...vipChanges(plan),
    ...leftovers(plan),
  ]
}

const add = (object: string, after: unknown): Change => ({ action: 'add', object, before: null, after })
const remove = (object: string, before: unknown): Change => ({ action: 'remove', object, before, after: null })

/** Nothing when the two are equal as JSON. */
function change(object: string, before: unknown, after: unknown): Change[] {
  if (before === after || JSON.stringify(before) === JSON.stringify(after)) return []
  return [{ action: 'change', object, before, after }]
}

function interfaceChanges({ live, target, writeInterfaces, removeInterfaces }: Reconciliation): Change[] {
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

/** By the names of the file; the rest of the table is fixed, and differs only when somebody edited it. */
const TIMEOUT_KEYS: Readonly<Record<number, string>> = {
  [ConnState.established]: 'tcp',
  [ConnState.finWait]: 'tcpFin',
  [ConnState.udp]: 'udp',
}

function timeoutChanges({ live, target }: Reconciliation): Change[] {
  const { timeoutTicks, hz } = live.settings
  // A new instance has none yet; they are no change of anything.
  if (timeoutTicks.every((ticks) => ticks === 0)) return []
  const seconds = (ticks: number): number => secondsUntil(ticks, 0, hz)
  return target.timeoutTicks.flatMap((after, state) => {
    const name = TIMEOUT_KEYS[state] ?? `state${state}`
    return change(`timeouts.${name}`, seconds(timeoutTicks[state] ?? 0), seconds(after))
  })
}

function serviceChanges(step: ServiceStep): Change[] {
  const { target, live, value } = step
  const path = `services.${target.config.name}`
  if (live === undefined) return [add(path, summaryOfTarget(target.config))]
  const before = { ...summaryOfLive(live), reals: undefined }
  const after: Record<string, unknown> = { ...summaryOfTarget(target.config), reals: undefined }
  const fields = Object.entries(before).flatMap(([key, old]) => change(`${path}.${key}`, old, after[key]))
  const reals = realChanges(path, live, target.destinations)
  const ring = step.ringEdited && live.value.ringSize > 0 ? change(`${path}.ring`, 'edited', 'as configured') : []
  const entry = fields.length + reals.length + ring.length > 0 ? [] : entryChanges(path, live.value, value)
  return [...fields, ...reals, ...ring, ...entry]
}

/** Members that no key of the file stands for. */
function entryChanges(path: string, before: Service, after: Service): Change[] {
  return change(`${path}.ringSize`, before.ringSize, after.ringSize)
}

function realChanges(path: string, live: LiveService, target: readonly TargetDestination[]): Change[] {
  const before = new Map(live.destinations.map((destination) => [realKey(live, destination), destination]))
  const changed = target.flatMap((destination) => {
    // A destination on the service's own port follows it when the port is edited.
    const name = `${path}.reals.${destination.address}`
    const old = before.get(destination.address)
    if (old === undefined) return [add(name, { weight: destination.weight })]
    before.delete(destination.address)
    return destinationChanges(name, old, destination)
  })
  const removed = [...before].map(([key, { value }]) => remove(`${path}.reals.${key}`, { weight: value.weight }))
  return [...changed, ...removed]
}

function realKey(live: LiveService, { address, value }: LiveDestination): string {
  return value.port === live.key.port ? address : formatEndpoint(address, value.port)
}

function destinationChanges(name: string, { value }: LiveDestination, after: TargetDestination): Change[] {
  if (isDestOf(value, after)) return []
  const weight = change(`${name}.weight`, value.weight, after.weight)
  const effective = change(`${name}.effectiveWeight`, value.effectiveWeight, after.effectiveWeight)
  const known = (value.flags & DestFlag.neighbour) !== 0
  return [
    ...weight,
    ...(weight.length > 0 ? [] : effective),
    ...change(`${name}.mac`, known ? macFromBytes(value.mac) : null, after.mac ?? null),
    ...change(`${name}.interface`, value.ifindex, after.link.ifindex),
    ...change(`${name}.sourceMac`, macFromBytes(value.srcMac), after.link.mac),
  ]
}

function summaryOfTarget(config: ServiceConfig): Record<string, unknown> {
  const { name, vip, port, protocol, forward, scheduler, sloppy, reals } = config
  return {
    name,
    vip,
    port,
    protocol,
    forward,
    scheduler,
    sloppy,
    reals: reals.map((real) => ({ address: real.address, weight: real.weight })),
  }
}

/** The same shape as {@link summaryOfTarget}, from the maps. */
function summaryOfLive(live: LiveService): Record<string, unknown> {
  return {
    name: live.value.name,
    vip: live.vip ?? null,
    port: live.key.port,
    protocol: protocolName(live.key.protocol),
    forward: 'dr',
    scheduler: liveScheduler(live.value),
    sloppy: (live.value.flags & ServiceFlag.sloppy) !== 0,
    reals: live.destinations.map(({ address, value }) => ({ address, weight: value.weight })),
  }
}

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

/** What follows from a change of a service is not told twice. */
function vipChanges({ vips, removeVips, services, removeServices }: Reconciliation): Change[] {
  const moved = services.flatMap(({ live, target }) => (live !== undefined && live.vip !== target.config.vip ? live : []))
  const explained = new Set([...removeServices, ...moved].map(({ vip }) => vip))
  const edited = vips.flatMap(({ address, value, live }) => {
    if (live === undefined) return []
    const view = (vip: Vip) => ({ announce: announceOf(vip.flags), echo: ECHO_NAMES[vip.echo] })
    const before = view(live.value)
    const after = view(value)
    return (['announce', 'echo'] as const).flatMap((key) => change(`vips.${address}.${key}`, before[key], after[key]))
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

/** What is in the maps and belongs to nothing: an apply that was killed, or an edit. */
function leftovers({ live }: Reconciliation): Change[] {
  return live.orphans.map(({ id, address }) => remove(`destinations.${id}`, { address }))
}
