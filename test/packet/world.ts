/** Who is who in the packet tests, and the table of a director that serves them. */
import type { Packet } from '../support/packet/build.js'
import {
  eth,
  icmp4Echo,
  icmp4Error,
  icmp6Echo,
  icmp6Error,
  ipv4,
  ipv6,
  packet,
  payload,
  tcp,
  udp,
  type Layer,
} from '../support/packet/build.js'
import type { Ipv4Fields, Ipv6Fields } from '../support/packet/ip.js'
import type { TcpFlagName } from '../support/packet/transport.js'
import { connKey, noProbes, plainService, serviceKey } from '../support/oracle.js'
import type { Conn, ConnStateName, Destination, Service, Table } from '../support/oracle.js'

export type Family = 4 | 6

export const FAMILIES: readonly Family[] = [4, 6]
/** What has ports. */
export type Transport = 'tcp' | 'udp'
export const PROTOCOLS: readonly Transport[] = ['tcp', 'udp']

/** {IPv4, IPv6} x {TCP, UDP}, for `describe.each`. */
export const KINDS = FAMILIES.flatMap((family) =>
  PROTOCOLS.map((protocol) => ({ family, protocol, name: `${protocol.toUpperCase()} over IPv${family}` })),
)

/** BPF_PROG_TEST_RUN receives on the loopback interface. */
export const INGRESS = 1
/** The way to a real that is reached by another interface. */
export const OTHER_INTERFACE = 4242

export const OUR_MAC = '02:00:00:00:00:01'
export const OUR_OTHER_MAC = '02:00:00:00:00:02'
export const ROUTER_MAC = '02:00:00:00:00:fe'
export const STRANGER_MAC = '02:00:00:00:00:77'
export const REAL_MACS = ['02:00:00:00:01:01', '02:00:00:00:01:02', '02:00:00:00:01:03'] as const

export const CLIENT = { 4: '198.51.100.7', 6: '2001:db8:1::7' } as const
export const OTHER_CLIENT = { 4: '198.51.100.8', 6: '2001:db8:1::8' } as const
export const VIP = { 4: '203.0.113.10', 6: '2001:db8:2::10' } as const
/** A VIP that is not announced, without services. */
export const SILENT_VIP = { 4: '203.0.113.20', 6: '2001:db8:2::20' } as const
export const NOT_A_VIP = { 4: '203.0.113.99', 6: '2001:db8:2::99' } as const

export const VIP_ID = { 4: 1, 6: 2 } as const
export const PORT = 80
export const CLIENT_PORT = 40000

const SECOND = 1_000_000_000n
const HOUR = 3600n * SECOND

/** One timeout for each state, all different and longer than any test. */
const TIMEOUTS: Record<ConnStateName, bigint> = {
  none: 101n * SECOND,
  established: 900n * SECOND,
  synSent: 120n * SECOND,
  synRecv: 160n * SECOND,
  finWait: 220n * SECOND,
  timeWait: 320n * SECOND,
  close: 410n * SECOND,
  closeWait: 560n * SECOND,
  lastAck: 630n * SECOND,
  listen: 720n * SECOND,
  synack: 820n * SECOND,
  udp: 300n * SECOND,
  icmp: 130n * SECOND,
}

/** The ids that the contract lets user space choose; here they say what they belong to. */
export const serviceId = (family: Family, protocol: Transport): number =>
  (family === 4 ? 10 : 20) + (protocol === 'tcp' ? 0 : 1)
export const destId = (family: Family, protocol: Transport, real: number): number =>
  100 * serviceId(family, protocol) + real

function destination(family: Family, protocol: Transport, real: number): Destination {
  return {
    address: realAddress(family, real),
    port: PORT,
    mac: REAL_MACS[real] ?? STRANGER_MAC,
    srcMac: OUR_MAC,
    ifindex: INGRESS,
    service: serviceId(family, protocol),
    generation: 7,
    forward: 'dr',
    live: true,
    neighbour: true,
    local: false,
    gateway: false,
    weight: 1,
    effectiveWeight: 1,
    upper: 0,
    lower: 0,
  }
}

function addService(table: Table, family: Family, protocol: Transport): void {
  const ids = REAL_MACS.map((_, real) => destId(family, protocol, real))
  ids.forEach((id, real) => table.dests.set(id, destination(family, protocol, real)))
  const service = plainService({ id: serviceId(family, protocol), ring: ids })
  table.services.set(serviceKey(VIP_ID[family], protocol, PORT), service)
}

/**
 * A director with one VIP of each family, and on it a TCP and a UDP service with three reals each, scheduled `rr`;
 * `change` makes it the one that a test is about.
 */
