/**
 * What a director knows, in the words of the field: the oracle decides by it and the fixture writes it to the maps.
 */
import type { Memory } from './scheduler.js'
import type { ConnState, Echo, Scheduler, Verdict } from '../../../src/maps/generated.js'

export type Protocol = 'tcp' | 'udp' | 'icmp'

/** The names of the contract's enums; their numbers are the fixture's business. */
export type EchoPolicy = keyof typeof Echo
export type SchedulerName = keyof typeof Scheduler
export type ConnStateName = keyof typeof ConnState
export type VerdictName = keyof typeof Verdict
export type ForwardName = 'dr' | 'nat'

export type XdpAction = 'aborted' | 'drop' | 'pass' | 'tx' | 'redirect'

export interface Vip {
  id: number
  announce: boolean
  echo: EchoPolicy
  up: boolean
  /** The host has the address, on an interface of its own. */
  bind?: boolean
  /** `unmatched: drop`. */
  dropUnmatched?: boolean
}

export interface Persistence {
  /** Lifetime of a template after its last new conn. */
  timeoutNs: bigint
  /** Services of a VIP with the same one share templates; u32. */
  scope: number
  /** Leading bits of the client's 16-byte address: 96 more than an IPv4 netmask. */
  prefix: number
  /** A quiesced destination's templates are replaced. */
  expireQuiescent: boolean
}

export interface Service {
  id: number
  scheduler: SchedulerName
  forward: ForwardName
  sloppy: boolean
  /** The client's port is part of the hash. */
  ports: boolean
  /** `mh`, `sh`: flows of an overloaded destination go to another. */
  fallback: boolean
  onePacket: boolean
  /** A SYN may start a conn on its way out over. */
  connReuse: boolean
  noReal: 'reject' | 'drop' | 'pass'
  persistence: Persistence | undefined
  /** Destination ids by slot. */
  ring: number[]
}

/** A service as most tests want it. */
export const plainService = (fields: Partial<Service> & Pick<Service, 'id' | 'ring'>): Service => ({
  scheduler: 'rr',
  forward: 'dr',
  sloppy: false,
  ports: false,
  fallback: false,
  onePacket: false,
  connReuse: true,
  noReal: 'drop',
  persistence: undefined,
  ...fields,
})

export interface Destination {
  address: string
  /** 0: the port that the packet came for. */
  port: number
  /** The real's. */
  mac: string
  /** Of the interface that the real is reached by. */
  srcMac: string
  ifindex: number
  service: number
  generation: number
  forward: ForwardName
  live: boolean
  /** `mac` is known. */
  neighbour: boolean
  /** The address is the director's own. */
  local: boolean
  /** nat: `mac` is of a router on the way to the real. */
  gateway: boolean
  weight: number
  effectiveWeight: number
  /** Conns at which it counts as overloaded; 0: never. */
  upper: number
  /** Conns below which it does no longer; 0: three quarters of `upper`. */
  lower: number
  /** The id of the same real in another service of its persistence group, all of them in a circle. */
  sibling?: number
  /** Its health check says so. */
  down?: boolean
}

/** What leaves the probes' namespace by one source port. */
export interface Probe {
  /** To a destination, or to another director. */
  kind: 'real' | 'ping'
  /** What it is addressed to. */
  dst: string
  port: number
  protocol: 'tcp' | 'udp'
  /** Real. */
  dest: number
  generation: number
  /** Ping: the way out, and whom to. */
  ifindex: number
  mac: string
}

export interface Probes {
  /** The source ports; none when `count` is 0. */
  first: number
  count: number
  /** In the namespace. */
  mac: string
  /** By source port. */
  underWay: Map<number, Probe>
  /** The addresses in the namespace. */
  sources: Set<string>
  /** There is a way into the namespace. */
  hasPort: boolean
}

export const noProbes = (): Probes => ({
  first: 0,
  count: 0,
  mac: '00:00:00:00:00:00',
  underWay: new Map(),
  sources: new Set(),
  hasPort: false,
})

