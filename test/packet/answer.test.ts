import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import fc from 'fast-check'
import {
  BROADCAST_MAC,
  destinationOptions,
  eth,
  fragment,
  hopByHop,
  icmp4,
  icmp4Echo,
  icmp6,
  icmp6Echo,
  ipv4,
  ipv6,
  packet,
  payload,
  tcp,
  udp,
  vlan,
  type Layer,
  type Packet,
} from '../support/packet/build.js'
import { concat } from '../support/packet/bytes.js'
import { expectPacket } from '../support/packet/diff.js'
import { verifyChecksums } from '../support/packet/verify.js'
import type { TcpFields, TcpFlagName } from '../support/packet/transport.js'
import { IcmpLib, SLOW_HZ, type Answer, type LibVerdict } from '../support/icmp-lib.js'
import { scapyVerdict } from '../support/scapy.js'
import { CLIENT, CLIENT_PORT, FAMILIES, OUR_MAC, PORT, ROUTER_MAC, VIP, type Family } from './world.js'

const ERRORS = ['portUnreachable', 'timeExceeded'] as const
const ANSWERS: readonly Answer[] = [...ERRORS, 'reset']
const SENT: Record<Answer, LibVerdict> = { portUnreachable: 'replyNoReal', timeExceeded: 'replyTtl', reset: 'replyReset' }
const WITHHELD: Record<Answer, LibVerdict> = {
  portUnreachable: 'dropNoReal',
  timeExceeded: 'dropTtl',
  reset: 'dropRealGone',
}
const TYPES = {
  portUnreachable: { 4: { type: 3, code: 3 }, 6: { type: 1, code: 4 } },
  timeExceeded: { 4: { type: 11, code: 0 }, 6: { type: 3, code: 0 } },
} as const

const IDENTIFICATION = 0x7ab1
const MANY = 1000

let lib: IcmpLib
beforeAll(async () => {
  lib = await IcmpLib.open(OUR_MAC)
})
afterAll(() => lib[Symbol.dispose]())
beforeEach(() => lib.limitAnswers(MANY))

interface AskedFields {
  src?: string
  ttl?: number
  srcMac?: string
  dstMac?: string
  tags?: Layer[]
  /** IPv4 options, IPv6 extension headers. */
  options?: Uint8Array
  chain?: Layer[]
  inside?: Layer[]
  /** Behind the IP packet: what pads a short frame. */
  padding?: number
}

const segment = (fields: Partial<TcpFields> = {}): Layer =>
  tcp({ sport: CLIENT_PORT, dport: PORT, seq: 0x01020304, ...fields })

/** The packet that is answered, by default a SYN. */
function asked(family: Family, fields: AskedFields = {}): Packet {
  const { ttl = 9, src = CLIENT[family], options = new Uint8Array(0) } = fields
  return packet(
    eth({ src: fields.srcMac ?? ROUTER_MAC, dst: fields.dstMac ?? OUR_MAC }),
    fields.tags ?? [],
    family === 4
      ? ipv4({ src, dst: VIP[4], ttl, id: IDENTIFICATION, tos: 0x28, options })
      : ipv6({ src, dst: VIP[6], hopLimit: ttl, trafficClass: 0x28, flowLabel: 0x12345 }),
    fields.chain ?? [],
    fields.inside ?? [segment(), payload('some data that is not quoted')],
  )
}

const padded = (frame: Packet, padding = 0): Uint8Array => concat(frame.bytes(), new Uint8Array(padding).fill(0xee))

/** The answer's headers up to what is inside IP. */
function answerTo(family: Family, tags: Layer[], tos: number): Layer[] {
  const addresses = { src: VIP[family], dst: CLIENT[family] }
  const header =
    family === 4 ? ipv4({ ...addresses, tos, id: IDENTIFICATION, flags: 0 }) : ipv6({ ...addresses, hopLimit: 64 })
  return [eth({ src: OUR_MAC, dst: ROUTER_MAC }), ...tags, header]
}

/** The error about `asked(family, fields)`, which quotes `quoted` bytes of it from its IP header on. */
function errorAbout(kind: (typeof ERRORS)[number], family: Family, fields: AskedFields, quoted: number): Packet {
  const tags = fields.tags ?? []
  const start = 14 + 4 * tags.length
  const quote = asked(family, fields).bytes().subarray(start, start + quoted)
  const message = (family === 4 ? icmp4 : icmp6)(TYPES[kind][family])
  return packet(answerTo(family, tags, 0xc0), message, payload(quote))
}