export function world(change: (table: Table) => void = () => undefined): Table {
  const table: Table = {
    vips: new Map(),
    services: new Map(),
    dests: new Map(),
    conns: new Map(),
    overloaded: new Set(),
    cursors: new Map(),
    memories: new Map(),
    fragments: new Map(),
    interfaces: new Map([
      [INGRESS, OUR_MAC],
      [OTHER_INTERFACE, OUR_OTHER_MAC],
    ]),
    txPorts: new Set([OTHER_INTERFACE]),
    peers: new Set(),
    now: process.hrtime.bigint(),
    timeoutsNs: TIMEOUTS,
    rearmNs: 60n * SECOND,
    fragmentNs: 30n * SECOND,
    lblcNs: 24n * HOUR,
    answerTokens: 0,
    probes: noProbes(),
    pingSources: [],
    serviceCounters: new Map(),
    destCounters: new Map(),
  }
  for (const family of FAMILIES) {
    table.vips.set(VIP[family], { id: VIP_ID[family], announce: true, echo: 'replyIfUp', up: true })
    table.vips.set(SILENT_VIP[family], { id: VIP_ID[family] + 10, announce: false, echo: 'pass', up: false })
    for (const protocol of PROTOCOLS) addService(table, family, protocol)
  }
  change(table)
  return table
}

/** The service of a world. */
export function serviceOf(table: Table, family: Family, protocol: Transport): Service {
  const service = table.services.get(serviceKey(VIP_ID[family], protocol, PORT))
  if (service === undefined) throw new Error('the world has no such service')
  return service
}

/** One destination of a world's service. */
export function destOf(table: Table, family: Family, protocol: Transport, real: number): Destination {
  const dest = table.dests.get(destId(family, protocol, real))
  if (dest === undefined) throw new Error('the world has no such destination')
  return dest
}

/** The port that nat reals listen on. */
export const REAL_PORT = 8080

/** Makes a service one of nat, whose reals have a port of their own. */
export function makeNat(table: Table, family: Family, protocol: Transport, port: number = REAL_PORT): void {
  serviceOf(table, family, protocol).forward = 'nat'
  for (const real of REAL_MACS.keys()) {
    Object.assign(destOf(table, family, protocol, real), { forward: 'nat', port })
  }
}

/** The service for ICMP queries to the VIP, with the destinations of the TCP service under ids of its own. */
export function addQueryService(table: Table, family: Family, forward: 'dr' | 'nat'): Service {
  const id = family === 4 ? 30 : 40
  const ring = REAL_MACS.map((_, real) => {
    const dest = { ...destination(family, 'tcp', real), service: id, port: 0, forward }
    table.dests.set(100 * id + real, dest)
    return 100 * id + real
  })
  const service = plainService({ id, ring, forward })
  table.services.set(serviceKey(VIP_ID[family], 'icmp', 0), service)
  return service
}

/** Makes the service of a port the one for all ports; its reals keep the packet's port. */
export function makePortZero(table: Table, family: Family, protocol: Transport): Service {
  const service = serviceOf(table, family, protocol)
  table.services.delete(serviceKey(VIP_ID[family], protocol, PORT))
  table.services.set(serviceKey(VIP_ID[family], protocol, 0), service)
  for (const id of service.ring) Object.assign(table.dests.get(id) ?? {}, { port: 0 })
  return service
}

/** The address of a real. */
export const realAddress = (family: Family, real: number): string =>
  family === 4 ? `10.0.0.${11 + real}` : `2001:db8:10::${11 + real}`

/** The key of the conn that {@link request} belongs to. */
export const connOf = (family: Family, protocol: Transport, clientPort: number = CLIENT_PORT): string =>
  connKey({ client: CLIENT[family], clientPort, vip: VIP_ID[family], port: PORT, protocol })

/** Puts a conn of the client with one real into a world; by default alive for an hour. */
export function knowConn(
  table: Table,
  family: Family,
  protocol: Transport,
  real: number,
  conn: Partial<Conn> = {},
): void {
  table.conns.set(connOf(family, protocol), {
    expires: table.now + HOUR,
    dest: destId(family, protocol, real),
    generation: destOf(table, family, protocol, real).generation,
    state: protocol === 'udp' ? 'udp' : 'established',
    live: true,
    nooutput: destOf(table, family, protocol, real).forward === 'dr',
    noReuse: false,
    assured: protocol === 'udp',
    control: undefined,
    ...conn,
  })
}

/** What may be said about the IP header of either family. */
export interface IpFields {
  src?: string
  dst?: string
  /** TTL or hop limit. */
  ttl?: number
  four?: Partial<Ipv4Fields>
  six?: Partial<Ipv6Fields>
}

