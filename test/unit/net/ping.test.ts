import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePingAnswer, pingReset, pingSyn, type PingSyn } from '../../../src/net/ping.js'
import { concat } from '../../support/packet/bytes.js'
import { eth, icmp4Error, icmp6Error, ipv4, ipv6, packet, tcp, type TcpFields } from '../../support/packet/build.js'
import { dissect } from '../../support/packet/dissect.js'
import { wrongChecksums } from '../../support/packet/verify.js'
import { scapyVerdict } from '../../support/scapy.js'

const MARK = 0x76656572
const OURS = '02:00:00:00:00:01'
const DIRECTOR = '02:00:00:00:00:02'
const REAL = '02:00:00:00:00:03'

const PING: PingSyn = {
  sourceMac: OURS,
  destinationMac: DIRECTOR,
  source: '10.0.0.1',
  sourcePort: 65300,
  destination: '10.0.0.100',
  destinationPort: 80,
  sequence: 0xffff_ffff,
  mark: MARK,
}
const PING6: PingSyn = { ...PING, source: '2001:db8:2::1', destination: '2001:db8:2::100' }
const PINGS = [
  { family: 4, ping: PING },
  { family: 6, ping: PING6 },
] as const

const real = (ping: PingSyn): string => (ping === PING ? '10.0.0.11' : '2001:db8:2::11')
const ip = (ping: PingSyn, src = ping.destination): ReturnType<typeof ipv4> =>
  ping === PING ? ipv4({ src, dst: ping.source }) : ipv6({ src, dst: ping.source })

/** NOP NOP timestamps. */
const timestamps = (value: number, echo: number): Uint8Array => {
  const option = new Uint8Array(12)
  option.set([1, 1, 8, 10])
  new DataView(option.buffer).setUint32(4, value)
  new DataView(option.buffer).setUint32(8, echo)
  return option
}

/** A segment that answers, as a real sends it. */
function answer(ping: PingSyn, fields: Partial<TcpFields>, src?: string): Uint8Array {
  const acknowledges = (ping.sequence + 1) >>> 0
  const segment = tcp({ sport: ping.destinationPort, dport: ping.sourcePort, seq: 4711, ack: acknowledges, ...fields })
  return packet(eth({ src: REAL, dst: OURS }), ip(ping, src), segment).bytes()
}

/** The IP packet in a frame. */
const quoteOf = (frame: Uint8Array, bytes?: number): Uint8Array => frame.subarray(14, bytes === undefined ? undefined : 14 + bytes)

