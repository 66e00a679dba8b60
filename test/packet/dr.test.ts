import { describe, expect, it } from 'vitest'
import { Limit } from '../../src/maps/generated.js'
import { expectPacket } from '../support/packet/diff.js'
import { verifyChecksums } from '../support/packet/verify.js'
import { scapyVerdict } from '../support/scapy.js'
import { ah, destinationOptions, fragment, hopByHop, routing, vlan } from '../support/packet/build.js'
import { eth, packet, payload, type Layer, type Packet } from '../support/packet/build.js'
import { Director } from './director.js'
import {
  CLIENT_PORT,
  connOf,
  delivered,
  destOf,
  FAMILIES,
  INGRESS,
  ip,
  KINDS,
  knowConn,
  l4,
  OTHER_INTERFACE,
  OUR_MAC,
  OUR_OTHER_MAC,
  PROTOCOLS,
  REAL_MACS,
  request,
  ROUTER_MAC,
  STRANGER_MAC,
  world,
} from './world.js'

describe.each(KINDS)('dr: $name', ({ family, protocol }) => {
  it('sends a new flow to a real: its MAC, our MAC, the TTL one less, nothing else', async () => {
    const director = await Director.serving(world())
    const out = director.send(request(family, protocol))
    expect(out).toMatchObject({ verdict: 'forwardNew', action: 'tx' })
    expectPacket(out.frame).toEqualPacket(delivered(family, protocol, 0))
    verifyChecksums(out.frame)
    director.expectSameState()
  })

  it('sends a known flow to its own real, whatever the ring says now', async () => {
    const director = await Director.serving(world((table) => knowConn(table, family, protocol, 2)))
    const out = director.send(request(family, protocol, { flags: ['ack'] }))
    expect(out).toMatchObject({ verdict: 'forwardKnown', action: 'tx' })
    expectPacket(out.frame).toEqualPacket(delivered(family, protocol, 2, { flags: ['ack'] }))
    verifyChecksums(out.frame)
    director.expectSameState()
  })

  it('redirects to a real that is reached by another interface', async () => {
    const director = await Director.serving(
      world((table) => {
        knowConn(table, family, protocol, 1)
        Object.assign(destOf(table, family, protocol, 1), { ifindex: OTHER_INTERFACE, srcMac: OUR_OTHER_MAC })
      }),
    )
    const out = director.send(request(family, protocol, { flags: ['ack'] }))
    expect(out).toMatchObject({ verdict: 'forwardKnown', action: 'redirect' })
    const fields = { flags: ['ack' as const], ttl: 63, srcMac: OUR_OTHER_MAC, dstMac: REAL_MACS[1] }
    expectPacket(out.frame).toEqualPacket(request(family, protocol, fields))
  })

  it('keeps one VLAN tag, and two, as they came', async () => {
    const director = await Director.serving(world())
    for (const tags of [[vlan(10, { priority: 5 })], [vlan(20, { tpid: 0x88a8 }), vlan(10)]]) {
      knowConn(director.table, family, protocol, 0)
      director.lb.writeFlows(director.table)
      const out = director.send(request(family, protocol, { tags, flags: ['ack'] }))
      expect(out.verdict).toBe('forwardKnown')
      expectPacket(out.frame).toEqualPacket(delivered(family, protocol, 0, { tags, flags: ['ack'] }))
    }
  })

  it('keeps Ethernet padding and counts only the IP packet', async () => {
    const director = await Director.serving(world())
    const frame = Uint8Array.from([
      ...request(family, protocol, { body: '' }).bytes(),
      ...new Array<number>(18).fill(0xee),
    ])
    const out = director.send(frame)
    expect(out.verdict).toBe('forwardNew')
    expect(out.frame.subarray(-18)).toEqual(new Uint8Array(18).fill(0xee))
    director.expectSameState()
  })

  it.each([2, 64, 255])('takes one off a TTL of %i', async (ttl) => {
    const director = await Director.serving(world())
    const out = director.send(request(family, protocol, { ttl }))
    expectPacket(out.frame).toEqualPacket(delivered(family, protocol, 0, { ttl }))
    verifyChecksums(out.frame)
  })

  it('passes a frame that is addressed to another host, and learns nothing from it', async () => {
    const director = await Director.serving(world())
    expect(director.send(request(family, protocol, { dstMac: STRANGER_MAC }))).toMatchObject({
      verdict: 'passOtherHost',
      action: 'pass',
    })
    director.expectSameState()
  })

  it('passes a frame of a known flow that is addressed to another host', async () => {
    const director = await Director.serving(world((table) => knowConn(table, family, protocol, 0)))
    expect(director.send(request(family, protocol, { dstMac: STRANGER_MAC, flags: ['ack'] })).verdict).toBe(
      'passOtherHost',
    )
    director.expectSameState()
  })

  it('knows its interface, though others were first at its place in the table', async () => {
    const interfaces = new Map([1, 2].map((turn) => [INGRESS + turn * Limit.interfaceSlots, STRANGER_MAC]))
    const director = await Director.serving(
      world((table) => {
        for (const [ifindex, mac] of table.interfaces) interfaces.set(ifindex, mac)
        table.interfaces = interfaces
      }),
    )
    expect(director.send(request(family, protocol)).verdict).toBe('forwardNew')
    expect(director.send(request(family, protocol, { sport: CLIENT_PORT + 1, dstMac: STRANGER_MAC })).verdict).toBe('passOtherHost')
  })

  it('passes a frame from an interface that is not ours', async () => {
    const director = await Director.serving(world((table) => table.interfaces.delete(INGRESS)))
    expect(director.send(request(family, protocol)).verdict).toBe('passOtherHost')
  })
})

