/** The service table as it is in the maps. */
import type { Instance } from '../dataplane/instance.js'
import { protocolName } from '../dataplane/lb-maps.js'
import type { LiveDestination, LiveService } from '../dataplane/live-state.js'
import { readLiveState } from '../dataplane/live-state.js'
import type { HealthState } from '../health/protocol.js'
import type { Counters, DestState } from '../maps/generated.js'
import { DestFlag, forwardNames, schedulerNames, xdpModeNames } from '../maps/generated.js'
import { compareAddresses } from '../net/address.js'
import { macFromBytes } from '../net/mac.js'
import { healthOf } from './member-health.js'
import { liveNetmask, livePersistence } from './service-view.js'

export interface ServiceList {
  instance: string
  interfaces: { name: string; ifindex: number; mode: string }[]
  services: ListedService[]
}

export interface ListedService {
  name: string
  vip: string
  port: number
  protocol: string
  forward: string
  scheduler: string
  /** 16 hexadecimal digits, equal on all directors with the same ring; null without a usable destination. */
  ringDigest: string | null
  /** `netmask`: leading bits of the client's address. */
  persistence: { timeoutSeconds: number; netmask: number } | null
  counters: Counters
  destinations: ListedDestination[]
}

export interface ListedDestination {
  /** The real is the director itself. */
  local: boolean
  address: string
  port: number
  weight: number
  effectiveWeight: number
  health: HealthState
  /** Serves only while the service has no quorum. */
  sorry: boolean
  mac: string | null
  activeConns: number
  inactiveConns: number
  persistentConns: number
  counters: Counters
}

const NO_COUNTERS: Counters = { conns: 0n, inPkts: 0n, inBytes: 0n, outPkts: 0n, outBytes: 0n }
const NO_STATE: DestState = { conns: 0n, persistent: 0, overloaded: 0, inSet: 0 }

/** Reads the whole table, in the order of VIP, port and protocol. */
export function readServiceList(instance: Instance): ServiceList {
  const live = readLiveState(instance.maps)
  const services = live.services.map((service) => listedService(service, instance))
  services.sort((a, b) => {
    return compareAddresses(a.vip, b.vip) || a.port - b.port || a.protocol.localeCompare(b.protocol)
  })
  const interfaces = [...live.interfaces].map(([ifindex, { name, mode }]) => ({
    name,
    ifindex,
    mode: xdpModeNames[mode] ?? String(mode),
  }))
  return { instance: instance.name, interfaces, services }
}

/** JSON of `list --json`. */
export function listJson({ services, ...rest }: ServiceList): object {
  const json = services.map(({ destinations, ...service }) => ({
    ...service,
    destinations: destinations.map(({ local: _, sorry, ...destination }) => (sorry ? { ...destination, sorry } : destination)),
  }))
  return { ...rest, services: json }
}

function listedService({ key, vip, value, destinations }: LiveService, { maps }: Instance): ListedService {
  const listed = destinations.map((destination) => ({
    ...listedDestination(destination, maps.destState.get(destination.id) ?? NO_STATE),
    counters: maps.destStats.sum(destination.id) ?? NO_COUNTERS,
  }))
  listed.sort((a, b) => compareAddresses(a.address, b.address) || a.port - b.port)
  return {
    name: value.name,
    vip: vip ?? '::',
    port: key.port,
    protocol: protocolName(key.protocol),
    forward: forwardNames[value.forward] ?? String(value.forward),
    scheduler: schedulerNames[value.scheduler] ?? String(value.scheduler),
    ringDigest: value.ringSize === 0 ? null : value.ringDigest.toString(16).padStart(16, '0'),
    persistence: livePersistence(value)
      ? { timeoutSeconds: value.persistenceSeconds, netmask: liveNetmask(value, vip) }
      : null,
    counters: maps.svcStats.sum(value.id) ?? NO_COUNTERS,
    destinations: listed,
  }
}

const LOW_WORD = 0xffff_ffffn

function listedDestination(
  { address, value }: LiveDestination,
  { conns, persistent }: DestState,
): Omit<ListedDestination, 'counters'> {
  const local = (value.flags & DestFlag.local) !== 0
  return {
    local,
    address,
    port: value.port,
    weight: value.weight,
    effectiveWeight: value.effectiveWeight,
    health: healthOf(value.flags),
    sorry: (value.flags & DestFlag.sorry) !== 0,
    mac: local || (value.flags & DestFlag.neighbour) === 0 ? null : macFromBytes(value.mac),
    activeConns: Number(conns >> 32n),
    inactiveConns: Number(conns & LOW_WORD),
    persistentConns: persistent,
  }
}
