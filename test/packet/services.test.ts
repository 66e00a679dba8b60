import { describe, expect, it } from 'vitest'
import { verifyChecksums } from '../support/packet/verify.js'
import { expectPacket } from '../support/packet/diff.js'
import type { Table } from '../support/oracle.js'
import { Director } from './director.js'
import {
  connOf,
  delivered,
  destId,
  destOf,
  echo,
  FAMILIES,
  KINDS,
  makeNat,
  makePortZero,
  OTHER_CLIENT,
  PORT,
  REAL_MACS,
  realAddress,
  request,
  serviceId,
  serviceOf,
  STRANGER_MAC,
  VIP,
  world,
} from './world.js'

const ANSWERS = 1000

describe.each(KINDS)('a service for all ports: $name', ({ family, protocol }) => {
  it('takes what no other service does, and reals keep the port', async () => {
    const director = await Director.serving(
      world((table) => {
        const narrow = serviceOf(table, family, protocol)
        const wide = { ...makePortZero(table, family, protocol), id: 99, ring: [destId(family, protocol, 2)] }
        table.services.set(`${family === 4 ? 1 : 2} ${protocol} 0`, wide)
        table.services.set(`${family === 4 ? 1 : 2} ${protocol} ${PORT}`, narrow)
        narrow.ring = [destId(family, protocol, 0)]
      }),
    )
    for (const dport of [1, 443, 65535]) {
      const out = director.send(request(family, protocol, { dport }))
      expectPacket(out.frame).toEqualPacket(delivered(family, protocol, 2, { dport }))
    }
    expectPacket(director.send(request(family, protocol)).frame).toEqualPacket(delivered(family, protocol, 0))
    expect(director.lb.conns().size).toBe(4)
  })

  it('of nat sends each port to the same port of the real', async () => {
    const director = await Director.serving(
      world((table) => {
        makeNat(table, family, protocol)
        makePortZero(table, family, protocol)
      }),
    )
    const { frame } = director.send(request(family, protocol, { dport: 5353 }))
    const real = { dst: realAddress(family, 0), ttl: 63, dport: 5353 }
    expectPacket(frame).toEqualPacket(delivered(family, protocol, 0, { ...real, ttl: 64 }))
    director.expectSameState()
  })
})

describe.each(FAMILIES)('one-packet scheduling over IPv%i', (family) => {
  it('schedules each packet and remembers none', async () => {
    const director = await Director.serving(world((table) => (serviceOf(table, family, 'udp').onePacket = true)))
    for (let turn = 0; turn < 6; turn += 1) {
      const out = director.send(request(family, 'udp'))
      expect(out.verdict).toBe('forwardOnePacket')
      expectPacket(out.frame).toEqualPacket(delivered(family, 'udp', turn % 3))
    }
    expect(director.lb.flows().size).toBe(0)
    expect(director.lb.serviceCounters(serviceId(family, 'udp'))).toMatchObject({ conns: 6, inPkts: 6 })
    director.expectSameState()
  })
})

describe.each(KINDS)('without a usable real: $name', ({ family, protocol }) => {
  const empty = (noReal: 'reject' | 'drop' | 'pass', answerTokens = ANSWERS): Promise<Director> =>
    Director.serving(
      world((table) => {
        Object.assign(serviceOf(table, family, protocol), { noReal, ring: [] })
        table.answerTokens = answerTokens
      }),
    )

  it('reject answers port unreachable', async () => {
    const director = await empty('reject')
    const out = director.send(request(family, protocol))
    expect(out).toMatchObject({ verdict: 'replyNoReal', action: 'tx' })
    verifyChecksums(out.frame)
    director.expectSameState()
  })

  it('reject drops when no answer may be sent', async () => {
    expect((await empty('reject', 0)).send(request(family, protocol)).verdict).toBe('dropNoReal')
  })

  it.each([
    ['drop', 'dropNoReal'],
    ['pass', 'passNoReal'],
  ] as const)('%s is %s', async (noReal, verdict) => {
    const director = await empty(noReal)
    expect(director.send(request(family, protocol)).verdict).toBe(verdict)
    director.expectSameState()
  })
})

