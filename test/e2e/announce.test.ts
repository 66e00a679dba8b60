import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Lab } from '../../lab/topology.js'
import type { VerdictCounts } from '../../src/dataplane/verdict-counts.js'
import { parseNeighbourAdvertisement } from '../../src/net/ndp.js'
import { BROADCAST_MAC } from '../support/packet/link.js'
import type { ConfigFile } from './support.js'
import { answersOf, configOf, DEADLINE, traces, url, veer, veerJson } from './support.js'
import { factsOf, layer, ping, Wire } from './wire.js'

const VIP = { 4: '10.0.0.100', 6: '2001:db8:2::100' } as const

let lab: Lab

beforeEach(async () => {
  lab = await Lab.create({ reals: 1 })
})

afterEach(async () => {
  await lab[Symbol.asyncDispose]()
})

const write = (defaults: object): string => lab.writeConfig({ ...configOf(lab), defaults })

/** Where the director has its VIPs, as `ADDRESS on DEVICE`. */
function bound(): string[] {
  const { addresses } = traces(lab) as { addresses: string[] }
  return addresses.filter((address) => lab.vips.some((vip) => address.startsWith(`${vip} `)))
}

/** The MAC filter for the IPv6 VIP's solicited-node group, ff02::1:ff00:100. */
function filters(): string[] {
  const { multicast } = traces(lab) as { multicast: string[] }
  return multicast.filter((line) => line.includes('3333ff000100'))
}

async function expectServed(): Promise<void> {
  lab.router.shell('ip neighbour flush dev eth1')
  for (const vip of lab.vips) await expect(answersOf(lab, vip, 2)).resolves.toEqual({ real1: 2 })
}

describe('announce: bind', () => {
  it('puts the VIPs on the host, IPv4 on lo and IPv6 on the interface; detach takes them off', async () => {
    const before = traces(lab)
    await veer(lab, 'attach', '-f', write({ announce: 'bind' }))
    expect(bound().sort()).toEqual([`${VIP[4]} on lo`, `${VIP[6]} on eth0`])
    await expectServed()
    await veer(lab, 'detach')
    expect(traces(lab)).toEqual(before)
  })

  it('leaves alone a VIP that the host had before', async () => {
    lab.director.shell(`ip address add ${VIP[4]}/32 dev lo`)
    const before = traces(lab)
    await veer(lab, 'attach', '-f', write({ announce: 'bind' }))
    expect(bound().sort()).toEqual([`${VIP[4]} on lo`, `${VIP[6]} on eth0`])
    await veer(lab, 'detach')
    expect(traces(lab)).toEqual(before)
    expect(bound()).toEqual([`${VIP[4]} on lo`])
  })

  it('and back to dataplane: the addresses go, and clients notice nothing', async () => {
    await veer(lab, 'attach', '-f', write({ announce: 'bind' }))
    await veer(lab, 'apply', '-f', write({ announce: 'dataplane' }))
    expect(bound()).toEqual([])
    expect(filters()).toHaveLength(1)
    await expectServed()
    await veer(lab, 'apply', '-f', write({ announce: 'bind' }))
    expect(bound()).toHaveLength(2)
    expect(filters()).toHaveLength(1)
    await expectServed()
  })

  it('a VIP that is removed from the file is taken off the host', async () => {
    await veer(lab, 'attach', '-f', write({ announce: 'bind' }))
    const config = configOf(lab)
    const rest: ConfigFile = { ...config, defaults: { announce: 'bind' }, services: config.services.slice(0, 1) }
    await veer(lab, 'apply', '-f', lab.writeConfig(rest))
    expect(bound()).toEqual([`${VIP[4]} on lo`])
  })
})

describe('announce: none', () => {
  it('nobody answers for the VIPs; who knows the way is served', async () => {
    await veer(lab, 'attach', '-f', write({ announce: 'none' }))
    expect(bound()).toEqual([])
    expect(filters()).toEqual([])
    for (const vip of lab.vips) {
      await expect(lab.client.curl(url(vip), ['--max-time', '0.3'])).rejects.toThrow('curl')
    }
    const { mac } = factsOf(lab.director, 'eth0')
    for (const vip of lab.vips) {
      lab.router.shell(`ip neighbour replace ${vip} lladdr ${mac} dev eth1 nud permanent`)
      await expect(answersOf(lab, vip, 2)).resolves.toEqual({ real1: 2 })
    }
  })
})

