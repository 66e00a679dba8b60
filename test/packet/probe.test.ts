import { describe, expect, it } from 'vitest'
import type { Destination, Probe, Table } from '../support/oracle.js'
import {
  ah,
  destinationOptions,
  eth,
  fragment,
  hopByHop,
  icmp4Echo,
  icmp6Echo,
  ipv4,
  packet,
  payload,
  routing,
  tcp,
  udp,
  vlan,
  type Layer,
  type Packet,
} from '../support/packet/build.js'
import { arpRequest } from '../support/packet/link.js'
import { concat } from '../support/packet/bytes.js'
import { expectPacket } from '../support/packet/diff.js'
import { scapyVerdict } from '../support/scapy.js'
import { Director } from './director.js'
import { FIRST, INNER_MAC, LAST, left, natOf, OUTER_MAC, PEER_MAC, pingOf, probeOf, probingWorld, sent, SOURCE, underWay } from './probe-world.js'
import {
  CLIENT,
  destOf,
  FAMILIES,
  INGRESS,
  ip,
  KINDS,
  l4,
  NOT_A_VIP,
  OTHER_INTERFACE,
  OUR_MAC,
  OUR_OTHER_MAC,
  PORT,
  realAddress,
  REAL_MACS,
  REAL_PORT,
  STRANGER_MAC,
  VIP,
  type Family,
  type RequestFields,
  type Transport,
} from './world.js'

const SENT = { verdict: 'forwardProbe', action: 'redirect' } as const
const DROPPED = { verdict: 'dropProbe', action: 'drop' } as const

/** One frame out of the namespace, with one probe under way. */
async function probe(entry: Probe, frame: Packet | Uint8Array, change?: (table: Table) => void) {
  const director = await Director.withProbes(underWay(entry, change))
  return director.probe(frame)
}