describe.each(PINGS)('a ping over IPv$family', ({ family, ping }) => {
  it('is a SYN with the mark as its timestamp, and what scapy would make of it', () => {
    const frame = pingSyn(ping)
    const [link, , segment] = dissect(frame)
    expect(link?.fields.get('dst')).toBe(DIRECTOR)
    expect(segment?.fields.get('flags')).toEqual(dissect(answer(ping, { flags: ['syn'] }))[2]?.fields.get('flags'))
    const at = (segment?.offset ?? 0) + 20
    const mss = family === 4 ? [5, 180] : [5, 160]
    expect([...frame.subarray(at)]).toEqual([2, 4, ...mss, 1, 1, 8, 10, 0x76, 0x65, 0x65, 0x72, 0, 0, 0, 0])
    const reset = pingReset(ping, { mac: REAL, address: ping.destination, port: 80 })
    expect([frame, reset].map(wrongChecksums)).toEqual([[], []])
    expect(scapyVerdict([frame, reset])).toEqual(['ok', 'ok'])
  })

  it('is answered by a SYN-ACK, which says what number arrived', () => {
    const flags: TcpFields['flags'] = ['syn', 'ack']
    const heard = parsePingAnswer(answer(ping, { flags, options: timestamps(99, MARK - 1) }), ping)
    expect(heard).toEqual({ kind: 'syn-ack', mac: REAL, address: ping.destination, port: 80, echo: MARK - 1, sequence: 4711 })
    expect(parsePingAnswer(answer(ping, { flags }), ping)).toMatchObject({ kind: 'syn-ack', echo: undefined })
  })

  it("is answered from a real's own address and port when it is of nat", () => {
    const heard = parsePingAnswer(answer(ping, { flags: ['syn', 'ack'], sport: 8080 }, real(ping)), ping)
    expect(heard).toMatchObject({ kind: 'syn-ack', address: real(ping), port: 8080 })
  })

  it('is refused by a reset', () => {
    const heard = parsePingAnswer(answer(ping, { flags: ['rst', 'ack'] }), ping)
    expect(heard).toEqual({ kind: 'reset', mac: REAL, address: ping.destination, port: 80 })
  })

  it.each([8, undefined])('is refused by an ICMP error that quotes %s bytes of TCP', (bytes) => {
    const header = family === 4 ? 20 : 40
    const quoted = quoteOf(pingSyn(ping), bytes === undefined ? undefined : header + bytes)
    const error = family === 4 ? icmp4Error({ type: 3, code: 3 }, quoted) : icmp6Error({ type: 1, code: 4 }, quoted)
    const frame = packet(eth({ src: DIRECTOR, dst: OURS }), ip(ping), error).bytes()
    const [type, code] = family === 4 ? [3, 3] : [1, 4]
    expect(parsePingAnswer(frame, ping)).toEqual({ kind: 'error', family, mac: DIRECTOR, address: ping.destination, type, code })
    expect(parsePingAnswer(frame, { ...ping, sequence: 1 })).toBeUndefined()
    expect(parsePingAnswer(frame, { ...ping, sourcePort: 1 })).toBeUndefined()
  })

  it.each<{ what: string; fields: Partial<TcpFields> }>([
    { what: 'acknowledges another SYN', fields: { flags: ['syn', 'ack'], ack: 1 } },
    { what: 'acknowledges nothing', fields: { flags: ['syn'] } },
    { what: 'is for another port', fields: { flags: ['syn', 'ack'], dport: 65301 } },
    { what: 'opens nothing', fields: { flags: ['ack'] } },
  ])('is not answered by what $what', ({ fields }) => {
    expect(parsePingAnswer(answer(ping, fields), ping)).toBeUndefined()
  })

  it('is not answered by a packet for another address, nor by another kind of message', () => {
    const frame = answer(ping, { flags: ['syn', 'ack'] })
    expect(parsePingAnswer(frame, { ...ping, source: real(ping) })).toBeUndefined()
    const quoted = quoteOf(pingSyn(ping))
    const redirect = family === 4 ? icmp4Error({ type: 5, code: 1 }, quoted) : icmp6Error({ type: 137 }, quoted)
    expect(parsePingAnswer(packet(eth({ src: DIRECTOR, dst: OURS }), ip(ping), redirect).bytes(), ping)).toBeUndefined()
  })
})

describe('what comes to the port of a ping', () => {
  const flags: TcpFields['flags'] = ['syn', 'ack']

  it('may have IPv4 options, and bytes behind the packet', () => {
    const options = Uint8Array.of(148, 4, 0, 0)
    const segment = tcp({ sport: 80, dport: PING.sourcePort, ack: 0, flags, options: timestamps(1, MARK - 1) })
    const frame = packet(eth({ src: REAL, dst: OURS }), ipv4({ src: PING.destination, dst: PING.source, options }), segment)
    const padded = concat(frame.bytes(), new Uint8Array(20).fill(0xff))
    expect(parsePingAnswer(padded, PING)).toMatchObject({ kind: 'syn-ack', echo: MARK - 1 })
  })

  it.each([
    { what: 'of length 0', options: [8, 0, 0, 0] },
    { what: 'that ends behind the header', options: [1, 1, 8, 10] },
    { what: 'behind the end of the options', options: [0, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2] },
  ])('has no timestamp in an option $what', ({ options }) => {
    const frame = answer(PING, { flags, options: Uint8Array.from(options) })
    expect(parsePingAnswer(frame, PING)).toMatchObject({ kind: 'syn-ack', echo: undefined })
  })

  it('may be anything', () => {
    const frames = [answer(PING, { flags, options: timestamps(1, 2) }), answer(PING6, { flags })]
    const cut = fc.tuple(fc.constantFrom(...frames), fc.nat(100))
    fc.assert(fc.property(cut, ([frame, length]) => void parsePingAnswer(frame.subarray(0, length), PING)))
    const flipped = fc.tuple(fc.constantFrom(...frames), fc.nat(100), fc.integer({ min: 0, max: 255 }))
    fc.assert(
      fc.property(flipped, ([frame, at, byte]) => void parsePingAnswer(frame.with(at % frame.length, byte), PING)),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => void parsePingAnswer(bytes, PING)))
  })
})
