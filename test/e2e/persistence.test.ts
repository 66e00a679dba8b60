import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { FAMILIES, type Family, NAT_VIP, serviceFor, twoArm, twoArmConfig } from '../../lab/two-arm.js'
import { url } from './support.js'

const HTTP = 80
const HTTPS = 443
const OTHER = 8080

const TESTS = 6

/** Of requests, each from a port of its own; see realOf(). */
let nextPort = 20_000

/** Three clients of each test's own, on the one host: two of one /24 or /64, and one of another. */
function clientsOf(test: number, family: Family): { own: string; neighbour: string; stranger: string } {
  const [net, other] = family === 4 ? [`198.18.${test}.`, `198.19.${test}.`] : [`2001:db8:50:${test}::`, `2001:db8:51:${test}::`]
  return { own: `${net}1`, neighbour: `${net}2`, stranger: `${other}1` }
}

const ROUTES_BACK = `
ip route add 198.18.0.0/15 via 192.0.2.2
ip route add 2001:db8:50::/47 via 2001:db8:1::2`

describe('persistence', () => {
  let network: Network
  let director: LabDirector

  /** Web on two ports that share templates, and one on a port of its own for a whole network. */
  function configOf(weights: readonly number[], persistence: object = {}): object {
    const services = FAMILIES.flatMap(({ family }) => {
      const common = { family, forward: 'nat', weights } as const
      const group = { timeout: '300s', group: `web-${family}`, ...persistence }
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
    const tests = Array.from({ length: TESTS }, (_, test) => test)
    const clients = tests.flatMap((test) => FAMILIES.flatMap(({ family }) => Object.values(clientsOf(test, family))))
    network.client.shell(clients.map((address) => `ip address add ${address} dev lo`).join('\n'))
    network.host('router').shell(ROUTES_BACK)
    director = new LabDirector(network)
    await director.attach(configOf([1, 1, 1]))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  /**
   * Who answers a request to the port from one of the client's addresses. Had two of them one port, for different ports
   * of the VIP, a real would see one flow in both (nat), and the second one had to go to another real.
   */
  async function realOf(from: string, port: number): Promise<string> {
    const vip = NAT_VIP[from.includes(':') ? 6 : 4]
    const answer = await network.client.curl(url(vip, '/', port), ['--interface', from, '--local-port', String(nextPort++)])
    return (JSON.parse(answer) as { real: string }).real
  }

  /** Templates of a test's clients. */
  function templatesOf(test: number, family: Family): number {
    const networks = Object.values(clientsOf(test, family)).map((address) => address.slice(0, -1))
    const isOwn = (client: string): boolean => networks.some((each) => client.replace('[', '').startsWith(each))
    return director.conns().filter(({ template, client }) => template && isOwn(client)).length
  }

  const without = (real: string): number[] => [1, 2, 3].map((number) => (real === `real${number}` ? 0 : 1))

  it.each(FAMILIES)('IPv$family: a client keeps its real, also over the ports of a group; others get theirs', async ({ family }) => {
    const { own, neighbour } = clientsOf(5, family)
    const first = await realOf(own, HTTP)
    for (const port of [HTTP, HTTPS, HTTP, HTTPS]) await expect(realOf(own, port)).resolves.toBe(first)
    const second = await realOf(neighbour, HTTP)
    expect(second).not.toBe(first)
    await expect(realOf(neighbour, HTTPS)).resolves.toBe(second)
    expect(templatesOf(5, family)).toBe(2)
  })

  it.each(FAMILIES)('IPv$family: a service outside of the group has templates of its own', async ({ family }) => {
    const { own } = clientsOf(1, family)
    await realOf(own, HTTP)
    await realOf(own, OTHER)
    expect(templatesOf(1, family)).toBe(2)
  })

  it.each(FAMILIES)('IPv$family: clients of one network keep one real', async ({ family }) => {
    const { own, neighbour, stranger } = clientsOf(2, family)
    const first = await realOf(own, OTHER)
    await expect(realOf(neighbour, OTHER)).resolves.toBe(first)
    await expect(realOf(stranger, OTHER)).resolves.not.toBe(first)
    expect(templatesOf(2, family)).toBe(2)
  })

  it.each(FAMILIES)('IPv$family: a drained real is left at the next new connection', async ({ family }) => {
    const { own } = clientsOf(3, family)
    const first = await realOf(own, HTTP)
    await director.apply(configOf(without(first)))
    const second = await realOf(own, HTTP)
    await director.apply(configOf([1, 1, 1]))
    expect(second).not.toBe(first)
    // And it stays there, also now that the first one is back.
    await expect(realOf(own, HTTP)).resolves.toBe(second)
    await expect(realOf(own, HTTPS)).resolves.toBe(second)
  })

  it.each(FAMILIES)('IPv$family: expireQuiescent: false keeps clients on a drained real', async ({ family }) => {
    const { own, neighbour } = clientsOf(4, family)
    const first = await realOf(own, HTTP)
    await director.apply(configOf(without(first), { expireQuiescent: false }))
    const [again, other] = [await realOf(own, HTTP), await realOf(neighbour, HTTP)]
    await director.apply(configOf([1, 1, 1]))
    expect(again).toBe(first)
    expect(other).not.toBe(first)
  })
})
