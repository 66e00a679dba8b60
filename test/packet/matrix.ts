/** The cells of {IPv4, IPv6} x {TCP, UDP} x {dr, nat} x what may come of a flow, each with the frames that it sends. */
import {
  destinationOptions,
  eth,
  fragment,
  hopByHop,
  packet,
  payload,
  type Layer,
} from '../support/packet/build.js'
import { concat } from '../support/packet/bytes.js'
import type { Table, VerdictName } from '../support/oracle.js'
import {
  answer,
  CLIENT,
  CLIENT_PORT,
  FAMILIES,
  icmpError,
  ip,
  knowConn,
  l4,
  makeNat,
  OUR_MAC,
  PORT,
  quoteOf,
  REAL_MACS,
  REAL_PORT,
  realAddress,
  request,
  ROUTER_MAC,
  serviceOf,
  VIP,
  world,
  type Family,
  type Transport,
} from './world.js'

export interface Kind {
  family: Family
  protocol: Transport
  forward: 'dr' | 'nat'
}

/** A frame that comes from the clients' side or from a real, and the verdict that it has. */
export interface Sent {
  from: 'client' | 'real'
  frame: Uint8Array
  verdict: VerdictName
}

export interface Situation {
  name: string
  /** Whether the kind has it at all. */
  exists?: (kind: Kind) => boolean
  /** The conn of the client with the first real is known before. */
  known?: boolean
  sent: (kind: Kind) => Sent[]
}

const fromClient = (frame: Uint8Array, verdict: VerdictName): Sent => ({ from: 'client', frame, verdict })
const fromReal = (frame: Uint8Array, verdict: VerdictName): Sent => ({ from: 'real', frame, verdict })
const isNat = ({ forward }: Kind): boolean => forward === 'nat'

/** What the first real sent to the client, as it is on the wire behind the director. */
function replyOnTheWire({ family, protocol }: Kind): Uint8Array {
  const ends = { src: VIP[family], dst: CLIENT[family] }
  const ports = { sport: PORT, dport: CLIENT_PORT, flags: ['ack' as const] }
  return packet(eth({ src: OUR_MAC, dst: ROUTER_MAC }), ip(family, ends), l4(protocol, ports), payload('reply')).bytes()
}

/** The request as it reached the first nat real. */
function requestAtReal({ family, protocol }: Kind): Uint8Array {
  const ends = { dst: realAddress(family, 0), dport: REAL_PORT, ttl: 63 }
  return request(family, protocol, { ...ends, flags: ['ack'], srcMac: OUR_MAC, dstMac: REAL_MACS[0] }).bytes()
}

/** Destination unreachable, packet too big, time exceeded, parameter problem; the last with 8 bytes of the quoted payload. */
const ERRORS: Record<Family, [type: number, code: number, rest: number][]> = {
  4: [
    [3, 3, 0],
    [3, 4, 1280],
    [11, 0, 0],
    [12, 0, 0],
  ],
  6: [
    [1, 4, 0],
    [2, 0, 1280],
    [3, 0, 0],
    [4, 0, 0],
  ],
}

/** Each type of error about a packet: quoted whole, and with the least that has to be quoted. */
function errorsAbout(family: Family, quoted: Uint8Array, ends: { src: string; dst: string; srcMac: string }): Uint8Array[] {
  const least = quoteOf(quoted, (family === 4 ? 20 : 40) + 8)
  return ERRORS[family].flatMap(([type, code, rest]) =>
    [quoteOf(quoted), least].map((quote) => icmpError({ family, type, code, rest, ...ends, quoted: quote }).bytes()),
  )
}

const HOP = { 4: '192.0.2.77', 6: '2001:db8:77::1' } as const
const DATAGRAM = 'x'.repeat(64)

/** A datagram in two fragments, both of them from the client. */
function fragments({ family, protocol }: Kind, ends: { flags?: ['ack'] } = {}): [Uint8Array, Uint8Array] {
  const whole = request(family, protocol, { ...ends, body: DATAGRAM }).bytes()
  const header = family === 4 ? 20 : 40
  const upper = whole.subarray(14 + header)
  const parts = [upper.subarray(0, 32), upper.subarray(32)] as const
  const link = eth({ src: ROUTER_MAC, dst: OUR_MAC })
  const number = { tcp: 6, udp: 17 }[protocol]
  const part = (bytes: Uint8Array, offset: number, more: boolean): Uint8Array => {
    const four = { id: 77, flags: more ? 1 : 0, fragmentOffset: offset / 8, protocol: number }
    const layers: Layer[] = family === 4 ? [] : [fragment({ offset: offset / 8, more, id: 77, nextHeader: number })]
    return packet(link, ip(family, { four }), layers, payload(bytes)).bytes()
  }
  return [part(parts[0], 0, true), part(parts[1], 32, false)]
}

const extended = ({ family, protocol }: Kind): Uint8Array => {
  const link = eth({ src: ROUTER_MAC, dst: OUR_MAC })
  const inside = [l4(protocol), payload('behind options')]
  return family === 4
    ? packet(link, ip(4, { four: { options: new Uint8Array(12).fill(1) } }), ...inside).bytes()
    : packet(link, ip(6), hopByHop(), destinationOptions({ data: new Uint8Array(14) }), ...inside).bytes()
}

