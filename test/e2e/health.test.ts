/** Health of reals end to end: what `veer run` finds through the isolated path, and what follows from it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Output } from '../../lab/host.js'
import { Lab } from '../../lab/topology.js'
import type { ServiceList } from '../../src/control/service-list.js'
import { fillConntrack } from './conntrack.js'
import { Daemon } from './daemon.js'
import type { ConfigFile } from './support.js'
import { answersOf, configOf, DEADLINE, Load, Pace, Stream, url, veer, veerJson } from './support.js'

const VIP = '10.0.0.100'
const HEALTH = { kind: 'http', path: '/', interval: '300ms', timeout: '250ms', rise: 2, fall: 3 }

describe('health', { timeout: 120_000 }, () => {
  let lab: Lab
  let config: ConfigFile
  let file: string
  let daemons: Daemon[]

  beforeEach(async () => {
    lab = await Lab.create({ reals: 3 })
    config = { ...configOf(lab), defaults: { health: HEALTH } }
    file = lab.writeConfig(config)
    daemons = []
  })

  afterEach(async () => {
    for (const daemon of daemons) await daemon.end('SIGKILL')
    await lab.veer(['detach'])
    await lab[Symbol.asyncDispose]()
  })

  async function run(): Promise<Daemon> {
    const daemon = await Daemon.start(lab, file)
    daemons.push(daemon)
    return daemon
  }

  /** Health by service and real. */
  async function states(): Promise<Record<string, string>> {
    const { services } = await veerJson<ServiceList>(lab, 'list')
    return Object.fromEntries(
      services.flatMap(({ name, destinations }) => destinations.map(({ address, health }) => [`${name} ${address}`, health])),
    )
  }

  const allAre = (state: string): object =>
    Object.fromEntries(
      config.services.flatMap(({ name, reals }) => reals.map((real) => [`${name} ${typeof real === 'string' ? real : real.address}`, state])),
    )

  const changes = (daemon: Daemon): object[] =>
    daemon.lines.filter(({ msg }) => msg === 'real is down' || msg === 'real is up')

  it('finds all reals up through the isolated path, behind a firewall that drops everything', async () => {
    lab.director.shell(`
nft -f - <<'RULES'
table inet deaf {
  chain input { type filter hook input priority 0; policy drop; }
  chain output { type filter hook output priority 0; policy drop; }
  chain forward { type filter hook forward priority 0; policy drop; }
}
RULES`)
    const daemon = await run()
    await expect.poll(states, DEADLINE).toEqual(allAre('up'))
    expect(daemon.count('real is down')).toBe(0)
    await expect(answersOf(lab, VIP, 6)).resolves.toEqual({ real1: 2, real2: 2, real3: 2 })
  })

  it('finds all reals up while the conntrack table of the host is full', async () => {
    lab.director.shell(`
nft -f - <<'RULES'
table inet tracks {
  chain input { type filter hook input priority 0; policy drop; ct state established accept; }
  chain output { type filter hook output priority 0; policy drop; ct state new,established meta l4proto udp accept; }
  chain forward { type filter hook forward priority 0; policy drop; }
}
RULES`)
    using table = fillConntrack(lab)
    const entries = (): number => Number(lab.director.shell('cat /proc/sys/net/netfilter/nf_conntrack_count'))
    expect(entries()).toBe(table.limit)
    const refused = { code: 1, stderr: expect.stringContaining('Operation not permitted') as string }
    await expect(lab.director.exec('bash', ['-c', 'echo > /dev/udp/10.0.0.13/9'])).resolves.toMatchObject(refused)
    const daemon = await run()
    await expect.poll(states, DEADLINE).toEqual(allAre('up'))
    expect(daemon.count('real is down')).toBe(0)
    await expect(answersOf(lab, VIP, 6)).resolves.toEqual({ real1: 2, real2: 2, real3: 2 })
    expect(entries()).toBe(table.limit)
  })

  it('a VIP that is gone from a real takes it out, and its return brings it back', async () => {
    const daemon = await run()
    await expect.poll(states, DEADLINE).toEqual(allAre('up'))
    lab.real(2).shell(`ip address del ${VIP}/32 dev lo`)
    await daemon.logs('real is down')
    const [line] = daemon.said('real is down')
    expect(line).toMatchObject({ service: 'web-tcp-1', real: '10.0.0.12:80', from: 'up', to: 'down', inARow: 3 })
    expect(line?.['reason']).toContain('VIP not answered by this real')
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real3: 2 })
    lab.real(2).shell(`ip address add ${VIP}/32 dev lo`)
    await expect.poll(states, DEADLINE).toEqual(allAre('up'))
    await expect(answersOf(lab, VIP, 6)).resolves.toEqual({ real1: 2, real2: 2, real3: 2 })
    expect(changes(daemon).slice(-2)).toMatchObject([{ to: 'down' }, { from: 'down', to: 'up', real: '10.0.0.12:80' }])
  })

  it.each([
    { what: 'whose server ends', kill: () => lab.real(2).stop(), refuses: true },
    // Here hardly any fails at all: clients send their SYN again, and by then to another real.
    { what: 'that falls off the network', kill: () => Promise.resolve(lab.real(2).shell('ip link set dev eth0 down')), refuses: false },
  ])('200 requests a second and a real $what: none that begins after it is declared down fails', async ({ what, kill, refuses }) => {
    const daemon = await run()
    await expect.poll(states, DEADLINE).toEqual(allAre('up'))
    await using pace = new Pace(lab, url(VIP), 200)
    await pace.reaches(200)
    await kill()
    await daemon.logs('real is down')
    const [line] = daemon.said('real is down', { service: 'web-tcp-1' })
    await expect.poll(() => daemon.said('real is down', { service: 'web-tcp-1' }).length, DEADLINE).toBe(1)
    await pace.reaches((await pace.sent()) + 400)
    const { sent, failures } = await pace.stop()
    const downAt = Number((line ?? daemon.said('real is down', { service: 'web-tcp-1' })[0])?.['time'])
    const late = failures.filter(({ startedAt }) => startedAt > downAt)
    console.log(`a real ${what}: ${failures.length} of ${sent} requests failed, ${late.length} of those that began after it was down`)
    if (refuses) expect(failures.length).toBeGreaterThan(0)
    expect(late.map(({ startedAt, error }) => `${startedAt - downAt} ms later: ${error}`)).toEqual([])
  })

  it('a client that comes back from the port of a refused request is sent to a real that is up', async () => {
    await veer(lab, 'attach', '-f', file)
    await lab.real(2).stop()
    const from = (port: number): Promise<Output> =>
      lab.client.exec('curl', ['--silent', '--show-error', '--max-time', '5', '--local-port', `${port}`, url(VIP)])
    const ports = [50_001, 50_002, 50_003]
    const outputs = await Promise.all(ports.map(from))
    const refused = ports.filter((_, index) => outputs[index]?.code !== 0)
    expect(refused).toHaveLength(1)
    const daemon = await run()
    await daemon.logs('real is down', 2)
    await expect(from(refused[0] ?? 0)).resolves.toMatchObject({ code: 0, stdout: expect.stringMatching(/real[13]/) as string })
  })

  it('killed daemon, checker and both: forwarding goes on, states are adopted, nothing flaps', async () => {
    const daemon = await run()
    await expect.poll(states, DEADLINE).toEqual(allAre('up'))
    await using stream = await Stream.open(lab, VIP)
    await using load = new Load(lab, lab.vips)
    const [checker = 0] = daemon.checkers()
    process.kill(checker, 'SIGKILL')
    await daemon.logs('the checker has ended; it is started again, and states stay as they are')
    await expect.poll(() => daemon.checkers().filter((pid) => pid !== checker).length, DEADLINE).toBe(1)

    await daemon.end('SIGKILL')
    await stream.echo('while nobody runs')
    expect(await states()).toEqual(allAre('up'))
    const successor = await run()
    expect(successor.said('adopted')).toMatchObject([{ changes: 0 }])

    const both = [...successor.checkers(), successor.pid]
    for (const pid of both) process.kill(pid, 'SIGKILL')
    await successor.end('SIGKILL')
    await stream.echo('while neither runs')
    const third = await run()
    expect(third.said('adopted')).toMatchObject([{ changes: 0 }])
    await stream.echo('after all')
    expect((await load.stop()).errors).toEqual([])
    for (const each of [daemon, successor, third]) expect(changes(each).filter((line) => (line as { from?: string }).from !== 'unknown')).toEqual([])
    expect(await states()).toEqual(allAre('up'))
  })

  it('a piece of the path that somebody removes is put back, and said by name', async () => {
    const daemon = await run()
    await expect.poll(states, DEADLINE).toEqual(allAre('up'))
    const inside = `veer-probe-${lab.name}`
    lab.switch.shell(`ip -n ${inside} route del default; ip -n ${inside} neigh flush all nud permanent`)
    await daemon.logs('mended the path of probes')
    lab.switch.shell(`ip netns del ${inside}`)
    await expect.poll(() => daemon.said('mended the path of probes').length, DEADLINE).toBeGreaterThan(2)
    lab.real(3).shell(`ip address del ${VIP}/32 dev lo`)
    await daemon.logs('real is down')
    expect(daemon.said('real is down')).toMatchObject([{ real: '10.0.0.13:80' }])
  })

  it('veer probe says each step, and fails when the check does', async () => {
    await veer(lab, 'attach', '-f', file)
    const text = await veer(lab, 'probe', '-f', file, 'web-tcp-1')
    expect(text.match(/^web-tcp-1: real 10\.0\.0\.1[123]:80, http to 10\.0\.0\.100:80 from 10\.0\.0\.1$/gm)).toHaveLength(3)
    expect(text.match(/ok after/g)).toHaveLength(3)
    lab.real(1).shell(`ip address del ${VIP}/32 dev lo`)
    const { code, stdout } = await lab.veer(['probe', '-f', file, 'web-tcp-1', '10.0.0.11', '--json'])
    expect(code).toBe(1)
    const { checks } = JSON.parse(stdout) as { checks: { ok: boolean; reason: string; steps: object[] }[] }
    expect(checks).toMatchObject([{ ok: false, reason: expect.stringContaining('VIP not answered by this real'), address: '10.0.0.11' }])
    const none = await lab.veer(['probe', '-f', file, 'web-tcp-1', '10.0.0.99'])
    expect(none).toMatchObject({ code: 1, stderr: expect.stringContaining('has no real 10.0.0.99; there are: 10.0.0.11:80') })
  })

  it('a request of a client reaches only reals that are up', async () => {
    const daemon = await run()
    await lab.real(1).stop()
    await daemon.logs('real is down', 2)
    await expect(lab.client.get(url(VIP))).resolves.toMatchObject({ real: expect.stringMatching(/real[23]/) as string })
  })
})
