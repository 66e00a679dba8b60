import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { DR_VIP, NAT_VIP, serviceFor, twoArm, twoArmConfig, VIP_PORT } from '../../lab/two-arm.js'
import { eth, ipv4, packet, tcp } from '../support/packet/build.js'
import { readU16, u16 } from '../support/packet/bytes.js'
import { answersOf, url } from './support.js'
import { factsOf, Wire } from './wire.js'

const MAX_CONNS = 4096
const FLOOD = 200_000
const ADDRESSES = Array.from({ length: 8 }, (_, index) => `192.0.2.${10 + index}`)
const STREAMS = fileURLToPath(new URL('streams.mjs', import.meta.url))

/** The network of the spoofed sources. */
const SPOOFED = '198.18.0.0'
const FIRST_PORT = 1024

/** Where in a frame things lie. */
const IP_CHECKSUM = 24
const SOURCE_HOST = 28
const SOURCE_PORT = 34
const TCP_CHECKSUM = 50

/** A checksum once the words under it have grown by `more` (RFC 1624). */
const lessened = (checksum: number, more: number): Uint8Array => u16((((checksum - more) % 0xffff) + 0xffff) % 0xffff)

/** Reals do not answer those whose address is spoofed. */
const NO_WAY_BACK = `ip rule add to ${SPOOFED}/15 blackhole`

describe('a flood of SYNs with spoofed sources', () => {
  let network: Network
  let director: LabDirector
  let streams: ChildProcess
  let ports: number[]

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm({ reals: 2 }) })
    for (const address of ADDRESSES) network.client.shell(`ip address add ${address}/32 dev eth0`)
    for (const real of network.reals) real.shell(NO_WAY_BACK)
    director = new LabDirector(network)
    const services = [
      serviceFor({ name: 'nat', family: 4, forward: 'nat', reals: 2 }),
      serviceFor({ name: 'sticky', family: 4, forward: 'dr', reals: 2, persistence: { timeout: '300s' } }),
    ]
    await director.attach(twoArmConfig(services, { conns: { max: MAX_CONNS } }))
    const wanted = [NAT_VIP[4], DR_VIP[4]].flatMap((vip) =>
      ADDRESSES.flatMap((from) => [1, 2, 3].map(() => ({ url: url(vip, '/stream'), from }))),
    )
    streams = network.client.fork(STREAMS, [JSON.stringify(wanted)])
    const [message] = (await once(streams, 'message')) as [{ ports: number[] }]
    ports = message.ports
  })

  afterAll(async () => {
    streams.kill('SIGKILL')
    await network[Symbol.asyncDispose]()
  })

  /** Each stream sends, and each real gives it back. */
  async function expectAllAlive(text: string): Promise<void> {
    const answered = once(streams, 'message')
    streams.send(text)
    await expect(answered).resolves.toEqual([{ text }, undefined])
  }

  /** The streams' conns, and the templates of their clients, by name. */
  function old(): string[] {
    return director
      .conns()
      .filter(({ client, state }) => ADDRESSES.some((address) => client.startsWith(`${address}:`)) && state !== 'SYN_RECV')
      .map(({ client, virtual, real, state, template }) => `${client} ${virtual} ${real} ${template ? 'template' : state}`)
      .sort()
  }

  const seen = (): number => Object.values(director.verdicts()).reduce((sum, count) => sum + count, 0)

  /** SYNs from ever other addresses and ports, until the director has seen so many. */
  function flood(vip: string, count: number): void {
    const [src, dst] = [factsOf(network.host('router'), 'eth1').mac, factsOf(network.host('director'), 'eth0').mac]
    const first = packet(eth({ src, dst }), ipv4({ src: SPOOFED, dst: vip }), tcp({ sport: FIRST_PORT, dport: VIP_PORT })).bytes()
    const frame = Uint8Array.from(first)
    using wire = new Wire(network.host('router'), 'eth1')
    const goal = seen() + count
    for (let sent = 0; seen() < goal; ) {
      for (const end = sent + 10_000; sent < end; sent++) {
        const host = sent & 0xffff
        const port = (sent * 31) % 60_000
        frame.set(u16(host), SOURCE_HOST)
        frame.set(u16(FIRST_PORT + port), SOURCE_PORT)
        frame.set(lessened(readU16(first, IP_CHECKSUM), host), IP_CHECKSUM)
        frame.set(lessened(readU16(first, TCP_CHECKSUM), host + port), TCP_CHECKSUM)
        wire.send(frame)
      }
    }
  }

  it('costs no established connection and no template', async () => {
    const before = old()
    expect(before).toHaveLength(ports.length + ADDRESSES.length)
    expect(before.filter((line) => line.includes('ESTABLISHED'))).toHaveLength(ports.length)
    await expectAllAlive('before')

    flood(DR_VIP[4], FLOOD / 2)
    flood(NAT_VIP[4], FLOOD / 2)
    expect(director.conns().length).toBeGreaterThan(MAX_CONNS)
    expect(old()).toEqual(before)
    await expectAllAlive('after')
    // New clients are served all the same: they take the places of half-open conns.
    for (const vip of [NAT_VIP[4], DR_VIP[4]]) {
      const answers = await answersOf(network, vip, 10)
      expect(Object.values(answers).reduce((sum, count) => sum + count, 0)).toBe(10)
    }
  })
})
