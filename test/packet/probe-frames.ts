/** Frames around probes and pings, for fast-check: what may leave their namespace, what comes back, and what is next to that. */
import fc from 'fast-check'
import { eth, ipv4, ipv6, packet, payload, tcp, udp, vlan, type Layer, type Packet } from '../support/packet/build.js'
import { concat, u32 } from '../support/packet/bytes.js'
import type { Probe, Table } from '../support/oracle.js'
import { PING_MAGIC } from '../support/oracle/pings.js'
import { answered, COUNT, FIRST, INNER_MAC, OUTER_MAC, PEER_MAC, refused, sent, SOURCE } from './probe-world.js'
import {
  CLIENT,
  destId,
  FAMILIES,
  INGRESS,
  NOT_A_VIP,
  OTHER_CLIENT,
  OTHER_INTERFACE,
  OUR_MAC,
  PORT,
  realAddress,
  ROUTER_MAC,
  STRANGER_MAC,
  VIP,
  type Family,
  type RequestFields,
} from './world.js'

const family = fc.constantFrom<Family>(4, 6)
const protocol = fc.constantFrom('tcp' as const, 'udp' as const)
/** The range, and a port on either side of it; most often the first few, of which most are in use. */
const probePort = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: FIRST, max: FIRST + 3 }) },
  { weight: 1, arbitrary: fc.integer({ min: FIRST - 1, max: FIRST + COUNT }) },
)
const farPort = fc.constantFrom(PORT, PORT, PORT, 8080)
const tags: fc.Arbitrary<Layer[]> = fc.constantFrom([], [], [], [], [], [vlan(10)])
const four = fc.constantFrom({}, {}, {}, { options: new Uint8Array(8).fill(1) }, { flags: 1 }, { fragmentOffset: 9, flags: 0 })

/** An address of one of the parties. */
const party = (of: Family): fc.Arbitrary<string> =>
  fc.constantFrom(VIP[of], VIP[of], realAddress(of, 0), realAddress(of, 1), NOT_A_VIP[of])
const own = (of: Family): fc.Arbitrary<string> => fc.constantFrom(SOURCE[of], SOURCE[of], SOURCE[of], VIP[of], CLIENT[of])

/** What stands in a frame about a probe, from its own side. */
const ends = family.chain((of) =>
  fc.record({
    family: fc.constant(of),
    protocol,
    src: own(of),
    dst: party(of),
    sport: probePort,
    dport: farPort,
    tags,
    four,
  }),
)

/** From the namespace. */
const leaving: fc.Arbitrary<Uint8Array> = ends.map(({ family: of, protocol: kind, ...fields }) => sent(of, kind, fields).bytes())

/** From the network, with both ends turned round. */
const comingBack: fc.Arbitrary<Uint8Array> = fc
  .tuple(ends, fc.constantFrom(OUR_MAC, OUR_MAC, OUR_MAC, STRANGER_MAC), fc.constantFrom<RequestFields['flags']>(['syn', 'ack'], ['rst'], ['ack']))
  .map(([{ family: of, protocol: kind, src, dst, sport, dport, ...rest }, dstMac, flags]) =>
    answered(of, kind, { src: dst, dst: src, sport: dport, dport: sport, dstMac, flags: flags ?? [], ...rest }).bytes(),
  )

/** Errors about either. */
const complaint: fc.Arbitrary<Uint8Array> = fc
  .tuple(ends, fc.boolean(), fc.constantFrom(OUR_MAC, OUR_MAC, STRANGER_MAC))
  .chain(([about, other, dstMac]) => {
    const { family: of, protocol: kind, ...fields } = about
    const quoted: Packet = sent(of, kind, { ...fields, tags: [], four: {} })
    return own(of).map((dst) => refused(of, quoted, { dst: other ? dst : about.src, dstMac }).bytes())
  })

