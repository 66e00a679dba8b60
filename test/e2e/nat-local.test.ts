import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { type HostSpec, Network } from '../../lab/network.js'
import { CLIENT, DR_VIP, FAMILIES, type Family, NAT_VIP, twoArm, twoArmConfig } from '../../lab/two-arm.js'
import { wrongChecksums } from '../support/packet/verify.js'
import { DEADLINE, url } from './support.js'
import { layer, Wire } from './wire.js'

const MEGABYTE = 1 << 20
const LOCAL = { 4: '10.0.0.1', 6: '2001:db8:2::1' } as const
const VIP = { nat: NAT_VIP, dr: DR_VIP } as const

/** Checksums and segmentation of what the director's own server sends are left to its device, as hosts do. */
const DIRECTOR: HostSpec = {
  devices: { eth0: { wire: 'front', addresses: ['10.0.0.1/24', '2001:db8:2::1/64'], offload: true } },
  via: ['10.0.0.254', '2001:db8:2::fe'],
  vips: Object.values(DR_VIP),
  serves: [80, 8080],
  director: true,
}

const CASES = (['nat', 'dr'] as const).flatMap((forward) => FAMILIES.map(({ family }) => ({ forward, family })))

const service = (forward: 'nat' | 'dr', family: Family, protocol: string, port: number, realPort: number): object => ({
  name: `${forward}-${family}-${protocol}-${port}`,
  vip: VIP[forward][family],
  port,
  protocol,
  forward,
  reals: [{ address: LOCAL[family], port: realPort }],
})

describe("a real on the director's own host", () => {
  let network: Network

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm({ reals: 0, hosts: { director: DIRECTOR } }) })
    const services = CASES.flatMap(({ forward, family }) => [
      service(forward, family, 'tcp', 80, forward === 'nat' ? 8080 : 80),
      service(forward, family, 'udp', 80, forward === 'nat' ? 8080 : 80),
      // Nobody listens there.
      service(forward, family, 'udp', 81, forward === 'nat' ? 8081 : 81),
    ])
    await new LabDirector(network).attach(twoArmConfig(services, { interfaces: ['eth0'] }))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  it.each(CASES)('$forward, IPv$family: TCP and UDP are answered', async ({ forward, family }) => {
    const vip = VIP[forward][family]
    await expect(network.client.get(url(vip))).resolves.toMatchObject({ real: 'director', client: CLIENT[family] })
    await expect(network.client.udp(vip, 80, 'who', 5000)).resolves.toBe('director')
  })

  it.each(CASES)('$forward, IPv$family: a body of 1 MB arrives whole, both ways', async ({ forward, family }) => {
    const vip = VIP[forward][family]
    const body = network.writeFile('body', 'x'.repeat(MEGABYTE))
    const answer = JSON.parse(await network.client.curl(url(vip), ['--data-binary', `@${body}`])) as object
    expect(answer).toMatchObject({ received: MEGABYTE })
    await expect(network.client.curl(url(vip, `/bytes/${MEGABYTE}`))).resolves.toHaveLength(MEGABYTE)
  })

  it.each(CASES)('$forward, IPv$family: replies have right checksums and come from the VIP', async ({ forward, family }) => {
    using wire = new Wire(network.client, 'eth0')
    await network.client.curl(url(VIP[forward][family], '/bytes/100000'))
    const ip = family === 4 ? 'ipv4' : 'ipv6'
    const replies = (): Uint8Array[] =>
      wire.frames.filter((frame) => layer(frame, 'tcp') !== undefined && layer(frame, ip)?.get('dst') === CLIENT[family])
    // The socket may miss some.
    await expect.poll(() => replies().length, DEADLINE).toBeGreaterThan(20)
    for (const frame of replies()) {
      expect(layer(frame, ip)?.get('src')).toBe(VIP[forward][family])
      expect(layer(frame, 'tcp')?.get('sport')).toBe(80)
      expect(wrongChecksums(frame)).toEqual([])
    }
  })

  it.each(CASES)('$forward, IPv$family: a closed UDP port is refused', async ({ forward, family }) => {
    await expect(network.client.udp(VIP[forward][family], 81, 'who', 5000)).resolves.toBe('ECONNREFUSED')
  })
})
