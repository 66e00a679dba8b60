import { describe, expect, it } from 'vitest'
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
  icmp6Echo,
  icmp6Error,
  ipv4,
  ipv6,
  linkLayerOption,
  ndAdvertisement,
  ndSolicitation,
  packet,
  payload,
  routing,
  tcp,
  udp,
  vlan,
  type Packet,
} from '../../support/packet/build.js'
import { toHex } from '../../support/packet/bytes.js'
import { internetChecksum } from '../../support/packet/checksum.js'
import { describeDifference, expectPacket, packetDifferences } from '../../support/packet/diff.js'
import { dissect } from '../../support/packet/dissect.js'
import { verifyChecksums, wrongChecksums } from '../../support/packet/verify.js'
import { scapyVerdict } from '../../support/scapy.js'

const CLIENT = '198.51.100.7'
const VIP = '203.0.113.10'
const CLIENT6 = '2001:db8:1::7'
const VIP6 = '2001:db8:2::10'
const CLIENT_MAC = '02:00:00:00:00:07'
const OUR_MAC = '02:00:00:00:00:01'
const link = eth({ src: CLIENT_MAC, dst: OUR_MAC })
const over4 = ipv4({ src: CLIENT, dst: VIP })
const over6 = ipv6({ src: CLIENT6, dst: VIP6 })
const QUOTED = packet(ipv4({ src: VIP, dst: CLIENT }), tcp({ sport: 80, dport: 4000 }))
  .bytes()
  .subarray(0, 28)
const QUOTED6 = packet(ipv6({ src: VIP6, dst: CLIENT6 }), tcp({ sport: 80, dport: 4000 }))
  .bytes()
  .subarray(0, 48)

const kinds: [string, Packet][] = [
  ['TCP over IPv4', packet(link, over4, tcp({ sport: 4000, dport: 80 }), payload('odd'))],
  ['TCP with options', packet(link, over4, tcp({ sport: 1, dport: 2, options: Uint8Array.of(2, 4, 5, 180) }))],
  ['UDP over IPv4', packet(link, over4, udp({ sport: 4000, dport: 53 }), payload('question'))],
  ['UDP without checksum', packet(link, over4, udp({ sport: 4000, dport: 53, checksum: 0 }), payload('question'))],
  ['TCP over IPv6', packet(link, over6, tcp({ sport: 4000, dport: 80, flags: ['ack', 'psh'] }), payload('data'))],
  ['UDP over IPv6', packet(link, over6, udp({ sport: 4000, dport: 53 }), payload('question'))],
  [
    'IPv4 options',
    packet(
      link,
      ipv4({ src: CLIENT, dst: VIP, options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0) }),
      udp({ sport: 1, dport: 2 }),
    ),
  ],
  ['a VLAN tag', packet(link, vlan(10, { priority: 3 }), over4, tcp({ sport: 4000, dport: 80 }))],
  ['two VLAN tags', packet(link, vlan(20, { tpid: 0x88a8 }), vlan(10), over6, udp({ sport: 1, dport: 2 }))],
  [
    'hop-by-hop and destination options',
    packet(link, over6, hopByHop(), destinationOptions(), tcp({ sport: 1, dport: 2 })),
  ],
  ['a routing header', packet(link, over6, routing(), udp({ sport: 1, dport: 2 }), payload('x'))],
  ['an authentication header', packet(link, over6, ah(), tcp({ sport: 1, dport: 2 }))],
  ['an atomic fragment', packet(link, over6, fragment(), udp({ sport: 1, dport: 2 }), payload('xyz'))],
  ['ICMP echo request', packet(link, over4, icmp4Echo(), payload('ping'))],
  ['ICMP echo reply', packet(link, over4, icmp4Echo({ reply: true }), payload('ping'))],
  ['ICMPv6 echo request', packet(link, over6, icmp6Echo(), payload('ping!'))],
  ['ICMP error', packet(link, over4, icmp4Error({ type: 3, code: 4, rest: 1400 }, QUOTED))],
  ['ICMPv6 error', packet(link, over6, icmp6Error({ type: 2, rest: 1400 }, QUOTED6))],
  [
    'ARP request',
    packet(
      eth({ src: CLIENT_MAC, dst: BROADCAST_MAC }),
      arpRequest({ senderMac: CLIENT_MAC, senderAddress: CLIENT, targetAddress: VIP }),
    ),
  ],
  [
    'ARP reply',
    packet(link, arpReply({ senderMac: CLIENT_MAC, senderAddress: CLIENT, targetMac: OUR_MAC, targetAddress: VIP })),
  ],
  [
    'neighbour solicitation',
    packet(
      link,
      ipv6({ src: CLIENT6, dst: VIP6, hopLimit: 255 }),
      ndSolicitation({ target: VIP6, options: linkLayerOption(1, CLIENT_MAC) }),
    ),
  ],
  [
    'neighbour advertisement',
    packet(
      link,
      ipv6({ src: VIP6, dst: CLIENT6, hopLimit: 255 }),
      ndAdvertisement({ target: VIP6, flags: ['solicited', 'override'], options: linkLayerOption(2, OUR_MAC) }),
    ),
  ],
]

