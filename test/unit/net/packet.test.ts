import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PacketFields } from '../../../src/net/packet.js'
import { buildPacket, readPacket, TCP_FLAG_NAMES } from '../../../src/net/packet.js'
import { dissect } from '../../support/packet/dissect.js'
import { wrongChecksums } from '../../support/packet/verify.js'

const port = fc.integer({ min: 0, max: 0xffff })
const PAIRS = [
  ['192.0.2.2', '10.0.0.100'],
  ['255.255.255.255', '0.0.0.0'],
  ['2001:db8:1::2', '2001:db8:2::100'],
] as const

const fields: fc.Arbitrary<PacketFields> = fc.record({
  addresses: fc.constantFrom<readonly [string, string]>(...PAIRS),
  ttl: fc.integer({ min: 0, max: 255 }),
  protocol: fc.constantFrom<PacketFields['protocol']>('tcp', 'udp', 'icmp'),
  sourcePort: port,
  destinationPort: port,
  flags: fc.subarray([...TCP_FLAG_NAMES]),
}).map(({ addresses: [source, destination], ...rest }) => ({
  sourceMac: '02:00:00:00:00:01',
  destinationMac: '02:00:00:00:00:02',
  source,
  destination,
  ...rest,
}))

describe('a built packet', () => {
  it('has right checksums, and no byte too many or too few', () => {
    fc.assert(
      fc.property(fields, (packet) => {
        const frame = buildPacket(packet)
        expect(wrongChecksums(frame)).toEqual([])
        const last = dissect(frame).at(-1)
        expect((last?.offset ?? 0) + (last?.length ?? 0)).toBe(frame.length)
      }),
    )
  })

  it('is read back as it was meant', () => {
    fc.assert(
      fc.property(fields, ({ protocol, sourcePort, destinationPort, flags, ...rest }) => {
        const read = readPacket(buildPacket({ protocol, sourcePort, destinationPort, flags, ...rest }))
        expect(read).toMatchObject(rest)
        if (protocol === 'icmp') {
          const six = rest.source.includes(':')
          expect(read).toMatchObject({ protocol: six ? 'icmpv6' : 'icmp', type: six ? 128 : 8, code: 0 })
        } else expect(read).toMatchObject({ protocol, sourcePort, destinationPort, ...(protocol === 'tcp' ? { flags } : {}) })
      }),
    )
  })
})

describe('what is no packet', () => {
  it('is undefined, and no bytes make reading throw', () => {
    expect(readPacket(new Uint8Array(14))).toBeUndefined()
    fc.assert(fc.property(fields, fc.nat(70), (packet, length) => void readPacket(buildPacket(packet).subarray(0, length))))
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void readPacket(bytes)))
  })
})