describe('taking a VIP over', () => {
  it.each(['dataplane', 'bind'])('(%s) is told to the link: gratuitous ARP and unsolicited advertisement', async (announce) => {
    using wire = new Wire(lab.router, 'eth1')
    await veer(lab, 'attach', '-f', write({ announce }))
    const { mac } = factsOf(lab.director, 'eth0')
    const isArp = (frame: Uint8Array): boolean => {
      const arp = layer(frame, 'arp')
      const mine = arp?.get('senderAddress') === VIP[4] && arp.get('senderMac') === mac
      return mine && arp.get('targetAddress') === VIP[4] && layer(frame, 'eth')?.get('dst') === BROADCAST_MAC
    }
    const isAdvertisement = (frame: Uint8Array): boolean => {
      const said = parseNeighbourAdvertisement(frame)
      return said?.target === VIP[6] && said.mac === mac && said.override
    }
    await expect.poll(() => wire.frames.filter(isArp).length, DEADLINE).toBeGreaterThan(0)
    await expect.poll(() => wire.frames.filter(isAdvertisement).length, DEADLINE).toBeGreaterThan(0)
  })

  it('a router that thought it elsewhere finds it at once', async () => {
    for (const vip of lab.vips) {
      lab.router.shell(`ip neighbour replace ${vip} lladdr 02:00:00:00:00:99 dev eth1 nud stale`)
    }
    await veer(lab, 'attach', '-f', write({}))
    const { mac } = factsOf(lab.director, 'eth0')
    for (const vip of lab.vips) {
      await expect.poll(() => lab.router.shell(`ip neighbour show ${vip} dev eth1`), DEADLINE).toContain(mac)
      await expect(answersOf(lab, vip, 1)).resolves.toEqual({ real1: 1 })
    }
  })
})

describe('echo', () => {
  /** Long enough for an answer to come if there is one; that the question came is seen in the counters. */
  const PATIENCE = 200

  const counts = (): Promise<VerdictCounts> => veerJson<VerdictCounts>(lab, 'stats')

  it.each([
    { echo: 'reply', reals: 'up', answered: true },
    { echo: 'reply', reals: 'none', answered: true },
    { echo: 'reply-if-up', reals: 'up', answered: true },
    { echo: 'reply-if-up', reals: 'none', answered: false },
    { echo: 'drop', reals: 'up', answered: false },
  ])('$echo, reals $reals: answered is $answered', async ({ echo, reals, answered }) => {
    const config = configOf(lab)
    const services = config.services.map((service) => (reals === 'up' ? service : { ...service, reals: [] }))
    await veer(lab, 'attach', '-f', lab.writeConfig({ ...config, services, defaults: { echo } }))
    for (const vip of lab.vips) await expect(ping(lab, vip, answered ? undefined : PATIENCE)).resolves.toBe(answered)
    const { verdicts, drops } = await counts()
    expect({ replies: Number(verdicts['reply_echo']), drops: Number(drops['echo']) }).toEqual(
      answered ? { replies: 2, drops: 0 } : { replies: 0, drops: 2 },
    )
  })

  it('pass leaves the answer to the host, which has the address or not', async () => {
    await veer(lab, 'attach', '-f', write({ echo: 'pass' }))
    for (const vip of lab.vips) await expect(ping(lab, vip, PATIENCE)).resolves.toBe(false)
    await veer(lab, 'apply', '-f', write({ echo: 'pass', announce: 'bind' }))
    for (const vip of lab.vips) await expect(ping(lab, vip)).resolves.toBe(true)
    const { verdicts } = await counts()
    // The router may have asked for the neighbour meanwhile, which is ICMPv6, too.
    expect(Number(verdicts['pass_icmp'])).toBeGreaterThanOrEqual(4)
  })
})