/** Sends it and compares with what must come back. */
function expectAnswer(kind: Answer, sent: Uint8Array, expected: Packet): Uint8Array {
  const result = lib.answer(kind, sent)
  expect(result.verdict).toBe(SENT[kind])
  expectPacket(result.frame).toEqualPacket(expected)
  verifyChecksums(result.frame)
  return result.frame
}

function expectWithheld(kind: Answer, frame: Packet): void {
  const sent = frame.bytes()
  const result = lib.answer(kind, sent)
  expect(result.verdict).toBe(WITHHELD[kind])
  expectPacket(result.frame).toEqualPacket(sent)
}

const FIXED = { 4: 20, 6: 40 } as const

describe.each(ERRORS)('%s', (kind) => {
  describe.each(FAMILIES)('over IPv%i', (family) => {
    it.each<[string, AskedFields]>([
      ['TCP', {}],
      ['TCP with options', { inside: [segment({ options: new Uint8Array(40).fill(1) }), payload('x')] }],
      ['UDP', { inside: [udp({ sport: CLIENT_PORT, dport: PORT }), payload('odd')] }],
      ['UDP without data', { inside: [udp({ sport: CLIENT_PORT, dport: PORT })] }],
      ['a query', { inside: [family === 4 ? icmp4Echo() : icmp6Echo(), payload('ping')] }],
      ['the last hop', { ttl: 1 }],
      ['a packet in a VLAN', { tags: [vlan(10)] }],
      ['a packet in two VLANs', { tags: [vlan(20, { tpid: 0x88a8 }), vlan(10)] }],
      ['a padded frame', { padding: 6 }],
      ['a large packet', { inside: [segment({ flags: ['ack'] }), payload('z'.repeat(1400))] }],
      ['a packet in several buffers', { inside: [segment({ flags: ['ack'] }), payload('z'.repeat(8000))] }],
    ])('quotes the IP header and 8 bytes of %s', (_, fields) => {
      const sent = padded(asked(family, fields), fields.padding)
      expectAnswer(kind, sent, errorAbout(kind, family, fields, FIXED[family] + 8))
    })

    it('satisfies scapy', () => {
      expect(scapyVerdict([lib.answer(kind, asked(family)).frame])).toEqual(['ok'])
    })

    it.each([0, 1, 2, 3, 5, 7])('quotes the %i bytes that there are', (length) => {
      const fields = { inside: [payload('1234567'.slice(0, length))] }
      expectAnswer(kind, asked(family, fields).bytes(), errorAbout(kind, family, fields, FIXED[family] + length))
    })

    it('is not sent about an ICMP error, nor about what may be one', () => {
      const types = family === 4 ? [3, 4, 5, 11, 12, 1, 9, 10, 19, 255] : [0, 1, 2, 3, 4, 100, 127, 133, 137]
      for (const type of types) {
        const inside = [(family === 4 ? icmp4 : icmp6)({ type }), payload(new Uint8Array(48))]
        expectWithheld(kind, asked(family, { inside }))
      }
    })

    it('is not sent about ICMP that is cut off before its type is known', () => {
      const inside = [payload('1234')]
      const header =
        family === 4
          ? ipv4({ src: CLIENT[4], dst: VIP[4], protocol: 1 })
          : ipv6({ src: CLIENT[6], dst: VIP[6], nextHeader: 58 })
      expectWithheld(kind, packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), header, inside))
    })
  })

  it.each([4, 12, 40])('quotes IPv4 options, %i bytes of them', (length) => {
    const fields = { options: new Uint8Array(length).fill(1) }
    expectAnswer(kind, asked(4, fields).bytes(), errorAbout(kind, 4, fields, 20 + length + 8))
  })

  it.each<[string, Layer[], number]>([
    ['one', [hopByHop()], 8],
    ['several', [hopByHop(), destinationOptions({ data: new Uint8Array(20) }), fragment()], 40],
    ['more than are quoted', [destinationOptions({ data: new Uint8Array(134) })], 120 - 40 - 8],
  ])('quotes IPv6 extension headers: %s', (_, chain, length) => {
    expectAnswer(kind, asked(6, { chain }).bytes(), errorAbout(kind, 6, { chain }, 40 + length + 8))
  })

  it('is sent about a first fragment, and not about a later one', () => {
    const first = { chain: [fragment({ more: true })] }
    expectAnswer(kind, asked(6, first).bytes(), errorAbout(kind, 6, first, 40 + 8 + 8))
    expectWithheld(kind, asked(6, { chain: [fragment({ offset: 4 })] }))
    const header = ipv4({ src: CLIENT[4], dst: VIP[4], fragmentOffset: 8 })
    expectWithheld(kind, packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), header, payload('in the middle of it')))
  })
})

