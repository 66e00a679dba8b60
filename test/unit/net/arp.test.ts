import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arpAnnouncement, arpFrame, arpRequest, parseArp } from '../../../src/net/arp.js'

const OURS = '02:00:00:00:00:01'
const REAL = '02:00:00:00:00:02'

/** Whole frames as scapy 2.5 builds them. */
const SCAPY = {
  request: 'ffffffffffff020000000001080600010800060400010200000000010a0000010000000000000a00000b',
  unicast: '020000000002020000000001080600010800060400010200000000010a0000010000000000000a00000b',
  announcement: 'ffffffffffff020000000001080600010800060400010200000000010a0000640000000000000a000064',
  reply: '020000000001020000000002080600010800060400020200000000020a00000b0200000000010a000001',
}

const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex')
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))

describe('ARP frames', () => {
  const request = { senderMac: OURS, senderAddress: '10.0.0.1', targetAddress: '10.0.0.11' }
  const reply = {
    operation: 'reply',
    senderMac: REAL,
    senderAddress: '10.0.0.11',
    targetMac: OURS,
    targetAddress: '10.0.0.1',
  } as const

  it.each([
    ['a broadcast request', arpRequest(request), SCAPY.request],
    ['a request to one station', arpRequest({ ...request, destinationMac: REAL }), SCAPY.unicast],
    ['an announcement', arpAnnouncement(OURS, '10.0.0.100'), SCAPY.announcement],
    ['a reply', arpFrame(OURS, reply), SCAPY.reply],
  ])('%s is byte for byte what scapy builds', (_title, frame, expected) => {
    expect(hex(frame)).toBe(expected)
  })

  it('a reply is read back as it was meant', () => {
    expect(parseArp(bytes(SCAPY.reply))).toEqual(reply)
  })

  it('the padding of a minimum-size frame does not matter', () => {
    expect(parseArp(Uint8Array.of(...bytes(SCAPY.reply), ...new Uint8Array(18)))).toEqual(reply)
  })

  it.each([
    ['another EtherType', 12, 0x86],
    ['another hardware type', 15, 6],
    ['another protocol', 16, 0x86],
    ['another address length', 18, 8],
    ['reverse ARP', 21, 3],
  ])('%s is no ARP for us', (_title, offset, value) => {
    const frame = bytes(SCAPY.reply)
    frame[offset] = value
    expect(parseArp(frame)).toBeUndefined()
  })

  it('a frame cut short anywhere is no ARP', () => {
    const frame = bytes(SCAPY.reply)
    for (let length = 0; length < frame.length; length++) expect(parseArp(frame.subarray(0, length))).toBeUndefined()
  })

  it('random bytes never throw', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (frame) => void parseArp(frame)))
  })
})
