import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { CLIENT, FAMILIES, type Family, NAT_VIP, serviceFor, twoArm, twoArmConfig, VIP_PORT } from '../../lab/two-arm.js'
import { wrongChecksums } from '../support/packet/verify.js'
import { answersOf, DEADLINE, url } from './support.js'
import { layer, Wire } from './wire.js'

const MEGABYTE = 1 << 20

/** All that the director's host would do with packets is dropped, but neighbour discovery: the host needs it itself. */
const DROP_ALL = `
nft -f - <<'RULES'
table inet closed {
  chain input {
    type filter hook input priority 0; policy drop
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
  chain forward { type filter hook forward priority 0; policy drop; }
  chain output {
    type filter hook output priority 0; policy drop
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
  }
}
RULES`

describe('nat', () => {
  let network: Network
  let director: LabDirector

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm() })
    director = new LabDirector(network)
    const services = FAMILIES.flatMap(({ family }) =>
      ['tcp', 'udp'].map((protocol) => serviceFor({ name: `${protocol}-${family}`, family, protocol, forward: 'nat' })),
    )
    await director.attach(twoArmConfig(services))
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  const upload = async (family: Family): Promise<unknown> => {
    const body = network.writeFile('body', 'x'.repeat(MEGABYTE))
    return JSON.parse(await network.client.curl(url(NAT_VIP[family]), ['--data-binary', `@${body}`]))
  }

  it.each(FAMILIES)('IPv$family: rr gives each of three reals 10 of 30 requests', async ({ family }) => {
    await expect(answersOf(network, NAT_VIP[family], 30)).resolves.toEqual({ real1: 10, real2: 10, real3: 10 })
  })

  it.each(FAMILIES)("IPv$family: the real sees the client's own address", async ({ family }) => {
    await expect(network.client.get(url(NAT_VIP[family]))).resolves.toMatchObject({ client: CLIENT[family] })
  })

  it.each(FAMILIES)('IPv$family: a body of 1 MB arrives whole, both ways', async ({ family }) => {
    await expect(upload(family)).resolves.toMatchObject({ received: MEGABYTE })
    await expect(network.client.curl(url(NAT_VIP[family], `/bytes/${MEGABYTE}`))).resolves.toHaveLength(MEGABYTE)
  })

  it.each(FAMILIES)('IPv$family: UDP is answered by each real in turn', async ({ family }) => {
    const answers: (string | undefined)[] = []
    while (answers.length < 3) answers.push(await network.client.udp(NAT_VIP[family], VIP_PORT, 'who', 5000))
    expect(answers.sort()).toEqual(['real1', 'real2', 'real3'])
  })

  it.each([
    { family: 4, ip: 'ipv4', ttl: 'ttl' },
    { family: 6, ip: 'ipv6', ttl: 'hopLimit' },
  ] as const)('IPv$family: the client sees the VIP and its port alone', async ({ family, ip, ttl }) => {
    using wire = new Wire(network.client, 'eth0')
    await network.client.get(url(NAT_VIP[family]))
    const toClient = (frame: Uint8Array): boolean => layer(frame, ip)?.get('dst') === CLIENT[family]
    const tcpToClient = (): Uint8Array[] => wire.frames.filter((frame) => toClient(frame) && layer(frame, 'tcp') !== undefined)
    await expect.poll(tcpToClient, DEADLINE).not.toEqual([])
    for (const frame of tcpToClient()) {
      expect(layer(frame, ip)?.get('src')).toBe(NAT_VIP[family])
      expect(layer(frame, 'tcp')?.get('sport')).toBe(VIP_PORT)
      // 64 at the real, less one for the director and one for the router.
      expect(layer(frame, ip)?.get(ttl)).toBe(62)
      expect(wrongChecksums(frame)).toEqual([])
    }
  })

  it('a packet filter on the director that drops all disturbs nothing', async () => {
    network.host('director').shell(DROP_ALL)
    try {
      // What the host has to resolve itself it resolves anew.
      network.host('director').shell('ip neighbour flush all')
      for (const { family } of FAMILIES) {
        await expect(answersOf(network, NAT_VIP[family], 3)).resolves.toEqual({ real1: 1, real2: 1, real3: 1 })
        await expect(upload(family)).resolves.toMatchObject({ received: MEGABYTE })
        await expect(network.client.udp(NAT_VIP[family], VIP_PORT, 'who', 5000)).resolves.toMatch(/^real/)
      }
    } finally {
      network.host('director').shell('nft delete table inet closed')
    }
  })

  it('each reply is counted as one', async () => {
    const before = director.verdicts()['forward_reply'] ?? 0
    await expect(network.client.udp(NAT_VIP[4], VIP_PORT, 'who', 5000)).resolves.toMatch(/^real/)
    expect(director.verdicts()['forward_reply']).toBe(before + 1)
  })
})
