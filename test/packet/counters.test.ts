import { describe, expect, it } from 'vitest'
import { Verdict } from '../../src/maps/generated.js'
import { Director } from './director.js'
import {
  destId,
  destOf,
  echo,
  INGRESS,
  KINDS,
  knowConn,
  NOT_A_VIP,
  request,
  serviceId,
  serviceOf,
  world,
} from './world.js'

/** Length of the IP packet in {@link request}: both headers and the body. */
const ipLength = (family: 4 | 6, protocol: 'tcp' | 'udp', body: string): number =>
  (family === 4 ? 20 : 40) + (protocol === 'tcp' ? 20 : 8) + body.length

describe.each(KINDS)('counters: $name', ({ family, protocol }) => {
  it('count a conn once, and each packet by its IP length, for the service and its destination', async () => {
    const director = await Director.serving(world())
    const bodies = ['', 'four', 'a longer body']
    for (const body of bodies) director.send(request(family, protocol, { body }))
    const inBytes = bodies.reduce((sum, body) => sum + ipLength(family, protocol, body), 0)
    const expected = { conns: 1, inPkts: 3, inBytes }
    expect(director.lb.serviceCounters(serviceId(family, protocol))).toMatchObject(expected)
    expect(director.lb.destCounters(destId(family, protocol, 0))).toMatchObject(expected)
  })

  it('count only what is forwarded', async () => {
    const director = await Director.serving(
      world((table) => {
        destOf(table, family, protocol, 0).neighbour = false
        serviceOf(table, family, protocol).ring = [destId(family, protocol, 0)]
      }),
    )
    director.send(request(family, protocol))
    director.send(request(family, protocol, { ttl: 1 }))
    director.send(request(family, protocol, { dst: NOT_A_VIP[family] }))
    director.send(echo(family))
    const nothing = { conns: 0, inPkts: 0, inBytes: 0 }
    expect(director.lb.serviceCounters(serviceId(family, protocol))).toMatchObject(nothing)
    expect(director.lb.destCounters(destId(family, protocol, 0))).toMatchObject(nothing)
  })

  it('are those of the destination that the conn is with', async () => {
    const director = await Director.serving(world((table) => knowConn(table, family, protocol, 2)))
    director.send(request(family, protocol, { body: 'x', flags: ['ack'] }))
    const expected = { conns: 0, inPkts: 1, inBytes: ipLength(family, protocol, 'x') }
    expect(director.lb.destCounters(destId(family, protocol, 2))).toMatchObject(expected)
    expect(director.lb.destCounters(destId(family, protocol, 0)).inPkts).toBe(0)
    expect(director.lb.serviceCounters(serviceId(family, protocol))).toMatchObject(expected)
  })

  it('have no way out: what reals answer does not pass here', async () => {
    const director = await Director.serving(world())
    director.send(request(family, protocol))
    const sum = director.lb.maps.svcStats.sum(serviceId(family, protocol))
    expect(sum).toMatchObject({ outPkts: 0n, outBytes: 0n })
  })
})

describe('verdicts', () => {
  it('are counted under their own numbers, once a packet', async () => {
    const director = await Director.serving(world())
    for (let count = 0; count < 5; count += 1) director.send(request(4, 'tcp'))
    director.send(request(4, 'tcp', { dst: NOT_A_VIP[4] }))
    const { verdicts } = director.lb.maps
    expect(
      [Verdict.forwardNew, Verdict.forwardKnown, Verdict.passNotVip].map((verdict) => verdicts.sum(verdict)),
    ).toEqual([1n, 4n, 1n])
    const total = [...verdicts.sums()].reduce((sum, [, packets]) => sum + packets, 0n)
    expect(total).toBe(6n)
  })

  it('grow by the number of runs when a frame is repeated', async () => {
    const director = await Director.serving(world((table) => knowConn(table, 4, 'udp', 0)))
    expect(director.table.interfaces.has(INGRESS)).toBe(true)
    const { programs, maps } = director.lb.collection
    programs.xdpLb.run({ data: request(4, 'udp', { dst: NOT_A_VIP[4] }).bytes(), repeat: 1000 })
    expect(maps.verdicts.sum(Verdict.passNotVip)).toBe(1000n)
  })
})
