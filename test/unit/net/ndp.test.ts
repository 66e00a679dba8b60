import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  internetChecksum,
  neighbourSolicitation,
  parseNeighbourAdvertisement,
  unsolicitedAdvertisement,
} from '../../../src/net/ndp.js'

const OURS = '02:00:00:00:00:01'
const REAL = '02:00:00:00:00:02'
const DIRECTOR = '2001:db8:2::1'
const TARGET = '2001:db8:2::abcd:ef12'

/** Whole frames as scapy 2.5 builds them, checksums included. */
const SCAPY = {
  solicitation:
    '3333ffcdef1202000000000186dd6000000000203aff20010db8000200000000000000000001ff0200000000000000000001ffcdef12' +
    '870091660000000020010db80002000000000000abcdef120101020000000001',
  toStation:
    '02000000000202000000000186dd6000000000203aff20010db800020000000000000000000120010db80002000000000000abcdef12' +
    '8700b6af0000000020010db80002000000000000abcdef120101020000000001',
  fromNobody:
    '3333ffcdef1202000000000186dd6000000000183aff00000000000000000000000000000000ff0200000000000000000001ffcdef12' +
    '8700c22c0000000020010db80002000000000000abcdef12',
  unsolicited:
    '33330000000102000000000186dd6000000000203aff20010db8000200000000000000000100ff020000000000000000000000000001' +
    '8800f7282000000020010db80002000000000000000001000201020000000001',
  answer:
    '02000000000102000000000286dd6000000000203aff20010db80002000000000000abcdef1220010db8000200000000000000000001' +
    '880054ae6000000020010db80002000000000000abcdef120201020000000002',
  withoutMac:
    '02000000000102000000000286dd6000000000183aff20010db80002000000000000abcdef1220010db8000200000000000000000001' +
    '880078b94000000020010db80002000000000000abcdef12',
  hopLimit254:
    '02000000000102000000000286dd6000000000203afe20010db80002000000000000abcdef1220010db8000200000000000000000001' +
    '880054ae6000000020010db80002000000000000abcdef120201020000000002',
  solicitedToAll:
    '33330000000102000000000286dd6000000000203aff20010db80002000000000000abcdef12ff020000000000000000000000000001' +
    '880083666000000020010db80002000000000000abcdef120201020000000002',
}

const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex')
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

/** The frame with one ICMPv6 byte changed and the checksum put right again. */
function patched(text: string, offset: number, value: number): Uint8Array {
  const frame = bytes(text)
  const before = frame[offset] ?? 0
  frame[offset] = value
  const view = new DataView(frame.buffer)
  const shift = offset % 2 === 0 ? 8 : 0
  // RFC 1624: HC' = ~(~HC + ~m + m')
  let sum = (~view.getUint16(56) & 0xffff) + (~(before << shift) & 0xffff) + (value << shift)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  view.setUint16(56, ~sum & 0xffff)
  return frame
}

describe('neighbour discovery frames', () => {
  const question = { sourceMac: OURS, sourceAddress: DIRECTOR, target: TARGET }

  it.each([
    ['a solicitation', neighbourSolicitation(question), SCAPY.solicitation],
    ['a solicitation to one station', neighbourSolicitation({ ...question, destinationMac: REAL }), SCAPY.toStation],
    ['a solicitation from nobody', neighbourSolicitation({ ...question, sourceAddress: '::' }), SCAPY.fromNobody],
    ['an unsolicited advertisement', unsolicitedAdvertisement(OURS, '2001:db8:2::100'), SCAPY.unsolicited],
  ])('%s is byte for byte what scapy builds', (_title, frame, expected) => {
    expect(hex(frame)).toBe(expected)
  })

  it.each([
    ['an answer', SCAPY.answer, { target: TARGET, mac: REAL, solicited: true, override: true }],
    ['an answer without a MAC', SCAPY.withoutMac, { target: TARGET, mac: undefined, solicited: true, override: false }],
    ['an unsolicited one', SCAPY.unsolicited, { target: '2001:db8:2::100', mac: OURS, solicited: false, override: true }],
  ])('%s is read', (_title, text, expected) => {
    expect(parseNeighbourAdvertisement(bytes(text))).toEqual(expected)
  })

  it('the frame may be longer than the IP header says', () => {
    const padded = Uint8Array.of(...bytes(SCAPY.answer), 1, 2, 3)
    expect(parseNeighbourAdvertisement(padded)?.mac).toBe(REAL)
  })

  it.each([
    ['that a router forwarded', bytes(SCAPY.hopLimit254)],
    ['solicited, yet sent to all', bytes(SCAPY.solicitedToAll)],
    ['with a code', patched(SCAPY.answer, 55, 1)],
    ['about a group', patched(SCAPY.answer, 62, 0xff)],
    ['with an option of length 0', patched(SCAPY.answer, 79, 0)],
    ['with an option past the end', patched(SCAPY.answer, 79, 2)],
    ['of another type', patched(SCAPY.answer, 54, 135)],
  ])('an advertisement %s is refused', (_title, frame) => {
    expect(parseNeighbourAdvertisement(frame)).toBeUndefined()
  })

  it('patching keeps a checksum right, so that the cases above fail for their own reason', () => {
    expect(parseNeighbourAdvertisement(patched(SCAPY.answer, 58, 0x40))?.override).toBe(false)
  })

  it('any single flipped bit after the Ethernet header is noticed, but for traffic class and flow label', () => {
    const good = bytes(SCAPY.answer)
    for (let bit = 14 * 8; bit < good.length * 8; bit++) {
      const offset = bit >> 3
      const classOrLabel = bit >= 14 * 8 + 4 && offset < 18
      if (classOrLabel) continue
      const frame = good.slice()
      frame[offset] = (frame[offset] ?? 0) ^ (1 << (7 - (bit & 7)))
      expect(parseNeighbourAdvertisement(frame), `bit ${bit}`).toBeUndefined()
    }
  })

  it('a frame cut short anywhere is refused', () => {
    const frame = bytes(SCAPY.answer)
    for (let length = 0; length < frame.length; length++) {
      expect(parseNeighbourAdvertisement(frame.subarray(0, length))).toBeUndefined()
    }
  })

  it('random bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (frame) => void parseNeighbourAdvertisement(frame)))
  })
})

describe('the Internet checksum', () => {
  it('is that of the example in RFC 1071 section 3', () => {
    expect(internetChecksum(bytes('0001f203f4f5f6f7'))).toBe(~0xddf2 & 0xffff)
  })

  it('takes an odd last byte as the high half of a word', () => {
    expect(internetChecksum(Uint8Array.of(0x12))).toBe(~0x1200 & 0xffff)
  })

  it('is 0 over data that carries its own checksum', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (data) => {
        const even = data.length % 2 === 0 ? data : Uint8Array.of(...data, 0)
        const sum = internetChecksum(even)
        expect(internetChecksum(Uint8Array.of(...even, sum >> 8, sum & 0xff))).toBe(0)
      }),
    )
  })
})
