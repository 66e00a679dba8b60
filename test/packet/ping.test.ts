import { describe, expect, it } from 'vitest'
import type { Destination, Table } from '../support/oracle.js'
import { PING_MAGIC } from '../support/oracle/pings.js'
import { templateKey } from '../support/oracle/table.js'
import { destinationOptions, eth, packet, payload, tcp, type Layer, type Packet } from '../support/packet/build.js'
import { concat, u32 } from '../support/packet/bytes.js'
import { expectPacket } from '../support/packet/diff.js'
import { verifyChecksums } from '../support/packet/verify.js'
import type { TcpFlagName } from '../support/packet/transport.js'
import { scapyVerdict } from '../support/scapy.js'
import { Director } from './director.js'
import {
  CLIENT,
  CLIENT_PORT,
  connOf,
  destId,
  destOf,
  FAMILIES,
  ip,
  knowConn,
  makeNat,
  OTHER_CLIENT,
  OUR_MAC,
  PORT,
  realAddress,
  REAL_MACS,
  REAL_PORT,
  request,
  ROUTER_MAC,
  serviceOf,
  STRANGER_MAC,
  VIP,
  VIP_ID,
  world,
  type Family,
} from './world.js'

const NOP = Uint8Array.of(1)
const END = Uint8Array.of(0)
const MSS = Uint8Array.of(2, 4, 5, 0xb4)
const SACK_PERMITTED = Uint8Array.of(4, 2)
const WINDOW_SCALE = Uint8Array.of(3, 3, 7)

/** RFC 7323 section 3.2. */
const timestamp = (value: number, length = 10): Uint8Array => concat(Uint8Array.of(8, length), u32(value), u32(0))
const nops = (count: number): Uint8Array => new Uint8Array(count).fill(1)
const MARK = timestamp(PING_MAGIC)
const COUNTED = timestamp(PING_MAGIC - 1)

interface Ping {
  src?: string
  dst?: string
  dport?: number
  ttl?: number
  flags?: TcpFlagName[]
  srcMac?: string
  dstMac?: string
  extensions?: Layer[]
  dataOffset?: number
}

/** A SYN with these options, from the client to the VIP. */
function ping(family: Family, options: Uint8Array, fields: Ping = {}): Packet {
  const { src = CLIENT[family], dst = VIP[family], ttl = 64, dport = PORT, flags = ['syn'], dataOffset } = fields
  const header = tcp({ sport: CLIENT_PORT, dport, flags, options, ...(dataOffset === undefined ? {} : { dataOffset }) })
  const link = eth({ src: fields.srcMac ?? ROUTER_MAC, dst: fields.dstMac ?? OUR_MAC })
  return packet(link, ip(family, { src, dst, ttl }), fields.extensions ?? [], header, payload(''))
}

/** The same as a real of dr gets it. */
const delivered = (family: Family, options: Uint8Array, real = 0, fields: Ping = {}): Packet =>
  ping(family, options, { ttl: 63, srcMac: OUR_MAC, dstMac: REAL_MACS[real] ?? STRANGER_MAC, ...fields })

const SOURCES = { 4: { network: '198.51.100.7', prefix: 32 }, 6: { network: '2001:db8:1::', prefix: 125 } } as const

/** A director that the client may ping through. */
const open = (change: (table: Table) => void = () => undefined): Promise<Director> =>
  Director.serving(
    world((table) => {
      table.pingSources = FAMILIES.map((family) => SOURCES[family])
      change(table)
    }),
  )

