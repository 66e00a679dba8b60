import { describe, expect, it } from 'vitest'
import type { Table } from '../support/oracle.js'
import {
  arpRequest,
  destinationOptions,
  eth,
  fragment,
  hopByHop,
  icmp4Echo,
  icmp6Echo,
  packet,
  payload,
  vlan,
  type Layer,
  type Packet,
} from '../support/packet/build.js'
import { expectPacket } from '../support/packet/diff.js'
import { scapyVerdict } from '../support/scapy.js'
import { Director } from './director.js'
import { answered, COUNT, FIRST, INNER_MAC, LAST, natOf, probeOf, probingWorld, refused, sent, SOURCE, underWay } from './probe-world.js'
import {
  CLIENT,
  connOf,
  FAMILIES,
  INGRESS,
  ip,
  KINDS,
  knowConn,
  l4,
  NOT_A_VIP,
  OUR_MAC,
  PORT,
  realAddress,
  REAL_MACS,
  request,
  STRANGER_MAC,
  VIP,
  type Family,
  type RequestFields,
  type Transport,
} from './world.js'

const TAKEN = { verdict: 'forwardProbeAnswer', action: 'redirect' } as const
const PASSED = { verdict: 'passNotVip', action: 'pass' } as const

/** One frame from the network, to a director that probes. */
async function receive(frame: Packet | Uint8Array, change?: (table: Table) => void) {
  const director = await Director.serving(probingWorld(change))
  const before = (frame instanceof Uint8Array ? frame : frame.bytes()).slice()
  const result = director.send(frame)
  if (result.action === 'pass') expectPacket(result.frame).toEqualPacket(before)
  director.expectSameState()
  return result
}

describe.each(KINDS)('what comes back to probes: $name', ({ family, protocol }) => {
  it.each([FIRST, FIRST + 1, LAST])('is taken at port %i, whatever it is: it has the MAC of the namespace then', async (dport) => {
    for (const from of [{}, { src: realAddress(family, 1), sport: 8080 }, { src: CLIENT[family], flags: ['rst' as const] }]) {
      const out = await receive(answered(family, protocol, { dport, ...from }))
      expect(out).toMatchObject(TAKEN)
      expectPacket(out.frame).toEqualPacket(answered(family, protocol, { dport, ...from, dstMac: INNER_MAC }))
    }
  })

  it.each([FIRST - 1, LAST + 1, 0, 22, 65535])("is the host's own at port %i", async (dport) => {
    expect(await receive(answered(family, protocol, { dport }))).toMatchObject(PASSED)
  })

  const OTHERS: [string, RequestFields][] = [
    ['to another address, which a router forwards', { dst: NOT_A_VIP[family] }],
    ['to the address of a real', { dst: realAddress(family, 0) }],
    ['by the source port of probes alone', { sport: FIRST, dport: 8080 }],
    ['in a frame to another MAC', { dstMac: STRANGER_MAC }],
    ['in a broadcast', { dstMac: 'ff:ff:ff:ff:ff:ff' }],
    ['with a VLAN tag', { tags: [vlan(10)] }],
    ['with two VLAN tags', { tags: [vlan(20, { tpid: 0x88a8 }), vlan(10)] }],
  ]
  it.each(OTHERS)("is the host's own %s", async (_, fields) => {
    expect(await receive(answered(family, protocol, fields))).toMatchObject(PASSED)
  })

  it("is the host's own from an interface that is not attached", async () => {
    const away = (table: Table): void => void table.interfaces.delete(INGRESS)
    expect(await receive(answered(family, protocol), away)).toMatchObject(PASSED)
  })

  it("is the host's own while there are no probes, no address that they leave from, or no way to them", async () => {
    for (const fields of [{ count: 0 }, { sources: new Set<string>() }, { hasPort: false }]) {
      const without = (table: Table): void => void Object.assign(table.probes, fields)
      expect(await receive(answered(family, protocol), without)).toMatchObject(PASSED)
    }
  })

  it('is taken up to the last port that there is', async () => {
    const top = (table: Table): void => void Object.assign(table.probes, { first: 65536 - COUNT })
    expect(await receive(answered(family, protocol, { dport: 65535 }), top)).toMatchObject(TAKEN)
    expect(await receive(answered(family, protocol, { dport: 65535 - COUNT }), top)).toMatchObject(PASSED)
    expect(await receive(answered(family, protocol, { dport: 0 }), top)).toMatchObject(PASSED)
  })

  it('is not asked for when it is for a VIP that probes do not leave by', async () => {
    const out = await receive(answered(family, protocol, { dst: VIP[family], src: CLIENT[family] }))
    expect(out.verdict).toBe('passUnmatched')
  })
})