/** Who may ping through a director. */
export interface PingSource {
  network: string
  prefix: number
}

export interface Conn {
  /** CLOCK_MONOTONIC, nanoseconds. */
  expires: bigint
  dest: number
  generation: number
  state: ConnStateName
  /** Counted, and in use until it expires. */
  live: boolean
  /** Nothing from the real is seen, or was so far. */
  nooutput: boolean
  /** No SYN starts it over. */
  noReuse: boolean
  /** UDP, ICMP: more than the first packet; template: a child was established. */
  assured: boolean
  /** The key of the template that it is a child of. */
  control: string | undefined
}

export interface ConnKey {
  client: string
  /** ICMP: the identifier. */
  clientPort: number
  vip: number
  /** ICMP: 0. */
  port: number
  protocol: Protocol
}

export interface TemplateKey {
  /** Under the netmask. */
  client: string
  vip: number
  scope: number
}

export interface Counters {
  conns: number
  inPkts: number
  inBytes: number
  outPkts: number
  outBytes: number
}

export const NO_COUNTS: Counters = { conns: 0, inPkts: 0, inBytes: 0, outPkts: 0, outBytes: 0 }

/** What is counted of one destination. */
export interface DestState {
  active: number
  inactive: number
  persistent: number
  overloaded: boolean
}

/** Where the first fragment of a datagram went. */
export interface FragmentTrack {
  dest: number
  generation: number
  /** CLOCK_MONOTONIC, nanoseconds. */
  expires: bigint
  way: 'toReal' | 'toClient' | 'pass'
  /** To the client: whose address is the source. */
  vip: number
}

export interface Table {
  /** By address. */
  vips: Map<string, Vip>
  /** By {@link serviceKey}. */
  services: Map<string, Service>
  dests: Map<number, Destination>
  /** Conns by {@link connKey}, templates by {@link templateKey}. */
  conns: Map<string, Conn>
  /** Destinations that reached `upper` and have not fallen below `lower` since. */
  overloaded: Set<number>
  /** Where the next new flow of a `rr` or `wrr` service goes, by service id. */
  cursors: Map<number, bigint>
  /** What `lblc` and `lblcr` remember, by service id. */
  memories: Map<number, Memory>
  /** By {@link fragmentKey}. */
  fragments: Map<string, FragmentTrack>
  /** MACs of the attached interfaces by ifindex. */
  interfaces: Map<number, string>
  /** The interfaces that packets can be redirected to. */
  txPorts: Set<number>
  /** MACs of other directors. */
  peers: Set<string>
  /** CLOCK_MONOTONIC, nanoseconds. */
  now: bigint
  timeoutsNs: Record<ConnStateName, bigint>
  /** A template that runs out while it has children. */
  rearmNs: bigint
  /** From the first fragment to the last. */
  fragmentNs: bigint
  /** An unused cache entry of lblc, an unchanged set of lblcr. */
  lblcNs: bigint
  /** ICMP errors and resets to one source prefix, a second and at once. */
  answerTokens: number
  probes: Probes
  /** None: a marked SYN is like any other. */
  pingSources: PingSource[]
  serviceCounters: Map<number, Counters>
  destCounters: Map<number, Counters>
}

export const serviceKey = (vip: number, protocol: Protocol, port: number): string => `${vip} ${protocol} ${port}`

export const connKey = (key: ConnKey): string =>
  `${key.protocol} ${key.client} ${key.clientPort} ${key.vip} ${key.port}`

export const templateKey = (key: TemplateKey): string => `template ${key.client} ${key.vip} ${key.scope}`

export const isTemplate = (key: string): boolean => key.startsWith('template ')

/** IPv6 datagrams are told by addresses and identification alone (RFC 8200 section 4.5). */
export const fragmentKey = (src: string, dst: string, protocol: number, id: string): string =>
  `${src} ${dst} ${src.includes(':') ? 0 : protocol} ${id}`
