/**
 * What a director knows, in the words of the field: the oracle decides by it and the fixture writes it to the maps.
 */
import type { ConnState, Echo, Scheduler, Verdict } from '../../../src/maps/generated.js'

export type Protocol = 'tcp' | 'udp'

/** The names of the contract's enums; their numbers are the fixture's business. */
export type EchoPolicy = keyof typeof Echo
export type SchedulerName = keyof typeof Scheduler
export type ConnStateName = keyof typeof ConnState
export type VerdictName = keyof typeof Verdict

export type XdpAction = 'aborted' | 'drop' | 'pass' | 'tx' | 'redirect'

export interface Vip {
  id: number
  announce: boolean
  echo: EchoPolicy
  up: boolean
}

export interface Service {
  id: number
  scheduler: SchedulerName
  sloppy: boolean
  /** The client's port is part of the hash. */
  ports: boolean
  /** Destination ids by slot. */
  ring: number[]
}

export interface Destination {
  address: string
  port: number
  /** The real's. */
  mac: string
  /** Of the interface that the real is reached by. */
  srcMac: string
  ifindex: number
  service: number
  generation: number
  live: boolean
  /** `mac` is known. */
  neighbour: boolean
}

export interface Conn {
  /** CLOCK_MONOTONIC, nanoseconds. */
  expires: bigint
  dest: number
  generation: number
  state: ConnStateName
}

export interface ConnKey {
  client: string
  clientPort: number
  vip: number
  port: number
  protocol: Protocol
}

export interface Counters {
  conns: number
  inPkts: number
  inBytes: number
}

export interface Table {
  /** By address. */
  vips: Map<string, Vip>
  /** By {@link serviceKey}. */
  services: Map<string, Service>
  dests: Map<number, Destination>
  /** By {@link connKey}. */
  conns: Map<string, Conn>
  /** Where the next new flow of a `rr` or `wrr` service goes, by service id. */
  cursors: Map<number, bigint>
  /** MACs of the attached interfaces by ifindex. */
  interfaces: Map<number, string>
  /** The interfaces that packets can be redirected to. */
  txPorts: Set<number>
  /** CLOCK_MONOTONIC, nanoseconds. */
  now: bigint
  timeoutsNs: Record<ConnStateName, bigint>
  serviceCounters: Map<number, Counters>
  destCounters: Map<number, Counters>
}

export const serviceKey = (vip: number, protocol: Protocol, port: number): string => `${vip} ${protocol} ${port}`

export const connKey = (key: ConnKey): string =>
  `${key.protocol} ${key.client} ${key.clientPort} ${key.vip} ${key.port}`