describe.each(KINDS)('a port without service: $name', ({ family, protocol }) => {
  const other = { dport: PORT + 1 }
  const serving = (change: (table: Table) => void): Promise<Director> =>
    Director.serving(
      world((table) => {
        table.answerTokens = ANSWERS
        change(table)
      }),
    )
  const vipOf = (table: Table) => table.vips.get(VIP[family]) ?? { id: 0 }

  it('is dropped by name with unmatched: drop', async () => {
    const director = await serving((table) => Object.assign(vipOf(table), { dropUnmatched: true }))
    expect(director.send(request(family, protocol, other)).verdict).toBe('dropUnmatched')
  })

  it.each([true, false])('ends a traceroute, unmatched: drop %s', async (dropUnmatched) => {
    const director = await serving((table) => Object.assign(vipOf(table), { dropUnmatched }))
    const out = director.send(request(family, protocol, { ...other, ttl: 1 }))
    expect(out.verdict).toBe('replyUnmatched')
    verifyChecksums(out.frame)
  })

  it('is the host\'s where the host has the VIP', async () => {
    const director = await serving((table) => Object.assign(vipOf(table), { bind: true }))
    expect(director.send(request(family, protocol, { ...other, ttl: 1 })).verdict).toBe('passUnmatched')
  })
})

describe.each(KINDS)('loops: $name', ({ family, protocol }) => {
  const peered = (change: (table: Table) => void = () => undefined): Promise<Director> =>
    Director.serving(
      world((table) => {
        table.peers.add(STRANGER_MAC)
        change(table)
      }),
    )

  it('what a peer has sent is not scheduled again', async () => {
    const director = await peered()
    expect(director.send(request(family, protocol, { srcMac: STRANGER_MAC })).verdict).toBe('dropLoop')
    expect(director.send(request(family, protocol)).verdict).toBe('forwardNew')
    director.expectSameState()
  })

  it('what a peer has sent to a real on this host is that real\'s', async () => {
    const director = await peered((table) => (destOf(table, family, protocol, 2).local = true))
    expect(director.send(request(family, protocol, { srcMac: STRANGER_MAC })).verdict).toBe('passPeer')
    expect(director.lb.conns().size).toBe(0)
  })

  it('a real that is a client of its own VIP reaches the others, and not itself', async () => {
    const director = await Director.serving(world())
    const own = { srcMac: REAL_MACS[0], src: OTHER_CLIENT[family] }
    const verdicts = [1, 2, 3].map((sport) => director.send(request(family, protocol, { ...own, sport })).verdict)
    expect(verdicts).toEqual(['dropLoop', 'forwardNew', 'forwardNew'])
    director.expectSameState()
  })

  it('a real on this host gets its packets from the stack, as they came', async () => {
    const director = await Director.serving(world((table) => (destOf(table, family, protocol, 0).local = true)))
    const sent = request(family, protocol, { ttl: 1 })
    const out = director.send(sent)
    expect(out).toMatchObject({ verdict: 'forwardNew', action: 'pass' })
    expectPacket(out.frame).toEqualPacket(sent)
    expect(director.lb.conns().has(connOf(family, protocol))).toBe(true)
    director.expectSameState()
  })
})

describe.each(FAMILIES)('thresholds over IPv%i', (family) => {
  it('pass an overloaded real over until it has fallen below the lower one', async () => {
    const director = await Director.serving(
      world((table) => Object.assign(destOf(table, family, 'tcp', 0), { upper: 2, lower: 1 })),
    )
    const took = [1, 2, 3, 4, 5, 6, 7].map((sport) => {
      director.send(request(family, 'tcp', { sport }))
      return (director.lb.conns().get(connOf(family, 'tcp', sport))?.dest ?? 0) % 100
    })
    expect(took.filter((real) => real === 0)).toHaveLength(2)
    expect(director.lb.destState(destId(family, 'tcp', 0))).toMatchObject({ active: 2, overloaded: true })
    director.expectSameState()
  })

  it('leave a service without real when all are overloaded', async () => {
    const director = await Director.serving(
      world((table) => {
        for (const real of [0, 1, 2]) destOf(table, family, 'tcp', real).upper = 1
      }),
    )
    for (const sport of [1, 2, 3]) expect(director.send(request(family, 'tcp', { sport })).verdict).toBe('forwardNew')
    expect(director.send(request(family, 'tcp', { sport: 4 })).verdict).toBe('dropNoReal')
    director.expectSameState()
  })
})

describe.each(FAMILIES)('connReuse: false over IPv%i', (family) => {
  it('lets a SYN go on with the conn that it meets', async () => {
    const director = await Director.serving(world((table) => (serviceOf(table, family, 'tcp').connReuse = false)))
    for (const flags of [['syn'], ['ack'], ['fin', 'ack'], ['syn']] as const) {
      director.send(request(family, 'tcp', { flags: [...flags] }))
    }
    expect(director.lb.conns().get(connOf(family, 'tcp'))?.dest).toBe(destId(family, 'tcp', 0))
    expect(director.lb.cursor(serviceId(family, 'tcp'))).toBe(1n)
    director.expectSameState()
  })
})

describe.each(FAMILIES)('echo over IPv%i', (family) => {
  it('is answered here where no service takes queries', async () => {
    const director = await Director.serving(world())
    expect(director.send(echo(family)).verdict).toBe('replyEcho')
  })
})
