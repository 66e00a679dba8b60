/** A service in the words of the file, from the configuration and from the maps: two views that can be compared. */
import { groupScope, serviceScope } from '../config/persistence.js'
import { SERVICE_DEFAULTS } from '../config/normalise.js'
import type { SchedulerConfig, ServiceConfig } from '../config/schema.js'
import { protocolName } from '../dataplane/lb-maps.js'
import type { LiveDestination, LiveService } from '../dataplane/live-state.js'
import { liveScheduler } from '../dataplane/live-state.js'
import type { Dest, Service } from '../maps/generated.js'
import { DestFlag, forwardNames, ServiceFlag } from '../maps/generated.js'
import { familyOf, formatEndpoint, MAPPED_BITS } from '../net/address.js'
import type { TargetDestination } from './target.js'

export interface ServiceView {
  name: string
  vip: string | null
  port: number
  protocol: string
  forward: string
  scheduler: SchedulerConfig
  persistence: PersistenceView | false
  sloppy: boolean
  onePacket: boolean
  connReuse: boolean
  noReal: string
}

export interface PersistenceView {
  timeout: number
  /** Leading bits of the client's address, in the VIP's family. */
  netmask: number
  /** Null for a service that is in no group. */
  group: string | null
  expireQuiescent: boolean
}

/** Names of persistence groups by `struct lb_service.persistence_scope`; the maps do not have them. */
export type GroupNames = ReadonlyMap<number, string>

export function groupNames(services: readonly ServiceConfig[]): GroupNames {
  const groups = services.flatMap(({ persistence }) => (persistence === false ? [] : (persistence.group ?? [])))
  return new Map(groups.map((group) => [groupScope(group), group]))
}

export function viewOfConfig(config: ServiceConfig): ServiceView {
  const { name, vip, port, protocol, forward, scheduler, sloppy, onePacket, connReuse, noReal, persistence } = config
  const view = { name, vip, port, protocol, forward, scheduler, sloppy, onePacket, connReuse, noReal }
  if (persistence === false) return { ...view, persistence }
  const { timeout, netmask, netmask6, group = null, expireQuiescent } = persistence
  const bits = familyOf(vip) === 4 ? netmask : netmask6
  return { ...view, persistence: { timeout, netmask: bits, group, expireQuiescent } }
}

export function viewOfLive({ key, vip, value }: LiveService, groups: GroupNames): ServiceView {
  const has = (flag: number): boolean => (value.flags & flag) !== 0
  return {
    name: value.name,
    vip: vip ?? null,
    port: key.port,
    protocol: protocolName(key.protocol),
    forward: forwardNames[value.forward] ?? String(value.forward),
    scheduler: liveScheduler(value),
    persistence: livePersistence(value) && {
      timeout: value.persistenceSeconds,
      netmask: liveNetmask(value, vip),
      group: value.persistenceScope === serviceScope(key.protocol, key.port) ? null : groupOf(value, groups),
      expireQuiescent: !has(ServiceFlag.keepQuiescent),
    },
    sloppy: has(ServiceFlag.sloppy),
    onePacket: has(ServiceFlag.onePacket),
    connReuse: !has(ServiceFlag.noReuse),
    noReal: noRealOf(has),
  }
}

/** Whether a live service has persistence. */
export function livePersistence({ persistenceTicks }: Service): boolean {
  return persistenceTicks > 0
}

/** Leading bits of the client's address, in the VIP's family. */
export function liveNetmask({ persistencePrefix }: Service, vip: string | undefined): number {
  return vip !== undefined && familyOf(vip) === 6 ? persistencePrefix : persistencePrefix - MAPPED_BITS
}

function groupOf({ persistenceScope }: Service, groups: GroupNames): string {
  return groups.get(persistenceScope) ?? `#${persistenceScope.toString(16)}`
}

function noRealOf(has: (flag: number) => boolean): string {
  if (has(ServiceFlag.noRealDrop)) return 'drop'
  return has(ServiceFlag.noRealPass) ? 'pass' : 'reject'
}

/** What is told of a service that comes or goes: all that its users see, and what is not as usual. */
export function summaryOf(view: ServiceView, reals: readonly object[]): Record<string, unknown> {
  const usual: ReadonlyMap<string, unknown> = new Map(
    (['persistence', 'onePacket', 'connReuse', 'noReal'] as const).map((key) => [key, SERVICE_DEFAULTS[key]]),
  )
  const told = Object.entries(view).filter(([key, value]) => !usual.has(key) || usual.get(key) !== value)
  return { ...Object.fromEntries(told), reals }
}

/** A real as a change calls it: its address, and its port where that is not its service's. */
export function realName(servicePort: number, address: string, port: number): string {
  return port === servicePort ? address : formatEndpoint(address, port)
}

/** What is told of a real that comes or goes. */
export type RealView = Partial<Pick<Dest, 'weight'>> & { upperThreshold?: number; lowerThreshold?: number; sorry?: true }

export const viewOfTargetReal = (target: TargetDestination): RealView => realView(target, target.sorry)

export const viewOfLiveReal = ({ value }: LiveDestination): RealView =>
  realView(value, (value.flags & DestFlag.sorry) !== 0)

function realView({ weight, upper, lower }: Pick<Dest, 'weight' | 'upper' | 'lower'>, sorry: boolean): RealView {
  return {
    weight,
    ...(sorry ? { sorry } : {}),
    ...(upper === 0 ? {} : { upperThreshold: upper }),
    ...(lower === 0 ? {} : { lowerThreshold: lower }),
  }
}