describe.each(KINDS)('what leaves the probes namespace: $name', ({ family, protocol }) => {
  it.each([0, 1, 2])('goes to the VIP on the one real that its port is for: %i', async (real) => {
    const out = await probe(probeOf(family, protocol, real), sent(family, protocol))
    expect(out).toMatchObject(SENT)
    expectPacket(out.frame).toEqualPacket(left(family, protocol, real))
  })

  it('goes to the address of a real of dr', async () => {
    const to = { dst: realAddress(family, 1), dport: REAL_PORT }
    const entry = probeOf(family, protocol, 1, { dst: to.dst, port: to.dport })
    expectPacket((await probe(entry, sent(family, protocol, to))).frame).toEqualPacket(left(family, protocol, 1, to))
  })

  it('goes to the address of a real of nat, and not to its VIP', async () => {
    const dst = realAddress(family, 0)
    const nat = (table: Table): void => natOf(table, family, protocol)
    const own = await probe(probeOf(family, protocol, 0, { dst }), sent(family, protocol, { dst }), nat)
    expect(own).toMatchObject(SENT)
    expectPacket(own.frame).toEqualPacket(left(family, protocol, 0, { dst }))
    expect(await probe(probeOf(family, protocol), sent(family, protocol), nat)).toMatchObject(DROPPED)
  })

  it('goes through the router that a real of nat is behind', async () => {
    const dst = realAddress(family, 0)
    const behind = (table: Table): void => {
      natOf(table, family, protocol)
      Object.assign(destOf(table, family, protocol, 0), { gateway: true, mac: STRANGER_MAC })
    }
    const out = await probe(probeOf(family, protocol, 0, { dst }), sent(family, protocol, { dst }), behind)
    expectPacket(out.frame).toEqualPacket(left(family, protocol, 0, { dst, dstMac: STRANGER_MAC }))
  })

  it('goes by the interface that the real is reached by', async () => {
    const elsewhere = (table: Table): void => {
      Object.assign(destOf(table, family, protocol, 0), { ifindex: OTHER_INTERFACE, srcMac: OUR_OTHER_MAC })
    }
    const out = await probe(probeOf(family, protocol), sent(family, protocol), elsewhere)
    expect(out).toMatchObject(SENT)
    expectPacket(out.frame).toEqualPacket(left(family, protocol, 0, { srcMac: OUR_OTHER_MAC }))
  })

  it.each([1, 2, 255])('keeps a TTL of %i', async (ttl) => {
    const out = await probe(probeOf(family, protocol), sent(family, protocol, { ttl }))
    expectPacket(out.frame).toEqualPacket(left(family, protocol, 0, { ttl }))
  })

  it('tells every port of the range from its neighbours', async () => {
    const director = await Director.withProbes(
      probingWorld(({ probes }) => {
        probes.underWay.set(FIRST, probeOf(family, protocol, 0))
        probes.underWay.set(FIRST + 1, probeOf(family, protocol, 1))
        probes.underWay.set(LAST, probeOf(family, protocol, 2))
      }),
    )
    const real = (sport: number): number => REAL_MACS.findIndex((mac) => {
      const { frame } = director.probe(sent(family, protocol, { sport }))
      return Buffer.compare(frame, left(family, protocol, 0, { sport, dstMac: mac }).bytes()) === 0
    })
    expect([FIRST - 1, FIRST, FIRST + 1, FIRST + 2, LAST, LAST + 1].map(real)).toEqual([-1, 0, 1, -1, 2, -1])
  })

  const WRONG: [string, RequestFields][] = [
    ['to the next address', { dst: family === 4 ? '203.0.113.11' : '2001:db8:2::11' }],
    ['to the address of another real', { dst: realAddress(family, 1) }],
    ['to the address of the same real', { dst: realAddress(family, 0) }],
    ['to the next port', { dport: PORT + 1 }],
    ['to the port before', { dport: PORT - 1 }],
    ['by the port before the first', { sport: FIRST - 1 }],
    ['by a port that is not in use', { sport: FIRST + 1 }],
    ['by the port after the last', { sport: LAST + 1 }],
    ['by port 0', { sport: 0 }],
    ["from an address that is not the namespace's", { src: CLIENT[family] }],
    ['from its own destination', { src: VIP[family] }],
    ['with a VLAN tag', { tags: [vlan(10)] }],
    ['with two VLAN tags', { tags: [vlan(10), vlan(20)] }],
    ['with a priority tag', { tags: [vlan(0)] }],
  ]
  it.each(WRONG)('does not leave %s', async (_, fields) => {
    expect(await probe(probeOf(family, protocol), sent(family, protocol, fields))).toMatchObject(DROPPED)
  })

  it('does not leave with the other protocol', async () => {
    const other = protocol === 'tcp' ? 'udp' : 'tcp'
    expect(await probe(probeOf(family, protocol), sent(family, other))).toMatchObject(DROPPED)
  })

  const GONE: [string, Partial<Destination>][] = [
    ['was removed', { live: false }],
    ['has given its id to another', { generation: 8 }],
    ["is the director's own", { local: true }],
    ['has not told its MAC', { neighbour: false }],
    ['is on an interface that is not attached', { ifindex: 4243 }],
  ]
  it.each(GONE)('does not leave for a real that %s', async (_, fields) => {
    const change = (table: Table): void => void Object.assign(destOf(table, family, protocol, 0), fields)
    expect(await probe(probeOf(family, protocol), sent(family, protocol), change)).toMatchObject(DROPPED)
  })

  it('does not leave for an id that does not exist', async () => {
    const entry = probeOf(family, protocol, 0, { dest: 0xffff_ffff })
    expect(await probe(entry, sent(family, protocol))).toMatchObject(DROPPED)
  })

  it('does not leave for an address that is neither a VIP nor the real, even if its port says so', async () => {
    const dst = NOT_A_VIP[family]
    expect(await probe(probeOf(family, protocol, 0, { dst }), sent(family, protocol, { dst }))).toMatchObject(DROPPED)
  })

  it('does not leave while there are no probes', async () => {
    const none = (table: Table): void => void Object.assign(table.probes, { count: 0 })
    expect(await probe(probeOf(family, protocol), sent(family, protocol), none)).toMatchObject(DROPPED)
  })

  it('does not leave cut off anywhere before its end', async () => {
    const director = await Director.withProbes(underWay(probeOf(family, protocol)))
    const whole = sent(family, protocol, { body: '' }).bytes()
    for (let length = 14; length < whole.length; length += 1) {
      expect(director.probe(whole.slice(0, length)), `${length} bytes`).toMatchObject(DROPPED)
    }
    expect(director.probe(concat(whole, new Uint8Array(6)))).toMatchObject(SENT)
  })
})