describe('the Internet checksum', () => {
  it('gives the sum of the example in RFC 1071', () => {
    expect(internetChecksum(Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7))).toBe(~0xddf2 & 0xffff)
  })

  it('pads an odd last byte with zero on the right', () => {
    expect(internetChecksum(Uint8Array.of(0x12))).toBe(~0x1200 & 0xffff)
  })
})

describe('the packet builder', () => {
  it.each(kinds)('writes right checksums: %s', (_, built) => {
    verifyChecksums(built.bytes())
  })

  it('agrees with scapy on the checksums of every kind of packet', () => {
    expect(scapyVerdict(kinds.map(([, built]) => built.bytes()))).toEqual(kinds.map(() => 'ok'))
  })

  it('writes the bytes of a whole frame', () => {
    const bytes = packet(
      link,
      ipv4({ src: '10.0.0.1', dst: '10.0.0.2', id: 1 }),
      udp({ sport: 1, dport: 2 }),
      payload('hi'),
    ).bytes()
    expect(toHex(bytes)).toBe(
      '020000000001' +
        '020000000007' +
        '0800' +
        '4500001e' +
        '00014000' +
        '401126cc' +
        '0a000001' +
        '0a000002' +
        '00010002' +
        '000a' +
        toHex(bytes.subarray(40, 42)) +
        '6869',
    )
  })

  it('keeps what the caller overrides', () => {
    const bytes = packet(
      link,
      ipv4({ src: CLIENT, dst: VIP, version: 5, totalLength: 7, checksum: 0xbeef, protocol: 99 }),
      udp({ sport: 1, dport: 2, length: 3 }),
    ).bytes()
    expect([bytes[14], bytes[17], bytes[23], bytes[24], bytes[25], bytes[39]]).toEqual([0x55, 7, 99, 0xbe, 0xef, 3])
  })

  it('sends 0xffff where the UDP sum is zero', () => {
    const sum = (port: number): Uint8Array =>
      packet(link, over6, udp({ sport: port, dport: 53 }))
        .bytes()
        .subarray(60, 62)
    const port = Array.from({ length: 65536 }, (_, index) => index).find(
      (candidate) => toHex(sum(candidate)) === 'ffff',
    )
    expect(port).toBeDefined()
  })
})

