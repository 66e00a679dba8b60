/** Gateway pings from one director through another, on the wire and at the reals. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { exec, type Output } from '../../lab/host.js'
import { type HostSpec, Network } from '../../lab/network.js'
import { Limit } from '../../src/maps/generated.js'
import { scapyVerdict } from '../support/scapy.js'
import { DEADLINE } from './support.js'
import { layer, Wire } from './wire.js'

const VEER = fileURLToPath(new URL('../../bin/veer', import.meta.url))

const VIP = { 4: '10.0.0.100', 6: '2001:db8:2::100' } as const
const FAMILIES = [{ family: 4 }, { family: 6 }] as const
const address = (family: 4 | 6, host: number): string => (family === 4 ? `10.0.0.${host}` : `2001:db8:2::${host}`)

const host = (number: number, spec: Partial<HostSpec>): HostSpec => ({
  devices: { eth0: { wire: 'br0', addresses: [`${address(4, number)}/24`, `${address(6, number)}/64`] } },
  ...spec,
})

/** `director` pings; `other` is pinged, or `beside`, which runs on the host of a real. */
const HOSTS = {
  director: host(1, { director: true }),
  other: host(2, { director: true }),
  real1: host(11, { vips: Object.values(VIP), serves: [80], director: true }),
  real2: host(12, { vips: Object.values(VIP), serves: [80] }),
}

/** TSval of a SYN that {@link pingSyn} made. */
function markOf(frame: Uint8Array): number | undefined {
  const tcp = layer(frame, 'tcp')
  if (tcp === undefined || tcp.get('dport') !== 80) return undefined
  return new DataView(frame.buffer, frame.byteOffset).getUint32(frame.length - 8)
}

interface Pinged {
  directors: { ok: number; sent: number; mac: string; pings: { ok: boolean; answer: string; real: { address: string | null } | null; meaning: string | null }[] }[]
}

