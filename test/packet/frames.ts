/** Frames that a hostile or broken network might send to a director, for fast-check. */
import fc from 'fast-check'
import {
  ah,
  arpReply,
  arpRequest,
  BROADCAST_MAC,
  destinationOptions,
  eth,
  fragment,
  hopByHop,
  icmp4,
  icmp4Echo,
  icmp4Error,
  icmp6,
  icmp6Echo,
  icmp6Error,
  ipv4,
  ipv6,
  linkLayerOption,
  ndSolicitation,
  packet,
  payload,
  routing,
  tcp,
  udp,
  vlan,
  type Layer,
} from '../support/packet/build.js'
import { concat } from '../support/packet/bytes.js'
import { leavingFrame, probeFrame } from './probe-frames.js'
import type { Ipv4Fields } from '../support/packet/ip.js'
import type { TcpFlagName } from '../support/packet/transport.js'
import {
  answer,
  CLIENT,
  echo,
  icmpError,
  NOT_A_VIP,
  OTHER_CLIENT,
  OUR_MAC,
  PORT,
  quoteOf,
  REAL_MACS,
  realAddress,
  request,
  ROUTER_MAC,
  SILENT_VIP,
  STRANGER_MAC,
  VIP,
  type Family,
} from './world.js'

type Parts = (Layer | Layer[])[]

/** A service without usable destination, where the table has one. */
export const EMPTY_PORT = 443
/** A second service on the reals of the first, where the table has one. */
export const TWIN_PORT = 81

const FLAG_NAMES: TcpFlagName[] = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg']
const COMMON_FLAGS: TcpFlagName[][] = [['syn'], ['ack'], ['fin', 'ack'], ['rst'], ['syn', 'ack'], ['psh', 'ack']]

const ports = fc.record({
  sport: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 40000, max: 40001 }) },
    fc.integer({ min: 0, max: 65535 }),
  ),
  dport: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(PORT, PORT, PORT, TWIN_PORT, EMPTY_PORT) },
    fc.integer({ min: 0, max: 65535 }),
  ),
})
const flags = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...COMMON_FLAGS) }, fc.subarray(FLAG_NAMES))
const ttl = fc.oneof({ weight: 6, arbitrary: fc.constant(64) }, fc.constantFrom(0, 1, 2, 255))
const options = fc.uint8Array({ maxLength: 40 })
const body: fc.Arbitrary<Layer> = fc.uint8Array({ maxLength: 40 }).map((bytes) => payload(bytes))

const tcpLayers: fc.Arbitrary<Parts> = fc
  .tuple(ports, flags, fc.option(options, { nil: undefined, freq: 3 }), body)
  .map(([both, names, extra, data]) => [tcp({ ...both, flags: names, ...(extra && { options: extra }) }), data])
const udpLayers: fc.Arbitrary<Parts> = fc.tuple(ports, body).map(([both, data]) => [udp(both), data])
const otherLayers: fc.Arbitrary<Parts> = body.map((data) => [data])

const icmp4Layers: fc.Arbitrary<Parts> = fc.oneof(
  fc.tuple(fc.boolean(), fc.nat(2), body).map(([reply, id, data]) => [icmp4Echo({ reply, id }), data]),
  fc.tuple(fc.constantFrom(13, 14, 17), body).map(([type, data]) => [icmp4({ type, rest: 7 << 16 }), data]),
  fc
    .uint8Array({ minLength: 28, maxLength: 60 })
    .map((quoted) => [icmp4Error({ type: 3, code: 4, rest: 1400 }, quoted)]),
)

const solicitationOptions = fc.constantFrom(new Uint8Array(0), linkLayerOption(1, ROUTER_MAC), new Uint8Array(40))
const target = fc.constantFrom(VIP[6], VIP[6], SILENT_VIP[6], NOT_A_VIP[6])
const solicitation: fc.Arbitrary<Parts> = fc
  .tuple(target, solicitationOptions)
  .map(([address, extra]) => [ndSolicitation({ target: address, options: extra })])