describe('frames in which no answer is found', () => {
  const link = eth({ src: REAL_MACS[0], dst: OUR_MAC })
  const to = (family: Family): Layer => ip(family, { src: VIP[family], dst: SOURCE[family] })
  const inside = l4('tcp', { sport: PORT, dport: FIRST })
  const frames: Record<string, Packet> = {
    'the first fragment': answered(4, 'tcp', { four: { flags: 1 } }),
    'a later fragment': answered(4, 'tcp', { four: { flags: 0, fragmentOffset: 9 } }),
    'the first IPv6 fragment': packet(link, to(6), fragment({ more: true }), inside),
    'a later IPv6 fragment': packet(link, to(6), fragment({ offset: 1 }), inside),
    'an echo request': packet(link, to(4), icmp4Echo({ id: FIRST })),
    'an IPv6 echo request': packet(link, to(6), icmp6Echo({ id: FIRST })),
    'another protocol': packet(link, ip(4, { src: VIP[4], dst: SOURCE[4], four: { protocol: 132 } }), inside),
    'IPv4 options whose first bytes are the port': answered(4, 'tcp', {
      dport: 8080,
      four: { options: Uint8Array.of(0, 80, FIRST >> 8, FIRST & 0xff) },
    }),
  }
  it.each(Object.entries(frames))('%s', async (_, frame) => {
    expect(await receive(frame)).toMatchObject(PASSED)
  })

  it('an EtherType of nobody, and ARP', async () => {
    const made = packet(eth({ src: REAL_MACS[0], dst: OUR_MAC, type: 0x88b5 }), to(4), inside)
    expect((await receive(made)).verdict).toBe('passNotIp')
    const arp = arpRequest({ senderMac: REAL_MACS[0], senderAddress: realAddress(4, 0), targetAddress: SOURCE[4] })
    expect((await receive(packet(link, arp))).verdict).toBe('passNotIp')
  })

  it('an IPv6 packet whose addresses are mapped IPv4 ones', async () => {
    const mapped = ip(6, { src: `::ffff:${VIP[4]}`, dst: `::ffff:${SOURCE[4]}` })
    expect(await receive(packet(link, mapped, inside))).toMatchObject(PASSED)
  })

  it('an answer that is cut off anywhere', async () => {
    const director = await Director.serving(probingWorld())
    for (const family of FAMILIES) {
      const whole = answered(family, 'udp', { body: '' }).bytes()
      for (let length = 34; length < whole.length; length += 1) {
        expect(director.send(whole.slice(0, length)).action, `${length} bytes`).toBe('pass')
      }
    }
  })
})

describe.each(['tcp', 'udp'] as const)('an answer by %s', (protocol) => {
  it.each([4, 40])('is taken behind %i bytes of IPv4 options', async (length) => {
    const four = { options: new Uint8Array(length).fill(1) }
    expect(await receive(answered(4, protocol, { four }))).toMatchObject(TAKEN)
  })

  it.each([[[hopByHop()]], [[destinationOptions(), hopByHop(), fragment()]]])('is taken behind IPv6 extension headers: %#', async (extensions) => {
    const frame = (dst: string): Packet =>
      packet(eth({ src: REAL_MACS[0], dst }), ip(6, { src: VIP[6], dst: SOURCE[6] }), extensions, l4(protocol, { dport: FIRST }), payload('x'))
    const out = await receive(frame(OUR_MAC))
    expect(out).toMatchObject(TAKEN)
    expectPacket(out.frame).toEqualPacket(frame(INNER_MAC))
  })
})

describe.each(KINDS)('ICMP errors about what probes have sent: $name', ({ family, protocol }) => {
  const about = sent(family, protocol)
  const TYPES = { 4: [3, 4, 11, 12], 6: [1, 2, 3, 4] }

  it.each(TYPES[family])('are taken: type %i', async (type) => {
    const out = await receive(refused(family, about, { type }))
    expect(out).toMatchObject(TAKEN)
    expectPacket(out.frame).toEqualPacket(refused(family, about, { type, dstMac: INNER_MAC }))
  })

  const OTHERS: [string, Packet][] = [
    ['a port before the first', refused(family, sent(family, protocol, { sport: FIRST - 1 }))],
    ['a port after the last', refused(family, sent(family, protocol, { sport: LAST + 1 }))],
    ['what another address has sent', refused(family, sent(family, protocol, { src: CLIENT[family] }))],
    ['what came to the port', refused(family, answered(family, protocol))],
    ['what this address has sent, but brought to another', refused(family, about, { dst: NOT_A_VIP[family] })],
    ['a probe, in a frame to another MAC', refused(family, about, { dstMac: STRANGER_MAC })],
    ['a redirect, which no socket needs', refused(family, about, { type: family === 4 ? 5 : 137 })],
  ]
  it.each(OTHERS)("are the host's own about %s", async (_, frame) => {
    expect(await receive(frame)).toMatchObject(PASSED)
  })

  it("are the host's own with a wrong checksum", async () => {
    const frame = refused(family, about).bytes()
    const at = family === 4 ? 14 + 20 + 2 : 14 + 40 + 2
    frame[at] = (frame[at] ?? 0) ^ 1
    expect(await receive(frame)).toMatchObject(PASSED)
  })

  it("are the host's own where less than 8 bytes of the probe are quoted", async () => {
    const bytes = about.bytes()
    expect(await receive(refused(family, bytes.slice(0, 14 + (family === 4 ? 27 : 47))))).toMatchObject(PASSED)
  })
})