const numbers = fc.constantFrom(PING_MAGIC, PING_MAGIC, PING_MAGIC - 1, PING_MAGIC - 2)
/** A marked SYN, its timestamp at any alignment and not always whole. */
const ping: fc.Arbitrary<Uint8Array> = fc
  .record({
    of: family,
    other: fc.boolean(),
    sport: fc.integer({ min: 40000, max: 40003 }),
    before: fc.oneof(fc.nat(30).map((count) => new Uint8Array(count).fill(1)), fc.uint8Array({ maxLength: 12 })),
    length: fc.constantFrom(10, 10, 10, 10, 9, 0),
    number: numbers,
    ttl: fc.constantFrom(64, 64, 64, 1),
  })
  .map(({ of, other, sport, before, length, number, ttl }) => {
    const options = concat(before, Uint8Array.of(8, length), u32(number), u32(0)).slice(0, 40)
    const addresses = { src: (other ? OTHER_CLIENT : CLIENT)[of], dst: VIP[of] }
    const ip = of === 4 ? ipv4({ ...addresses, ttl }) : ipv6({ ...addresses, hopLimit: ttl })
    return packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), ip, tcp({ sport, dport: PORT, options }), payload('')).bytes()
  })

/** Other things that a host says. */
const chatter: fc.Arbitrary<Uint8Array> = fc
  .tuple(family, fc.constantFrom(0x0806, 0x88b5, 0x86dd, 0x0800), probePort)
  .map(([of, type, sport]) => {
    const addresses = { src: SOURCE[of], dst: VIP[of] }
    const ip = of === 4 ? ipv4(addresses) : ipv6(addresses)
    return packet(eth({ src: INNER_MAC, dst: OUTER_MAC, type }), ip, udp({ sport, dport: PORT }), payload('chatter')).bytes()
  })

/** From the probes' namespace, as its sockets send. */
export const leavingFrame = fc.oneof({ weight: 6, arbitrary: leaving }, { weight: 1, arbitrary: chatter })

/** To the director, about probes and pings. */
export const probeFrame = fc.oneof(
  { weight: 3, arbitrary: comingBack },
  { weight: 2, arbitrary: complaint },
  { weight: 3, arbitrary: ping },
)

const entry: fc.Arbitrary<Probe | undefined> = fc.option(
  family.chain((of) =>
    fc.record({
      kind: fc.constantFrom('real' as const, 'real' as const, 'real' as const, 'ping' as const),
      dst: party(of),
      port: farPort,
      protocol,
      dest: fc.tuple(protocol, fc.nat(2)).map(([kind, real]) => destId(of, kind, real)),
      generation: fc.constantFrom(7, 7, 7, 7, 6),
      ifindex: fc.constantFrom(INGRESS, OTHER_INTERFACE, 4243),
      mac: fc.constant(PEER_MAC),
    }),
  ),
  { nil: undefined, freq: 5 },
)

const choices = fc.record({
  count: fc.constantFrom(COUNT, COUNT, COUNT, 0),
  entries: fc.array(entry, { minLength: 4, maxLength: 4 }),
  byVip: fc.boolean(),
  hasPort: fc.constantFrom(true, true, true, false),
  pings: fc.constantFrom([], [32, 128], [24, 64]),
})

/** Probes and pings of a random configuration. */
export const randomProbes: fc.Arbitrary<(table: Table) => void> = choices.map(({ count, entries, byVip, hasPort, pings }) => (table) => {
  const underWay = new Map(entries.flatMap((probe, index) => (probe === undefined ? [] : [[FIRST + index, probe] as const])))
  const sources = new Set(FAMILIES.flatMap((of) => (byVip ? [SOURCE[of], VIP[of]] : [SOURCE[of]])))
  table.probes = { first: FIRST, count, mac: INNER_MAC, underWay, sources, hasPort }
  table.pingSources = pings.map((prefix, index) => {
    const of = FAMILIES[index] ?? 4
    const network = prefix === 24 ? '198.51.100.0' : prefix === 64 ? '2001:db8:1::' : CLIENT[of]
    return { network, prefix }
  })
})
