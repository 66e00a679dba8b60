import { describe, expect, it } from 'vitest'
import { destinationOptions, eth, packet, payload, tcp, type Layer } from '../support/packet/build.js'
import { expectPacket } from '../support/packet/diff.js'
import { Director } from './director.js'
import {
  CLIENT_PORT,
  delivered,
  destOf,
  FAMILIES,
  ip,
  KINDS,
  knowConn,
  OTHER_INTERFACE,
  OUR_MAC,
  PORT,
  request,
  ROUTER_MAC,
  serviceOf,
  world,
} from './world.js'

describe.each(KINDS)('what is not forwarded: $name', ({ family, protocol }) => {
  it.each([0, 1])('drops a new flow with a TTL of %i, and makes no conn', async (ttl) => {
    const director = await Director.serving(world())
    expect(director.send(request(family, protocol, { ttl }))).toMatchObject({ verdict: 'dropTtl', action: 'drop' })
    expect(director.lb.conns().size).toBe(0)
    director.expectSameState()
  })

  it.each([0, 1])('drops a known flow with a TTL of %i, and leaves its timer alone', async (ttl) => {
    const director = await Director.serving(world((table) => knowConn(table, family, protocol, 1)))
    expect(director.send(request(family, protocol, { ttl, flags: ['ack'] })).verdict).toBe('dropTtl')
    director.expectSameState()
  })

  it('drops a new flow when the service has no usable destination', async () => {
    const director = await Director.serving(world((table) => (serviceOf(table, family, protocol).ring = [])))
    expect(director.send(request(family, protocol))).toMatchObject({ verdict: 'dropNoReal', action: 'drop' })
    director.expectSameState()
  })

  it('drops a new flow to a real whose MAC is not known, and offers the next real to the next one', async () => {
    const director = await Director.serving(world((table) => (destOf(table, family, protocol, 0).neighbour = false)))
    expect(director.send(request(family, protocol))).toMatchObject({ verdict: 'dropNoNeighbour', action: 'drop' })
    expect(director.lb.conns().size).toBe(0)
    expectPacket(director.send(request(family, protocol)).frame).toEqualPacket(delivered(family, protocol, 1))
    director.expectSameState()
  })

  it('drops a known flow while the MAC of its real is not known', async () => {
    const director = await Director.serving(
      world((table) => {
        knowConn(table, family, protocol, 1)
        destOf(table, family, protocol, 1).neighbour = false
      }),
    )
    expect(director.send(request(family, protocol, { flags: ['ack'] })).verdict).toBe('dropNoNeighbour')
    director.expectSameState()
  })

  it.each([true, false])(
    'drops what would leave by an interface that is not attached, known flow: %s',
    async (known) => {
      const director = await Director.serving(
        world((table) => {
          if (known) knowConn(table, family, protocol, 0)
          destOf(table, family, protocol, 0).ifindex = OTHER_INTERFACE
          table.txPorts.clear()
        }),
      )
      expect(director.send(request(family, protocol))).toMatchObject({ verdict: 'dropNoInterface', action: 'drop' })
      director.expectSameState()
    },
  )

  it('passes a port without service to the host', async () => {
    const director = await Director.serving(world())
    expect(director.send(request(family, protocol, { dport: PORT + 1 }))).toMatchObject({
      verdict: 'passUnmatched',
      action: 'pass',
    })
    director.expectSameState()
  })

  it('does not mistake the service of another protocol for its own', async () => {
    const director = await Director.serving(world())
    const { lb } = director
    const keys = [...lb.maps.services.keys()].filter((key) => key.protocol === (protocol === 'tcp' ? 6 : 17))
    for (const key of keys) lb.maps.services.delete(key)
    for (const [name, service] of director.table.services) {
      if (name.includes(` ${protocol} `)) director.table.services.delete(name)
      else expect(service.ring.length).toBe(3)
    }
    expect(director.send(request(family, protocol)).verdict).toBe('passUnmatched')
  })

  it('sees only the services of the era in force', async () => {
    const director = await Director.serving(world())
    const { settings } = director.lb.maps
    const inForce = settings.get(0)
    if (inForce === undefined) throw new Error('no settings')
    settings.set(0, { ...inForce, era: 1 - inForce.era })
    director.table.services.clear()
    expect(director.send(request(family, protocol)).verdict).toBe('passUnmatched')
  })
})

describe('frames of more than one buffer', () => {
  it.each(KINDS)('are forwarded whole: $name', async ({ family, protocol }) => {
    const director = await Director.serving(world())
    const body = 'jumbo'.repeat(1700)
    const out = director.send(request(family, protocol, { body }))
    expectPacket(out.frame).toEqualPacket(delivered(family, protocol, 0, { body }))
    director.expectSameState()
  })

  it.each(FAMILIES)('whose IPv%i length lies beyond the last one are dropped', async (family) => {
    const director = await Director.serving(world())
    const frame = request(family, 'tcp', { body: 'jumbo'.repeat(1700) }).bytes()
    expect(director.send(frame.slice(0, -1)).verdict).toBe('dropMalformed')
  })

  it('are dropped with their own reason when a header lies behind the first', async () => {
    const director = await Director.serving(world())
    const long: Layer[] = [1, 2, 3].map(() => destinationOptions({ data: new Uint8Array(2000) }))
    const head = tcp({ sport: CLIENT_PORT, dport: PORT })
    const sent = packet(eth({ src: ROUTER_MAC, dst: OUR_MAC }), ip(6), long, head, payload('far away'))
    const out = director.lb.run(sent.bytes())
    expect(out).toMatchObject({ verdict: 'dropNotLinear', action: 'drop' })
    expectPacket(out.frame).toEqualPacket(sent)
  })
})