describe('veer ping', { timeout: 120_000 }, () => {
  let network: Network
  const attached: string[] = []

  beforeAll(async () => {
    network = await Network.create({ hosts: HOSTS })
    await attach('director', config([11, 12], ['10.0.0.0/24', '2001:db8:2::/64']))
  })
  afterAll(async () => {
    for (const name of [...attached]) await detach(name)
    await network[Symbol.asyncDispose]()
  })

  const veer = (name: string, ...args: string[]): Promise<Output> =>
    exec(VEER, ['--netns', network.host(name).netns, '--bpffs', network.bpffs, '--instance', `${network.name}-${name}`, ...args])

  async function attach(name: string, content: object): Promise<void> {
    const file = network.writeFile(`${name}.yaml`, stringify(content))
    expect(await veer(name, 'attach', '-f', file)).toMatchObject({ code: 0, stderr: '' })
    attached.push(name)
  }

  async function detach(name: string): Promise<void> {
    attached.splice(attached.indexOf(name), 1)
    expect(await veer(name, 'detach')).toMatchObject({ code: 0, stderr: '' })
  }

  function config(reals: number[], sources: string[] | undefined): object {
    const services = FAMILIES.map(({ family }) => {
      const own = reals.map((real) => address(family, real))
      return { name: `web-${family}`, vip: VIP[family], port: 80, scheduler: 'rr', announce: 'none', reals: own }
    })
    const ping = sources === undefined ? {} : { ping: { sources } }
    return { version: 1, interfaces: ['eth0'], conns: { max: 100_000 }, ...ping, services }
  }

  /** Pings and says how it went; the exit code must agree. */
  async function ping(director: string, service: string, ...options: string[]): Promise<Pinged> {
    const { code, stdout, stderr } = await veer('director', 'ping', director, service, '--json', '--timeout', '2s', ...options)
    expect(stderr).toBe('')
    const report = JSON.parse(stdout) as Pinged
    expect(code).toBe(report.directors.every(({ ok, sent }) => ok === sent) ? 0 : 1)
    return report
  }

  async function withOther<T>(content: object, work: () => Promise<T>, name = 'other'): Promise<T> {
    await attach(name, content)
    try {
      return await work()
    } finally {
      await detach(name)
    }
  }

  const verdicts = async (name: string): Promise<Record<string, number>> => {
    const { verdicts: passed, drops } = JSON.parse((await veer(name, 'stats', '--json')).stdout) as Record<'verdicts' | 'drops', Record<string, string>>
    return Object.fromEntries([...Object.entries(passed), ...Object.entries(drops).map(([key, count]) => [`drop_${key}`, count] as const)].map(([key, count]) => [key, Number(count)]))
  }

  const HERE = ['10.0.0.1', '2001:db8:2::1']

  it.each(FAMILIES)('IPv$family: is forwarded with its number decreased, answered by each real, and makes no conn', async ({ family }) => {
    await withOther(config([11, 12], HERE), async () => {
      using wire = new Wire(network.host('real1'), 'eth0')
      const { directors } = await ping(address(family, 2), `web-${family}`, '--count', '4', '--interval', '100ms')
      expect(directors).toMatchObject([{ sent: 4, ok: 4 }])
      const [first] = directors
      expect(first?.pings.map(({ real }) => real?.address).sort()).toEqual([11, 11, 12, 12].map((real) => address(family, real)))
      expect(first?.pings.map(({ meaning }) => meaning)).toEqual([null, null, null, null])
      const syns = wire.frames.filter((frame) => markOf(frame) === Limit.pingMagic - 1)
      expect(syns).toHaveLength(2)
      expect(scapyVerdict(syns)).toEqual(['ok', 'ok'])
      expect((await veer('other', 'conns', '--json')).stdout).toBe('')
      expect(await verdicts('other')).toMatchObject({ forward_ping: 4 })
      expect(await verdicts('director')).toMatchObject({ forward_probe_answer: expect.any(Number) as number })
    })
  })

  it('ends at the real what the SYN began there', async () => {
    await withOther(config([11], HERE), async () => {
      await ping('10.0.0.2', 'web-4', '--count', '3', '--interval', '100ms')
      const halfOpen = (): string => network.host('real1').shell('ss -Htn state syn-recv')
      await expect.poll(halfOpen, DEADLINE).toBe('')
    })
  })

  it('by text: who answered and how long it took, several directors side by side, one of them not there', async () => {
    await withOther(config([11], HERE), async () => {
      const { code, stdout } = await veer('director', 'ping', '10.0.0.2,10.0.0.77', '10.0.0.100:80', '--count', '1')
      expect(code).toBe(1)
      expect(stdout).toMatch(/^10\.0\.0\.2 #1: SYN-ACK from 10\.0\.0\.11 \([0-9a-f:]{17}\) in \d+\.\d{3} ms$/m)
      expect(stdout).toMatch(/^10\.0\.0\.77 #1: lost: 10\.0\.0\.77 does not answer ARP or ND: it is not there$/m)
      expect(stdout).toMatch(/^10\.0\.0\.2: 1 sent, 1 answered, 1 ok, 0 % lost, rtt min\/avg\/max /m)
    })
  })

  it('is passed to the host of a director that runs beside the real', async () => {
    await withOther(config([11, 12], HERE), async () => {
      await withOther(config([11], HERE), async () => {
        const { directors } = await ping('10.0.0.2', 'web-4', '--count', '4', '--interval', '100ms')
        expect(directors).toMatchObject([{ sent: 4, ok: 4 }])
        expect(await verdicts('real1')).toMatchObject({ pass_ping: 2 })
      }, 'real1')
    })
  })

  it('is refused where the source is not allowed', async () => {
    await withOther(config([11], ['192.0.2.0/24']), async () => {
      const { directors } = await ping('10.0.0.2', 'web-4', '--count', '2', '--interval', '100ms')
      expect(directors).toMatchObject([{ ok: 0, pings: [{ answer: 'none', meaning: expect.stringContaining('not allowed') }, {}] }])
      expect(await verdicts('other')).toMatchObject({ drop_ping: 2 })
    })
  })

  it('proves nothing where nobody takes notice of it', async () => {
    await withOther(config([11], undefined), async () => {
      const { directors } = await ping('10.0.0.2', 'web-4', '--count', '1')
      expect(directors).toMatchObject([{ ok: 0, pings: [{ answer: 'syn-ack', meaning: expect.stringContaining('took notice of the mark') }] }])
    })
  })

  it('tells a director without reals, and a closed service, from one that is not attached', async () => {
    const bare = { ...(config([], HERE) as { services: object[] }) }
    await withOther(bare, async () => {
      const { directors } = await ping('10.0.0.2', 'web-4', '--count', '1')
      expect(directors).toMatchObject([{ ok: 0, pings: [{ answer: 'error', meaning: expect.stringContaining('no real') }] }])
    })
    const closed = config([12], HERE) as { services: { port: number }[] }
    for (const service of closed.services) service.port = 81
    await withOther(closed, async () => {
      const { directors } = await ping('10.0.0.2', '10.0.0.100:81', '--count', '1')
      expect(directors).toMatchObject([{ ok: 0, pings: [{ answer: 'reset', real: { address: '10.0.0.12' } }] }])
    })
    const { directors } = await ping('10.0.0.2', 'web-4', '--count', '1', '--timeout', '300ms')
    expect(directors).toMatchObject([{ ok: 0, pings: [{ answer: 'none' }] }])
  })

  it.each([
    { what: 'a director behind a router', args: ['192.0.2.9', 'web-4'], says: 'is on no network of an attached interface' },
    { what: 'a service that is not there', args: ['10.0.0.2', 'nobody'], says: 'there is no service nobody' },
    { what: 'a source that is not ours', args: ['10.0.0.2', 'web-4', '--source', '10.0.0.9'], says: 'there are: 10.0.0.1' },
    { what: 'a VIP without port', args: ['10.0.0.2', '10.0.0.100'], says: 'give VIP:PORT' },
  ])('refuses $what', async ({ args, says }) => {
    expect(await veer('director', 'ping', ...args)).toMatchObject({ code: 1, stderr: expect.stringContaining(says) })
  })
})