interface ResetFields extends AskedFields {
  flags: TcpFlagName[]
  seq?: number
  ack?: number
  data?: string
  tcpOptions?: Uint8Array
}

/** The segment, and what RFC 9293 section 3.5.2 wants it answered by. */
function resetCase(family: Family, fields: ResetFields): { sent: Uint8Array; expected: Packet } {
  const { flags, seq = 0x01020304, ack = 0x0a0b0c0d, data = '', tcpOptions = new Uint8Array(0), tags = [] } = fields
  const inside = [segment({ flags, seq, ack, options: tcpOptions, urgent: 3 }), payload(data)]
  const length = data.length + Number(flags.includes('syn')) + Number(flags.includes('fin'))
  const answer = flags.includes('ack')
    ? ({ flags: ['rst'], seq: ack, ack: 0 } as const)
    : ({ flags: ['rst', 'ack'], seq: 0, ack: (seq + length) >>> 0 } as const)
  const reset = tcp({ sport: PORT, dport: CLIENT_PORT, seq: answer.seq, ack: answer.ack, flags: [...answer.flags], window: 0 })
  return {
    sent: padded(asked(family, { ...fields, inside }), fields.padding),
    expected: packet(answerTo(family, tags, 0xc0), reset),
  }
}

describe.each(FAMILIES)('reset over IPv%i', (family) => {
  it.each<[string, ResetFields]>([
    ['a SYN', { flags: ['syn'] }],
    ['a SYN with data', { flags: ['syn'], data: 'early' }],
    ['a SYN with options', { flags: ['syn'], tcpOptions: new Uint8Array(20).fill(1) }],
    ['a FIN without ACK', { flags: ['fin'], data: 'the end' }],
    ['SYN and FIN', { flags: ['syn', 'fin'] }],
    ['no flags', { flags: [], data: 'x' }],
    ['a sequence that wraps around', { flags: ['syn'], seq: 0xffffffff, data: 'ab' }],
    ['an ACK', { flags: ['ack'] }],
    ['an ACK with data', { flags: ['ack', 'psh'], data: 'y'.repeat(1300), tcpOptions: new Uint8Array(12).fill(1) }],
    ['a SYN and ACK', { flags: ['syn', 'ack'] }],
    ['all flags but RST', { flags: ['syn', 'ack', 'fin', 'psh', 'urg', 'ece', 'cwr'] }],
    ['a segment in several buffers', { flags: ['fin'], data: 'z'.repeat(8000) }],
    ['a padded frame', { flags: ['syn'], padding: 6 }],
    ['a segment in a VLAN', { flags: ['ack'], tags: [vlan(10)] }],
    ['a segment in two VLANs', { flags: ['ack'], tags: [vlan(20, { tpid: 0x88a8 }), vlan(10)] }],
  ])('answers %s', (_, fields) => {
    const { sent, expected } = resetCase(family, fields)
    expectAnswer('reset', sent, expected)
  })

  it('satisfies scapy', () => {
    const frames = [['syn'], ['ack']].map((flags) => lib.answer('reset', asked(family, { inside: [segment({ flags: flags as TcpFlagName[] })] })).frame)
    expect(scapyVerdict(frames)).toEqual(['ok', 'ok'])
  })

  it('answers what RFC 9293 says, whatever the segment', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff })
    const flag = fc.subarray<TcpFlagName>(['fin', 'syn', 'psh', 'ack', 'urg'])
    const property = fc.property(flag, word, word, fc.string({ maxLength: 99 }), (flags, seq, ack, data) => {
      const { sent, expected } = resetCase(family, { flags, seq, ack, data: data.replace(/[^ -~]/g, '?') })
      expectPacket(lib.answer('reset', sent).frame).toEqualPacket(expected)
    })
    fc.assert(property, { numRuns: 200 })
  })

  it.each<[string, Layer[]]>([
    ['a reset', [segment({ flags: ['rst'] })]],
    ['a reset with ACK', [segment({ flags: ['rst', 'ack'] })]],
    ['UDP', [udp({ sport: CLIENT_PORT, dport: PORT }), payload('0123456789abcdef')]],
  ])('is not sent for %s', (_, inside) => {
    expectWithheld('reset', asked(family, { inside }))
  })
})

it('reset leaves out IPv4 options and IPv6 extension headers', () => {
  const four = resetCase(4, { flags: ['ack'], options: new Uint8Array(40).fill(1) })
  expectAnswer('reset', four.sent, four.expected)
  const six = resetCase(6, { flags: ['syn'], chain: [hopByHop(), fragment()], data: 'x' })
  expectAnswer('reset', six.sent, six.expected)
})

