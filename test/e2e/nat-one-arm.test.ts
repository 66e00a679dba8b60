import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { type HostSpec, Network } from '../../lab/network.js'
import { answersOf, url } from './support.js'

const VIP = { 4: '192.0.2.100', 6: '2001:db8:1::100' } as const
const CLIENT = { 4: '192.0.2.2', 6: '2001:db8:1::2' } as const
const FAMILIES = [{ family: 4 }, { family: 6 }] as const

const real = (number: number): HostSpec => ({
  devices: { eth0: { wire: 'lan', addresses: [`10.1.0.1${number}/24`, `2001:db8:3::1${number}/64`] } },
  via: ['10.1.0.1', '2001:db8:3::1'],
  serves: [8080],
})

/** Clients and reals in different IP networks on one wire; the director is in both. */
const HOSTS: Record<string, HostSpec> = {
  client: { devices: { eth0: { wire: 'lan', addresses: ['192.0.2.2/24', '2001:db8:1::2/64'] } } },
  director: {
    devices: {
      eth0: { wire: 'lan', addresses: ['192.0.2.1/24', '2001:db8:1::1/64', '10.1.0.1/24', '2001:db8:3::1/64'] },
    },
    router: true,
    director: true,
  },
  real1: real(1),
  real2: real(2),
}

describe('nat with clients and reals on one wire', () => {
  let network: Network

  beforeAll(async () => {
    network = await Network.create({ hosts: HOSTS })
    const services = FAMILIES.map(({ family }) => ({
      name: `web-${family}`,
      vip: VIP[family],
      port: 80,
      forward: 'nat',
      scheduler: 'rr',
      reals: [1, 2].map((number) => ({ address: family === 4 ? `10.1.0.1${number}` : `2001:db8:3::1${number}`, port: 8080 })),
    }))
    await new LabDirector(network).attach({ version: 1, interfaces: ['eth0'], conns: { max: 10_000 }, services })
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  it.each(FAMILIES)('IPv$family: requests are answered by both reals in turn', async ({ family }) => {
    await expect(answersOf(network, VIP[family], 6)).resolves.toEqual({ real1: 3, real2: 3 })
    await expect(network.client.get(url(VIP[family]))).resolves.toMatchObject({ client: CLIENT[family] })
  })

  it.each(FAMILIES)('IPv$family: 1 MB arrives whole', async ({ family }) => {
    await expect(network.client.curl(url(VIP[family], '/bytes/1048576'))).resolves.toHaveLength(1 << 20)
  })
})