const icmp6Layers: fc.Arbitrary<Parts> = fc.oneof(
  fc.tuple(fc.boolean(), fc.nat(2), body).map(([reply, id, data]) => [icmp6Echo({ reply, id }), data]),
  fc.uint8Array({ minLength: 48, maxLength: 60 }).map((quoted) => [icmp6Error({ type: 2, rest: 1400 }, quoted)]),
  fc.tuple(fc.integer({ min: 0, max: 255 }), body).map(([type, data]) => [icmp6({ type }), data]),
  solicitation,
)

const extension: fc.Arbitrary<Layer> = fc.oneof(
  fc.constant(hopByHop()),
  fc.constant(routing()),
  fc.uint8Array({ maxLength: 30 }).map((data) => destinationOptions({ data })),
  fc.uint8Array({ maxLength: 20 }).map((data) => ah({ data })),
  fc.constantFrom(fragment(), fragment(), fragment({ offset: 1 }), fragment({ more: true })),
  fc.record({ id: fc.nat(1), more: fc.boolean(), offset: fc.nat(1) }).map((fields) => fragment(fields)),
)
const extensions: fc.Arbitrary<Layer[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Layer[]>([]) },
  { weight: 2, arbitrary: fc.array(extension, { maxLength: 3 }) },
  fc.array(extension, { minLength: 7, maxLength: 9 }),
)

const pick = (all: Record<4 | 6, string>[], family: 4 | 6): fc.Arbitrary<string> =>
  fc.constantFrom(...all.map((one) => one[family]))

const ipv4Packet: fc.Arbitrary<Parts> = fc
  .tuple(
    fc.record({ src: pick([CLIENT, OTHER_CLIENT], 4), dst: pick([VIP, VIP, VIP, SILENT_VIP, NOT_A_VIP], 4), ttl }),
    fc.option(options, { nil: undefined, freq: 3 }),
    fc.constantFrom<Partial<Ipv4Fields>>({}, {}, {}, {}, { flags: 0 }, { flags: 1 }, { fragmentOffset: 185, flags: 0 }),
    fc.oneof({ weight: 4, arbitrary: tcpLayers }, { weight: 3, arbitrary: udpLayers }, icmp4Layers, otherLayers),
  )
  .map(([header, extra, part, inside]) => [
    ipv4({ ...header, ...part, ...(extra && { options: extra }) }),
    ...inside,
  ])

const GROUP = 'ff02::1:ff00:10'
const ipv6Packet: fc.Arbitrary<Parts> = fc
  .tuple(
    fc.record({
      src: pick([CLIENT, OTHER_CLIENT], 6),
      dst: pick([VIP, VIP, VIP, SILENT_VIP, NOT_A_VIP, { ...VIP, 6: `::ffff:${VIP[4]}` }], 6),
      hopLimit: ttl,
    }),
    extensions,
    fc.oneof({ weight: 4, arbitrary: tcpLayers }, { weight: 3, arbitrary: udpLayers }, icmp6Layers, otherLayers),
  )
  .map(([header, chain, inside]) => [ipv6(header), chain, ...inside])

const solicitationPacket: fc.Arbitrary<Parts> = fc
  .tuple(fc.constantFrom(CLIENT[6], '::'), fc.constantFrom(VIP[6], GROUP), fc.constantFrom(255, 255, 64), solicitation)
  .map(([src, dst, hopLimit, inside]) => [ipv6({ src, dst, hopLimit }), ...inside])

const arpPacket: fc.Arbitrary<Parts> = fc
  .tuple(
    pick([VIP, VIP, SILENT_VIP, NOT_A_VIP], 4),
    pick([CLIENT, VIP], 4),
    fc.constantFrom(arpRequest, arpRequest, arpReply),
  )
  .map(([targetAddress, senderAddress, make]) => [make({ senderMac: ROUTER_MAC, senderAddress, targetAddress })])

const tags: fc.Arbitrary<Layer[]> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Layer[]>([]) },
  fc.array(fc.constantFrom(vlan(10), vlan(20, { tpid: 0x88a8 })), { minLength: 1, maxLength: 3 }),
)
const destinationMac = fc.oneof(
  { weight: 8, arbitrary: fc.constant(OUR_MAC) },
  fc.constantFrom(BROADCAST_MAC, STRANGER_MAC, '33:33:ff:00:00:10'),
)

