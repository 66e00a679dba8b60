import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import fc from 'fast-check'
import {
  ah,
  destinationOptions,
  eth,
  fragment,
  hopByHop,
  icmp4,
  icmp4Echo,
  icmp4Error,
  icmp6,
  icmp6Echo,
  icmp6Error,
  ipv4,
  ipv6,
  packet,
  payload,
  routing,
  udp,
  vlan,
  type Layer,
  type Packet,
} from '../support/packet/build.js'
import { concat } from '../support/packet/bytes.js'
import { describeDifference, expectPacket } from '../support/packet/diff.js'
import { verifyChecksums } from '../support/packet/verify.js'
import { IcmpLib, type Rewrite } from '../support/icmp-lib.js'
import { scapyVerdict } from '../support/scapy.js'
import {
  ALL,
  DIRECTIONS,
  ERRORS,
  errorAbout,
  HALF_OF_CHECKSUM,
  IDENTIFIER,
  inward,
  LEAST,
  ROUTER,
  TRANSPORTS,
  type Case,
  type Direction,
  type Ends,
} from './error-cases.js'
import { CLIENT, CLIENT_PORT, FAMILIES, OUR_MAC, PORT, ROUTER_MAC, VIP, type Family } from './world.js'

let lib: IcmpLib
beforeAll(async () => {
  lib = await IcmpLib.open(OUR_MAC)
})
afterAll(() => lib[Symbol.dispose]())

/** Rewrites the error and compares with the one that the builder makes with other addresses. */
function expectTranslated(direction: Direction, one: Case): Uint8Array {
  const result = lib.rewrite(direction.before(one), direction.rewrite(one.family))
  expect(result.verdict).toBe('undecided')
  expectPacket(result.frame).toEqualPacket(direction.after(one))
  verifyChecksums(result.frame)
  return result.frame
}

/** Options that do nothing (RFC 791 section 3.1). */
const noOperation = (count: number): Uint8Array => new Uint8Array(count).fill(1)
const RFC4884_PADDING = 128

describe.each(DIRECTIONS)('an ICMP error $name', (direction) => {
  describe.each(FAMILIES)('over IPv%i', (family) => {
    it.each(ERRORS[family])('of type $type, code $code is translated', (error) => {
      for (const transport of TRANSPORTS) expectTranslated(direction, { family, transport, quotedL4: LEAST, error })
    })

    it.each(TRANSPORTS)('that quotes %s is translated, however much is quoted', (transport) => {
      const lengths = [LEAST, 9, 12, 15, 16, 18, 19, 20, 21, ALL]
      for (const quotedL4 of lengths) expectTranslated(direction, { family, transport, quotedL4 })
    })

    it('that quotes half of a TCP checksum leaves that half as it was', () => {
      const one: Case = { family, transport: 'tcp', quotedL4: HALF_OF_CHECKSUM }
      const before = direction.before(one).bytes()
      const result = lib.rewrite(before, direction.rewrite(family))
      const half = before.subarray(-1)
      expectPacket(result.frame).toEqualPacket(direction.after({ ...one, quotedL4: 16, behind: half }))
    })

    it.each([[[vlan(10)]], [[vlan(20, { tpid: 0x88a8 }), vlan(10)]]])('is translated in its VLAN, %#', (tags) => {
      expectTranslated(direction, { family, transport: 'tcp', quotedL4: LEAST, tags })
    })
  })

  it('is translated with IPv4 options outside and in the quote', () => {
    const options = { quotedOptions: noOperation(12), outerOptions: noOperation(40) }
    for (const quotedL4 of [LEAST, ALL]) {
      expectTranslated(direction, { family: 4, transport: 'tcp', quotedL4, ...options })
    }
  })

  it.each([
    ['one', [hopByHop()]],
    ['several', [hopByHop(), destinationOptions(), routing(), ah({ data: new Uint8Array(16) })]],
    ['an atomic fragment', [fragment()]],
    ['a first fragment', [fragment({ more: true })]],
  ])('is translated with extension headers outside and in the quote: %s', (_, chain) => {
    const outerChain = [destinationOptions()]
    for (const quotedL4 of [LEAST, ALL]) {
      expectTranslated(direction, { family: 6, transport: 'udp', quotedL4, chain, outerChain })
    }
  })

  it.each(FAMILIES)('is translated although something follows the quote (IPv%i, RFC 4884)', (family) => {
    const headers = family === 4 ? 20 : 40
    const rest = family === 4 ? (RFC4884_PADDING / 4) << 16 : (RFC4884_PADDING / 8) * 0x1000000
    const error = family === 4 ? { type: 11, code: 0, rest } : { type: 3, code: 0, rest }
    const behind = concat(new Uint8Array(RFC4884_PADDING - headers - LEAST), Uint8Array.of(0x20, 0, 0xdf, 0xff, 7))
    expectTranslated(direction, { family, transport: 'udpZero', quotedL4: LEAST, error, behind })
  })

  it('is translated when it is as long as the path allows', () => {
    const behind = new Uint8Array(1400).map((_, index) => index)
    for (const family of FAMILIES) expectTranslated(direction, { family, transport: 'tcp', quotedL4: ALL, behind })
  })
})

