/** The packets whose way through the program is timed, and what has to come out. */
import type { BenchFrame } from './objects.js'
import { Verdict } from '../src/maps/generated.js'
import {
  arpReply,
  arpRequest,
  BROADCAST_MAC,
  eth,
  icmp4Echo,
  icmp6Echo,
  ipv4,
  ipv6,
  type Layer,
  packet,
  payload,
  tcp,
  type TcpFlagName,
  udp,
} from '../test/support/packet/build.js'
import { padTo } from '../test/support/packet/bytes.js'
import { DIRECTOR_MAC, VIP4, VIP6 } from './director.js'

/** Frames are this long, so that one wrapper restores all of them. */
const FRAME_BYTES = 80
/** As the wrapper makes them (bench/bpf/frames.h). */
const FLOWS_PER_CLIENT = 16
const FIRST_PORT = 1024

const CLIENT_MAC = '02:00:00:00:00:c1'
/** The bits that the wrapper changes are zero. */
const CLIENT4 = '10.64.0.0'
const CLIENT6 = '2001:db8:c::'
const client4 = (flow: number): string => {
  const host = Math.floor(flow / FLOWS_PER_CLIENT)
  return `10.${64 + (host >> 16)}.${(host >> 8) & 0xff}.${host & 0xff}`
}
const client6 = (flow: number): string => {
  const host = Math.floor(flow / FLOWS_PER_CLIENT)
  return host === 0 ? CLIENT6 : `2001:db8:c::${(host >>> 16).toString(16)}:${(host & 0xffff).toString(16)}`
}
const clientPort = (flow: number): number => FIRST_PORT + (flow % FLOWS_PER_CLIENT)

export type FlowOrder = 'one' | 'sequential' | 'random'

export interface Flows {
  /** A power of two. */
  count: number
  order: FlowOrder
}

export interface Scenario {
  name: string
  /** What the wrapper makes; see {@link benchFrame}. */
  frame: Uint8Array
  family: 0 | 4 | 6
  flows: Flows
  /** SYN that makes the conn, for TCP that is established before it is timed. */
  opening?: Uint8Array
  verdict: Verdict
  /** Of the flows when they are timed: made before, none of them, or none and no room for one. */
  conns: 'known' | 'none' | 'full'
  /** The frame that must come out for flow number `flow`; forwarded ones: but for the MACs, which the conn names. */
  expected(flow: number): Uint8Array
  /** The most that it may cost, net nanoseconds (issue 2). */
  target?: number
  /** Katran's program in the same place on another machine (shared/reference/cost.md), net nanoseconds. */
  katran?: number
}

interface Kind {
  family: 4 | 6
  l4: (flow: number) => Layer
  vip?: string
}

const ONE: Flows = { count: 1, order: 'one' }
const random = (count: number): Flows => ({ count, order: 'random' })
/** Each comes once in a round. */
const NEW_EVERY_TIME: Flows = { count: 2 ** 26, order: 'sequential' }

function ipFrame({ family, l4, vip }: Kind, flow: number, ttl: number): Uint8Array {
  const ip =
    family === 4
      ? ipv4({ src: client4(flow), dst: vip ?? VIP4, ttl })
      : ipv6({ src: client6(flow), dst: vip ?? VIP6, hopLimit: ttl })
  const head = packet(eth({ src: CLIENT_MAC, dst: DIRECTOR_MAC }), ip, l4(flow)).bytes()
  const rest = payload(new Uint8Array(FRAME_BYTES - head.length))
  return packet(eth({ src: CLIENT_MAC, dst: DIRECTOR_MAC }), ip, l4(flow), rest).bytes()
}

const tcpTo = (dport: number, ...flags: TcpFlagName[]) => (flow: number): Layer =>
  tcp({ sport: clientPort(flow), dport, flags, checksum: 0 })
const udpTo = (dport: number) => (flow: number): Layer => udp({ sport: clientPort(flow), dport, checksum: 0 })

function forwarded(name: string, kind: Kind, flows: Flows, more: Partial<Scenario> = {}): Scenario {
  return {
    name,
    frame: ipFrame(kind, 0, 64),
    family: flows.count === 1 ? 0 : kind.family,
    flows,
    verdict: Verdict.forwardKnown,
    conns: 'known',
    expected: (flow) => ipFrame(kind, flow, 63),
    ...more,
  }
}

function established(family: 4 | 6, flows: Flows, more: Partial<Scenario>): Scenario {
  const name = `established TCP v${family}, ${flowText(flows)}`
  const opening = ipFrame({ family, l4: tcpTo(80, 'syn') }, 0, 64)
  return forwarded(name, { family, l4: tcpTo(80, 'ack') }, flows, { opening, ...more })
}

function flowText({ count }: Flows): string {
  return count === 1 ? '1 flow' : `${count.toLocaleString('en')} random flows`
}

function untouched(name: string, frame: Uint8Array, verdict: Verdict, more: Partial<Scenario> = {}): Scenario {
  return { name, frame, family: 0, flows: ONE, verdict, conns: 'known', expected: () => frame, ...more }
}

function answered(name: string, frame: Uint8Array, reply: Uint8Array, verdict: Verdict): Scenario {
  return { name, frame, family: 0, flows: ONE, verdict, conns: 'known', expected: () => reply }
}