describe.each(FAMILIES)('pings of another director over IPv%i', (family) => {
  it('go to its MAC, from that of the interface', async () => {
    const out = await probe(pingOf(family), sent(family, 'tcp'))
    expect(out).toMatchObject(SENT)
    expectPacket(out.frame).toEqualPacket(sent(family, 'tcp', { srcMac: OUR_OTHER_MAC, dstMac: PEER_MAC }))
    const there = await probe(pingOf(family, { ifindex: INGRESS }), sent(family, 'tcp'))
    expectPacket(there.frame).toEqualPacket(sent(family, 'tcp', { srcMac: OUR_MAC, dstMac: PEER_MAC }))
  })

  it('go to addresses that are nothing here', async () => {
    const dst = NOT_A_VIP[family]
    expect(await probe(pingOf(family, { dst }), sent(family, 'tcp', { dst }))).toMatchObject(SENT)
  })

  it.each([0, 4243])('do not leave by interface %i, which is not attached', async (ifindex) => {
    expect(await probe(pingOf(family, { ifindex }), sent(family, 'tcp'))).toMatchObject(DROPPED)
  })

  it('do not leave for another address or port', async () => {
    expect(await probe(pingOf(family), sent(family, 'tcp', { dport: 81 }))).toMatchObject(DROPPED)
    expect(await probe(pingOf(family), sent(family, 'tcp', { dst: NOT_A_VIP[family] }))).toMatchObject(DROPPED)
  })
})

describe.each(['tcp', 'udp'] as const)('IPv4 options before %s', (protocol) => {
  it.each([4, 8, 20, 40])('are stepped over: %i bytes', async (length) => {
    const four = { options: new Uint8Array(length).fill(1) }
    const out = await probe(probeOf(4, protocol), sent(4, protocol, { four }))
    expect(out).toMatchObject(SENT)
    expectPacket(out.frame).toEqualPacket(left(4, protocol, 0, { four }))
  })

  it('are never taken for the header behind them, nor it for them', async () => {
    // Where a header of 20 bytes would end, options begin with the ports of the probe: no packet may pass by these.
    const disguise = concat(ports(FIRST, PORT), new Uint8Array(36))
    const elsewhere = sent(4, protocol, { sport: 40000, dport: 22, four: { options: disguise } })
    expect(await probe(probeOf(4, protocol), elsewhere)).toMatchObject(DROPPED)
    const itself = sent(4, protocol, { four: { options: concat(ports(40000, 22), new Uint8Array(36)) } })
    expect(await probe(probeOf(4, protocol), itself)).toMatchObject(SENT)
  })

  it('that reach beyond the packet, or a header shorter than any, are no probe', async () => {
    for (const headerLength of [0, 4, 15]) {
      const out = await probe(probeOf(4, protocol), sent(4, protocol, { four: { headerLength }, body: '' }))
      expect(out, `${headerLength}`).toMatchObject(DROPPED)
    }
  })
})

const ports = (source: number, destination: number): Uint8Array =>
  Uint8Array.of(source >> 8, source & 0xff, destination >> 8, destination & 0xff)

const MANY: Layer[] = [hopByHop(), destinationOptions(), routing(), fragment(), ah(), destinationOptions()]

describe.each(['tcp', 'udp'] as const)('IPv6 extension headers before %s', (protocol) => {
  const extended = (link: Layer, extensions: Layer[]): Packet =>
    packet(link, ip(6, { src: SOURCE[6] }), extensions, l4(protocol, { sport: FIRST }), payload('hello'))
  const out = eth({ src: INNER_MAC, dst: OUTER_MAC })

  it.each([[[hopByHop()]], [[destinationOptions()]], [[routing()]], [[ah()]], [[fragment()]], [MANY]])('are stepped over: %#', async (extensions) => {
    const result = await probe(probeOf(6, protocol), extended(out, extensions))
    expect(result).toMatchObject(SENT)
    expectPacket(result.frame).toEqualPacket(extended(eth({ src: OUR_MAC, dst: REAL_MACS[0] }), extensions))
  })

  it('are no probe when there are more than eight, or they are cut off', async () => {
    const nine = Array.from({ length: 9 }, () => destinationOptions())
    expect(await probe(probeOf(6, protocol), extended(out, nine))).toMatchObject(DROPPED)
    expect(await probe(probeOf(6, protocol), extended(out, [destinationOptions({ length: 255 })]))).toMatchObject(DROPPED)
  })

  it.each([{ more: true }, { offset: 1 }, { offset: 1, more: true }])('are no probe in fragments: %o', async (part) => {
    expect(await probe(probeOf(6, protocol), extended(out, [fragment(part)]))).toMatchObject(DROPPED)
  })
})

