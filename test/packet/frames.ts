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
import type { TcpFlagName } from '../support/packet/transport.js'
import { CLIENT, NOT_A_VIP, OTHER_CLIENT, OUR_MAC, PORT, ROUTER_MAC, SILENT_VIP, STRANGER_MAC, VIP } from './world.js'

type Parts = (Layer | Layer[])[]

/** A service without usable destination, where the table has one. */
export const EMPTY_PORT = 443

const FLAG_NAMES: TcpFlagName[] = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg']
const COMMON_FLAGS: TcpFlagName[][] = [['syn'], ['ack'], ['fin', 'ack'], ['rst'], ['syn', 'ack'], ['psh', 'ack']]

const ports = fc.record({
  sport: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 40000, max: 40003 }) },
    fc.integer({ min: 0, max: 65535 }),
  ),
  dport: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(PORT, PORT, PORT, EMPTY_PORT) },
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
  fc.tuple(fc.boolean(), body).map(([reply, data]) => [icmp4Echo({ reply }), data]),
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
  fc.tuple(fc.boolean(), body).map(([reply, data]) => [icmp6Echo({ reply }), data]),
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
    fc.constantFrom(2, 2, 2, 2, 0, 1),
    fc.oneof({ weight: 4, arbitrary: tcpLayers }, { weight: 3, arbitrary: udpLayers }, icmp4Layers, otherLayers),
  )
  .map(([header, extra, fragmentFlags, inside]) => [
    ipv4({ ...header, flags: fragmentFlags, ...(extra && { options: extra }) }),
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
const wellFormed: fc.Arbitrary<Uint8Array> = fc
  .tuple(
    destinationMac,
    tags,
    fc.oneof(
      { weight: 6, arbitrary: ipv4Packet },
      { weight: 6, arbitrary: ipv6Packet },
      { weight: 1, arbitrary: arpPacket },
      { weight: 1, arbitrary: solicitationPacket },
    ),
  )
  .map(([dst, outer, inside]) => packet(eth({ src: ROUTER_MAC, dst }), outer, ...inside).bytes())

/** BPF_PROG_TEST_RUN takes no frame without an Ethernet header. */
const SHORTEST = 14

const change = fc.record({ offset: fc.integer({ min: 0, max: 90 }), value: fc.integer({ min: 0, max: 255 }) })

const mutated = fc.tuple(wellFormed, fc.array(change, { minLength: 1, maxLength: 3 })).map(([frame, changes]) => {
  const copy = frame.slice()
  for (const { offset, value } of changes) copy[offset % copy.length] = value
  return copy
})
const truncated = fc
  .tuple(wellFormed, fc.integer({ min: SHORTEST, max: 120 }))
  .map(([frame, length]) => frame.slice(0, length))
const padded = fc.tuple(wellFormed, fc.uint8Array({ maxLength: 46 })).map(([frame, rest]) => concat(frame, rest))
const noise = fc.uint8Array({ minLength: SHORTEST, maxLength: 200 })
const almostNoise = fc
  .tuple(fc.constantFrom([0x08, 0x00, 0x45], [0x86, 0xdd, 0x60], [0x08, 0x06, 0x00]), noise)
  .map(([start, rest]) => concat(Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0xfe, ...start]), rest))

/** Any frame: sound, changed, cut off, padded, or noise. */
export const anyFrame: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 5, arbitrary: wellFormed },
  { weight: 5, arbitrary: mutated },
  { weight: 3, arbitrary: truncated },
  { weight: 2, arbitrary: padded },
  { weight: 1, arbitrary: almostNoise },
  { weight: 1, arbitrary: noise },
)