/** An IP header from the client to the VIP. */
export function ip(family: Family, fields: IpFields = {}): Layer {
  const addresses = { src: fields.src ?? CLIENT[family], dst: fields.dst ?? VIP[family] }
  const ttl = fields.ttl ?? 64
  return family === 4
    ? ipv4({ ...addresses, ttl, ...fields.four })
    : ipv6({ ...addresses, hopLimit: ttl, ...fields.six })
}

export interface L4Fields {
  sport?: number
  dport?: number
  flags?: TcpFlagName[]
}

/** A TCP (by default SYN) or UDP header from the client to the service. */
export function l4(protocol: Transport, fields: L4Fields = {}): Layer {
  const ports = { sport: fields.sport ?? CLIENT_PORT, dport: fields.dport ?? PORT }
  return protocol === 'udp'
    ? udp(ports)
    : tcp({ ...ports, ...(fields.flags === undefined ? {} : { flags: fields.flags }) })
}

export interface RequestFields extends IpFields, L4Fields {
  /** Layers between Ethernet and IP. */
  tags?: Layer[]
  srcMac?: string
  dstMac?: string
  body?: string
}

/** A packet from the client, by way of the router, to the VIP's service. */
export function request(family: Family, protocol: Transport, fields: RequestFields = {}): Packet {
  const link = eth({ src: fields.srcMac ?? ROUTER_MAC, dst: fields.dstMac ?? OUR_MAC })
  return packet(link, fields.tags ?? [], ip(family, fields), l4(protocol, fields), payload(fields.body ?? 'hello'))
}

/** The same packet as it reaches a real: its MAC, the TTL one less, nothing else. */
export function delivered(family: Family, protocol: Transport, real: number, fields: RequestFields = {}): Packet {
  const mac = REAL_MACS[real] ?? STRANGER_MAC
  return request(family, protocol, { ...fields, ttl: (fields.ttl ?? 64) - 1, srcMac: OUR_MAC, dstMac: mac })
}

/** An echo request from the client to the VIP, or the reply to it. */
export function echo(family: Family, fields: RequestFields & { reply?: boolean } = {}): Packet {
  const { reply = false } = fields
  const link = reply
    ? { src: OUR_MAC, dst: ROUTER_MAC }
    : { src: fields.srcMac ?? ROUTER_MAC, dst: fields.dstMac ?? OUR_MAC }
  const addresses = reply ? { src: fields.dst ?? VIP[family], dst: fields.src ?? CLIENT[family] } : {}
  const message = family === 4 ? icmp4Echo({ reply }) : icmp6Echo({ reply })
  return packet(
    eth(link),
    fields.tags ?? [],
    ip(family, { ...fields, ...addresses }),
    message,
    payload(fields.body ?? 'ping'),
  )
}

/** A packet from a real, by itself on the director's network, to the client. */
export function answer(
  family: Family,
  protocol: Transport,
  real: number,
  fields: RequestFields = {},
): Packet {
  const link = eth({ src: fields.srcMac ?? REAL_MACS[real] ?? STRANGER_MAC, dst: fields.dstMac ?? OUR_MAC })
  const ends = { src: realAddress(family, real), dst: CLIENT[family] }
  const ports = { sport: fields.sport ?? REAL_PORT, dport: fields.dport ?? CLIENT_PORT }
  const inside = [ip(family, { ...ends, ...fields }), l4(protocol, { ...fields, ...ports })]
  return packet(link, fields.tags ?? [], ...inside, payload(fields.body ?? 'answer'))
}

/** The IP packet in a frame without VLAN tags, as an ICMP error quotes it. */
export const quoteOf = (frame: Uint8Array, length = Infinity): Uint8Array => frame.slice(14, 14 + length)

export interface ErrorFields {
  family: Family
  type: number
  code?: number
  /** The four bytes after the checksum. */
  rest?: number
  src: string
  dst: string
  quoted: Uint8Array
  srcMac?: string
  dstMac?: string
  ttl?: number
}

/** An ICMP error about `quoted`, the bytes of an IP packet. */
export function icmpError(fields: ErrorFields): Packet {
  const { family, type, code = 0, rest = 0, src, dst, quoted, ttl = 64 } = fields
  const link = eth({ src: fields.srcMac ?? ROUTER_MAC, dst: fields.dstMac ?? OUR_MAC })
  const message = (family === 4 ? icmp4Error : icmp6Error)({ type, code, rest }, quoted)
  return packet(link, ip(family, { src, dst, ttl }), message)
}