it('satisfies scapy after translation', () => {
  const cases = FAMILIES.flatMap((family) =>
    ERRORS[family].flatMap((error) =>
      TRANSPORTS.flatMap((transport) => [LEAST, ALL].map((quotedL4) => ({ family, transport, quotedL4, error }))),
    ),
  )
  const frames = DIRECTIONS.flatMap((direction) => cases.map((one) => expectTranslated(direction, one)))
  expect(scapyVerdict(frames)).toEqual(frames.map(() => 'ok'))
})

it('is read as the quote says', () => {
  for (const family of FAMILIES) {
    const result = lib.quote(inward.before({ family, transport: 'tcp', quotedL4: LEAST, tags: [vlan(10)] }))
    const l3Off = 14 + 4 + (family === 4 ? 28 : 48)
    const l4Off = l3Off + (family === 4 ? 20 : 40)
    expect(result.quote).toEqual({
      ...{ src: VIP[family], dst: CLIENT[family], sport: PORT, dport: CLIENT_PORT, protocol: 6, icmpType: 0 },
      ...{ family, l3Off, l4Off, end: l4Off + LEAST },
    })
  }
})

it.each(FAMILIES)('names a query by its identifier and its type (IPv%i)', (family) => {
  const { quote, verdict } = lib.quote(inward.before({ family, transport: 'icmp', quotedL4: LEAST }))
  expect(verdict).toBe('undecided')
  const icmpType = family === 4 ? 0 : 129
  expect(quote).toMatchObject({ protocol: 1, sport: IDENTIFIER, dport: IDENTIFIER, icmpType })
})

const UNREACHABLE = { 4: { type: 3, code: 1 }, 6: { type: 1, code: 0 } }

/** An error about a reply that quotes these bytes. */
function errorThatQuotes(family: Family, bytes: Uint8Array): Packet {
  const link = eth({ src: ROUTER_MAC, dst: OUR_MAC })
  return family === 4
    ? packet(link, ipv4({ src: ROUTER[4], dst: VIP[4] }), icmp4Error(UNREACHABLE[4], bytes))
    : packet(link, ipv6({ src: ROUTER[6], dst: VIP[6] }), icmp6Error(UNREACHABLE[6], bytes))
}

const about = (family: Family): { src: string; dst: string } => ({ src: VIP[family], dst: CLIENT[family] })
const ports = { sport: PORT, dport: CLIENT_PORT }
const eightBytes = (layer: Layer, ...before: Layer[]): Uint8Array => {
  const headers = packet(...before).bytes().length
  return packet(...before, layer).bytes().subarray(0, headers + LEAST)
}

