import { describe, expect, it } from 'vitest'
import {
  ah,
  destinationOptions,
  eth,
  fragment,
  hopByHop,
  icmp4Echo,
  icmp6Echo,
  IpProtocol,
  packet,
  payload,
  routing,
  tcp,
  udp,
  vlan,
  type Layer,
  type Packet,
} from '../support/packet/build.js'
import { Director } from './director.js'
import {
  CLIENT_PORT,
  FAMILIES,
  ip,
  KINDS,
  l4,
  NOT_A_VIP,
  OUR_MAC,
  PORT,
  request,
  ROUTER_MAC,
  VIP,
  world,
} from './world.js'

const link = eth({ src: ROUTER_MAC, dst: OUR_MAC })
const ports = { sport: CLIENT_PORT, dport: PORT }

/** What the real program makes of one frame in a fresh world, agreed with the oracle. */
async function verdictOf(sent: Packet | Uint8Array): Promise<string> {
  const director = await Director.serving(world())
  const { verdict } = director.send(sent)
  director.expectSameState()
  return verdict
}

const cut = (sent: Packet, length: number): Uint8Array => sent.bytes().slice(0, length)

describe('parsing Ethernet', () => {
  it.each([0x0000, 0x0026, 0x0600, 0x88cc, 0x8847])('passes EtherType %i, which is not IP', async (type) => {
    expect(await verdictOf(packet(eth({ src: ROUTER_MAC, dst: OUR_MAC, type }), payload('anything')))).toBe(
      'passNotIp',
    )
  })

  it('does not look behind a third VLAN tag', async () => {
    expect(await verdictOf(request(4, 'tcp', { tags: [vlan(1), vlan(2), vlan(3)] }))).toBe('passNotIp')
  })

  it.each([14, 15, 17])('passes a frame whose VLAN tag ends after %i bytes', async (length) => {
    expect(await verdictOf(cut(request(4, 'tcp', { tags: [vlan(1)] }), length))).toBe('passIncomplete')
  })
})

describe('parsing the destination address', () => {
  it.each(KINDS)('passes $name to an address that is no VIP', async ({ family, protocol }) => {
    expect(await verdictOf(request(family, protocol, { dst: NOT_A_VIP[family] }))).toBe('passNotVip')
  })

  it('takes a v4-mapped destination in an IPv6 packet for no VIP', async () => {
    expect(await verdictOf(request(6, 'tcp', { dst: `::ffff:${VIP[4]}` }))).toBe('passNotVip')
  })

  it.each([
    [4, 14],
    [4, 33],
    [6, 14],
    [6, 53],
  ] as const)('passes IPv%i whose header ends after %i bytes of the frame', async (family, length) => {
    expect(await verdictOf(cut(request(family, 'tcp'), length))).toBe('passIncomplete')
  })

  it.each([
    ['IPv4 of another version', request(4, 'tcp', { four: { version: 6 } })],
    ['IPv4 with a header of 16 bytes', request(4, 'tcp', { four: { headerLength: 4 } })],
    ['IPv6 of another version', request(6, 'tcp', { six: { version: 4 } })],
  ])('passes %s', async (_, sent) => {
    expect(await verdictOf(sent)).toBe('passIncomplete')
  })
})

describe('parsing lengths', () => {
  it.each([
    ['IPv4 total length shorter than its header', request(4, 'tcp', { four: { totalLength: 19 } })],
    [
      'a fragment with a total length shorter than its header',
      request(4, 'udp', { four: { totalLength: 19, flags: 1 } }),
    ],
    ['IPv4 total length beyond the frame', request(4, 'tcp', { four: { totalLength: 46 } })],
    ['IPv4 header longer than the frame', packet(link, ip(4, { four: { headerLength: 15, totalLength: 60 } }))],
    ['IPv6 payload length beyond the frame', request(6, 'tcp', { six: { payloadLength: 26 } })],
    ['TCP header beyond the IPv4 length', request(4, 'tcp', { four: { totalLength: 39 } })],
    ['TCP header beyond the IPv6 length', request(6, 'tcp', { six: { payloadLength: 19 } })],
    ['UDP header beyond the IPv4 length', request(4, 'udp', { four: { totalLength: 27 } })],
    ['UDP header beyond the IPv6 length', request(6, 'udp', { six: { payloadLength: 7 } })],
    ['TCP data offset below 5', packet(link, ip(4), tcp({ ...ports, dataOffset: 4 }), payload('x'))],
    ['TCP data offset beyond the segment', packet(link, ip(6), tcp({ ...ports, dataOffset: 7 }), payload('seven77'))],
    ['UDP length below 8', packet(link, ip(4), udp({ ...ports, length: 7 }), payload('x'))],
    ['UDP length beyond the packet', packet(link, ip(6), udp({ ...ports, length: 10 }), payload('x'))],
    ['ICMP shorter than its header', packet(link, ip(4, { four: { totalLength: 27 } }), icmp4Echo())],
    ['ICMPv6 shorter than its header', packet(link, ip(6, { six: { payloadLength: 7 } }), icmp6Echo())],
  ])('drops %s', async (_, sent) => {
    expect(await verdictOf(sent)).toBe('dropMalformed')
  })

  it.each([
    ['an IPv4 total length shorter than the frame', packet(link, ip(4), l4('tcp'), payload('')), 6],
    ['a UDP length shorter than the packet', packet(link, ip(6), udp({ ...ports, length: 9 }), payload('xyz')), 0],
    ['a TCP data offset to the very end', packet(link, ip(4), tcp({ ...ports, options: new Uint8Array(40) })), 0],
  ])('forwards %s', async (_, sent, padding) => {
    expect(await verdictOf(Uint8Array.from([...sent.bytes(), ...new Array<number>(padding).fill(0)]))).toBe(
      'forwardNew',
    )
  })

  it.each(FAMILIES)('drops an IPv%i packet cut at any byte behind its addresses', async (family) => {
    const director = await Director.serving(world())
    const whole = request(family, 'tcp').bytes()
    for (let length = family === 4 ? 34 : 54; length < whole.length; length += 1) {
      expect(director.send(whole.slice(0, length)).verdict).toBe('dropMalformed')
    }
  })
})