/** Frames as a sound host sends them, of all kinds. */
const plain: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    fc.constantFrom(ROUTER_MAC, ROUTER_MAC, ROUTER_MAC, ROUTER_MAC, REAL_MACS[0], STRANGER_MAC),
    destinationMac,
    tags,
    fc.oneof(
      { weight: 6, arbitrary: ipv4Packet },
      { weight: 6, arbitrary: ipv6Packet },
      { weight: 1, arbitrary: arpPacket },
      { weight: 1, arbitrary: solicitationPacket },
    ),
  )
  .map(([src, dst, outer, inside]) => packet(eth({ src, dst }), outer, ...inside).bytes())

const flowEnds = fc.record({
  family: fc.constantFrom<Family>(4, 6),
  protocol: fc.constantFrom('tcp' as const, 'udp' as const),
  client: fc.constantFrom(40000, 40001),
  port: fc.constantFrom(PORT, PORT, TWIN_PORT),
  realPort: fc.constantFrom(PORT, 8080),
  real: fc.nat(2),
  other: fc.boolean(),
  flags,
  ttl,
})
type FlowEnds = typeof flowEnds extends fc.Arbitrary<infer T> ? T : never

const clientOf = ({ family, other }: FlowEnds): string => (other ? OTHER_CLIENT : CLIENT)[family]

/** How much of a packet an ICMP error quotes, behind its IP header. */
const quotedLength = fc.oneof(fc.constantFrom(8, Infinity), fc.integer({ min: 0, max: 30 }))
const errorType = fc.constantFrom<readonly [number, number]>([3, 1], [3, 1], [11, 3], [12, 4], [4, 2])

function errorAbout(
  ends: FlowEnds,
  quoted: Uint8Array,
  from: { src: string; dst: string; srcMac?: string },
  [four, six]: readonly [number, number],
  length: number,
): Uint8Array {
  const { family, ttl: hops } = ends
  const quote = quoteOf(quoted, (family === 4 ? 20 : 40) + length)
  return icmpError({ family, type: family === 4 ? four : six, ttl: hops, ...from, quoted: quote }).bytes()
}

/** An error about a reply that a client got from a VIP. */
const inwardError = fc.tuple(flowEnds, errorType, quotedLength).map(([ends, type, length]) => {
  const { family, protocol, client, port } = ends
  const reply = { src: VIP[family], dst: clientOf(ends), sport: port, dport: client }
  const about = request(family, protocol, reply).bytes()
  return errorAbout(ends, about, { src: OTHER_CLIENT[family], dst: VIP[family] }, type, length)
})

/** A ping of a client. */
const echoRequest = flowEnds.map((ends) => echo(ends.family, { src: clientOf(ends), ttl: ends.ttl }).bytes())

/** Frames as a sound host sends them, of all kinds. */
const wellFormed: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 1, arbitrary: echoRequest },
  { weight: 9, arbitrary: plain },
  { weight: 1, arbitrary: inwardError },
  { weight: 3, arbitrary: probeFrame },
)

/** A packet of a real to a client. */
const plainAnswer = flowEnds.map((ends) => {
  const { family, protocol, real, client, realPort, flags: set, ttl: hops } = ends
  const fields = { dst: clientOf(ends), sport: realPort, dport: client, flags: set, ttl: hops }
  return answer(family, protocol, real, fields).bytes()
})

/** A real's answer to a query, or a fragment of one. */
const otherAnswer = fc
  .tuple(flowEnds, fc.nat(2), body, fc.constantFrom<Partial<Ipv4Fields>>({}, {}, { flags: 1 }, { fragmentOffset: 9 }))
  .map(([ends, id, data, part]) => {
    const { family, real } = ends
    const addresses = { src: realAddress(family, real), dst: clientOf(ends) }
    const link = eth({ src: REAL_MACS[real] ?? STRANGER_MAC, dst: OUR_MAC })
    const inside: Parts =
      family === 4
        ? [ipv4({ ...addresses, ...part, ttl: 63 }), icmp4Echo({ reply: true, id }), data]
        : [ipv6({ ...addresses, hopLimit: 63 }), icmp6Echo({ reply: true, id }), data]
    return packet(link, ...inside).bytes()
  })