describe('an ICMP error that cannot be matched', () => {
  it.each<[string, string, Family, Uint8Array]>([
    ['less than an IPv4 header', 'dropMalformed', 4, packet(ipv4(about(4))).bytes().subarray(0, 19)],
    ['less than an IPv6 header', 'dropMalformed', 6, packet(ipv6(about(6))).bytes().subarray(0, 39)],
    ['IPv4 and 7 bytes', 'dropMalformed', 4, eightBytes(udp(ports), ipv4(about(4))).subarray(0, 27)],
    ['IPv6 and 7 bytes', 'dropMalformed', 6, eightBytes(udp(ports), ipv6(about(6))).subarray(0, 47)],
    ['a packet that is shorter itself', 'dropMalformed', 4, eightBytes(udp(ports), ipv4({ ...about(4), totalLength: 27 }))],
    ['the same of IPv6', 'dropMalformed', 6, eightBytes(udp(ports), ipv6({ ...about(6), payloadLength: 7 }))],
    ['a header length below 5', 'dropMalformed', 4, eightBytes(udp(ports), ipv4({ ...about(4), headerLength: 4 }))],
    ['options that are cut off', 'dropMalformed', 4, eightBytes(udp(ports), ipv4({ ...about(4), headerLength: 15 }))],
    ['IPv6 in ICMP', 'dropMalformed', 4, eightBytes(udp(ports), ipv6(about(6)))],
    ['IPv4 in ICMPv6', 'dropMalformed', 6, concat(eightBytes(udp(ports), ipv4(about(4))), new Uint8Array(20))],
    ['extension headers that are cut off', 'dropMalformed', 6, packet(ipv6(about(6)), hopByHop({ length: 1 })).bytes()],
    [
      'more extension headers than are walked',
      'dropMalformed',
      6,
      packet(ipv6(about(6)), Array.from({ length: 9 }, () => destinationOptions()), udp(ports)).bytes(),
    ],
    ['a later fragment', 'dropIcmpNoConn', 4, eightBytes(udp(ports), ipv4({ ...about(4), fragmentOffset: 1 }))],
    ['a later fragment of IPv6', 'dropIcmpNoConn', 6, eightBytes(udp(ports), ipv6(about(6)), fragment({ offset: 1 }))],
    ['another protocol', 'dropIcmpNoConn', 4, eightBytes(payload('12345678'), ipv4({ ...about(4), protocol: 47 }))],
    ['another protocol of IPv6', 'dropIcmpNoConn', 6, eightBytes(payload('12345678'), ipv6({ ...about(6), nextHeader: 47 }))],
    ['ICMPv6 in IPv4', 'dropIcmpNoConn', 4, eightBytes(icmp6Echo(), ipv4(about(4)))],
    ['ICMP in IPv6', 'dropIcmpNoConn', 6, eightBytes(icmp4Echo(), ipv6(about(6)))],
    ['an ICMP error', 'dropIcmpNoConn', 4, eightBytes(icmp4({ type: 3 }), ipv4(about(4)))],
    ['an ICMPv6 error', 'dropIcmpNoConn', 6, eightBytes(icmp6({ type: 1 }), ipv6(about(6)))],
  ])('because it quotes %s is %s, untouched', (_, verdict, family, bytes) => {
    const sent = errorThatQuotes(family, bytes).bytes()
    const result = lib.rewrite(sent, inward.rewrite(family))
    expect(result.verdict).toBe(verdict)
    expectPacket(result.frame).toEqualPacket(sent)
  })

  it.each(FAMILIES)('because it quotes nothing is malformed (IPv%i)', (family) => {
    expect(lib.quote(errorThatQuotes(family, new Uint8Array(0))).verdict).toBe('dropMalformed')
  })

  it.each(FAMILIES)('because it lies in several buffers is dropped as such (IPv%i)', (family) => {
    const sent = inward.before({ family, transport: 'tcp', quotedL4: ALL, behind: new Uint8Array(8000) })
    expect(lib.rewrite(sent, inward.rewrite(family)).verdict).toBe('dropNotLinear')
  })

  it.each([1, 2, 185])('because it is a fragment is dropped as one (offset %i)', (fragmentOffset) => {
    const quote = eightBytes(udp(ports), ipv4(about(4)))
    const outer = ipv4({ src: ROUTER[4], dst: VIP[4], fragmentOffset })
    const sent = packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), outer, icmp4Error(UNREACHABLE[4], quote))
    expect(lib.quote(sent).verdict).toBe('dropFragment')
  })
})