export const SITUATIONS: Situation[] = [
  {
    name: 'the first request',
    sent: ({ family, protocol }) => [fromClient(request(family, protocol).bytes(), 'forwardNew')],
  },
  {
    name: 'a later request',
    known: true,
    sent: ({ family, protocol }) => [
      fromClient(request(family, protocol, { flags: ['psh', 'ack'] }).bytes(), 'forwardKnown'),
    ],
  },
  {
    name: 'the reply',
    exists: isNat,
    known: true,
    sent: ({ family, protocol }) => [
      fromReal(answer(family, protocol, 0, { flags: ['ack'] }).bytes(), 'forwardReply'),
    ],
  },
  {
    name: 'an ICMP error inward, about a reply',
    known: true,
    sent: (kind) =>
      errorsAbout(kind.family, replyOnTheWire(kind), {
        src: HOP[kind.family],
        dst: VIP[kind.family],
        srcMac: ROUTER_MAC,
      }).map((frame) => fromClient(frame, 'forwardIcmpError')),
  },
  {
    name: 'an ICMP error outward, about a request, from the real',
    exists: isNat,
    known: true,
    sent: (kind) =>
      errorsAbout(kind.family, requestAtReal(kind), {
        src: realAddress(kind.family, 0),
        dst: CLIENT[kind.family],
        srcMac: REAL_MACS[0],
      }).map((frame) => fromReal(frame, 'forwardReplyIcmpError')),
  },
  {
    name: 'an ICMP error outward, about a request, from a router before the real',
    exists: isNat,
    known: true,
    sent: (kind) =>
      errorsAbout(kind.family, requestAtReal(kind), {
        src: HOP[kind.family],
        dst: CLIENT[kind.family],
        srcMac: REAL_MACS[0],
      }).map((frame) => fromReal(frame, 'forwardReplyIcmpError')),
  },
  {
    name: 'a first fragment',
    sent: (kind) => [fromClient(fragments(kind)[0], 'forwardNew')],
  },
  {
    name: 'a first fragment of a known flow, and the later one',
    known: true,
    sent: (kind) => {
      const [first, later] = fragments(kind, { flags: ['ack'] })
      return [fromClient(first, 'forwardKnown'), fromClient(later, 'forwardFragment')]
    },
  },
  {
    name: 'a later fragment alone',
    sent: (kind) => [fromClient(fragments(kind)[1], 'dropFragment')],
  },
  {
    name: 'a first request with TTL 1',
    sent: ({ family, protocol }) => [fromClient(request(family, protocol, { ttl: 1 }).bytes(), 'replyTtl')],
  },
  {
    name: 'a later request with TTL 1',
    known: true,
    sent: ({ family, protocol }) => [
      fromClient(request(family, protocol, { ttl: 1, flags: ['ack'] }).bytes(), 'replyTtl'),
    ],
  },
  {
    name: 'a reply with TTL 1',
    exists: isNat,
    known: true,
    sent: ({ family, protocol }) => [
      fromReal(answer(family, protocol, 0, { ttl: 1, flags: ['ack'] }).bytes(), 'passTtl'),
    ],
  },
  {
    name: 'IPv4 options or IPv6 extension headers',
    sent: (kind) => [fromClient(extended(kind), 'forwardNew')],
  },
]

const KINDS: Kind[] = FAMILIES.flatMap((family) =>
  (['tcp', 'udp'] as const).flatMap((protocol) =>
    (['dr', 'nat'] as const).map((forward) => ({ family, protocol, forward })),
  ),
)

export interface Cell {
  title: string
  kind: Kind
  situation: Situation
}

export const CELLS: Cell[] = KINDS.flatMap((kind) =>
  SITUATIONS.filter(({ exists }) => exists?.(kind) ?? true).map((situation) => ({
    title: `IPv${kind.family} ${kind.protocol} ${kind.forward}: ${situation.name}`,
    kind,
    situation,
  })),
)

/** A director with one real behind the service of a cell. */
export function worldOf({ kind, situation }: Cell): Table {
  const { family, protocol, forward } = kind
  return world((table) => {
    table.answerTokens = 1000
    if (forward === 'nat') makeNat(table, family, protocol)
    const service = serviceOf(table, family, protocol)
    service.ring = service.ring.slice(0, 1)
    if (situation.known === true) knowConn(table, family, protocol, 0)
  })
}

/** The datagram whose two fragments these frames are, as if nobody had cut it. */
export function reassembled(family: Family, first: Uint8Array, later: Uint8Array): Uint8Array {
  if (family === 4) {
    const whole = concat(first, later.subarray(34))
    const length = whole.length - 14
    whole.set([length >> 8, length & 255, 0, 0, 0, 0], 16)
    whole.set([0, 0], 24)
    let sum = 0
    for (let at = 14; at < 34; at += 2) sum += ((whole[at] ?? 0) << 8) | (whole[at + 1] ?? 0)
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
    whole.set([(~sum >> 8) & 255, ~sum & 255], 24)
    return whole
  }
  const upper = concat(first.subarray(62), later.subarray(62))
  const whole = concat(first.subarray(0, 54), upper)
  whole.set([upper.length >> 8, upper.length & 255, first[54] ?? 0], 18)
  return whole
}