describe.each(KINDS)('a VIP that probes leave by: $name', ({ family, protocol }) => {
  const real = realAddress(family, 0)
  const entry = probeOf(family, protocol, 0, { dst: real, port: 8080 })
  /** The VIP is the host's own address, and there is a probe by it to a real of nat. */
  const own = (change: (table: Table) => void = () => undefined): Table =>
    underWay(entry, (table) => {
      natOf(table, family, protocol)
      table.probes.sources.add(VIP[family])
      change(table)
    })
  const back = (fields: RequestFields = {}): Packet =>
    answered(family, protocol, { src: real, sport: 8080, dst: VIP[family], ...fields })

  it('takes what the probe waits for, before anything is scheduled', async () => {
    const director = await Director.serving(own())
    const out = director.send(back())
    expect(out).toMatchObject(TAKEN)
    expectPacket(out.frame).toEqualPacket(back({ dstMac: INNER_MAC }))
    director.expectSameState()
  })

  const OTHERS: [string, RequestFields][] = [
    ['from another address', { src: realAddress(family, 1) }],
    ['from another port', { sport: 8081 }],
    ['to a port that is not in use', { dport: FIRST + 1 }],
    ['to the port before the first', { dport: FIRST - 1 }],
    ['to the port after the last', { dport: LAST + 1 }],
    ['with a VLAN tag', { tags: [vlan(10)] }],
  ]
  it.each(OTHERS)('does not take what comes %s', async (_, fields) => {
    const director = await Director.serving(own())
    expect(director.send(back(fields)).verdict).toBe('passUnmatched')
    director.expectSameState()
  })

  it('does not take the other protocol, frames to another MAC, or anything once probes do not leave by it', async () => {
    const director = await Director.serving(own())
    const other = protocol === 'tcp' ? 'udp' : 'tcp'
    expect(director.send(answered(family, other, { src: real, sport: 8080, dst: VIP[family] })).verdict).toBe('passUnmatched')
    expect(director.send(back({ dstMac: STRANGER_MAC })).verdict).toBe('passOtherHost')
    const apart = await Director.serving(own((table) => void table.probes.sources.delete(VIP[family])))
    expect(apart.send(back()).verdict).toBe('passUnmatched')
    const closed = await Director.serving(own((table) => void Object.assign(table.probes, { hasPort: false })))
    expect(closed.send(back()).verdict).toBe('passUnmatched')
  })

  it('leaves clients alone: new flows and known ones', async () => {
    const director = await Director.serving(own((table) => knowConn(table, family, protocol, 1)))
    expect(director.send(request(family, protocol, { flags: ['ack'] })).verdict).toBe('forwardKnown')
    expect(director.send(request(family, protocol, { sport: 40001 })).verdict).toBe('forwardNew')
    expect(director.lb.conns().has(connOf(family, protocol, 40001))).toBe(true)
    director.expectSameState()
  })

  const left = (fields: RequestFields = {}): Packet => sent(family, protocol, { src: VIP[family], dst: real, dport: 8080, ...fields })
  const toVip = { dst: VIP[family] }

  it('takes ICMP errors about this probe, and about nothing else', async () => {
    const director = await Director.serving(own())
    const out = director.send(refused(family, left(), toVip))
    expect(out).toMatchObject(TAKEN)
    expectPacket(out.frame).toEqualPacket(refused(family, left(), { ...toVip, dstMac: INNER_MAC }))
    const others: RequestFields[] = [{ dport: 8081 }, { dst: realAddress(family, 1) }, { sport: FIRST + 1 }, { sport: LAST + 1 }]
    for (const fields of others) {
      expect(director.send(refused(family, left(fields), toVip)).verdict).toBe('passIcmp')
    }
    director.expectSameState()
  })
})

it('answers keep their checksums, by scapy too', async () => {
  const kinds: [Family, Transport][] = [[4, 'tcp'], [4, 'udp'], [6, 'tcp'], [6, 'udp']]
  const frames: Uint8Array[] = []
  for (const [family, protocol] of kinds) {
    frames.push((await receive(answered(family, protocol))).frame)
    frames.push((await receive(refused(family, sent(family, protocol)))).frame)
  }
  expect(scapyVerdict(frames)).toEqual(frames.map(() => 'ok'))
})
