import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { DR_VIP, FAMILIES, NAT_VIP, REAL_PORT, realAddress, serviceFor, twoArm, twoArmConfig, VIP_PORT } from '../../lab/two-arm.js'
import { destinationKey } from '../../src/control/destination-key.js'
import { listJson } from '../../src/control/service-list.js'
import { answersOf, DEADLINE, Stream, url } from './support.js'
import { ping } from './wire.js'

const WAYS = (['dr', 'nat'] as const).flatMap((forward) => FAMILIES.map(({ family }) => ({ forward, family })))
type Way = (typeof WAYS)[number]

const vipOf = ({ forward, family }: Way): string => ({ dr: DR_VIP, nat: NAT_VIP })[forward][family]
const portOf = ({ forward }: Way): number => (forward === 'nat' ? REAL_PORT : VIP_PORT)

/** A real of a service as a file names it. */
const endpointOf = (way: Way, number: number): object => ({
  address: realAddress(number, way.family),
  ...(way.forward === 'nat' ? { port: REAL_PORT } : {}),
})

type States = Readonly<Record<number, 'up' | 'down'>>

/** A UDP socket of the client that stays, so that all it sends is one flow. */
class Datagrams implements AsyncDisposable {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async open({ client }: Network, vip: string): Promise<Datagrams> {
    const script = fileURLToPath(new URL('datagrams.mjs', import.meta.url))
    const child = client.fork(script, [vip, `${VIP_PORT}`])
    await once(child, 'message')
    return new Datagrams(child)
  }