function echo(family: 4 | 6): Scenario {
  const message = (reply: boolean) => (family === 4 ? icmp4Echo({ reply }) : icmp6Echo({ reply }))
  const addressed = (src: string, dst: string) => (family === 4 ? ipv4({ src, dst }) : ipv6({ src, dst }))
  const body = payload(new Uint8Array(FRAME_BYTES - 14 - (family === 4 ? 20 : 40) - 8))
  const [client, vip] = family === 4 ? [CLIENT4, VIP4] : [CLIENT6, VIP6]
  const request = packet(eth({ src: CLIENT_MAC, dst: DIRECTOR_MAC }), addressed(client, vip), message(false), body)
  const reply = packet(eth({ src: DIRECTOR_MAC, dst: CLIENT_MAC }), addressed(vip, client), message(true), body)
  return answered(`echo request v${family}`, request.bytes(), reply.bytes(), Verdict.replyEcho)
}

function arp(): Scenario {
  const client = { senderMac: CLIENT_MAC, senderAddress: CLIENT4 }
  const request = packet(eth({ src: CLIENT_MAC, dst: BROADCAST_MAC }), arpRequest({ ...client, targetAddress: VIP4 }))
  const reply = packet(
    eth({ src: DIRECTOR_MAC, dst: CLIENT_MAC }),
    arpReply({ senderMac: DIRECTOR_MAC, senderAddress: VIP4, targetMac: CLIENT_MAC, targetAddress: CLIENT4 }),
  )
  const padded = (bytes: Uint8Array) => padTo(bytes, FRAME_BYTES)
  return answered('ARP request for a VIP', padded(request.bytes()), padded(reply.bytes()), Verdict.replyArp)
}

const tcp4 = (port: number, flag: TcpFlagName): Kind => ({ family: 4, l4: tcpTo(port, flag) })

/** Flows that stay: timed in turn against one conn table. */
export const KNOWN: readonly Scenario[] = [
  untouched('not for a VIP, v4', ipFrame({ ...tcp4(80, 'ack'), vip: '198.51.100.1' }, 0, 64), Verdict.passNotVip, {
    target: 20,
    katran: 23,
  }),
  untouched(
    'not for a VIP, v6',
    ipFrame({ family: 6, l4: tcpTo(80, 'ack'), vip: '2001:db8:eeee::1' }, 0, 64),
    Verdict.passNotVip,
    { target: 20 },
  ),
  established(4, ONE, { target: 45, katran: 68 }),
  established(4, random(1024), { katran: 94 }),
  established(4, random(65536), { target: 250, katran: 361 }),
  established(6, ONE, { target: 45, katran: 60 }),
  established(6, random(1024), {}),
  established(6, random(65536), { target: 250, katran: 317 }),
  forwarded('known UDP v4, 1 flow', { family: 4, l4: udpTo(53) }, ONE, { katran: 90 }),
  forwarded('known UDP v4, 65,536 random flows', { family: 4, l4: udpTo(53) }, random(65536), { katran: 495 }),
  echo(4),
  echo(6),
  arp(),
  untouched('VIP, no service on the port', ipFrame(tcp4(9, 'syn'), 0, 64), Verdict.passUnmatched),
]

const newFlow = (name: string, kind: Kind, katran?: number): Scenario =>
  forwarded(name, kind, NEW_EVERY_TIME, {
    verdict: Verdict.forwardNew,
    conns: 'none',
    ...(katran === undefined ? {} : { katran }),
  })

/** A conn made by every packet, from an empty table on. */
export const NEW: readonly Scenario[] = [
  newFlow('TCP v4 SYN, new flow each, mh', tcp4(80, 'syn'), 924),
  newFlow('TCP v4 SYN, new flow each, rr', tcp4(81, 'syn')),
  newFlow('TCP v6 SYN, new flow each, mh', { family: 6, l4: tcpTo(80, 'syn') }),
  newFlow('UDP v4, new flow each, mh', { family: 4, l4: udpTo(53) }, 977),
]

/** Room for a conn looked for in vain by every packet. */
export const FULL: readonly Scenario[] = [
  forwarded('UDP v4, new flow each, in place of a half-open one', { family: 4, l4: udpTo(53) }, NEW_EVERY_TIME, {
    verdict: Verdict.forwardNew,
    conns: 'full',
  }),
]

/** What the wrapper needs to make the frames of a scenario. */
export function benchFrame(scenario: Scenario, frame: Uint8Array = scenario.frame): BenchFrame {
  const { flows, family } = scenario
  return {
    bytes: frame,
    family,
    flowMask: flows.count - 1,
    random: flows.order === 'random' ? 1 : 0,
    way: 0,
  }
}

/** Which flow a frame belongs to, by the client's address and port. */
export function flowOf(scenario: Scenario, frame: Uint8Array): number {
  const { family } = scenario
  if (family === 0) return 0
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const client = family === 4 ? view.getUint32(26) & 0x3fffff : view.getUint32(34)
  return client * FLOWS_PER_CLIENT + view.getUint16(family === 4 ? 34 : 54) - FIRST_PORT
}
