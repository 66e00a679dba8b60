/** The packets of dr, and those that veer answers or leaves alone, and what has to come out. */
import { Verdict } from '../src/maps/generated.js'
import {
  arpReply,
  arpRequest,
  BROADCAST_MAC,
  eth,
  icmp4Echo,
  icmp6Echo,
  packet,
  type TcpFlagName,
} from '../test/support/packet/build.js'
import { padTo } from '../test/support/packet/bytes.js'
import { DIRECTOR_MAC, VIP4 } from './director.js'
import { type BenchFrame, TEMPLATE_BYTES } from './objects.js'
import { CLIENT, CLIENT_MAC, type Family, full, ip, type Kind, padded, requestFrame, tcpTo, udpTo, VIP } from './packets.js'

export type FlowOrder = 'one' | 'sequential' | 'random'

export interface Flows {
  /** A power of two. */
  count: number
  order: FlowOrder
}

/** Which program is timed: xdp_lb, or that of tc_reply at ingress or egress. */
export type Hook = 'xdp' | 'ingress' | 'egress'

export interface Scenario {
  name: string
  hook: Hook
  /** What the wrapper makes; see {@link benchFrame}. */
  frame: Uint8Array
  family: 0 | Family
  flows: Flows
  /** Requests that make the conns, in this order, before `frame` is timed. */
  opening: readonly Uint8Array[]
  verdict: Verdict
  /** Of the flows when they are timed: made before, none of them, or none and no room for one. */
  conns: 'known' | 'none' | 'full'
  /** The frame that must come out for flow number `flow`; of one sent to a real, at `real`, but for the MACs. */
  expected(flow: number, real: string): Uint8Array
  /** The most that it may cost, net nanoseconds. */
  target?: number
  /** Katran's program in the same place on another machine, that of the targets, net nanoseconds. */
  katran?: number
}

export const ONE: Flows = { count: 1, order: 'one' }
const random = (count: number): Flows => ({ count, order: 'random' })
/** Each comes once in a round. */
export const NEW_EVERY_TIME: Flows = { count: 2 ** 26, order: 'sequential' }

/** One flow, known, at XDP. */
export const PLAIN = { hook: 'xdp', family: 0, flows: ONE, opening: [], conns: 'known' } as const

function forwarded(name: string, kind: Kind, flows: Flows, more: Partial<Scenario> = {}): Scenario {
  return {
    ...PLAIN,
    name,
    frame: requestFrame(kind),
    family: flows.count === 1 ? 0 : kind.family,
    flows,
    verdict: Verdict.forwardKnown,
    expected: (flow) => requestFrame(kind, flow, 63),
    ...more,
  }
}

function established(family: Family, flows: Flows, more: Partial<Scenario>): Scenario {
  const name = `established TCP v${family}, ${flowText(flows)}`
  const opening = [requestFrame({ family, l4: tcpTo(80, ['syn'], 0) })]
  return forwarded(name, { family, l4: tcpTo(80, ['ack'], 0) }, flows, { opening, ...more })
}

function flowText({ count }: Flows): string {
  return count === 1 ? '1 flow' : `${count.toLocaleString('en')} random flows`
}

function untouched(name: string, frame: Uint8Array, verdict: Verdict, more: Partial<Scenario> = {}): Scenario {
  return { ...PLAIN, name, frame, verdict, expected: () => frame, ...more }
}

function answered(name: string, frame: Uint8Array, reply: Uint8Array, verdict: Verdict): Scenario {
  return { ...PLAIN, name, frame, verdict, expected: () => reply }
}

function echo(family: Family): Scenario {
  const message = (reply: boolean) => (family === 4 ? icmp4Echo({ reply }) : icmp6Echo({ reply }))
  const [client, vip] = [CLIENT[family], VIP[family]]
  const request = full(eth({ src: CLIENT_MAC, dst: DIRECTOR_MAC }), ip(family, client, vip), message(false))
  const reply = full(eth({ src: DIRECTOR_MAC, dst: CLIENT_MAC }), ip(family, vip, client), message(true))
  return answered(`echo request v${family}`, request, reply, Verdict.replyEcho)
}

function arp(): Scenario {
  const client = { senderMac: CLIENT_MAC, senderAddress: CLIENT[4] }
  const request = packet(eth({ src: CLIENT_MAC, dst: BROADCAST_MAC }), arpRequest({ ...client, targetAddress: VIP4 }))
  const reply = packet(
    eth({ src: DIRECTOR_MAC, dst: CLIENT_MAC }),
    arpReply({ senderMac: DIRECTOR_MAC, senderAddress: VIP4, targetMac: CLIENT_MAC, targetAddress: CLIENT[4] }),
  )
  return answered('ARP request for a VIP', padded(request.bytes()), padded(reply.bytes()), Verdict.replyArp)
}

const tcp4 = (port: number, flag: TcpFlagName): Kind => ({ family: 4, l4: tcpTo(port, [flag], 0) })

/** Flows that stay: timed in turn against one conn table. */
export const KNOWN: readonly Scenario[] = [
  untouched('not for a VIP, v4', requestFrame({ ...tcp4(80, 'ack'), dst: '198.51.100.1' }), Verdict.passNotVip, {
    target: 20,
    katran: 23,
  }),
  untouched(
    'not for a VIP, v6',
    requestFrame({ family: 6, l4: tcpTo(80, ['ack'], 0), dst: '2001:db8:eeee::1' }),
    Verdict.passNotVip,
    { target: 20 },
  ),
  established(4, ONE, { target: 55, katran: 68 }),
  established(4, random(1024), { katran: 94 }),
  established(4, random(65536), { target: 280, katran: 361 }),
  established(6, ONE, { target: 55, katran: 60 }),
  established(6, random(1024), {}),
  established(6, random(65536), { target: 280, katran: 317 }),
  forwarded('known UDP v4, 1 flow', { family: 4, l4: udpTo(53) }, ONE, { katran: 90 }),
  forwarded('known UDP v4, 65,536 random flows', { family: 4, l4: udpTo(53) }, random(65536), { katran: 495 }),
  echo(4),
  echo(6),
  arp(),
  untouched('VIP, no service on the port', requestFrame(tcp4(9, 'syn')), Verdict.passUnmatched),
]

const newFlow = (name: string, kind: Kind, katran?: number): Scenario =>
  forwarded(name, kind, NEW_EVERY_TIME, {
    verdict: Verdict.forwardNew,
    conns: 'none',
    target: 450,
    ...(katran === undefined ? {} : { katran }),
  })

/** A conn made by every packet, from an empty table on. */
export const NEW: readonly Scenario[] = [
  newFlow('TCP v4 SYN, new flow each, mh', tcp4(80, 'syn'), 924),
  newFlow('TCP v4 SYN, new flow each, rr', tcp4(81, 'syn')),
  newFlow('TCP v4 SYN, new flow each, wlc of 10 reals', tcp4(82, 'syn')),
  newFlow('TCP v6 SYN, new flow each, mh', { family: 6, l4: tcpTo(80, ['syn'], 0) }),
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
export function benchFrame({ flows, family }: Scenario, bytes: Uint8Array): BenchFrame {
  return {
    bytes: padTo(bytes, TEMPLATE_BYTES),
    family,
    flowMask: flows.count - 1,
    random: flows.order === 'random' ? 1 : 0,
    way: 0,
  }
}