describe.each(FAMILIES)('an ICMP error over IPv%i with one bit changed on the way', (family) => {
  const one: Case = { family, transport: 'tcp', quotedL4: 20 }
  const frame = inward.before(one).bytes()
  const start = 14 + (family === 4 ? 20 : 40)

  it('is dropped wherever in the message the bit is, untouched', () => {
    for (let bit = start * 8; bit < frame.length * 8; bit += 1) {
      const sent = frame.slice()
      sent[bit >> 3] = (sent[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const result = lib.rewrite(sent, inward.rewrite(family))
      expect(result.verdict, `bit ${bit}`).toBe('dropIcmpChecksum')
      expectPacket(result.frame).toEqualPacket(sent)
    }
  })

  it('is dropped when the bit is in a long message', () => {
    const long = inward.before({ ...one, quotedL4: ALL, behind: new Uint8Array(1200) }).bytes()
    for (let byte = start; byte < long.length; byte += 13) {
      const sent = long.slice()
      sent[byte] = (sent[byte] ?? 0) ^ 0x10
      expect(lib.quote(sent).verdict, `byte ${byte}`).toBe('dropIcmpChecksum')
    }
  })

  it('is dropped when the bit is in an address of the outer header', () => {
    const [first, end] = family === 4 ? [26, 34] : [22, 54]
    for (let byte = first; byte < end; byte += 1) {
      const sent = frame.slice()
      sent[byte] = (sent[byte] ?? 0) ^ 1
      expect(lib.quote(sent).verdict, `byte ${byte}`).toBe('dropIcmpChecksum')
    }
  })
})

it('with a wrong sum in the quoted IPv4 header alone is dropped', () => {
  const quote = eightBytes(udp(ports), ipv4({ ...about(4), checksum: 0x1234 }))
  expect(lib.quote(errorThatQuotes(4, quote)).verdict).toBe('dropIcmpChecksum')
})

describe('any ICMP error', () => {
  const address = { 4: fc.ipV4(), 6: fc.ipV6() }
  const flow = (family: Family): fc.Arbitrary<{ from: Ends; to: string; port: number; outer: string }> =>
    fc.record({
      from: fc.record({
        ...{ src: address[family], dst: address[family] },
        ...{ sport: fc.integer({ min: 0, max: 65535 }), dport: fc.integer({ min: 0, max: 65535 }) },
      }),
      to: address[family],
      port: fc.integer({ min: 0, max: 65535 }),
      outer: address[family],
    })

  it.each(FAMILIES)('over IPv%i is after translation what it would have been about the other flow', (family) => {
    const property = fc.property(
      flow(family),
      fc.constantFrom(...TRANSPORTS),
      fc.oneof(
        fc.record({ quotedL4: fc.integer({ min: LEAST, max: 40 }).filter((length) => length !== HALF_OF_CHECKSUM) }),
        fc.record({ quotedL4: fc.constant(ALL), behind: fc.uint8Array({ maxLength: 300 }) }),
      ),
      fc.constantFrom('src' as const, 'dst' as const),
      ({ from, to, port, outer }, transport, extent, end) => {
        const one: Case = { family, transport, ...extent }
        const renamed = end === 'src' ? { src: to, sport: port } : { dst: to, dport: port }
        const outerBefore = { src: ROUTER[family], dst: from.src }
        const rewrite: Rewrite = {
          outer: { end: 'dst', address: outer },
          quoted: { end, address: to, port },
        }
        const result = lib.rewrite(errorAbout(one, outerBefore, from), rewrite)
        expect(result.verdict).toBe('undecided')
        const expected = errorAbout(one, { src: ROUTER[family], dst: outer }, { ...from, ...renamed }).bytes()
        if (Buffer.compare(result.frame, expected) !== 0) throw new Error(describeDifference(result.frame, expected))
      },
    )
    fc.assert(property, { numRuns: 400 })
  })
})
