import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab, PORT } from '../../lab/topology.js'
import type { ServiceList } from '../../src/control/service-list.js'
import { native } from '../../src/native.js'
import { NetworkNamespace } from '../../src/system/netns.js'
import { wrongChecksums } from '../support/packet/verify.js'
import { answersOf, configOf, DEADLINE, traces, url, veer, veerJson } from './support.js'
import { factsOf, layer, ping, Wire } from './wire.js'

const CLIENT = { 4: '192.0.2.2', 6: '2001:db8:1::2' } as const
const VIP = { 4: '10.0.0.100', 6: '2001:db8:2::100' } as const
const FAMILIES = [{ family: 4 }, { family: 6 }] as const

describe('direct routing', () => {
  let lab: Lab

  beforeAll(async () => {
    lab = await Lab.create({ reals: 3 })
    await veer(lab, 'attach', '-f', lab.writeConfig(configOf(lab, { protocols: ['tcp', 'udp'] })))
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
  })

  it.each(FAMILIES)('IPv$family: rr gives each of three reals 10 of 30 requests', async ({ family }) => {
    await expect(answersOf(lab, VIP[family], 30)).resolves.toEqual({ real1: 10, real2: 10, real3: 10 })
  })

  it.each(FAMILIES)("IPv$family: the real sees the client's own address", async ({ family }) => {
    await expect(lab.client.get(url(VIP[family]))).resolves.toMatchObject({ client: CLIENT[family] })
  })

  it.each(FAMILIES)('IPv$family: a body of 1 MB arrives whole, both ways', async ({ family }) => {
    const body = lab.writeFile('body', 'x'.repeat(1 << 20))
    const answer = JSON.parse(await lab.client.curl(url(VIP[family]), ['--data-binary', `@${body}`])) as object
    expect(answer).toMatchObject({ received: 1 << 20 })
    await expect(lab.client.curl(url(VIP[family], '/bytes/1048576'))).resolves.toHaveLength(1 << 20)
  })

  it.each(FAMILIES)('IPv$family: replies do not pass the director', async ({ family }) => {
    const before = lab.directorCounters()
    await lab.client.curl(url(VIP[family], '/bytes/100000'))
    const after = lab.directorCounters()
    expect(after.requests).toBeGreaterThan(before.requests)
    expect(after.replies).toBe(0)
  })

  it.each(FAMILIES)('IPv$family: UDP is answered from the VIP by each real in turn', async ({ family }) => {
    const answers: (string | undefined)[] = []
    while (answers.length < 3) answers.push(await lab.client.udp(VIP[family], PORT, 'who', 5000))
    expect(answers.sort()).toEqual(['real1', 'real2', 'real3'])
  })

  it.each(FAMILIES)('IPv$family: the VIP answers ping', async ({ family }) => {
    await expect(ping(lab, VIP[family])).resolves.toBe(true)
  })

  it.each(FAMILIES)('IPv$family: the dataplane answers who has the VIP; the director does not have it', async ({ family }) => {
    lab.router.shell('ip neighbour flush dev eth1')
    await lab.client.get(url(VIP[family]))
    const { mac, addresses } = factsOf(lab.director, 'eth0')
    expect(lab.router.shell(`ip neighbour show ${VIP[family]} dev eth1`)).toContain(`lladdr ${mac}`)
    expect(addresses.map(({ address }) => address)).not.toContain(VIP[family])
    expect(lab.director.shell('ip address show')).not.toContain(VIP[family])
  })

  it.each([
    { family: 4, ip: 'ipv4', ttl: 'ttl' },
    { family: 6, ip: 'ipv6', ttl: 'hopLimit' },
  ] as const)('IPv$family: the real gets frames from the director, with one hop less to go', async ({ family, ip, ttl }) => {
    const atReals = lab.reals.map((real) => new Wire(real, 'eth0'))
    const asked = (frame: Uint8Array): boolean => layer(frame, ip)?.get('dst') === VIP[family]
    try {
      await lab.client.get(url(VIP[family]))
      await expect.poll(() => atReals.flatMap(({ frames }) => frames).filter(asked), DEADLINE).not.toEqual([])
      for (const frame of atReals.flatMap(({ frames }) => frames).filter(asked)) {
        expect(layer(frame, 'eth')?.get('src')).toBe(factsOf(lab.director, 'eth0').mac)
        // 64 at the client, less one for the router and one for the director.
        expect(layer(frame, ip)?.get(ttl)).toBe(62)
        expect(wrongChecksums(frame)).toEqual([])
      }
    } finally {
      for (const wire of atReals) wire[Symbol.dispose]()
    }
  })
})

/** All interfaces of a host but lo. */
const JUMBO = `
for device in $(ip -oneline link show | sed -n 's/^[0-9]*: \\([^:@]*\\).*/\\1/p'); do
  [ $device = lo ] || ip link set dev $device mtu 9000
done`

describe('frames larger than usual', () => {
  it('with generic receive offload on, 5 MB arrive whole', async () => {
    await using lab = await Lab.create({ reals: 1 })
    lab.director.shell('ethtool -K eth0 gro on')
    await veer(lab, 'attach', '-f', lab.writeConfig(configOf(lab)))
    await expectUploads(lab)
  })

  it('with an MTU of 9000 everywhere, 5 MB arrive whole in jumbo frames', async () => {
    await using lab = await Lab.create({ reals: 1 })
    for (const host of [lab.client, lab.router, lab.switch, lab.director, ...lab.reals]) host.shell(JUMBO)
    await veer(lab, 'attach', '-f', lab.writeConfig(configOf(lab)))
    await expectUploads(lab)
    const { services } = await veerJson<ServiceList>(lab, 'list')
    for (const { counters } of services) {
      expect(Number(counters.inBytes) / Number(counters.inPkts)).toBeGreaterThan(1500)
    }
  })

  async function expectUploads(lab: Lab): Promise<void> {
    const size = 5 << 20
    const body = lab.writeFile('body', 'x'.repeat(size))
    for (const vip of lab.vips) {
      const answer = JSON.parse(await lab.client.curl(url(vip), ['--data-binary', `@${body}`])) as object
      expect(answer).toMatchObject({ received: size })
    }
  }
})

describe('detach', () => {
  it('leaves no program, pin, address or multicast filter behind', async () => {
    await using lab = await Lab.create({ reals: 1 })
    const before = traces(lab)
    await veer(lab, 'attach', '-f', lab.writeConfig(configOf(lab)))
    expect(traces(lab)).not.toEqual(before)
    await expect(answersOf(lab, VIP[6], 1)).resolves.toEqual({ real1: 1 })

    await veer(lab, 'detach')
    expect(traces(lab)).toEqual(before)
    const { ifindex } = factsOf(lab.director, 'eth0')
    const query = NetworkNamespace.open(lab.director.netns).run(() => native().queryXdp(ifindex))
    expect(query).toEqual({ programId: 0, mode: 'none' })
    await expect(lab.client.curl(url(VIP[4]), ['--max-time', '0.5'])).rejects.toThrow('curl')
  })
})