describe.each(PROTOCOLS)('dr: %s over IPv4 options', (protocol) => {
  it.each([4, 8, 20, 40])('forwards a packet with %i bytes of options, ports behind them', async (length) => {
    const director = await Director.serving(world())
    const four = { options: new Uint8Array(length).fill(1) }
    const out = director.send(request(4, protocol, { four }))
    expectPacket(out.frame).toEqualPacket(delivered(4, protocol, 0, { four }))
    verifyChecksums(out.frame)
    director.expectSameState()
  })
})

/** A packet to the VIP with IPv6 extension headers, and the same as a real gets it. */
function extended(protocol: 'tcp' | 'udp', extensions: Layer[]): { sent: Packet; received: Packet } {
  const inside = (ttl: number): (Layer | Layer[])[] => [ip(6, { ttl }), extensions, l4(protocol), payload('body')]
  return {
    sent: packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), ...inside(64)),
    received: packet(eth({ src: OUR_MAC, dst: REAL_MACS[0] }), ...inside(63)),
  }
}

const LONG = { data: new Uint8Array(22).fill(0) }
const EXTENSIONS: [string, Layer[]][] = [
  ['hop-by-hop options', [hopByHop()]],
  ['a routing header', [routing()]],
  ['destination options', [destinationOptions()]],
  ['an authentication header', [ah()]],
  ['an authentication header of another length', [ah({ data: new Uint8Array(20) })]],
  ['an atomic fragment', [fragment()]],
  ['long destination options', [destinationOptions(LONG)]],
  ['all of them', [hopByHop(LONG), destinationOptions(), routing(), fragment(), ah(), destinationOptions()]],
  ['eight headers', Array.from({ length: 8 }, () => destinationOptions())],
]

describe.each(PROTOCOLS)('dr: %s over IPv6 extension headers', (protocol) => {
  it.each(EXTENSIONS)('finds the ports behind %s', async (_, extensions) => {
    const director = await Director.serving(world())
    const { sent, received } = extended(protocol, extensions)
    const out = director.send(sent)
    expect(out.verdict).toBe('forwardNew')
    expectPacket(out.frame).toEqualPacket(received)
    verifyChecksums(out.frame)
    expect(director.lb.conns().has(connOf(6, protocol))).toBe(true)
    director.expectSameState()
  })
})

describe('dr: checksums', () => {
  it('are right by scapy, too, in every kind of forwarded packet', async () => {
    const director = await Director.serving(world())
    const plain = KINDS.map(({ family, protocol }) => request(family, protocol))
    const tagged = FAMILIES.map((family) => request(family, 'tcp', { tags: [vlan(10)], sport: 41000 }))
    const options = request(4, 'udp', { four: { options: new Uint8Array(8).fill(1) }, sport: 41001 })
    const extension = extended('udp', [hopByHop(), destinationOptions()]).sent
    const frames = [...plain, ...tagged, options, extension].map((sent) => director.send(sent).frame)
    expect(scapyVerdict(frames)).toEqual(frames.map(() => 'ok'))
  })

  it('are updated, not computed anew: a wrong one stays wrong', async () => {
    const director = await Director.serving(world())
    for (const checksum of [0x0000, 0xffff, 0xfeff, 0xff00, 0x1234]) {
      const out = director.send(request(4, 'udp', { four: { checksum } }))
      expect(() => verifyChecksums(out.frame)).toThrow('ipv4')
    }
  })

  it('of UDP over IPv4 stay zero when there are none', async () => {
    const director = await Director.serving(world())
    const frame = request(4, 'udp').bytes()
    frame.fill(0, 40, 42)
    expect([...director.send(frame).frame.subarray(40, 42)]).toEqual([0, 0])
  })
})
