import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { url } from './support.js'

/**
 * The topology of the kernel's own test of IPVS (tools/testing/selftests/netfilter/ipvs.sh): the client and the real
 * are also on one wire, so that a real may answer past the director. The VIP is in none of the networks.
 */
const VIP = '207.175.44.110'
const PORT = 8080

const HOSTS = {
  client: {
    devices: { eth0: { wire: 'lan', addresses: ['10.0.0.2/24'] } },
    shell: `ip route add ${VIP} via 10.0.0.1`,
  },
  director: {
    devices: {
      eth0: { wire: 'lan', addresses: ['10.0.0.1/24'] },
      eth1: { wire: 'inside', addresses: ['172.16.0.1/24'] },
    },
    director: true,
    router: true,
  },
  real: {
    devices: {
      eth0: { wire: 'inside', addresses: ['172.16.0.2/24'] },
      eth1: { wire: 'lan', addresses: ['10.0.0.3/24'] },
    },
    vips: [VIP],
    serves: [PORT],
  },
}

describe("the topology of the kernel's selftest", () => {
  let network: Network
  let director: LabDirector

  beforeAll(async () => {
    network = await Network.create({ hosts: HOSTS })
    director = new LabDirector(network)
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  const configOf = (forward: string): object => ({
    version: 1,
    interfaces: ['eth0', 'eth1'],
    conns: { max: 10_000 },
    services: [{ name: 'web', vip: VIP, port: PORT, forward, scheduler: 'rr', reals: ['172.16.0.2'] }],
  })

  async function expectServed(forward: string): Promise<void> {
    await director.attach(configOf(forward))
    try {
      await expect(network.client.get(url(VIP, '/', PORT))).resolves.toMatchObject({ real: 'real', client: '10.0.0.2' })
      await expect(network.client.curl(url(VIP, '/bytes/1048576', PORT))).resolves.toHaveLength(1 << 20)
    } finally {
      await director.detach()
    }
  }

  it('dr: the real has the VIP and answers past the director', async () => {
    await expectServed('dr')
  })

  it('nat: the real has neither the VIP nor another way than the director', async () => {
    const real = network.host('real')
    real.shell(`ip address del ${VIP}/32 dev lo; ip link set dev eth1 down; ip route add default via 172.16.0.1`)
    try {
      await expectServed('nat')
    } finally {
      real.shell(`ip route del default; ip link set dev eth1 up; ip address add ${VIP}/32 dev lo`)
    }
  })
})