  /** Who answers. */
  async ask(): Promise<string> {
    const answer = once(this.#child, 'message', { signal: AbortSignal.timeout(DEADLINE.timeout) })
    this.#child.send('who')
    const [text] = (await answer) as [string]
    return text
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }
}

describe('what follows from health', () => {
  let network: Network
  let director: LabDirector

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm() })
    director = new LabDirector(network)
    await director.attach(twoArmConfig([]))
  })

  afterAll(async () => {
    await director.detach()
    await network[Symbol.asyncDispose]()
  })

  const wayOut = (): { client: Network['client']; router: ReturnType<Network['host']> } => {
    return { client: network.client, router: network.host('router') }
  }

  const keysOf = (name: string, way: Way, states: States): Record<string, 'up' | 'down'> => {
    const named = Object.entries(states).map(([number, state]) => {
      return [destinationKey(name, realAddress(Number(number), way.family), portOf(way)), state] as const
    })
    return Object.fromEntries(named)
  }

  /** A director with one service, whose reals are up. */
  async function serving(way: Way, fields: object = {}): Promise<{ mark: (states: States) => Promise<unknown>; config: object }> {
    const config = twoArmConfig([serviceFor({ name: 'web', ...way, health: { kind: 'tcp', port: REAL_PORT }, ...fields })])
    await director.apply(config)
    const mark = (states: States): Promise<unknown> => director.mark(config, keysOf('web', way, states))
    const { reals = 3 } = fields as { reals?: number }
    await mark(Object.fromEntries(Array.from({ length: reals }, (_, index) => [index + 1, 'up'])))
    return { mark, config }
  }

  const numberOf = (real: string): number => Number(real.replace('real', ''))
  const others = (real: string, share: number): Record<string, number> => {
    return Object.fromEntries(['real1', 'real2', 'real3'].filter((each) => each !== real).map((each) => [each, share]))
  }

  it.each(WAYS)('$forward, IPv$family: a real that is down gets no new flow while its old connection goes on', async (way) => {
    const { mark, config } = await serving(way)
    await using stream = await Stream.open(network, vipOf(way))
    await mark({ [numberOf(stream.real)]: 'down' })
    await expect(answersOf(network, vipOf(way), 6)).resolves.toEqual(others(stream.real, 3))
    await stream.echo('still here')
    expect((await director.plan(config)).changes).toEqual([])
    await mark({ [numberOf(stream.real)]: 'up' })
    await expect(answersOf(network, vipOf(way), 6)).resolves.toEqual({ real1: 2, real2: 2, real3: 2 })
    await stream.echo('and after')
    expect(stream.error).toBeUndefined()
  })

  it.each(WAYS)('$forward, IPv$family: `onDown: reset` ends its connections, and no others', async (way) => {
    const { mark } = await serving(way, { onDown: 'reset' })
    await using victim = await Stream.open(network, vipOf(way))
    await using bystander = await Stream.open(network, vipOf(way))
    expect(bystander.real).not.toBe(victim.real)
    const resets = (): number => director.verdicts()['reply_reset'] ?? 0
    const before = resets()
    await mark({ [numberOf(victim.real)]: 'down' })
    victim.say('anybody?')
    await expect.poll(() => victim.error, DEADLINE).toMatch(/ECONNRESET|aborted/)
    expect(resets()).toBe(before + 1)
    await bystander.echo('fine')
    await expect(answersOf(network, vipOf(way), 4)).resolves.toEqual(others(victim.real, 2))
  })

  it.each(WAYS)('$forward, IPv$family: with `onDown: reset` a UDP flow goes elsewhere, without it it stays', async (way) => {
    for (const onDown of ['keep', 'reset'] as const) {
      const { mark } = await serving(way, { protocol: 'udp', onDown })
      await using flow = await Datagrams.open(network, vipOf(way))
      const first = await flow.ask()
      expect(await flow.ask()).toBe(first)
      await mark({ [numberOf(first)]: 'down' })
      const next = await flow.ask()
      expect([onDown, next === first]).toEqual([onDown, onDown === 'keep'])
      expect(await flow.ask()).toBe(next)
    }
  })

  it.each(WAYS)('$forward, IPv$family: all reals down is a refusal, and no echo', async (way) => {
    const { mark, config } = await serving(way)
    await expect(ping(wayOut(), vipOf(way))).resolves.toBe(true)
    await mark({ 1: 'down', 2: 'down', 3: 'down' })
    await expect(network.client.get(url(vipOf(way)))).rejects.toThrow(/Connection refused|Couldn't connect/)
    await expect(ping(wayOut(), vipOf(way), 500)).resolves.toBe(false)
    expect((await director.plan(config)).changes).toEqual([])
    await mark({ 2: 'up' })
    await expect(answersOf(network, vipOf(way), 2)).resolves.toEqual({ real2: 2 })
    await expect(ping(wayOut(), vipOf(way))).resolves.toBe(true)
  })

  it.each(WAYS)('$forward, IPv$family: `allDown: serve-all` has all of them serve', async (way) => {
    const { mark } = await serving(way, { allDown: 'serve-all' })
    await mark({ 1: 'down', 2: 'down', 3: 'down' })
    await expect(answersOf(network, vipOf(way), 6)).resolves.toEqual({ real1: 2, real2: 2, real3: 2 })
    await expect(ping(wayOut(), vipOf(way))).resolves.toBe(true)
  })

  it.each(WAYS)('$forward, IPv$family: the sorry server has new flows while quorum is lost', async (way) => {
    const { mark } = await serving(way, { reals: 2, quorum: 2, sorryServer: endpointOf(way, 3) })
    await expect(answersOf(network, vipOf(way), 4)).resolves.toEqual({ real1: 2, real2: 2 })
    await using stream = await Stream.open(network, vipOf(way))
    await mark({ 1: 'down' })
    await expect(answersOf(network, vipOf(way), 3)).resolves.toEqual({ real3: 3 })
    await stream.echo('on its real')
    await mark({ 1: 'up' })
    await expect(answersOf(network, vipOf(way), 4)).resolves.toEqual({ real1: 2, real2: 2 })
    await stream.echo('still there')
  })

  it.each(WAYS)('$forward, IPv$family: a client that is bound to a real that is down is bound to another one', async (way) => {
    const { mark } = await serving(way, { persistence: { timeout: '300s' } })
    const home = (await network.client.get(url(vipOf(way)))).real
    await expect(answersOf(network, vipOf(way), 3)).resolves.toEqual({ [home]: 3 })
    await mark({ [numberOf(home)]: 'down' })
    const { real } = await network.client.get(url(vipOf(way)))
    expect(real).not.toBe(home)
    await mark({ [numberOf(home)]: 'up' })
    await expect(answersOf(network, vipOf(way), 3)).resolves.toEqual({ [real]: 3 })
  })

  it('another process goes on where one has ended: states, quorum and slow start are in the maps', async () => {
    const way = { forward: 'nat', family: 4 } as const
    const fields = { scheduler: 'wrr', slowStart: '10s', reals: 2, quorum: 2, sorryServer: endpointOf(way, 3) }
    const { mark, config } = await serving(way, fields)
    const states = (): unknown[] => {
      const { services } = listJson(director.list()) as { services: { destinations: object[] }[] }
      return services.flatMap(({ destinations }) =>
        destinations.map((each) => {
          const { address, weight, effectiveWeight, health, sorry = false } = each as Record<string, unknown>
          return [address, weight, effectiveWeight, health, sorry]
        }),
      )
    }
    await mark({ 1: 'down' })
    const lost = [
      ['10.1.0.11', 1, 0, 'down', false],
      ['10.1.0.12', 1, 0, 'up', false],
      ['10.1.0.13', 1, 1, 'unknown', true],
    ]
    expect(states()).toEqual(lost)
    const second = new LabDirector(network)
    await second.apply(config)
    expect(states()).toEqual(lost)
    const { changes, starting } = await second.mark(config, keysOf('web', way, { 1: 'up' }))
    expect(changes).toContainEqual({ action: 'change', object: 'services.web.quorum', before: 'lost', after: 'there' })
    expect(starting).toEqual(['web'])
    await second.stepSlowStart(config)
    const third = new LabDirector(network)
    await third.apply(config)
    expect((await third.plan(config)).changes).toEqual([])
    const slow = (step: number): unknown[] => [
      ['10.1.0.11', 1, step, 'up', false],
      ['10.1.0.12', 1, 10, 'up', false],
      ['10.1.0.13', 1, 0, 'unknown', true],
    ]
    expect(states()).toEqual(slow(2))
    await third.stepSlowStart(config)
    expect(states()).toEqual(slow(3))
    await expect(answersOf(network, vipOf(way), 13)).resolves.toEqual({ real1: 3, real2: 10 })
  })
})
