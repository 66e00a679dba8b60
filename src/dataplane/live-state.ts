/** What the maps hold now. Plans, lists and reconciling read this and nothing that a process remembers. */
import type { SchedulerConfig } from '../config/schema.js'
import { offsetOf } from '../maps/codec.js'
import type { Dest, Interface, Service, ServiceKey, Settings, Vip } from '../maps/generated.js'
import { DestFlag, Scheduler, ServiceFlag, destCodec, schedulerNames, vipCodec } from '../maps/generated.js'
import { addressFromWords } from '../net/address.js'
import { macFromBytes } from '../net/mac.js'
import { InterfaceTable } from './interface-table.js'
import type { LbMaps } from './lb-maps.js'
import { pingSourceOf } from './ping-sources.js'
import { NO_RING, ringSeal, storedRings } from './ring-store.js'
import { VipTable } from './vip-table.js'

export interface LiveVip {
  id: number
  address: string
  value: Vip
}

export interface LiveDestination {
  id: number
  address: string
  value: Dest
}

export interface LiveService {
  key: ServiceKey
  /** The VIP's address; undefined when the id in the key belongs to no VIP. */
  vip: string | undefined
  value: Service
  /** The kernel's id of the map of its ring; undefined when there is none where there should be. */
  ringId: number | undefined
  destinations: LiveDestination[]
}

export interface LiveState {
  settings: Settings
  interfaces: Map<number, Interface>
  txPorts: Set<number>
  /** MACs of other directors. */
  peers: Set<string>
  /** Networks that gateway pings may come from, as `address/bits`. */
  pingSources: Set<string>
  vips: LiveVip[]
  /** Of the era in force. */
  services: LiveService[]
  /** Keys of the other era: left over from an apply that did not come to its end. */
  staleKeys: ServiceKey[]
  /** Destinations in use whose service is not there. */
  orphans: LiveDestination[]
  /** Indices of `rings` that hold a ring. */
  ringIndices: Set<number>
  /** The generation of a destination id, used or not. */
  generationOf: (id: number) => number
}

/** What is attached, without the tables. */
export function readAttached(maps: LbMaps): Pick<LiveState, 'interfaces'> {
  return { interfaces: new Map(new InterfaceTable(maps.interfaces).entries()) }
}

/** Reads everything but the rings' slots, conns and counters. */
export function readLiveState(maps: LbMaps): LiveState {
  const settings = maps.settings.get(0)
  if (settings === undefined) throw new Error('settings has no entry')
  const vips = readVips(maps)
  const table = maps.dests.raw.readAll()
  const byService = destinationsByService(table)
  const entries = [...maps.services.entries()]
  const ringIds = storedRings(
    maps,
    entries.map(([, value]) => value),
  )
  const addressOf = new Map(vips.map((vip) => [vip.id, vip.address]))
  const services = entries
    .filter(([key]) => key.era === settings.era)
    .map(([key, value]) => {
      const destinations = byService.get(value.id) ?? []
      byService.delete(value.id)
      const ringId = value.ringSize === 0 ? NO_RING : ringIds.get(value.ring)
      return { key, vip: addressOf.get(key.vip), value, ringId, destinations }
    })
  return {
    settings,
    ...readAttached(maps),
    txPorts: new Set(maps.txPorts.keys()),
    peers: new Set([...maps.peers.keys()].map(({ mac }) => macFromBytes(mac))),
    pingSources: new Set([...maps.pingSources.keys()].map(pingSourceOf)),
    vips,
    services,
    staleKeys: entries.filter(([key]) => key.era !== settings.era).map(([key]) => key),
    orphans: [...byService.values()].flat(),
    ringIndices: new Set(ringIds.keys()),
    generationOf: generationsIn(table),
  }
}

const FLAGS_OFFSET = offsetOf(destCodec, 'flags')
const GENERATION_OFFSET = offsetOf(destCodec, 'generation')

/** @returns the generation of each destination id, used or not */
function generationsIn(table: Buffer): (id: number) => number {
  const words = new Uint32Array(table.buffer, table.byteOffset, table.length / Uint32Array.BYTES_PER_ELEMENT)
  return (id) => words[(id * destCodec.size + GENERATION_OFFSET) / Uint32Array.BYTES_PER_ELEMENT] ?? 0
}

function readVips(maps: LbMaps): LiveVip[] {
  const found: LiveVip[] = []
  const table = maps.vips.raw.readAll()
  for (const { address, id } of new VipTable(maps.vipBuckets).entries()) {
    const offset = id * vipCodec.size
    if (offset < table.length) found.push({ id, address, value: vipCodec.decode(table, offset) })
  }
  return found
}

/** Only the entries in use are decoded: the table is large and mostly empty. */
function destinationsByService(table: Buffer): Map<number, LiveDestination[]> {
  const found = new Map<number, LiveDestination[]>()
  const halves = new Uint16Array(table.buffer, table.byteOffset, table.length / Uint16Array.BYTES_PER_ELEMENT)
  const stride = destCodec.size / Uint16Array.BYTES_PER_ELEMENT
  for (let id = 0, at = FLAGS_OFFSET / Uint16Array.BYTES_PER_ELEMENT; at < halves.length; id++, at += stride) {
    if (((halves[at] as number) & DestFlag.live) === 0) continue
    const value = destCodec.decode(table, id * destCodec.size)
    const destination = { id, address: addressFromWords(value.addr), value }
    const list = found.get(value.service)
    if (list === undefined) found.set(value.service, [destination])
    else list.push(destination)
  }
  return found
}

/** The scheduler that a live service runs, as the configuration would say it. */
export function liveScheduler(service: Service): SchedulerConfig {
  const ports = (service.flags & ServiceFlag.ports) !== 0
  const fallback = (service.flags & ServiceFlag.fallback) !== 0
  switch (service.scheduler) {
    case Scheduler.mh:
      return { name: 'mh', tableSize: service.tableSize, ports, fallback }
    case Scheduler.sh:
      return { name: 'sh', ports, fallback }
    default:
      return { name: schedulerNames[service.scheduler] } as SchedulerConfig
  }
}

/** Whether the service's ring was there, was the one written for it, and was built from the destinations as they are. */
export function ringIntact(service: LiveService): boolean {
  return service.ringId !== undefined && sealFits(service, service.ringId)
}

/** Whether the map of this id is the service's ring as it was written; see {@link ringSeal}. */
export function sealFits({ value, destinations }: LiveService, ringId: number): boolean {
  const origin = destinations.map(({ id, value: { effectiveWeight } }) => ({ id, effectiveWeight }))
  const { ringSize, ringDigest, ringCrc } = value
  return ringSeal(ringId, { ringSize, ringDigest, destinations: origin }) === ringCrc
}
