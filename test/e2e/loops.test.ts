import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { type HostSpec, Network } from '../../lab/network.js'
import { CLIENT, FAMILIES, type Family, NAT_VIP, realAddress, serviceFor, twoArm, twoArmConfig } from '../../lab/two-arm.js'
import { eth, ipv4, ipv6, packet, tcp } from '../support/packet/build.js'
import { DEADLINE, url } from './support.js'
import { factsOf, layer, Wire } from './wire.js'

const PEER = '02:00:00:00:00:fe'

const FAR = { 4: '10.2.0.11', 6: '2001:db8:5::11' } as const
const FAR_PORT = 81

/** A real on a third arm of the director: its replies to other reals come back through it. */
const FAR_REAL: HostSpec = {
  devices: { eth0: { wire: 'far', addresses: ['10.2.0.11/24', '2001:db8:5::11/64'] } },
  via: ['10.2.0.1', '2001:db8:5::1'],
  serves: [8080],
}

const DIRECTOR: HostSpec = {
  devices: {
    eth0: { wire: 'front', addresses: ['10.0.0.1/24', '2001:db8:2::1/64'] },
    eth1: { wire: 'back', addresses: ['10.1.0.1/24', '2001:db8:3::1/64'] },
    eth2: { wire: 'far', addresses: ['10.2.0.1/24', '2001:db8:5::1/64'] },
  },
  via: ['10.0.0.254', '2001:db8:2::fe'],
  router: true,
  director: true,
}

describe('frames that would go round', () => {
  let network: Network
  let director: LabDirector

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm({ reals: 1, hosts: { director: DIRECTOR, far: FAR_REAL } }) })
    director = new LabDirector(network)
    const services = FAMILIES.flatMap(({ family }) => [
      serviceFor({ name: `own-${family}`, family, forward: 'nat', reals: 1 }),
      { ...serviceFor({ name: `far-${family}`, family, forward: 'nat', port: FAR_PORT }), reals: [{ address: FAR[family], port: 8080 }] },
    ])
    await director.attach(twoArmConfig(services, { interfaces: ['eth0', 'eth1', 'eth2'], peers: [PEER] }))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  const loops = (): number => director.verdicts()['drop_loop'] ?? 0

  const toReal = (frame: Uint8Array, family: Family): boolean => layer(frame, `ipv${family}`)?.get('dst') === realAddress(1, family)

  it.each(FAMILIES)('IPv$family: a real that asks a VIP is served by a real of another network', async ({ family }) => {
    const answer = JSON.parse(await network.clientOn('real1').curl(url(NAT_VIP[family], '/', FAR_PORT))) as object
    expect(answer).toMatchObject({ real: 'far', client: realAddress(1, family) })
  })

  it.each(FAMILIES)('IPv$family: a real that asks a VIP and would be its own real is not served', async ({ family }) => {
    const before = loops()
    const asking = network.clientOn('real1').curl(url(NAT_VIP[family]), ['--max-time', '0.3'])
    await expect(asking).rejects.toThrow('timed out')
    expect(loops()).toBeGreaterThan(before)
  })

  it.each(FAMILIES)('IPv$family: what a peer director sends is not scheduled again', async ({ family }) => {
    const to = { src: PEER, dst: factsOf(network.host('director'), 'eth0').mac }
    const ip = family === 4 ? ipv4({ src: CLIENT[4], dst: NAT_VIP[4] }) : ipv6({ src: CLIENT[6], dst: NAT_VIP[6] })
    const frame = packet(eth(to), ip, tcp({ sport: 40_000, dport: 80 })).bytes()
    const before = loops()
    const conns = director.conns().length
    using atReal = new Wire(network.host('real1'), 'eth0')
    using router = new Wire(network.host('router'), 'eth1')
    router.send(frame)
    await expect.poll(loops, DEADLINE).toBe(before + 1)
    expect(atReal.frames.filter((each) => toReal(each, family))).toEqual([])
    expect(director.conns()).toHaveLength(conns)
  })

  it.each(FAMILIES)('IPv$family: and clients are served meanwhile', async ({ family }) => {
    await expect(network.client.get(url(NAT_VIP[family]))).resolves.toMatchObject({ real: 'real1' })
  })
})
