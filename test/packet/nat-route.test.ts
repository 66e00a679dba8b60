/** How replies of nat leave: by the host's routes, and what the host is left with. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { Collection } from '../../src/loader/collection.js'
import { CollectionSpec } from '../../src/loader/collection-spec.js'
import { u32Codec } from '../../src/maps/codec.js'
import { plainMap } from '../../src/maps/descriptor.js'
import { MapType } from '../../src/maps/map-type.js'
import { LbFixture } from '../support/lb-fixture.js'
import { expectPacket } from '../support/packet/diff.js'
import { verifyChecksums } from '../support/packet/verify.js'
import {
  answer,
  CLIENT,
  CLIENT_PORT,
  destId,
  FAMILIES,
  knowConn,
  makeNat,
  PORT,
  VIP,
  world,
  type Family,
  type RequestFields,
} from './world.js'

/** Of the way out (test/support/reply-network.ts). */
const MTU = 1500
const HEADERS = { 4: 40, 6: 60 } as const
/** TOS or traffic class: low delay. */
const LOW_DELAY = 0x10
const DEADLINE = { timeout: 10_000, interval: 5 }

const TAGGED = fileURLToPath(new URL('../../build/bpf/test/tc_tagged.o', import.meta.url))
const tagged = {
  name: 'tc_tagged',
  maps: { target: plainMap({ name: 'target', type: MapType.progArray, flags: 0 }, u32Codec, u32Codec) },
  programs: { tcTagged: { name: 'tc_tagged', section: 'tc' } },
}

/** A director that knows one flow of nat over TCP, to the first real. */
async function knowing(family: Family): Promise<LbFixture> {
  const table = world((changed) => {
    makeNat(changed, family, 'tcp')
    knowConn(changed, family, 'tcp', 0)
  })
  const lb = await LbFixture.open(table)
  await lb.openReply()
  return lb
}

const reply = (family: Family, fields: RequestFields = {}): Uint8Array =>
  answer(family, 'tcp', 0, { flags: ['ack'], ...fields }).bytes()

/** The same packet as its client has it. */
const seen = (family: Family, fields: RequestFields = {}): Uint8Array =>
  reply(family, { src: VIP[family], sport: PORT, ttl: 63, ...fields })

/** A body that makes the IP packet this long. */
const filling = (family: Family, length: number): string => 'x'.repeat(length - HEADERS[family])

const withClass = (value: number): RequestFields => ({ four: { tos: value }, six: { trafficClass: value } })

/** The fields of `struct __sk_buff` that a test run takes from outside. */
function gsoContext(gsoSize: number, gsoSegs: number): Uint8Array {
  const context = Buffer.alloc(192)
  context.writeUInt32LE(gsoSegs, 164)
  context.writeUInt32LE(gsoSize, 176)
  return context
}

