import { describe, expect, it } from 'vitest'
import { destinationOptions, eth, icmp4, icmp6, icmp6Echo, packet, payload, vlan } from '../support/packet/build.js'
import { expectPacket } from '../support/packet/diff.js'
import { verifyChecksums } from '../support/packet/verify.js'
import type { EchoPolicy, Table } from '../support/oracle.js'
import { scapyVerdict } from '../support/scapy.js'
import { Director } from './director.js'
import { echo, FAMILIES, ip, NOT_A_VIP, OUR_MAC, ROUTER_MAC, STRANGER_MAC, VIP, world, type Family } from './world.js'

const withPolicy = (family: Family, policy: EchoPolicy, up: boolean): Table =>
  world((table) => Object.assign(table.vips.get(VIP[family]) ?? {}, { echo: policy, up }))

describe.each(FAMILIES)('echo request over IPv%i to a VIP', (family) => {
  it.each([
    ['reply', true],
    ['reply', false],
    ['replyIfUp', true],
  ] as const)('is answered with policy %s, VIP up: %s', async (policy, up) => {
    const director = await Director.serving(withPolicy(family, policy, up))
    const out = director.send(echo(family, { ttl: 17 }))
    expect(out).toMatchObject({ verdict: 'replyEcho', action: 'tx' })
    expectPacket(out.frame).toEqualPacket(echo(family, { reply: true }))
    verifyChecksums(out.frame)
    expect(scapyVerdict([out.frame])).toEqual(['ok'])
  })

  it.each([
    ['replyIfUp', false, 'dropEcho', 'drop'],
    ['drop', true, 'dropEcho', 'drop'],
    ['pass', true, 'passIcmp', 'pass'],
  ] as const)('is left unanswered with policy %s, VIP up: %s', async (policy, up, verdict, action) => {
    const director = await Director.serving(withPolicy(family, policy, up))
    expect(director.send(echo(family))).toMatchObject({ verdict, action })
  })

  it.each([1, 64, 255])('is answered with a TTL of 64 although it came with %i', async (ttl) => {
    const director = await Director.serving(world())
    const out = director.send(echo(family, { ttl }))
    expectPacket(out.frame).toEqualPacket(echo(family, { reply: true }))
    verifyChecksums(out.frame)
  })

  it.each(['', 'x', 'an odd number of bytes', 'y'.repeat(1400)])('gives back its %# th body', async (body) => {
    const director = await Director.serving(world())
    const out = director.send(echo(family, { body }))
    expectPacket(out.frame).toEqualPacket(echo(family, { body, reply: true }))
    verifyChecksums(out.frame)
  })

  it('is answered inside its VLAN', async () => {
    const director = await Director.serving(world())
    const out = director.send(echo(family, { tags: [vlan(10)] }))
    expectPacket(out.frame).toEqualPacket(echo(family, { tags: [vlan(10)], reply: true }))
  })

  it('is not answered for another address, nor in a frame for another host', async () => {
    const director = await Director.serving(world())
    expect(director.send(echo(family, { dst: NOT_A_VIP[family] })).verdict).toBe('passNotVip')
    expect(director.send(echo(family, { dstMac: STRANGER_MAC })).verdict).toBe('passOtherHost')
  })

  it('of another code is left to the host', async () => {
    const director = await Director.serving(world())
    const message = family === 4 ? icmp4({ type: 8, code: 1 }) : icmp6({ type: 128, code: 1 })
    const sent = packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), ip(family), message, payload('ping'))
    expect(director.send(sent).verdict).toBe('passIcmp')
  })

  it.each(family === 4 ? [0, 5, 9, 13, 128] : [0, 5, 127, 129, 134, 137])(
    'leaves ICMP type %i to the host',
    async (type) => {
      const director = await Director.serving(world())
      const message = family === 4 ? icmp4({ type }) : icmp6({ type })
      const sent = packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), ip(family), message, payload('anything'))
      expect(director.send(sent)).toMatchObject({ verdict: 'passIcmp', action: 'pass' })
    },
  )
})

describe('echo request with more than a plain header', () => {
  it('is answered with its IPv4 options kept', async () => {
    const director = await Director.serving(world())
    const four = { options: new Uint8Array(12).fill(1) }
    const out = director.send(echo(4, { four }))
    expectPacket(out.frame).toEqualPacket(echo(4, { four, reply: true }))
    verifyChecksums(out.frame)
  })

  it('is answered behind IPv6 extension headers, which stay', async () => {
    const director = await Director.serving(world())
    const sent = packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), ip(6), destinationOptions(), icmp6Echo(), payload('x'))
    const out = director.send(sent)
    expect(out.verdict).toBe('replyEcho')
    verifyChecksums(out.frame)
  })
})
