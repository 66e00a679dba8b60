/** The packets of nat, and ICMP errors about replies of both forwarding methods, and what has to come out. */
import { Verdict } from '../src/maps/generated.js'
import { eth, icmp4Error, icmp6Error, packet, type TcpFlagName } from '../test/support/packet/build.js'
import { DIRECTOR_MAC, realMac, realsOf } from './director.js'
import { CLIENT_MAC, type Family, full, ip, natFrame, padded, realEnd, replyLayers, VIP } from './packets.js'
import { type Hook, NEW_EVERY_TIME, PLAIN, type Scenario } from './scenarios.js'

const FAMILIES: readonly Family[] = [4, 6]
const ROUTER = { 4: '192.0.2.254', 6: '2001:db8:ee::fe' } as const

interface End {
  address: string
  port: number
}

const service = (family: Family, port: number): End => ({ address: VIP[family], port })
/** Of `nat4` and `nat6`, with many reals. */
const NAT_PORT = 83
/** Of `single4` and `single6`, with one real each: whose replies they are is known. */
const SINGLE_PORT = 84
const DR_PORT = 80

/** What a client sends until a conn is established. */
const handshake = (family: Family, to: End): Uint8Array[] => [
  natFrame(family, to, ['syn']),
  natFrame(family, to, ['ack']),
]

function established(family: Family): Scenario {
  const to = service(family, NAT_PORT)
  const frame = natFrame(family, to, ['ack'])
  return {
    ...PLAIN,
    name: `nat: established TCP v${family}, 1 flow`,
    frame,
    opening: handshake(family, to),
    verdict: Verdict.forwardKnown,
    expected: (flow, real) => natFrame(family, realEnd(real), ['ack'], flow, 63),
    target: 75,
  }
}

function reply(family: Family, hook: Hook): Scenario {
  const [real = ''] = realsOf(`single${family}`)
  const to = service(family, SINGLE_PORT)
  const link = eth({ src: realMac(real), dst: DIRECTOR_MAC })
  const frame = full(link, ...replyLayers(family, realEnd(real)))
  const translated = full(link, ...replyLayers(family, to, hook === 'ingress' ? 63 : 64))
  return {
    ...PLAIN,
    hook,
    name: `nat: reply v${family} at TC ${hook}`,
    frame,
    opening: handshake(family, to),
    verdict: Verdict.forwardReply,
    expected: () => translated,
    target: 90,
  }
}

/** From a router on the client's side, about the packet of a service or real: too big. */
function errorFrame(family: Family, dst: string, about: End, ttl: number): Uint8Array {
  const quoted = packet(...replyLayers(family, about, 60)).bytes().subarray(0, (family === 4 ? 20 : 40) + 8)
  const error = family === 4 ? icmp4Error({ type: 3, code: 4, rest: 1400 }, quoted) : icmp6Error({ type: 2, rest: 1400 }, quoted)
  return padded(packet(eth({ src: CLIENT_MAC, dst: DIRECTOR_MAC }), ip(family, ROUTER[family], dst, ttl), ...error).bytes())
}

function icmpError(family: Family, forward: 'dr' | 'nat'): Scenario {
  const to = service(family, forward === 'dr' ? DR_PORT : NAT_PORT)
  const delivered = (real: string): Uint8Array =>
    forward === 'dr' ? errorFrame(family, to.address, to, 63) : errorFrame(family, real, realEnd(real), 63)
  return {
    ...PLAIN,
    name: `${forward}: ICMP error v${family} about a reply`,
    frame: errorFrame(family, to.address, to, 64),
    opening: handshake(family, to),
    verdict: Verdict.forwardIcmpError,
    expected: (_flow, real) => delivered(real),
    target: 80,
  }
}

const newFlow = (family: Family): Scenario => {
  const flags: TcpFlagName[] = ['syn']
  return {
    ...PLAIN,
    name: `nat: TCP v${family} SYN, new flow each, mh`,
    frame: natFrame(family, service(family, NAT_PORT), flags),
    family,
    flows: NEW_EVERY_TIME,
    verdict: Verdict.forwardNew,
    conns: 'none',
    expected: (flow, real) => natFrame(family, realEnd(real), flags, flow, 63),
    target: 800,
  }
}

/** Flows that stay. */
export const NAT_KNOWN: readonly Scenario[] = [
  ...FAMILIES.map(established),
  ...FAMILIES.map((family) => reply(family, 'ingress')),
  ...FAMILIES.map((family) => reply(family, 'egress')),
  ...FAMILIES.map((family) => icmpError(family, 'dr')),
  ...FAMILIES.map((family) => icmpError(family, 'nat')),
]

/** A conn made by every packet. */
export const NAT_NEW: readonly Scenario[] = FAMILIES.map(newFlow)
