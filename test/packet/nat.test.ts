import { describe, expect, it } from 'vitest'
import { addressBytes } from '../../src/net/address.js'
import type { Table } from '../support/oracle.js'
import { plainService, serviceKey } from '../support/oracle.js'
import { expectPacket } from '../support/packet/diff.js'
import { concat, u16 } from '../support/packet/bytes.js'
import { internetChecksum, pseudoHeader } from '../support/packet/checksum.js'
import { IpProtocol } from '../support/packet/layer.js'
import { verifyChecksums } from '../support/packet/verify.js'
import { eth, fragment, packet, payload, tcp, udp } from '../support/packet/build.js'
import { Director } from './director.js'
import {
  addQueryService,
  answer,
  CLIENT,
  CLIENT_PORT,
  connOf,
  destId,
  destOf,
  echo,
  FAMILIES,
  icmpError,
  ip,
  KINDS,
  knowConn,
  makeNat,
  OUR_MAC,
  PORT,
  quoteOf,
  REAL_MACS,
  REAL_PORT,
  realAddress,
  request,
  ROUTER_MAC,
  serviceOf,
  STRANGER_MAC,
  VIP,
  VIP_ID,
  world,
  type Family,
  type Transport,
} from './world.js'

const nat = (family: Family, protocol: Transport, change: (table: Table) => void = () => undefined): Table =>
  world((table) => {
    makeNat(table, family, protocol)
    change(table)
  })

