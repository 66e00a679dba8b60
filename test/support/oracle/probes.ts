/** Probes: what may leave their namespace, and what comes back to them. */
import { addressFromBytes, familyOf } from '../../../src/net/address.js'
import { macBytes } from '../../../src/net/mac.js'
import { EtherType, IpProtocol } from '../packet/layer.js'
import type { Decision, Flow, Outcome, ToVip } from './decision.js'
import { destinationMac, IP, withMacs, type Family } from './frame.js'
import { parseEthernet, parseIpv4, parseIpv6, parsePorts, type Ports, type Upper } from './parse.js'
import { parseQuote, type Quote } from './quote.js'
import type { Probe, Table } from './table.js'

const ETHERNET = 14
const TRANSPORT = new Map<number, 'tcp' | 'udp'>([
  [IpProtocol.tcp, 'tcp'],
  [IpProtocol.udp, 'udp'],
])
const ICMP: Record<Family, number> = { 4: IpProtocol.icmp4, 6: IpProtocol.icmp6 }
const ERRORS: Record<Family, readonly number[]> = { 4: [3, 4, 11, 12], 6: [1, 2, 3, 4] }

/** An untagged IP packet that is whole. */
interface Whole extends Upper {
  frame: Uint8Array
  l3: number
  family: Family
  src: string
  dst: string
}

function wholePacket(frame: Uint8Array): Whole | undefined {
  const { type, l3 } = parseEthernet(frame)
  if (l3 !== ETHERNET || (type !== EtherType.ipv4 && type !== EtherType.ipv6)) return undefined
  const family = type === EtherType.ipv4 ? 4 : 6
  const { length, src, dst, size } = IP[family]
  const first = frame[l3] ?? 0
  if (frame.length < l3 + length || first >> 4 !== family || (family === 4 && (first & 15) < 5)) return undefined
  const parsed = family === 4 ? parseIpv4(frame, l3) : parseIpv6(frame, l3)
  if ('verdict' in parsed || parsed.fragment !== undefined) return undefined
  const address = (at: number): string => addressFromBytes(frame.subarray(l3 + at, l3 + at + size))
  return { ...parsed, frame, l3, family, src: address(src), dst: address(dst) }
}

/** Protocol and ports of TCP and UDP. */
function portsOf(packet: Whole): (Ports & { protocol: 'tcp' | 'udp' }) | undefined {
  const protocol = TRANSPORT.get(packet.protocol)
  const ports = protocol === undefined ? undefined : parsePorts(packet.frame, protocol, packet)
  return protocol === undefined || ports === undefined ? undefined : { ...ports, protocol }
}

const inRange = ({ probes: { first, count } }: Table, port: number): boolean => port >= first && port < first + count

const isSource = ({ probes }: Table, address: string, family: Family): boolean =>
  familyOf(address) === family && probes.sources.has(address)

/** What leaves by a port. */
const probeBy = (table: Table, port: number): Probe | undefined =>
  inRange(table, port) ? table.probes.underWay.get(port) : undefined

/** The interface that a probe leaves by, and the MACs that it has then; undefined: it may not. */
function wayOf(table: Table, probe: Probe): { out: number; to: string; from: string } | undefined {
  if (probe.kind === 'ping') {
    const from = table.interfaces.get(probe.ifindex)
    return from === undefined ? undefined : { out: probe.ifindex, to: probe.mac, from }
  }
  const dest = table.dests.get(probe.dest)
  const isThere = dest?.live === true && dest.generation === probe.generation && !dest.local && dest.neighbour
  if (dest === undefined || !isThere) return undefined
  const isItsOwn = dest.address === probe.dst || (dest.forward === 'dr' && table.vips.has(probe.dst))
  return isItsOwn ? { out: dest.ifindex, to: dest.mac, from: dest.srcMac } : undefined
}

/** The frame as it leaves; undefined: it stays. */
function sentProbe(frame: Uint8Array, table: Table): Uint8Array | undefined {
  const packet = wholePacket(frame)
  const ports = packet === undefined ? undefined : portsOf(packet)
  if (packet === undefined || ports === undefined) return undefined
  const probe = probeBy(table, ports.clientPort)
  const fits = probe?.dst === packet.dst && probe.port === ports.port && probe.protocol === ports.protocol
  if (probe === undefined || !fits || familyOf(packet.dst) !== packet.family) return undefined
  if (!isSource(table, packet.src, packet.family)) return undefined
  const way = wayOf(table, probe)
  return way !== undefined && table.txPorts.has(way.out) ? withMacs(frame, way.to, way.from) : undefined
}

/** What happens to a frame from the probes' namespace. */
export function judgeProbe(frame: Uint8Array, table: Table): Outcome {
  const sent = sentProbe(frame, table)
  return sent === undefined
    ? { verdict: 'dropProbe', action: 'drop', frame }
    : { verdict: 'forwardProbe', action: 'redirect', frame: sent }
}

/** Into the namespace, if there is a way. */
function handedOver(table: Table, frame: Uint8Array): Decision | undefined {
  const { mac, hasPort } = table.probes
  if (!hasPort) return undefined
  const taken = frame.slice()
  taken.set(macBytes(mac), 0)
  return { verdict: 'forwardProbeAnswer', frame: taken, out: 'probes' }
}

/** What an ICMP error to an address of the probes says that this address has sent. */
function probeQuoted(table: Table, packet: Whole): Quote | undefined {
  const { frame, family, protocol, l4, end, dst } = packet
  const isError = protocol === ICMP[family] && end - l4 >= 8 && ERRORS[family].includes(frame[l4] ?? 0)
  if (!isError || !isSource(table, dst, family)) return undefined
  const quote = parseQuote(packet)
  if (typeof quote === 'string' || !TRANSPORT.has(quote.protocol) || quote.src !== dst) return undefined
  return quote
}

/** A packet that is for no VIP, when it is for the probes. */
export function decideProbeAnswer(table: Table, frame: Uint8Array, ingress: number): Decision | undefined {
  const packet = table.probes.count === 0 ? undefined : wholePacket(frame)
  if (packet === undefined || destinationMac(frame) !== table.interfaces.get(ingress)) return undefined
  const ports = portsOf(packet)
  const port = ports === undefined ? probeQuoted(table, packet)?.sport : ports.port
  const taken = port !== undefined && inRange(table, port) && isSource(table, packet.dst, packet.family)
  return taken ? handedOver(table, frame) : undefined
}

const goesTo = (probe: Probe | undefined, dst: string, port: number, protocol: string | undefined): boolean =>
  probe?.dst === dst && probe.port === port && probe.protocol === protocol

/** A packet of no known flow to a VIP that probes leave by, when it comes from where the probe of that port has gone. */
export function decideAnswerAtVip(table: Table, flow: Flow): Decision | undefined {
  const { frame, family, l3, client, clientPort, transport, vipAddress, port } = flow
  if (l3 !== ETHERNET || flow.fragment !== undefined || familyOf(client) !== family) return undefined
  const isAnswer = goesTo(probeBy(table, port), client, clientPort, transport)
  return isAnswer && isSource(table, vipAddress, family) ? handedOver(table, frame) : undefined
}

/** The same of an ICMP error to a VIP. */
export function decideErrorAtVip(table: Table, to: ToVip): Decision | undefined {
  const quote = to.l3 === ETHERNET ? probeQuoted(table, { ...to, src: to.client, dst: to.vipAddress }) : undefined
  if (quote === undefined) return undefined
  const probe = probeBy(table, quote.sport)
  return goesTo(probe, quote.dst, quote.dport, TRANSPORT.get(quote.protocol)) ? handedOver(table, to.frame) : undefined
}
