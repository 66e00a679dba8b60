import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { CLIENT, FAMILIES, type Family, NAT_VIP, serviceFor, twoArm, twoArmConfig } from '../../lab/two-arm.js'
import { url } from './support.js'

const HTTP = 80
const HTTPS = 443
const OTHER = 8080

/** A neighbour of the client in its /24 and /64, and one outside of both; the client has their addresses too. */
const NEIGHBOUR = { 4: '192.0.2.3', 6: '2001:db8:1::3' } as const
const STRANGER = { 4: '198.51.100.2', 6: '2001:db8:4::2' } as const

const MORE_ADDRESSES = `
ip address add 192.0.2.3/32 dev eth0; ip address add 198.51.100.2/32 dev eth0
ip address add 2001:db8:1::3/128 dev eth0 nodad; ip address add 2001:db8:4::2/128 dev eth0 nodad`

const ROUTES_BACK = 'ip route add 198.51.100.0/24 via 192.0.2.2; ip route add 2001:db8:4::/64 via 2001:db8:1::2'

describe('persistence', () => {
  let network: Network
  let director: LabDirector

  /** Web on two ports that share templates, and one on a port of its own for a whole network. */
  function configOf(weights: readonly number[], persistence: object = {}): object {
    const services = FAMILIES.flatMap(({ family }) => {
      const common = { family, forward: 'nat', weights } as const
      const group = { timeout: '300s', group: 'web', ...persistence }
      return [
        serviceFor({ ...common, name: `http-${family}`, port: HTTP, persistence: group }),
        serviceFor({ ...common, name: `https-${family}`, port: HTTPS, persistence: group }),
        serviceFor({ ...common, name: `wide-${family}`, port: OTHER, persistence: { netmask: 24, netmask6: 64 } }),
      ]
    })
    return twoArmConfig(services)
  }

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm() })
    network.client.shell(MORE_ADDRESSES)
    network.host('router').shell(ROUTES_BACK)
    director = new LabDirector(network)
  })

  beforeEach(async () => {
    await director.attach(configOf([1, 1, 1]))
    return () => director.detach()
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  /** Who answers a request to the port, from one of the client's addresses. */
  async function realOf(family: Family, port: number, from: string = CLIENT[family]): Promise<string> {
    const answer = await network.client.curl(url(NAT_VIP[family], '/', port), ['--interface', from])
    return (JSON.parse(answer) as { real: string }).real
  }

  const templates = (): string[] => director.conns().flatMap(({ template, client }) => (template ? [client] : []))

  it.each(FAMILIES)('IPv$family: a client keeps its real, also over the ports of a group; others get theirs', async ({ family }) => {
    const first = await realOf(family, HTTP)
    for (const port of [HTTP, HTTPS, HTTP, HTTPS]) await expect(realOf(family, port)).resolves.toBe(first)
    const second = await realOf(family, HTTPS, NEIGHBOUR[family])
    expect(second).not.toBe(first)
    await expect(realOf(family, HTTP, NEIGHBOUR[family])).resolves.toBe(second)
    expect(templates()).toHaveLength(2)
  })

  it.each(FAMILIES)('IPv$family: a service outside of the group has templates of its own', async ({ family }) => {
    await realOf(family, HTTP)
    await realOf(family, OTHER)
    expect(templates()).toHaveLength(2)
  })

  it.each(FAMILIES)('IPv$family: clients of one network keep one real', async ({ family }) => {
    const first = await realOf(family, OTHER)
    await expect(realOf(family, OTHER, NEIGHBOUR[family])).resolves.toBe(first)
    await expect(realOf(family, OTHER, STRANGER[family])).resolves.not.toBe(first)
    expect(templates()).toHaveLength(2)
  })

  it.each(FAMILIES)('IPv$family: a drained real is left at the next new connection', async ({ family }) => {
    const first = await realOf(family, HTTP)
    const weights = [1, 2, 3].map((number) => (first === `real${number}` ? 0 : 1))
    await director.apply(configOf(weights))
    const second = await realOf(family, HTTP)
    expect(second).not.toBe(first)
    await expect(realOf(family, HTTPS)).resolves.toBe(second)
    // And it stays there when the first one is back.
    await director.apply(configOf([1, 1, 1]))
    await expect(realOf(family, HTTP)).resolves.toBe(second)
  })

  it.each(FAMILIES)('IPv$family: expireQuiescent: false keeps clients on a drained real', async ({ family }) => {
    const first = await realOf(family, HTTP)
    const weights = [1, 2, 3].map((number) => (first === `real${number}` ? 0 : 1))
    await director.apply(configOf(weights, { expireQuiescent: false }))
    await expect(realOf(family, HTTP)).resolves.toBe(first)
    await expect(realOf(family, HTTP, NEIGHBOUR[family])).resolves.not.toBe(first)
  })
})
