import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import {
  CLIENT,
  DR_VIP,
  FAMILIES,
  type Family,
  NAT_VIP,
  realAddress,
  serviceFor,
  twoArm,
  twoArmConfig,
} from '../../lab/two-arm.js'
import { url } from './support.js'

const MEGABYTE = 1 << 20
/** The least that IPv6 allows (RFC 8200 section 5). */
const MTU = 1280

const CASES = (['nat', 'dr'] as const).flatMap((forward) => FAMILIES.map(({ family }) => ({ forward, family })))

describe('a client behind a link of a smaller MTU', () => {
  let network: Network
  let director: LabDirector

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm({ reals: 2, routerMtu: MTU }) })
    director = new LabDirector(network)
    const services = CASES.map(({ forward, family }) =>
      serviceFor({ name: `web-${forward}-${family}`, forward, family, reals: 2 }),
    )
    await director.attach(twoArmConfig(services))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  /** The way from a real to the client as the real knows it. */
  function routeOf(real: string, forward: 'dr' | 'nat', family: Family): string {
    const source = forward === 'dr' ? DR_VIP[family] : realAddress(Number(real.slice(-1)), family)
    return network.host(real).shell(`ip -${family} route get ${CLIENT[family]} from ${source}`)
  }

  it.each(CASES)('$forward, IPv$family: 1 MB arrives whole, and the real that sent it has learnt the MTU', async ({ forward, family }) => {
    const vip = forward === 'dr' ? DR_VIP[family] : NAT_VIP[family]
    const body = await network.client.curl(url(vip, `/bytes/${MEGABYTE}`))
    expect(body).toHaveLength(MEGABYTE)
    const real = body.slice(0, 'real1'.length)
    const [other] = ['real1', 'real2'].filter((name) => name !== real)
    expect(routeOf(real, forward, family)).toContain(`mtu ${MTU}`)
    expect(routeOf(other ?? '', forward, family)).not.toContain('mtu')
    expect(director.verdicts()['forward_icmp_error']).toBeGreaterThan(0)
  })
})