const v6 = (...layers: Layer[]): Packet => packet(link, ip(6), ...layers, payload('body'))
const nine = Array.from({ length: 9 }, () => destinationOptions())

describe('parsing IPv6 extension headers', () => {
  it.each([
    ['nine headers', v6(...nine, tcp(ports))],
    ['a header whose length runs past the packet', v6(destinationOptions({ length: 200 }), tcp(ports))],
    ['an authentication header whose length runs past the packet', v6(ah({ length: 200 }), tcp(ports))],
    [
      'a chain that ends in the middle of a header',
      packet(link, ip(6), hopByHop({ nextHeader: IpProtocol.routing }), payload('short')),
    ],
    [
      'a chain that hides TCP behind the end',
      packet(link, ip(6), hopByHop({ nextHeader: IpProtocol.tcp }), payload('short')),
    ],
    ['a jumbogram', packet(link, ip(6, { six: { payloadLength: 0 } }), hopByHop(), tcp(ports))],
  ])('drops %s', async (_, sent) => {
    expect(await verdictOf(sent)).toBe('dropMalformed')
  })

  it.each([
    ['no next header', v6(destinationOptions({ nextHeader: IpProtocol.none }))],
    ['a header that it does not know', v6(routing({ nextHeader: 135 }))],
    ['IPv6 in IPv6', v6(hopByHop({ nextHeader: 41 }))],
  ])('passes %s', async (_, sent) => {
    expect(await verdictOf(sent)).toBe('passProtocol')
  })

  it('does not walk a chain of IPv6 headers in an IPv4 packet', async () => {
    expect(await verdictOf(packet(link, ip(4), destinationOptions(), tcp(ports)))).toBe('passProtocol')
  })
})

describe('fragments to a VIP', () => {
  it.each([
    ['the last of an IPv4 datagram', request(4, 'udp', { four: { flags: 0, fragmentOffset: 185 } })],
    ['the last of an IPv6 datagram', v6(fragment({ offset: 185 }), udp(ports))],
    ['one behind other headers', v6(hopByHop(), routing(), fragment({ offset: 8, more: true }), tcp(ports))],
    ['one of an ICMP message', packet(link, ip(4, { four: { flags: 1 } }), icmp4Echo())],
  ])('are dropped with their own reason: %s', async (_, sent) => {
    expect(await verdictOf(sent)).toBe('dropFragment')
  })

  it.each([
    ['the first of an IPv4 datagram', request(4, 'udp', { four: { flags: 1 } })],
    ['one with "don\'t fragment" set', request(4, 'tcp', { four: { flags: 3 } })],
    ['one that says less than its UDP header', packet(link, ip(4, { four: { flags: 1 } }), udp({ ...ports, length: 900 }))],
    ['the first of an IPv6 datagram', v6(fragment({ more: true }), udp(ports))],
    ['one behind other headers', v6(hopByHop(), routing(), fragment({ more: true }), tcp(ports))],
  ])('are forwarded when they have the ports: %s', async (_, sent) => {
    expect(await verdictOf(sent)).toBe('forwardNew')
  })

  it('are no matter of ours for another address', async () => {
    expect(await verdictOf(request(4, 'udp', { dst: NOT_A_VIP[4], four: { flags: 1 } }))).toBe('passNotVip')
  })
})

describe('protocols', () => {
  it.each(FAMILIES)('passes GRE over IPv%i to a VIP', async (family) => {
    const fields = { four: { protocol: IpProtocol.gre }, six: { nextHeader: IpProtocol.gre } }
    expect(await verdictOf(packet(link, ip(family, fields), payload('tunnelled')))).toBe('passProtocol')
  })

  it('takes ICMPv6 over IPv4 and ICMP over IPv6 for protocols that it does not forward', async () => {
    const crossed4 = packet(link, ip(4, { four: { protocol: IpProtocol.icmp6 } }), icmp6Echo())
    const crossed6 = packet(link, ip(6, { six: { nextHeader: IpProtocol.icmp4 } }), icmp4Echo())
    expect([await verdictOf(crossed4), await verdictOf(crossed6)]).toEqual(['passProtocol', 'passProtocol'])
  })
})
