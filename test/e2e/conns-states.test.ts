import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import type { LabHost } from '../../lab/host.js'
import { Network } from '../../lab/network.js'
import { DR_VIP, FAMILIES, NAT_VIP, realAddress, serviceFor, twoArm, twoArmConfig } from '../../lab/two-arm.js'
import { DEADLINE } from './support.js'

const TALK = fileURLToPath(new URL('talk.mjs', import.meta.url))

/** One end of a connection, which does what it is told; see talk.mjs. */
class End implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #said: string[] = []

  constructor(host: LabHost, role: 'listen' | 'connect', address: string, port: number) {
    this.#child = host.fork(TALK, [role, address, `${port}`])
    this.#child.on('message', (text: string) => this.#said.push(text))
  }

  tell(verb: 'end' | 'reset'): void {
    this.#child.send(verb)
  }

  async says(text: string): Promise<void> {
    await expect.poll(() => this.#said, DEADLINE).toContain(text)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

type Side = 'client' | 'real'

interface Step {
  by: Side
  does: 'end' | 'reset'
  /** The conn's state when the packet has come to the other side. */
  nat: string
  dr: string
}

/** States as net/netfilter/ipvs/ip_vs_proto_tcp.c has them: with direct routing the real's packets are not seen. */
const EXCHANGES: readonly { title: string; steps: readonly Step[] }[] = [
  {
    title: 'the client ends first',
    steps: [
      { by: 'client', does: 'end', nat: 'CLOSE_WAIT', dr: 'FIN_WAIT' },
      { by: 'real', does: 'end', nat: 'TIME_WAIT', dr: 'FIN_WAIT' },
    ],
  },
  {
    title: 'the real ends first',
    steps: [
      { by: 'real', does: 'end', nat: 'FIN_WAIT', dr: 'ESTABLISHED' },
      { by: 'client', does: 'end', nat: 'TIME_WAIT', dr: 'FIN_WAIT' },
    ],
  },
  { title: 'the client resets', steps: [{ by: 'client', does: 'reset', nat: 'CLOSE', dr: 'CLOSE' }] },
  { title: 'the real resets', steps: [{ by: 'real', does: 'reset', nat: 'CLOSE', dr: 'ESTABLISHED' }] },
]

const VIP = { nat: NAT_VIP, dr: DR_VIP } as const
const FIRST_PORT = 8000
const UNANSWERED_PORT = 9000

/** Each case has a service of its own, whose only conn is the one that is looked at. */
const CASES = (['nat', 'dr'] as const)
  .flatMap((forward) => FAMILIES.flatMap(({ family }) => EXCHANGES.map((exchange) => ({ forward, family, ...exchange }))))
  .map((each, index) => ({ ...each, port: FIRST_PORT + index }))

const UNANSWERED = (['nat', 'dr'] as const)
  .flatMap((forward) => FAMILIES.map(({ family }) => ({ forward, family })))
  .map((each, index) => ({ ...each, port: UNANSWERED_PORT + index }))

describe('states of conns', () => {
  let network: Network
  let director: LabDirector

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm({ reals: 1, serves: [] }) })
    director = new LabDirector(network)
    const services = [...CASES, ...UNANSWERED].map(({ forward, family, port }) =>
      serviceFor({ name: `port-${port}`, forward, family, port, realPort: port, reals: 1 }),
    )
    await director.attach(twoArmConfig(services))
    network.host('real1').shell(`
nft -f - <<'RULES'
table inet silent {
  chain input {
    type filter hook input priority 0
    tcp dport ${UNANSWERED_PORT}-${UNANSWERED_PORT + UNANSWERED.length} drop
  }
}
RULES`)
  })

  afterAll(async () => {
    await network[Symbol.asyncDispose]()
  })

  const statesOf = (port: number): string[] => director.conns({ service: `port-${port}` }).map(({ state }) => state)

  it.each(CASES)('$forward, IPv$family: $title', async ({ forward, family, port, steps }) => {
    const vip = VIP[forward][family]
    const listening = forward === 'dr' ? vip : realAddress(1, family)
    await using real = new End(network.host('real1'), 'listen', listening, port)
    await real.says('listening')
    await using client = new End(network.client, 'connect', vip, port)
    await Promise.all([client.says('connected'), real.says('connected')])
    expect(statesOf(port)).toEqual(['ESTABLISHED'])
    for (const { by, does, [forward]: state } of steps) {
      const [sender, receiver] = by === 'client' ? [client, real] : [real, client]
      sender.tell(does)
      await receiver.says(does === 'end' ? 'ended' : 'closed')
      expect(statesOf(port), `after the ${by}'s ${does}`).toEqual([state])
    }
  })

  it.each(UNANSWERED)('$forward, IPv$family: a SYN that the real does not answer', async ({ forward, family, port }) => {
    await using _client = new End(network.client, 'connect', VIP[forward][family], port)
    await expect.poll(() => statesOf(port), DEADLINE).toEqual(['SYN_RECV'])
  })
})
