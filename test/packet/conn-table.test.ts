import { describe, expect, it } from 'vitest'
import { Limit } from '../../src/maps/generated.js'
import { expectPacket } from '../support/packet/diff.js'
import { Director } from './director.js'
import { CLIENT_PORT, connOf, delivered, KINDS, request, serviceId, world } from './world.js'

/** A director whose conn table has one bucket, so that it is full after a handful of flows. */
async function cramped(): Promise<Director> {
  const director = await Director.serving(world())
  const { settings } = director.lb.maps
  const values = settings.get(0)
  if (values === undefined) throw new Error('no settings')
  settings.set(0, { ...values, connBuckets: 1 })
  return director
}

const portsFrom = (first: number): number[] => Array.from({ length: Limit.connWays }, (_, index) => first + index)

describe.each(KINDS)('a full conn table: $name', ({ family, protocol }) => {
  it('still serves a new flow, without state, and says so', async () => {
    const director = await cramped()
    for (const sport of portsFrom(CLIENT_PORT)) {
      expect(director.lb.run(request(family, protocol, { sport }).bytes()).verdict).toBe('forwardNew')
    }
    const late = { sport: 50_000 }
    const out = director.lb.run(request(family, protocol, late).bytes())
    expect(out).toMatchObject({ verdict: 'forwardStateless', action: 'tx' })
    expectPacket(out.frame).toEqualPacket(delivered(family, protocol, Limit.connWays % 3, late))
    expect(director.lb.conns().has(connOf(family, protocol, late.sport))).toBe(false)
    const { conns, inPkts } = director.lb.serviceCounters(serviceId(family, protocol))
    expect({ conns, inPkts }).toEqual({ conns: Limit.connWays, inPkts: Limit.connWays + 1 })
  })

  it('goes on serving the flows that it knows', async () => {
    const director = await cramped()
    const ports = portsFrom(CLIENT_PORT)
    for (const sport of [...ports, 50_000]) director.lb.run(request(family, protocol, { sport }).bytes())
    ports.forEach((sport, index) => {
      const fields = { sport, flags: ['ack' as const] }
      const out = director.lb.run(request(family, protocol, fields).bytes())
      expect(out.verdict).toBe('forwardKnown')
      expectPacket(out.frame).toEqualPacket(delivered(family, protocol, index % 3, fields))
    })
  })
})
