/** The service table as it is in the maps: JSON of `list --json`. */
import { readTick } from '../dataplane/clock.js'
import type { ConnCounts } from '../dataplane/conn-counts.js'
import { countConns } from '../dataplane/conn-counts.js'
import type { Instance } from '../dataplane/instance.js'
import { protocolName } from '../dataplane/lb-maps.js'
import type { LiveDestination, LiveService } from '../dataplane/live-state.js'
import { readLiveState } from '../dataplane/live-state.js'
import type { Counters } from '../maps/generated.js'
import { DestFlag, forwardNames, schedulerNames, xdpModeNames } from '../maps/generated.js'
import { compareAddresses } from '../net/address.js'
import { macFromBytes } from '../net/mac.js'

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
  persistence: null
  counters: Counters
  destinations: ListedDestination[]
}

export interface ListedDestination {
  address: string
  port: number
  weight: number
  effectiveWeight: number
  health: 'up' | 'down' | 'unknown'
  mac: string | null
  activeConns: number
  inactiveConns: number
  persistentConns: number
  counters: Counters
}

const NO_COUNTERS: Counters = { conns: 0n, inPkts: 0n, inBytes: 0n, outPkts: 0n, outBytes: 0n }
const NO_CONNS: ConnCounts = { active: 0, inactive: 0 }

/** Reads the whole table, in the order of VIP, port and protocol. */
export async function readServiceList(instance: Instance): Promise<ServiceList> {
  const { maps } = instance
  const live = readLiveState(maps)
  const conns = await countConns(maps, readTick(instance.clock), live.generationOf)
  const services = live.services.map((service) => listedService(service, instance, conns))
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

function listedService(
  { key, vip, value, destinations }: LiveService,
  { maps }: Instance,
  conns: Map<number, ConnCounts>,
): ListedService {
  const listed = destinations.map(({ id, address, value: dest }) => ({
    ...listedDestination({ id, address, value: dest }, conns.get(id) ?? NO_CONNS),
    counters: maps.destStats.sum(id) ?? NO_COUNTERS,
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
    persistence: null,
    counters: maps.svcStats.sum(value.id) ?? NO_COUNTERS,
    destinations: listed,
  }
}

function listedDestination(
  { address, value }: LiveDestination,
  conns: ConnCounts,
): Omit<ListedDestination, 'counters'> {
  return {
    address,
    port: value.port,
    weight: value.weight,
    effectiveWeight: value.effectiveWeight,
    health: 'unknown',
    mac: (value.flags & DestFlag.neighbour) === 0 ? null : macFromBytes(value.mac),
    activeConns: conns.active,
    inactiveConns: conns.inactive,
    persistentConns: 0,
  }
}
