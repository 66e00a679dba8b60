import { rmSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Lab } from '../../lab/topology.js'
import type { ServiceList } from '../../src/control/service-list.js'
import { Daemon, type LogLine } from './daemon.js'
import type { ConfigFile } from './support.js'
import { answersOf, configOf, DEADLINE, edited, Load, Stream, streamTo, traces, url, veer, veerJson } from './support.js'

const VIP = '10.0.0.100'

describe('veer run', () => {
  let lab: Lab
  let config: ConfigFile
  let file: string
  let daemons: Daemon[]

  beforeEach(async () => {
    lab = await Lab.create({ reals: 2 })
    config = configOf(lab)
    file = lab.writeConfig(config)
    daemons = []
  })

  afterEach(async () => {
    for (const daemon of daemons) await daemon.end('SIGKILL')
    await lab[Symbol.asyncDispose]()
  })

  async function run(): Promise<Daemon> {
    const daemon = await Daemon.start(lab, file)
    daemons.push(daemon)
    return daemon
  }

  it('attaches and says when it runs; on SIGTERM it leaves the dataplane forwarding; detach then removes all', async () => {
    const before = traces(lab)
    const daemon = await run()
    expect(daemon.count('attached')).toBe(1)
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real2: 2 })
    await expect(daemon.end('SIGTERM')).resolves.toEqual([0, null])
    expect(daemon.stderr).toBe('')
    expect(daemon.lines.at(-1)?.msg).toBe('stopping; the dataplane goes on forwarding')
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real2: 2 })
    await veer(lab, 'detach')
    expect(traces(lab)).toEqual(before)
  })

  it('follows the file: written in place, renamed over, and removed and written again', async () => {
    const daemon = await run()
    lab.writeConfig(edited(config, 'web-tcp-1', { reals: ['10.0.0.11'] }))
    await daemon.logs('applied')
    await expect(answersOf(lab, VIP, 3)).resolves.toEqual({ real1: 3 })

    const next = lab.writeConfig(edited(config, 'web-tcp-1', { reals: ['10.0.0.12'] }), 'next.yaml')
    lab.director.shell(`mv ${next} ${file}`)
    await daemon.logs('applied', 2)
    await expect(answersOf(lab, VIP, 3)).resolves.toEqual({ real2: 3 })

    rmSync(file)
    await daemon.logs(`cannot read configuration ${file}: there is no such file`)
    await expect(answersOf(lab, VIP, 3)).resolves.toEqual({ real2: 3 })
    lab.writeConfig(config)
    await daemon.logs('applied', 3)
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real2: 2 })
  })

  it('an invalid file is logged with its place, and the configuration before goes on serving', async () => {
    const daemon = await run()
    lab.writeFile('veer.yaml', 'version: 1\ninterfaces: [eth0]\nservices: nothing\n')
    const isError = ({ code }: LogLine): boolean => code === 'LB_ERR_CONFIG_INVALID'
    await expect.poll(() => daemon.lines.some(isError), DEADLINE).toBe(true)
    expect(daemon.lines.find(isError)?.msg).toContain(`${file}:3:11: services: `)
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real2: 2 })
    lab.writeConfig(edited(config, 'web-tcp-1', { reals: ['10.0.0.11'] }))
    await daemon.logs('applied')
    await expect(answersOf(lab, VIP, 2)).resolves.toEqual({ real1: 2 })
  })

  it('SIGHUP mends what somebody changed behind it', async () => {
    const daemon = await run()
    const other = lab.writeConfig(edited(config, 'web-tcp-1', { reals: ['10.0.0.11'] }), 'other.yaml')
    await veer(lab, 'apply', '-f', other)
    await expect(answersOf(lab, VIP, 2)).resolves.toEqual({ real1: 2 })
    daemon.signal('SIGHUP')
    await daemon.logs('applied')
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real2: 2 })
  })

  it('a real that changes its MAC is served again within 2 s, also on a connection that was open', async () => {
    const daemon = await run()
    await using stream = await streamTo(lab, VIP, 'real2')
    await stream.echo('before')
    const mac = '02:00:00:00:00:77'
    const start = performance.now()
    lab.real(2).shell(`ip link set dev eth0 address ${mac}`)
    const macs = async (): Promise<unknown[]> => {
      const { services } = await veerJson<ServiceList>(lab, 'list')
      return services.flatMap(({ destinations }) => destinations.filter((each) => each.mac === mac))
    }
    await expect.poll(() => daemon.lines.filter((line) => line['mac'] === mac).length, { ...DEADLINE, timeout: 2000 }).toBe(2)
    console.log(`the MACs of both addresses of the real were followed after ${Math.round(performance.now() - start)} ms`)
    await expect(macs()).resolves.toHaveLength(2)
    await stream.echo('after')
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real2: 2 })
  })

  it('a real that is not there at first gets its share once it answers', async () => {
    lab.real(2).shell('ip link set dev eth0 down')
    const daemon = await run()
    expect(daemon.lines.filter(({ msg }) => msg.startsWith('real does not answer')).map(({ real }) => real)).toEqual([
      '10.0.0.12',
      '2001:db8:2::12',
    ])
    await expect(answersOf(lab, VIP, 2)).resolves.toEqual({ real1: 2 })
    lab.real(2).shell('ip link set dev eth0 up; ip route replace default via 10.0.0.254')
    const weights = async (): Promise<number[]> => {
      const { services } = await veerJson<ServiceList>(lab, 'list')
      return (services[0]?.destinations ?? []).map(({ effectiveWeight }) => effectiveWeight)
    }
    await expect.poll(weights, DEADLINE).toEqual([1, 1])
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real2: 2 })
  })

  it('killed and started again it adopts the dataplane: open connections go on, and no request fails', async () => {
    const daemon = await run()
    await using stream = await Stream.open(lab, VIP)
    await using load = new Load(lab, lab.vips)
    await daemon.end('SIGKILL')
    await stream.echo('while nobody runs')
    await lab.client.get(url(VIP))

    const successor = await run()
    expect(successor.count('adopted')).toBe(1)
    expect(successor.lines.find(({ msg }) => msg === 'adopted')).toMatchObject({ changes: 0 })
    await stream.echo('after it came back')
    const { errors } = await load.stop()
    expect(errors).toEqual([])
    await expect(successor.end('SIGTERM')).resolves.toEqual([0, null])
    await veer(lab, 'detach')
  })

  it('a broken file at the start: one line on stderr, exit code 3, nothing attached', async () => {
    const before = traces(lab)
    lab.writeFile('veer.yaml', 'version: 1\n')
    const { code, stderr } = await lab.veer(['run', '-f', file])
    expect({ code, lines: stderr.trimEnd().split('\n').length }).toEqual({ code: 3, lines: 1 })
    expect(traces(lab)).toEqual(before)
  })
})