it('reset is not sent for a fragment, the first one neither', () => {
  expectWithheld('reset', asked(6, { chain: [fragment({ more: true })] }))
  expectWithheld('reset', asked(6, { chain: [fragment({ offset: 1 })] }))
  const header = ipv4({ src: CLIENT[4], dst: VIP[4], flags: 1 })
  expectWithheld('reset', packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), header, segment(), payload('the first part')))
})

describe.each(ANSWERS)('%s is not sent', (kind) => {
  it.each<[Family, string]>([
    [4, '0.0.0.0'],
    [4, '0.1.2.3'],
    [4, '127.0.0.1'],
    [4, '224.0.0.1'],
    [4, '239.255.255.250'],
    [4, '240.0.0.1'],
    [4, '255.255.255.255'],
    [6, '::'],
    [6, '::1'],
    [6, 'ff02::1'],
    [6, 'ff0e::1234'],
  ])('over IPv%i to %s, which is no one host', (family, src) => {
    expectWithheld(kind, asked(family, { src }))
  })

  it.each([
    { dstMac: BROADCAST_MAC },
    { dstMac: '01:00:5e:00:00:01' },
    { srcMac: '33:33:00:00:00:01' },
  ])('for a frame to or from a group: %o', (fields) => {
    for (const family of FAMILIES) expectWithheld(kind, asked(family, fields))
  })
})

describe('the limit of answers', () => {
  const NEAR = { 4: '198.51.100.254', 6: '2001:db8:1::ffff:ffff' } as const
  const FAR = { 4: '198.51.101.7', 6: '2001:db8:1:1::7' } as const

  const verdicts = (family: Family, src: string, count: number, kind: Answer = 'reset'): LibVerdict[] =>
    Array.from({ length: count }, () => lib.answer(kind, asked(family, { src })).verdict)

  it.each(FAMILIES)('holds for all answers to a prefix together, and for no other prefix (IPv%i)', (family) => {
    lib.limitAnswers(4)
    expect(verdicts(family, CLIENT[family], 2, 'reset')).toEqual(['replyReset', 'replyReset'])
    expect(verdicts(family, NEAR[family], 2, 'timeExceeded')).toEqual(['replyTtl', 'replyTtl'])
    expect(verdicts(family, CLIENT[family], 3, 'portUnreachable')).toEqual(['dropNoReal', 'dropNoReal', 'dropNoReal'])
    expect(verdicts(family, FAR[family], 5)).toEqual([...Array<string>(4).fill('replyReset'), 'dropRealGone'])
  })

  it('takes nothing for an answer that is not sent for another reason', () => {
    lib.limitAnswers(1)
    expectWithheld('reset', asked(4, { inside: [segment({ flags: ['rst'] })] }))
    expect(verdicts(4, CLIENT[4], 2)).toEqual(['replyReset', 'dropRealGone'])
  })

  it('of 0 allows nothing', () => {
    lib.limitAnswers(0)
    expect(verdicts(6, CLIENT[6], 2)).toEqual(['dropRealGone', 'dropRealGone'])
  })

  /** The bucket that the client's answers have been taken from. */
  function usedBucket(): { index: number; tick: number } {
    const used = [...lib.maps.limits.entries()].filter(([, { tick }]) => tick !== 0)
    expect(used).toHaveLength(1)
    const [index, { tick }] = used[0] ?? [0, { tick: 0 }]
    return { index, tick }
  }

  it('gives tokens back with time, and no more than at the start', () => {
    lib.limitAnswers(2)
    expect(verdicts(4, CLIENT[4], 3)).toEqual(['replyReset', 'replyReset', 'dropRealGone'])
    const { index, tick } = usedBucket()
    const perTick = 2 * 16
    lib.maps.limits.set(index, { tick: tick - 1000, tokens: SLOW_HZ - 1000 * perTick })
    expect(verdicts(4, CLIENT[4], 2)).toEqual(['replyReset', 'dropRealGone'])
    lib.maps.limits.set(index, { tick: tick - (2 * SLOW_HZ) / perTick, tokens: 2 * SLOW_HZ })
    expect(verdicts(4, CLIENT[4], 3)).toEqual(['replyReset', 'replyReset', 'dropRealGone'])
  })

  it('gives nothing for a bucket that another CPU has filled a moment ahead', () => {
    lib.limitAnswers(2)
    expect(verdicts(4, CLIENT[4], 1)).toEqual(['replyReset'])
    const { index, tick } = usedBucket()
    lib.maps.limits.set(index, { tick: tick + 60, tokens: 0 })
    expect(verdicts(4, CLIENT[4], 1)).toEqual(['dropRealGone'])
  })
})