describe.each(KINDS)('nat: $name', ({ family, protocol }) => {
  it('sends a request to the address and port of the real, and its reply from those of the VIP', async () => {
    const director = await Director.withReplies(nat(family, protocol))
    const out = director.send(request(family, protocol))
    const real = { dst: realAddress(family, 0), dport: REAL_PORT, ttl: 63, srcMac: OUR_MAC, dstMac: REAL_MACS[0] }
    expectPacket(out.frame).toEqualPacket(request(family, protocol, real))
    const back = director.reply(answer(family, protocol, 0, { flags: ['syn', 'ack'] }))
    expect(back).toMatchObject({ verdict: 'forwardReply', action: 'redirect' })
    const seen = { src: VIP[family], sport: PORT, ttl: 63, flags: ['syn' as const, 'ack' as const] }
    expectPacket(back.frame).toEqualPacket(answer(family, protocol, 0, seen))
    director.expectSameState()
  })

  it('leaves to the host what a real sends to a client without a conn, or from another port', async () => {
    const director = await Director.withReplies(nat(family, protocol))
    director.send(request(family, protocol))
    for (const fields of [{ dport: CLIENT_PORT + 1 }, { sport: REAL_PORT + 1 }, { src: realAddress(family, 1) }]) {
      expect(director.reply(answer(family, protocol, 0, fields))).toMatchObject({ verdict: 'passNotReply', action: 'ok' })
    }
    director.expectSameState()
  })

  it('translates at egress, and no more, the reply of a real on this host', async () => {
    const director = await Director.withReplies(
      nat(family, protocol, (table) => (destOf(table, family, protocol, 0).local = true)),
    )
    expect(director.send(request(family, protocol, { ttl: 1 }))).toMatchObject({ verdict: 'forwardNew', action: 'pass' })
    const back = director.reply(answer(family, protocol, 0, { flags: ['ack'] }), 'egress')
    expect(back).toMatchObject({ verdict: 'forwardReply', action: 'ok' })
    expectPacket(back.frame).toEqualPacket(
      answer(family, protocol, 0, { src: VIP[family], sport: PORT, flags: ['ack'] }),
    )
  })

  it('chooses another real where two conns of a client would look the same from the first', async () => {
    const director = await Director.withReplies(
      nat(family, protocol, (table) => {
        const ring = serviceOf(table, family, protocol).ring.map((id) => id + 10)
        ring.forEach((id) => table.dests.set(id, { ...destOf(table, family, protocol, id % 10), service: 77 }))
        const twin = plainService({ id: 77, ring, forward: 'nat' })
        table.services.set(serviceKey(VIP_ID[family], protocol, PORT + 1), twin)
      }),
    )
    expect(director.send(request(family, protocol)).verdict).toBe('forwardNew')
    expect(director.send(request(family, protocol, { dport: PORT + 1 })).verdict).toBe('forwardNew')
    const reals = [...director.lb.conns().values()].map(({ dest }) => dest % 10)
    expect(new Set(reals).size).toBe(2)
    for (const real of reals) {
      expect(director.reply(answer(family, protocol, real, { flags: ['ack'] })).verdict).toBe('forwardReply')
    }
    director.expectSameState()
  })

  it('drops a new flow for which every real would clash', async () => {
    const director = await Director.serving(
      nat(family, protocol, (table) => {
        const ring = [destId(family, protocol, 0)]
        serviceOf(table, family, protocol).ring = ring
        const twin = plainService({ id: 77, ring, forward: 'nat' })
        table.services.set(serviceKey(VIP_ID[family], protocol, PORT + 1), twin)
      }),
    )
    expect(director.send(request(family, protocol)).verdict).toBe('forwardNew')
    expect(director.send(request(family, protocol, { dport: PORT + 1 })).verdict).toBe('dropClash')
    director.expectSameState()
  })

  it('keeps the port of the packet where the real has none of its own', async () => {
    const director = await Director.withReplies(world((table) => makeNat(table, family, protocol, 0)))
    const out = director.send(request(family, protocol))
    const real = { dst: realAddress(family, 0), ttl: 63, srcMac: OUR_MAC, dstMac: REAL_MACS[0] }
    expectPacket(out.frame).toEqualPacket(request(family, protocol, real))
    expect(director.reply(answer(family, protocol, 0, { sport: PORT, flags: ['ack'] })).verdict).toBe('forwardReply')
  })

  it('goes by way of a router to a real behind it, whose own packets may come back by it', async () => {
    const director = await Director.serving(
      nat(family, protocol, (table) => {
        Object.assign(destOf(table, family, protocol, 0), { gateway: true, mac: ROUTER_MAC })
      }),
    )
    expect(director.send(request(family, protocol)).verdict).toBe('forwardNew')
  })

  it('passes a reply in a frame for another host', async () => {
    const director = await Director.withReplies(nat(family, protocol))
    director.send(request(family, protocol))
    expect(director.reply(answer(family, protocol, 0, { dstMac: STRANGER_MAC }))).toMatchObject({
      verdict: 'passOtherHost',
      action: 'ok',
    })
  })

  it('sends the fragments of a reply after the first', async () => {
    const director = await Director.withReplies(nat(family, protocol, (table) => knowConn(table, family, protocol, 0)))
    const [number, header] = protocol === 'tcp' ? [6, tcp({ sport: REAL_PORT, dport: CLIENT_PORT, flags: ['ack'] })] : [17, udp({ sport: REAL_PORT, dport: CLIENT_PORT, length: 400 })]
    const part = (offset: number, more: boolean) => {
      const link = eth({ src: REAL_MACS[0], dst: OUR_MAC })
      const four = { id: 5, flags: more ? 1 : 0, fragmentOffset: offset, protocol: number }
      const ends = ip(family, { src: realAddress(family, 0), dst: CLIENT[family], four })
      const between = family === 4 ? [] : [fragment({ offset, more, id: 5, nextHeader: number })]
      return packet(link, ends, between, offset === 0 ? header : [], payload(new Uint8Array(32)))
    }
    expect(director.reply(part(5, false)).verdict).toBe('passNotReply')
    expect(director.reply(part(0, true)).verdict).toBe('forwardReply')
    expect(director.reply(part(5, false)).verdict).toBe('forwardReplyFragment')
    director.expectSameState()
  })
})

/** A real's packet whose checksum, which is right, equals the sum of its pseudo header: that of one still to come. */
function ambiguous(family: Family, protocol: Transport): Uint8Array {
  const frame = answer(family, protocol, 0, { body: '\0\0' }).bytes()
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  const start = family === 4 ? 34 : 54
  const check = start + (protocol === 'tcp' ? 16 : 6)
  const ends = [addressBytes(realAddress(family, 0)), addressBytes(CLIENT[family])] as const
  const pseudo = pseudoHeader(...ends, IpProtocol[protocol], frame.length - start)
  // ~C = P + S + body, and C is to be P.
  const body = concat(u16(internetChecksum(pseudo)), frame.subarray(check, check + 2))
  view.setUint16(frame.length - 2, ~internetChecksum(body) & 0xffff)
  view.setUint16(check, ~internetChecksum(pseudo) & 0xffff)
  verifyChecksums(frame)
  return frame
}

describe.each(KINDS)('a reply of $name whose checksum might be still to come', ({ family, protocol }) => {
  it('leaves with a right one when it was complete', async () => {
    const director = await Director.withReplies(nat(family, protocol, (table) => knowConn(table, family, protocol, 0)))
    const out = director.reply(ambiguous(family, protocol))
    expect(out.verdict).toBe('forwardReply')
    verifyChecksums(out.frame)
  })
})

