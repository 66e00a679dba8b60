import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { DR_VIP, FAMILIES, type Family, NAT_VIP, serviceFor, twoArm, twoArmConfig } from '../../lab/two-arm.js'

const ROUTER = { 4: '192.0.2.1', 6: '2001:db8:1::1' } as const
const MAX_HOPS = 5

const KINDS = [
  { kind: 'UDP', options: [] },
  { kind: 'ICMP', options: ['-I'] },
  { kind: 'TCP', options: ['-T', '-p', '80'] },
] as const

const CASES = (['nat', 'dr'] as const).flatMap((forward) =>
  FAMILIES.flatMap(({ family }) => KINDS.map((kind) => ({ forward, family, ...kind }))),
)

describe('traceroute to a VIP', () => {
  let network: Network

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm({ reals: 1 }) })
    const services = (['nat', 'dr'] as const).flatMap((forward) =>
      FAMILIES.map(({ family }) => serviceFor({ name: `web-${forward}-${family}`, forward, family, reals: 1 })),
    )
    await new LabDirector(network).attach(twoArmConfig(services))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  /** Who answered at each hop; `*` for nobody. */
  async function hops(vip: string, family: Family, options: readonly string[]): Promise<string[]> {
    const always = [`-${family}`, '-n', '-q', '1', '-N', '1', '-w', '5', '-m', `${MAX_HOPS}`]
    const { stdout, stderr } = await network.client.exec('traceroute', [...always, ...options, vip])
    const lines = stdout.trim().split('\n').slice(1)
    expect(lines, stderr).not.toEqual([])
    return lines.map((line) => line.trim().split(/\s+/)[1] ?? '')
  }

  it.each(CASES)('$forward, IPv$family, $kind: ends at the VIP', async ({ forward, family, options }) => {
    const vip = forward === 'dr' ? DR_VIP[family] : NAT_VIP[family]
    const path = await hops(vip, family, options)
    expect(path.length).toBeLessThan(MAX_HOPS)
    expect(path[0]).toBe(ROUTER[family])
    expect(path.at(-1)).toBe(vip)
    // What TCP's last probe but one met is the director, which may say so under an address of its own.
    expect(path).not.toContain('*')
  })
})
