import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { DR_VIP, FAMILIES, NAT_VIP, serviceFor, twoArm, twoArmConfig } from '../../lab/two-arm.js'
import { DEADLINE } from './support.js'
import { echoReply, layer, Wire } from './wire.js'

const CASES = (['nat', 'dr'] as const).flatMap((forward) => FAMILIES.map(({ family }) => ({ forward, family })))

const REQUEST = { 4: { name: 'icmp4', type: 8 }, 6: { name: 'icmp6', type: 128 } } as const
const HOPS = { 4: { ip: 'ipv4', ttl: 'ttl' }, 6: { ip: 'ipv6', ttl: 'hopLimit' } } as const

describe('a service for ICMP', () => {
  let network: Network
  let director: LabDirector

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm() })
    director = new LabDirector(network)
    const services = CASES.map(({ forward, family }) =>
      // The service comes before what the VIP itself would do.
      serviceFor({ name: `ping-${forward}-${family}`, forward, family, protocol: 'icmp', echo: 'drop' }),
    )
    await director.attach(twoArmConfig(services))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  it.each(CASES)('$forward, IPv$family: queries are answered by each real in turn', async ({ forward, family }) => {
    const vip = forward === 'dr' ? DR_VIP[family] : NAT_VIP[family]
    const way = { client: network.client, router: network.host('router') }
    const wires = network.reals.map((real) => new Wire(real, 'eth0'))
    const asked = (frame: Uint8Array): boolean =>
      layer(frame, REQUEST[family].name)?.get('type') === REQUEST[family].type
    try {
      for (const id of [1, 2, 3]) {
        const reply = await echoReply(way, vip, { id })
        expect(reply, `no reply to query ${id}`).toBeDefined()
        // The replies of nat go through the director and the router, those of dr through the router alone.
        const { ip, ttl } = HOPS[family]
        expect(layer(reply ?? new Uint8Array(), ip)?.get(ttl)).toBe(forward === 'nat' ? 62 : 63)
      }
      const counts = (): number[] => wires.map(({ frames }) => frames.filter(asked).length)
      await expect.poll(counts, DEADLINE).toEqual([1, 1, 1])
    } finally {
      for (const wire of wires) wire[Symbol.dispose]()
    }
  })

  it.each(CASES)('$forward, IPv$family: one identifier keeps its real, and has one conn', async ({ forward, family }) => {
    const vip = forward === 'dr' ? DR_VIP[family] : NAT_VIP[family]
    const way = { client: network.client, router: network.host('router') }
    const service = `ping-${forward}-${family}`
    const before = director.conns({ service }).length
    for (let sent = 0; sent < 3; sent++) await expect(echoReply(way, vip, { id: 77 })).resolves.toBeDefined()
    const conns = director.conns({ service })
    expect(conns).toHaveLength(before + 1)
    expect(conns.every(({ state }) => state === 'ICMP')).toBe(true)
  })
})