describe('nat of UDP', () => {
  it('leaves a checksum of zero over IPv4 zero, both ways', async () => {
    const director = await Director.withReplies(nat(4, 'udp'))
    const zero = (frame: Uint8Array): Uint8Array => frame.fill(0, 40, 42)
    expect([...director.send(zero(request(4, 'udp').bytes())).frame.subarray(40, 42)]).toEqual([0, 0])
    expect([...director.reply(zero(answer(4, 'udp', 0).bytes())).frame.subarray(40, 42)]).toEqual([0, 0])
  })

  it.each(FAMILIES)('sends 0xffff over IPv%i where the sum comes out as zero', async (family) => {
    const director = await Director.serving(nat(family, 'udp'))
    const at = family === 4 ? 40 : 60
    let found = 0
    for (let body = 0; body < 0x10000 && found === 0; body += 1) {
      const text = new Uint8Array([body >> 8, body & 255])
      const out = packet(
        eth({ src: OUR_MAC, dst: REAL_MACS[0] }),
        ip(family, { dst: realAddress(family, 0), ttl: 63 }),
        udp({ sport: CLIENT_PORT, dport: REAL_PORT }),
        payload(text),
      ).bytes()
      if (((out[at] ?? 0) << 8) + (out[at + 1] ?? 0) !== 0xffff) continue
      found += 1
      const link = eth({ src: ROUTER_MAC, dst: OUR_MAC })
      const sent = packet(link, ip(family), udp({ sport: CLIENT_PORT, dport: PORT }), payload(text))
      const { frame } = director.send(sent)
      expect([frame[at], frame[at + 1]]).toEqual([0xff, 0xff])
      verifyChecksums(frame)
    }
    expect(found).toBe(1)
  })
})

describe.each(FAMILIES)('nat of ICMP queries over IPv%i', (family) => {
  it.each(['dr', 'nat'] as const)('%s: one conn serves the query and its answer', async (forward) => {
    const director = await Director.withReplies(world((table) => void addQueryService(table, family, forward)))
    expect(director.send(echo(family)).verdict).toBe('forwardNew')
    expect(director.send(echo(family)).verdict).toBe('forwardKnown')
    if (forward === 'nat') {
      const ends = { src: realAddress(family, 0), dst: CLIENT[family] }
      const { frame } = director.send(echo(family))
      verifyChecksums(frame)
      const back = packet(
        eth({ src: REAL_MACS[0], dst: OUR_MAC }),
        ip(family, ends),
        echo(family, { reply: true }).layers.slice(2),
      )
      const out = director.reply(back)
      expect(out.verdict).toBe('forwardReply')
      verifyChecksums(out.frame)
    }
    expect(director.lb.conns().size).toBe(1)
    director.expectSameState()
  })
})

describe.each(KINDS)('an ICMP error whose conn has aged out: $name', ({ family, protocol }) => {
  it('is never matched by its outer header: nothing half translated leaves', async () => {
    const director = await Director.withReplies(
      nat(family, protocol, (table) => {
        knowConn(table, family, protocol, 0, { expires: 1n })
        // Another flow of the same client and real, which only the outer header would lead to.
        const known = table.conns.get(connOf(family, protocol))
        const expires = table.now + 900_000_000_000n
        if (known !== undefined) table.conns.set(connOf(family, protocol, CLIENT_PORT + 1), { ...known, expires })
      }),
    )
    const sent = request(family, protocol, { dst: realAddress(family, 0), dport: REAL_PORT, ttl: 63 }).bytes()
    const outward = icmpError({
      family,
      type: family === 4 ? 3 : 1,
      code: family === 4 ? 3 : 4,
      src: realAddress(family, 0),
      dst: CLIENT[family],
      srcMac: REAL_MACS[0],
      quoted: quoteOf(sent),
    })
    expect(director.reply(outward)).toMatchObject({ verdict: 'passNotReply', action: 'ok' })
    const reply = request(family, protocol, { src: VIP[family], dst: CLIENT[family], sport: PORT, dport: CLIENT_PORT })
    const inward = icmpError({
      family,
      type: family === 4 ? 3 : 2,
      code: family === 4 ? 4 : 0,
      src: CLIENT[family],
      dst: VIP[family],
      quoted: quoteOf(reply.bytes()),
    })
    expect(director.send(inward)).toMatchObject({ verdict: 'dropIcmpNoConn', action: 'drop' })
    director.expectSameState()
  })
})