describe.each(FAMILIES)('a reply over IPv%i', (family) => {
  it('leaves translated when it is as long as the MTU, and not at all when it is longer', async () => {
    using lb = await knowing(family)
    const fits = { body: filling(family, MTU) }
    const out = lb.reply(reply(family, fits))
    expect(out).toMatchObject({ verdict: 'forwardReply', action: 'redirect' })
    expectPacket(out.frame).toEqualPacket(seen(family, fits))

    // The host's stack tells the real, in whose terms the packet has to stay.
    const long = reply(family, { body: filling(family, MTU + 1) })
    expect(lb.reply(long)).toEqual({ verdict: 'passTooBig', action: 'ok', frame: long })
    expect(lb.destCounters(destId(family, 'tcp', 0))).toMatchObject({ outPkts: 1, outBytes: MTU })
  })

  it('asks again for a packet that is longer than all before', async () => {
    using lb = await knowing(family)
    for (const length of [100, 1000, MTU, MTU + 1, 100]) {
      const verdict = length > MTU ? 'passTooBig' : 'forwardReply'
      expect(lb.reply(reply(family, { body: filling(family, length) })).verdict, String(length)).toBe(verdict)
    }
  })

  it('counts as the packets that a GSO packet will be cut into', async () => {
    using lb = await knowing(family)
    const { tcReplyIngress } = lb.replies.collection.programs
    const length = HEADERS[family] + 2500
    const body = filling(family, length)
    const out = lb.replyBy(tcReplyIngress, reply(family, { body }), gsoContext(1000, 3))
    expect(out).toMatchObject({ verdict: 'forwardReply', action: 'redirect' })
    expectPacket(out.frame).toEqualPacket(seen(family, { body }))
    const counted = { outPkts: 3, outBytes: length + 2 * HEADERS[family] }
    expect(lb.destCounters(destId(family, 'tcp', 0))).toMatchObject(counted)

    const tooBig = lb.replyBy(tcReplyIngress, reply(family, { body }), gsoContext(MTU - HEADERS[family] + 1, 2))
    expect(tooBig).toMatchObject({ verdict: 'passTooBig', action: 'ok' })
    expect(lb.destCounters(destId(family, 'tcp', 0))).toMatchObject(counted)
  })

  it('is dropped where the route says so, and left to the host, translated, where there is none', async () => {
    using lb = await knowing(family)
    const { network } = lb.replies
    const version = `-${family}`
    network.ip(version, 'route', 'add', 'unreachable', CLIENT[family])
    expect(lb.reply(reply(family))).toMatchObject({ verdict: 'dropNoRoute', action: 'shot' })
    expect(lb.destCounters(destId(family, 'tcp', 0))).toMatchObject({ outPkts: 0 })
    network.ip(version, 'route', 'del', 'unreachable', CLIENT[family])
    network.ip(version, 'route', 'flush', 'root', family === 4 ? '198.51.100.0/24' : '2001:db8:1::/64')
    const out = lb.reply(reply(family))
    expect(out).toMatchObject({ verdict: 'forwardReply', action: 'ok' })
    expectPacket(out.frame).toEqualPacket(seen(family, { ttl: 64 }))
  })

  it('follows a route that changes', async () => {
    using lb = await knowing(family)
    const verdict = (): string => lb.reply(reply(family)).verdict
    expect(verdict()).toBe('forwardReply')
    expect(verdict()).toBe('forwardReply')
    lb.replies.network.ip(`-${family}`, 'route', 'add', 'unreachable', CLIENT[family])
    await expect.poll(verdict, DEADLINE).toBe('dropNoRoute')
    lb.replies.network.ip(`-${family}`, 'route', 'del', 'unreachable', CLIENT[family])
    // Nothing is kept of an answer that names no way.
    expect(verdict()).toBe('forwardReply')
  })

  it('takes the route of its own class, though the one before took another', async () => {
    using lb = await knowing(family)
    const { network } = lb.replies
    const version = `-${family}`
    network.ip(version, 'rule', 'add', 'tos', `0x${LOW_DELAY.toString(16)}`, 'table', '100')
    network.ip(version, 'route', 'add', 'unreachable', 'default', 'table', '100')
    for (const [tos, verdict] of [[0, 'forwardReply'], [LOW_DELAY, 'dropNoRoute'], [0, 'forwardReply']] as const) {
      expect(lb.reply(reply(family, withClass(tos))).verdict).toBe(verdict)
    }
  })

  it('leaves the VLAN tags of the interface that it came in by behind', async () => {
    using lb = await knowing(family)
    const spec = CollectionSpec.parse(readFileSync(TAGGED), tagged.name)
    using wrapper = await Collection.load(spec, tagged)
    wrapper.maps.target.set(0, lb.replies.collection.programs.tcReplyIngress.native.fd)
    const out = lb.replyBy(wrapper.programs.tcTagged, reply(family))
    expect(out).toMatchObject({ verdict: 'forwardReply', action: 'redirect' })
    expectPacket(out.frame).toEqualPacket(seen(family))
    verifyChecksums(out.frame)
  })
})

describe('a reply over IPv4 that may be fragmented', () => {
  it('is left to the host, translated, when it exceeds the MTU', async () => {
    using lb = await knowing(4)
    const fields = { body: filling(4, MTU + 1), four: { flags: 0 } }
    const out = lb.reply(reply(4, fields))
    expect(out).toMatchObject({ verdict: 'forwardReply', action: 'ok' })
    // The host forwards it, and counts that hop.
    expectPacket(out.frame).toEqualPacket(seen(4, { ...fields, ttl: 64 }))
    expect(lb.reply(reply(4, { ...fields, dport: CLIENT_PORT + 1 })).verdict).toBe('passNotReply')
  })
})