describe('frames that are no probe at all', () => {
  const link = eth({ src: INNER_MAC, dst: OUTER_MAC })
  const made: Record<string, Packet> = {
    ARP: packet(eth({ src: INNER_MAC, dst: OUTER_MAC }), arpRequest({ senderMac: INNER_MAC, senderAddress: SOURCE[4], targetAddress: VIP[4] })),
    'an EtherType of nobody, around a good probe': packet(eth({ src: INNER_MAC, dst: OUTER_MAC, type: 0x88b5 }), ip(4, { src: SOURCE[4] }), l4('tcp', { sport: FIRST })),
    'IPv4 under the EtherType of IPv6': packet(eth({ src: INNER_MAC, dst: OUTER_MAC, type: 0x86dd }), ip(4, { src: SOURCE[4] }), l4('tcp', { sport: FIRST }), payload('x'.repeat(40))),
    'IPv6 under the EtherType of IPv4': packet(eth({ src: INNER_MAC, dst: OUTER_MAC, type: 0x0800 }), ip(6, { src: SOURCE[6] }), l4('tcp', { sport: FIRST })),
    'an echo request': packet(link, ip(4, { src: SOURCE[4] }), icmp4Echo({ id: FIRST })),
    'an IPv6 echo request': packet(link, ip(6, { src: SOURCE[6] }), icmp6Echo({ id: FIRST })),
    'another protocol with the ports of a probe': packet(link, ip(4, { src: SOURCE[4], four: { protocol: 132 } }), payload(ports(FIRST, PORT)), payload('x'.repeat(30))),
    'the first fragment': sent(4, 'tcp', { four: { flags: 1 } }),
    'a later fragment': sent(4, 'tcp', { four: { flags: 0, fragmentOffset: 185 } }),
    'TCP with a header that is too short': packet(link, ip(4, { src: SOURCE[4] }), tcp({ sport: FIRST, dport: PORT, dataOffset: 4 })),
    'TCP with a header beyond the packet': packet(link, ip(4, { src: SOURCE[4] }), tcp({ sport: FIRST, dport: PORT, dataOffset: 6 })),
    'UDP longer than the packet': packet(link, ip(4, { src: SOURCE[4] }), udp({ sport: FIRST, dport: PORT, length: 9 })),
  }
  it.each(Object.entries(made))('%s', async (_, frame) => {
    const director = await Director.withProbes(
      probingWorld(({ probes }) => {
        probes.underWay.set(FIRST, probeOf(4, frame === made['UDP longer than the packet'] ? 'udp' : 'tcp'))
      }),
    )
    expect(director.probe(frame)).toMatchObject(DROPPED)
  })

  it('an IPv6 packet whose addresses are mapped IPv4 ones', async () => {
    const mapped = { src: `::ffff:${SOURCE[4]}`, dst: `::ffff:${VIP[4]}` }
    const frame = packet(link, ip(6, mapped), l4('tcp', { sport: FIRST }))
    expect(await probe(probeOf(4, 'tcp'), frame)).toMatchObject(DROPPED)
    const half = packet(link, ip(6, { ...mapped, src: SOURCE[6] }), l4('tcp', { sport: FIRST }))
    expect(await probe(probeOf(4, 'tcp'), half)).toMatchObject(DROPPED)
  })

  it('nothing, an Ethernet header alone, and IPv4 that ends within its own', async () => {
    const start = ipv4({ src: SOURCE[4], dst: VIP[4] })
    for (const length of [14, 20, 33]) {
      expect(await probe(probeOf(4, 'tcp'), packet(link, start).bytes().slice(0, length))).toMatchObject(DROPPED)
    }
  })
})

it('probes keep the checksums that they came with, by scapy too', async () => {
  const kinds: [Family, Transport][] = [[4, 'tcp'], [4, 'udp'], [6, 'tcp'], [6, 'udp']]
  const frames: Uint8Array[] = []
  for (const [family, protocol] of kinds) frames.push((await probe(probeOf(family, protocol), sent(family, protocol))).frame)
  expect(scapyVerdict(frames)).toEqual(frames.map(() => 'ok'))
})