describe.each(FAMILIES)('gateway pings over IPv%i', (family) => {
  it('go to a real with the number one less, a right checksum, and no conn', async () => {
    const director = await open()
    const out = director.send(ping(family, MARK))
    expect(out).toMatchObject({ verdict: 'forwardPing', action: 'tx' })
    expectPacket(out.frame).toEqualPacket(delivered(family, COUNTED))
    verifyChecksums(out.frame)
    expect(director.lb.flows().size).toBe(0)
    director.expectSameState()
  })

  it.each(Array.from({ length: 31 }, (_, index) => index))('are found and counted down behind %i NOPs', async (count) => {
    const director = await open()
    const out = director.send(ping(family, concat(nops(count), MARK)))
    expectPacket(out.frame).toEqualPacket(delivered(family, concat(nops(count), COUNTED)))
    verifyChecksums(out.frame)
  })

  const AROUND: [string, (mark: Uint8Array) => Uint8Array][] = [
    ['Linux', (mark) => concat(MSS, SACK_PERMITTED, mark, NOP, WINDOW_SCALE)],
    ['BSD', (mark) => concat(MSS, NOP, WINDOW_SCALE, SACK_PERMITTED, mark)],
    ['others', (mark) => concat(WINDOW_SCALE, mark, MSS, END)],
    ['unknown kinds', (mark) => concat(Uint8Array.of(253, 5, 8, 10, 0x76), mark, Uint8Array.of(254, 2))],
  ]
  it.each(AROUND)('are found among the options of %s', async (_, around) => {
    const director = await open()
    const out = director.send(ping(family, around(MARK)))
    expect(out.verdict).toBe('forwardPing')
    expectPacket(out.frame).toEqualPacket(delivered(family, around(COUNTED)))
    verifyChecksums(out.frame)
  })

  it('reach the reals in turn, as SYNs do', async () => {
    const director = await open()
    for (const real of [0, 1, 2, 0]) expectPacket(director.send(ping(family, MARK)).frame).toEqualPacket(delivered(family, COUNTED, real))
    director.expectSameState()
  })

  it('are translated for a real of nat, with right checksums and no conn', async () => {
    const director = await open((table) => makeNat(table, family, 'tcp'))
    for (const count of [0, 1]) {
      const out = director.send(ping(family, concat(nops(count), MARK)))
      expect(out.verdict).toBe('forwardPing')
      const to = { dst: realAddress(family, count), dport: REAL_PORT }
      expectPacket(out.frame).toEqualPacket(delivered(family, concat(nops(count), COUNTED), count, to))
      verifyChecksums(out.frame)
    }
    expect(director.lb.flows().size).toBe(0)
    director.expectSameState()
  })

  it('reach a real on this host by its own stack, counted down', async () => {
    const director = await open((table) => void Object.assign(destOf(table, family, 'tcp', 0), { local: true }))
    const out = director.send(ping(family, MARK))
    expect(out).toMatchObject({ verdict: 'forwardPing', action: 'pass' })
    expectPacket(out.frame).toEqualPacket(ping(family, COUNTED))
  })

  it('that were counted down are for this host: passed as they are, before anything is scheduled', async () => {
    const director = await open()
    const out = director.send(ping(family, COUNTED))
    expect(out).toMatchObject({ verdict: 'passPing', action: 'pass' })
    expectPacket(out.frame).toEqualPacket(ping(family, COUNTED))
    expect(director.send(ping(family, COUNTED, { dport: 4321 })).verdict).toBe('passPing')
    director.expectSameState()
  })

  it.each([MARK, COUNTED])('are dropped from a source that may not: %#', async (options) => {
    const director = await open()
    const src = family === 4 ? OTHER_CLIENT[4] : OTHER_CLIENT[6]
    expect(director.send(ping(family, options, { src }))).toMatchObject({ verdict: 'dropPing', action: 'drop' })
    director.expectSameState()
  })

  it('make a conn like any SYN while nobody may ping', async () => {
    const director = await Director.serving(world())
    for (const options of [MARK, COUNTED]) {
      director.restart(world())
      const out = director.send(ping(family, options))
      expect(out.verdict).toBe('forwardNew')
      expectPacket(out.frame).toEqualPacket(delivered(family, options))
      expect(director.lb.conns().has(connOf(family, 'tcp'))).toBe(true)
    }
  })

  const NONE: [string, Uint8Array, Ping?][] = [
    ['without options', new Uint8Array(0)],
    ['with another number', timestamp(PING_MAGIC + 1)],
    ['with a number two less', timestamp(PING_MAGIC - 2)],
    ['with the number in the echo reply', concat(Uint8Array.of(8, 10), u32(0), u32(PING_MAGIC))],
    ['with the number in an option of another kind', concat(Uint8Array.of(9, 10), u32(PING_MAGIC), u32(0))],
    ['with a timestamp that is too short', concat(Uint8Array.of(8, 6), u32(PING_MAGIC), nops(4))],
    ['with a timestamp that is too long', concat(Uint8Array.of(8, 12), u32(PING_MAGIC), nops(6))],
    ['with a timestamp of length 0', concat(Uint8Array.of(8, 0), u32(PING_MAGIC), nops(4))],
    ['behind the end of options', concat(END, MARK)],
    ['behind an option of length 0', concat(Uint8Array.of(3, 0), MARK)],
    ['behind an option of length 1', concat(Uint8Array.of(3, 1), MARK)],
    ['behind an option that reaches beyond the header', concat(Uint8Array.of(3, 200), MARK)],
    ['cut off by the end of the header', MARK.slice(0, 8)],
    ['cut off by one byte', concat(NOP, NOP, NOP, MARK.slice(0, 9))],
    ['in the payload', MARK, { dataOffset: 5 }],
    ['half in the payload', MARK, { dataOffset: 7 }],
    ['in the data of another option', concat(Uint8Array.of(253, 12), MARK)],
  ]
  it.each(NONE)('are SYNs like any other %s', async (_, options, fields) => {
    const director = await open()
    expect(director.send(ping(family, options, fields)).verdict).toBe('forwardNew')
    director.expectSameState()
  })

  const FLAGS: [string, TcpFlagName[], string][] = [
    ['SYN-ACK', ['syn', 'ack'], 'passNoConn'],
    ['ACK', ['ack'], 'passNoConn'],
    ['RST', ['rst'], 'passNoConn'],
    ['SYN with RST', ['syn', 'rst'], 'passNoConn'],
  ]
  it.each(FLAGS)('are SYNs: %s', async (_, flags, verdict) => {
    const director = await open()
    expect(director.send(ping(family, MARK, { flags })).verdict).toBe(verdict)
  })

  it('leave a flow that is known, and the clients of a service, as they are', async () => {
    const director = await open((table) => knowConn(table, family, 'tcp', 2))
    expect(director.send(ping(family, MARK)).verdict).toBe('forwardKnown')
    expect(director.send(request(family, 'tcp', { sport: 41000 })).verdict).toBe('forwardNew')
    expect(director.send(request(family, 'udp')).verdict).toBe('forwardNew')
    director.expectSameState()
  })

  it('follow the template of their client and leave it as it is; without one they make none', async () => {
    const persistence = { timeoutNs: 300_000_000_000n, scope: 77, prefix: 128, expireQuiescent: true }
    const key = templateKey({ client: CLIENT[family], vip: VIP_ID[family], scope: 77 })
    const director = await open((table) => (serviceOf(table, family, 'tcp').persistence = persistence))
    expect(director.send(ping(family, MARK)).verdict).toBe('forwardPing')
    expect(director.lb.flows().has(key)).toBe(false)
    director.send(request(family, 'tcp', { sport: 41000 }))
    const { dest } = director.lb.flows().get(key) ?? {}
    const real = (dest ?? 0) - destId(family, 'tcp', 0)
    for (let turn = 0; turn < 3; turn += 1) {
      expectPacket(director.send(ping(family, MARK)).frame).toEqualPacket(delivered(family, COUNTED, real))
    }
    director.expectSameState()
  })

  const NOWHERE: [string, (table: Table) => void, string][] = [
    ['no usable real: reject', (table) => Object.assign(serviceOf(table, family, 'tcp'), { ring: [], noReal: 'reject' }), 'replyNoReal'],
    ['no usable real: drop', (table) => Object.assign(serviceOf(table, family, 'tcp'), { ring: [], noReal: 'drop' }), 'dropNoReal'],
    ['no usable real: pass', (table) => Object.assign(serviceOf(table, family, 'tcp'), { ring: [], noReal: 'pass' }), 'passNoReal'],
    ['the real has not told its MAC', unusable(family, { neighbour: false }), 'dropNoNeighbour'],
    ['the way out is not attached', unusable(family, { ifindex: 4243 }), 'dropNoInterface'],
    ['it comes from the real itself', unusable(family, { mac: ROUTER_MAC }), 'dropLoop'],
    ['it comes from a peer director', (table) => table.peers.add(ROUTER_MAC), 'dropLoop'],
  ]
  it.each(NOWHERE)('end as SYNs do where %s', async (_, change, verdict) => {
    const director = await open((table) => {
      table.answerTokens = 1000
      change(table)
    })
    expect(director.send(ping(family, MARK)).verdict).toBe(verdict)
    director.expectSameState()
  })

  it('end where there is no service, or their TTL is used up', async () => {
    const director = await open((table) => void (table.answerTokens = 1000))
    expect(director.send(ping(family, MARK, { dport: 4321 })).verdict).toBe('passUnmatched')
    expect(director.send(ping(family, MARK, { ttl: 1 })).verdict).toBe('replyTtl')
  })

  it('in a frame to another MAC are for another director', async () => {
    const director = await open()
    expect(director.send(ping(family, MARK, { dstMac: STRANGER_MAC })).verdict).toBe('passOtherHost')
  })

  it('are right by scapy, too', async () => {
    const director = await open()
    const frames = [0, 1, 2, 3].map((count) => director.send(ping(family, concat(nops(count), MARK))).frame)
    director.become(world((table) => {
      table.pingSources = [SOURCES[family]]
      makeNat(table, family, 'tcp')
    }))
    frames.push(...[0, 1, 2, 3].map((count) => director.send(ping(family, concat(nops(count), MARK))).frame))
    expect(scapyVerdict(frames)).toEqual(frames.map(() => 'ok'))
  })
})