describe('verifyChecksums', () => {
  const flipped = (built: Packet, offset: number): Uint8Array => {
    const bytes = built.bytes()
    bytes[offset] = (bytes[offset] ?? 0) ^ 0x40
    return bytes
  }

  it.each([
    ['ipv4', flipped(packet(link, over4, tcp({ sport: 1, dport: 2 })), 14 + 8)],
    ['tcp', flipped(packet(link, over4, tcp({ sport: 1, dport: 2 }), payload('x')), 54)],
    ['udp', flipped(packet(link, over6, udp({ sport: 1, dport: 2 })), 55)],
    ['udp (0 over IPv6)', packet(link, over6, udp({ sport: 1, dport: 2, checksum: 0 })).bytes()],
    ['icmp4', flipped(packet(link, over4, icmp4Echo()), 40)],
    ['icmp6', flipped(packet(link, over6, hopByHop(), icmp6Echo()), 68)],
  ])('finds a wrong %s', (layer, bytes) => {
    expect(wrongChecksums(bytes)).toEqual([layer])
    expect(() => verifyChecksums(bytes)).toThrow(`wrong checksum: ${layer}`)
  })

  it('judges only the IP header of a fragment', () => {
    const bytes = packet(
      link,
      ipv4({ src: CLIENT, dst: VIP, flags: 1 }),
      udp({ sport: 1, dport: 2, checksum: 7 }),
    ).bytes()
    expect(wrongChecksums(bytes)).toEqual([])
  })

  it('leaves out the padding of a short frame', () => {
    const bytes = packet(link, over4, udp({ sport: 1, dport: 2 }), payload('x')).bytes()
    verifyChecksums(Uint8Array.from([...bytes, 1, 2, 3]))
  })
})

describe('scapyVerdict', () => {
  it('names the frame whose checksum is wrong', () => {
    const wrong = packet(link, over4, tcp({ sport: 1, dport: 2, checksum: 1 })).bytes()
    const [first, second] = scapyVerdict([wrong, packet(link, over4).bytes()])
    expect(first).toContain('Ethernet/IP/TCP')
    expect(second).toBe('ok')
  })
})

describe('the dissector', () => {
  it.each(kinds)('finds the layers of: %s', (_, built) => {
    const names = dissect(built.bytes()).map((layer) => layer.name)
    expect(names).toEqual(built.layers.map((layer) => layer.name))
  })

  it('shows bytes beyond the IP length as padding', () => {
    const bytes = Uint8Array.from([...packet(link, over4, udp({ sport: 1, dport: 2 })).bytes(), 0, 0])
    expect(dissect(bytes).at(-1)).toMatchObject({ name: 'padding', offset: 42, length: 2 })
  })

  it.each(Array.from({ length: 90 }, (_, length) => length))('reads a frame cut to %i bytes', (length) => {
    for (const [, built] of kinds) {
      const cut = built.bytes().subarray(0, length)
      const total = dissect(cut).reduce((sum, layer) => sum + layer.length, 0)
      expect(total).toBe(cut.length)
    }
  })
})

describe('expectPacket', () => {
  const expected = packet(link, over4, tcp({ sport: 1, dport: 80 }), payload('x'))
  const actual = packet(
    link,
    ipv4({ src: CLIENT, dst: VIP, ttl: 63 }),
    tcp({ sport: 1, dport: 81 }),
    payload('x'),
  ).bytes()

  it('accepts equal packets', () => {
    expectPacket(expected.bytes()).toEqualPacket(expected)
  })

  it('names each field that differs, with both values', () => {
    expect(packetDifferences(actual, expected.bytes()).map((line) => line.replace(/0x\w+/g, 'SUM'))).toEqual([
      'layer 1 ipv4.ttl: expected 64, actual 63',
      'layer 1 ipv4.checksum: expected SUM, actual SUM',
      'layer 2 tcp.dport: expected 80, actual 81',
      'layer 2 tcp.checksum: expected SUM, actual SUM',
    ])
    expect(() => expectPacket(actual).toEqualPacket(expected)).toThrow('ipv4.ttl: expected 64, actual 63')
  })

  it('marks the bytes in both dumps', () => {
    expect(describeDifference(actual, expected.bytes())).toMatch(/expected:\n.*\n.*\[40\][^]*actual:\n.*\n.*\[3f\]/)
  })

  it('says which layers are missing or of another kind', () => {
    const lines = packetDifferences(packet(link, over4, udp({ sport: 1, dport: 80 })).bytes(), expected.bytes())
    expect(lines).toContain('layer 2: expected tcp, actual udp')
    expect(lines).toContain('layer 3: expected payload, actual nothing')
  })
})
