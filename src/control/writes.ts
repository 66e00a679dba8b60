/** What is to be written into the maps and taken away from them, in the terms of the maps. apply.ts carries it out. */
import type { LiveDestination, LiveService, LiveState, LiveVip } from '../dataplane/live-state.js'
import { ringSeal } from '../dataplane/ring-store.js'
import type { Dest, Interface, Service, ServiceKey, Vip } from '../maps/generated.js'
import type { RingWrite } from './new-ring.js'
import type { TargetSettings } from './target.js'

/** A service of the next era. */
export interface ServiceWrite {
  /** The same service now: by VIP, port and protocol, else by name. */
  live: LiveService | undefined
  key: Omit<ServiceKey, 'era'>
  /** With the seal of its ring, unless that is to be written: {@link sealed}. */
  value: Service
  /** The service gets another ring than it has, or none. */
  ringChanged: boolean
  /** The ring to be written, if any. */
  ring: RingWrite | undefined
}

export interface VipStep {
  address: string
  id: number
  value: Vip
  live: LiveVip | undefined
}

export interface Writes {
  live: LiveState
  settings: TargetSettings
  /** All of the next era. */
  services: ServiceWrite[]
  vips: VipStep[]
  /** Destinations whose entry is new or different. */
  writeDests: [id: number, value: Dest][]
  /** Taken out of use: their conns die with the generation. */
  retireDests: [id: number, value: Dest][]
  /** Ids given out anew, whose counters start at zero. */
  newServiceIds: number[]
  newDestIds: number[]
  removeVips: LiveVip[]
  /** Rings that no service will use. */
  removeRings: number[]
  writeInterfaces: [ifindex: number, value: Interface][]
  removeInterfaces: number[]
  /** MACs. */
  writePeers: string[]
  removePeers: string[]
  /** Networks as `address/bits`. */
  writePingSources: string[]
  removePingSources: string[]
}

/** The entry of a service whose new ring, if it has one, lies in the map of this id. */
export function sealed({ value, ring }: ServiceWrite, ringId: number | undefined): Service {
  if (ring === undefined || ringId === undefined) return value
  return { ...value, ringCrc: ringSeal(ringId, { ...value, destinations: ring.destinations }) }
}

export const nextGeneration = (generation: number): number => (generation + 1) >>> 0

/** The entry of a destination that nobody uses any more. */
export function retiredDest({ id, value }: LiveDestination): [id: number, value: Dest] {
  return [id, { ...value, flags: 0, generation: nextGeneration(value.generation) }]
}