/** TCP or UDP of a real in fragments. */
const answerFragment = fc
  .tuple(flowEnds, fc.boolean(), fc.boolean())
  .map(([{ family, protocol, real, client, realPort }, more, first]) => {
    const addresses = { src: realAddress(family, real), dst: CLIENT[family] }
    const head = { sport: realPort, dport: client }
    const upper = protocol === 'tcp' ? tcp({ ...head, flags: ['ack'] }) : udp({ ...head, length: 900 })
    const number = protocol === 'tcp' ? 6 : 17
    const offset = first ? 0 : 9
    const ip4 = ipv4({ ...addresses, flags: more || first ? 1 : 0, fragmentOffset: offset, protocol: number })
    const part = fragment({ more: more || first, offset, nextHeader: number })
    const inside: Parts = family === 4 ? [ip4] : [ipv6(addresses), part]
    return packet(eth({ src: REAL_MACS[real] ?? STRANGER_MAC, dst: OUR_MAC }), ...inside, upper).bytes()
  })

/** An error about a request that a real got, from itself or from a router before it. */
const outwardError = fc.tuple(flowEnds, errorType, quotedLength, fc.boolean()).map(([ends, type, length, router]) => {
  const { family, protocol, real, client, realPort } = ends
  const about = request(family, protocol, {
    src: clientOf(ends),
    dst: realAddress(family, real),
    sport: client,
    dport: realPort,
    ttl: 63,
  }).bytes()
  const src = router ? NOT_A_VIP[family] : realAddress(family, real)
  return errorAbout(ends, about, { src, dst: clientOf(ends), srcMac: REAL_MACS[0] }, type, length)
})

const soundAnswer = fc.oneof(
  { weight: 5, arbitrary: plainAnswer },
  { weight: 1, arbitrary: otherAnswer },
  { weight: 3, arbitrary: answerFragment },
  { weight: 2, arbitrary: outwardError },
)

/** BPF_PROG_TEST_RUN takes no frame without an Ethernet header. */
const SHORTEST = 14

const change = fc.record({ offset: fc.integer({ min: 0, max: 90 }), value: fc.integer({ min: 0, max: 255 }) })

const mutated = (frames: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.tuple(frames, fc.array(change, { minLength: 1, maxLength: 3 })).map(([frame, changes]) => {
    const copy = frame.slice()
    for (const { offset, value } of changes) copy[offset % copy.length] = value
    return copy
  })
const truncated = (frames: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.tuple(frames, fc.integer({ min: SHORTEST, max: 120 })).map(([frame, length]) => frame.slice(0, length))
const padded = (frames: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc.tuple(frames, fc.uint8Array({ maxLength: 46 })).map(([frame, rest]) => concat(frame, rest))
const noise = fc.uint8Array({ minLength: SHORTEST, maxLength: 200 })
const almostNoise = fc
  .tuple(fc.constantFrom([0x08, 0x00, 0x45], [0x86, 0xdd, 0x60], [0x08, 0x06, 0x00]), noise)
  .map(([start, rest]) => concat(Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xfe, ...start]), rest))

/** Any frame: sound, changed, cut off, padded, or noise. */
export const anyFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 9, arbitrary: wellFormed },
  { weight: 5, arbitrary: mutated(wellFormed) },
  { weight: 2, arbitrary: truncated(wellFormed) },
  { weight: 2, arbitrary: padded(wellFormed) },
  { weight: 1, arbitrary: almostNoise },
  { weight: 1, arbitrary: noise },
)

/** Any frame out of the probes' namespace. */
export const anyProbe: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 6, arbitrary: leavingFrame },
  { weight: 3, arbitrary: mutated(leavingFrame) },
  { weight: 1, arbitrary: truncated(leavingFrame) },
  { weight: 1, arbitrary: padded(leavingFrame) },
  { weight: 1, arbitrary: probeFrame },
  { weight: 1, arbitrary: wellFormed },
)

/** Any frame from a real's side. A test run at TC takes none that cannot hold the IP header that it announces. */
export const anyAnswer: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    { weight: 9, arbitrary: soundAnswer },
    { weight: 3, arbitrary: mutated(soundAnswer) },
    { weight: 1, arbitrary: truncated(soundAnswer) },
    { weight: 1, arbitrary: padded(soundAnswer) },
    { weight: 1, arbitrary: wellFormed },
  )
  .map((frame) => concat(frame, new Uint8Array(Math.max(0, SHORTEST + 40 - frame.length))))
