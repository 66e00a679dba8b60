import { describe, expect, it } from 'vitest'
import { Limit } from '../../src/maps/generated.js'
import { liveConns } from '../support/conn-census.js'
import type { Table } from '../support/oracle.js'
import { expectPacket } from '../support/packet/diff.js'
import { Director } from './director.js'
import {
  CLIENT_PORT,
  connOf,
  delivered,
  KINDS,
  makeNat,
  OTHER_CLIENT,
  request,
  serviceId,
  serviceOf,
  world,
  type Family,
  type Transport,
} from './world.js'

const BUCKETS = 4
/** Flows that are more than first packets: so many that the table is not full of them. */
const OLD = 12
/** First packets, each of another flow. */
const FLOOD = 3000

const ports = Array.from({ length: OLD }, (_, index) => CLIENT_PORT + index)

/** Opens flows that a flood must not cost: TCP established, UDP with a second packet. */
function settle(director: Director, family: Family, protocol: Transport): (number | undefined)[] {
  return ports.map((sport) => {
    expect(director.lb.run(request(family, protocol, { sport }).bytes()).verdict).toBe('forwardNew')
    expect(director.lb.run(request(family, protocol, { sport, flags: ['ack'] }).bytes()).verdict).toBe('forwardKnown')
    return director.lb.conns().get(connOf(family, protocol, sport))?.dest
  })
}

function flood(director: Director, family: Family, protocol: Transport): Set<string> {
  const verdicts = new Set<string>()
  for (let index = 0; index < FLOOD; index += 1) {
    const fields = { src: OTHER_CLIENT[family], sport: 1 + index, body: '' }
    verdicts.add(director.lb.run(request(family, protocol, fields).bytes()).verdict)
  }
  return verdicts
}

describe.each(KINDS)('a flood of first packets: $name', ({ family, protocol }) => {
  it.each(['dr', 'nat'] as const)('%s: costs no established flow, and is served itself', async (forward) => {
    const director = await Director.serving(
      world((table) => {
        if (forward === 'nat') makeNat(table, family, protocol)
      }),
      BUCKETS,
    )
    const before = settle(director, family, protocol)
    expect([...flood(director, family, protocol)]).toEqual(['forwardNew'])
    ports.forEach((sport, index) => {
      const out = director.lb.run(request(family, protocol, { sport, flags: ['ack'] }).bytes())
      expect(out.verdict).toBe('forwardKnown')
      expect(director.lb.conns().get(connOf(family, protocol, sport))?.dest).toBe(before[index])
    })
    director.expectExactCounts()
  })

  it('costs no template that has an established child, and leaves none of its own behind', async () => {
    const director = await Director.serving(
      world((table) => {
        const persistence = { timeoutNs: 300_000_000_000n, scope: 1, prefix: 128, expireQuiescent: true }
        serviceOf(table, family, protocol).persistence = persistence
      }),
      BUCKETS,
    )
    settle(director, family, protocol)
    const templates = (): number => liveConns(director.lb.maps).filter(({ isTemplate }) => isTemplate).length
    expect(templates()).toBe(1)
    flood(director, family, protocol)
    expect(templates()).toBeLessThanOrEqual(2)
    for (const sport of ports) {
      const out = director.lb.run(request(family, protocol, { sport, flags: ['ack'] }).bytes())
      expect(out.verdict).toBe('forwardKnown')
    }
    director.expectExactCounts()
  })
})

describe.each(KINDS)('a table full of settled flows: $name', ({ family, protocol }) => {
  const WAYS = Array.from({ length: Limit.connWays }, (_, index) => 1 + index)

  /** A table of one bucket, all of whose flows have sent more than one packet. */
  async function crowded(table: Table): Promise<Director> {
    const director = await Director.serving(table, 1)
    for (const sport of WAYS) {
      for (const flags of [['syn'], ['ack']] as const) {
        director.lb.run(request(family, protocol, { sport, flags: [...flags] }).bytes())
      }
    }
    return director
  }

  it('serves a new flow without state in dr, and says so', async () => {
    const director = await crowded(world())
    const out = director.lb.run(request(family, protocol).bytes())
    expect(out).toMatchObject({ verdict: 'forwardStateless', action: 'tx' })
    expectPacket(out.frame).toEqualPacket(delivered(family, protocol, WAYS.length % 3))
    expect(director.lb.conns().has(connOf(family, protocol))).toBe(false)
    const { conns, inPkts } = director.lb.serviceCounters(serviceId(family, protocol))
    expect({ conns, inPkts }).toEqual({ conns: WAYS.length, inPkts: 2 * WAYS.length + 1 })
    director.expectExactCounts()
  })

  it('goes on serving the flows that it knows', async () => {
    const director = await crowded(world())
    director.lb.run(request(family, protocol).bytes())
    WAYS.forEach((sport, index) => {
      const fields = { sport, flags: ['ack' as const] }
      const out = director.lb.run(request(family, protocol, fields).bytes())
      expect(out.verdict).toBe('forwardKnown')
      expectPacket(out.frame).toEqualPacket(delivered(family, protocol, index % 3, fields))
    })
  })

  it('drops a new flow by name in nat, whose replies nobody could translate', async () => {
    const director = await crowded(world((table) => makeNat(table, family, protocol)))
    expect(director.lb.run(request(family, protocol).bytes())).toMatchObject({
      verdict: 'dropTableFull',
      action: 'drop',
    })
    director.expectExactCounts()
  })
})