function unusable(family: Family, fields: Partial<Destination>): (table: Table) => void {
  return (table) => {
    for (const real of REAL_MACS.keys()) Object.assign(destOf(table, family, 'tcp', real), fields)
  }
}

it('pings are found behind IPv6 extension headers', async () => {
  const director = await open()
  const extensions = [destinationOptions(), destinationOptions({ data: new Uint8Array(22) })]
  const out = director.send(ping(6, concat(NOP, MARK), { extensions }))
  expectPacket(out.frame).toEqualPacket(delivered(6, concat(NOP, COUNTED), 0, { extensions }))
  verifyChecksums(out.frame)
})

it('sources are networks of either family, each by its own prefix length', async () => {
  const director = await open((table) => {
    table.pingSources = [{ network: '198.51.100.0', prefix: 24 }, { network: '2001:db8:1::7', prefix: 128 }]
  })
  const verdict = (family: Family, src: string): string => director.send(ping(family, MARK, { src })).verdict
  expect([CLIENT[4], OTHER_CLIENT[4], '198.51.101.7'].map((src) => verdict(4, src))).toEqual(['forwardPing', 'forwardPing', 'dropPing'])
  expect([CLIENT[6], OTHER_CLIENT[6]].map((src) => verdict(6, src))).toEqual(['forwardPing', 'dropPing'])
})

it('every IPv4 source may ping by 0.0.0.0/0, and no IPv6 one', async () => {
  const director = await open((table) => {
    table.pingSources = [{ network: '0.0.0.0', prefix: 0 }]
  })
  expect(director.send(ping(4, MARK)).verdict).toBe('forwardPing')
  expect(director.send(ping(6, MARK)).verdict).toBe('dropPing')
})
