import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { exec } from '../../lab/host.js'
import { Lab } from '../../lab/topology.js'
import { schedulerNames, verdictNames } from '../../src/maps/generated.js'
import { answersOf, configOf, edited, failureLine, traces, url, veer } from './support.js'

const VEER = fileURLToPath(new URL('../../bin/veer', import.meta.url))

// The stable JSON of spec section 7, strictly: a key more or less fails. 64-bit counters are strings.
const counter = z.string().regex(/^\d+$/)
const mac = z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/)
const counters = z.strictObject({ conns: counter, inPkts: counter, inBytes: counter, outPkts: counter, outBytes: counter })
const count = z.int().nonnegative()

const listSchema = z.strictObject({
  instance: z.string(),
  interfaces: z.array(z.strictObject({ name: z.string(), ifindex: z.int().positive(), mode: z.enum(['native', 'generic']) })),
  services: z.array(
    z.strictObject({
      name: z.string(),
      vip: z.union([z.ipv4(), z.ipv6()]),
      port: z.int().max(65535),
      protocol: z.enum(['tcp', 'udp']),
      forward: z.literal('dr'),
      scheduler: z.enum(schedulerNames as readonly string[]),
      ringDigest: z.string().regex(/^[0-9a-f]{16}$/).nullable(),
      persistence: z.null(),
      counters,
      destinations: z.array(
        z.strictObject({
          address: z.union([z.ipv4(), z.ipv6()]),
          port: z.int().max(65535),
          weight: count,
          effectiveWeight: count,
          health: z.enum(['up', 'down', 'unknown']),
          mac: mac.nullable(),
          activeConns: count,
          inactiveConns: count,
          persistentConns: count,
          counters,
        }),
      ),
    }),
  ),
})

const statsSchema = z.strictObject({ verdicts: z.record(z.string(), counter), drops: z.record(z.string(), counter) })

const planSchema = z.strictObject({
  changes: z.array(
    z.strictObject({
      action: z.enum(['add', 'remove', 'change']),
      object: z.string().min(1),
      before: z.unknown(),
      after: z.unknown(),
    }),
  ),
  disruption: z.array(z.strictObject({ service: z.string(), slotsMoved: count, slots: count })),
})

const checkSchema = z.strictObject({
  ok: z.boolean(),
  problems: z.array(
    z.strictObject({
      path: z.string(),
      line: z.int().positive(),
      column: z.int().positive(),
      code: z.string().regex(/^[a-z_]+$/),
      message: z.string().min(1),
    }),
  ),
})

describe('JSON output', () => {
  let lab: Lab
  let file: string

  beforeAll(async () => {
    lab = await Lab.create({ reals: 2 })
    file = lab.writeConfig(configOf(lab, { protocols: ['tcp', 'udp'] }))
    await veer(lab, 'attach', '-f', file)
    for (const vip of lab.vips) await answersOf(lab, vip, 4)
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
  })

  it('list --json has the shape of the contract, and says what is so', async () => {
    const list = listSchema.parse(JSON.parse(await veer(lab, 'list', '--json')))
    expect(list).toMatchObject({ instance: lab.name, interfaces: [{ name: 'eth0', mode: 'native' }] })
    expect(list.services.map(({ vip, port, protocol }) => `${vip} ${port} ${protocol}`)).toEqual([
      '10.0.0.100 80 tcp',
      '10.0.0.100 80 udp',
      '2001:db8:2::100 80 tcp',
      '2001:db8:2::100 80 udp',
    ])
    for (const { protocol, counters: sums, destinations } of list.services) {
      const conns = protocol === 'tcp' ? 4 : 0
      expect(sums.conns).toBe(`${conns}`)
      expect(destinations.map((each) => each.counters.conns)).toEqual([`${conns / 2}`, `${conns / 2}`])
      expect(Number(sums.inBytes)).toBe(destinations.reduce((sum, each) => sum + Number(each.counters.inBytes), 0))
      const known = destinations.map((each) => each.activeConns + each.inactiveConns)
      expect(known).toEqual([conns / 2, conns / 2])
      expect(sums.outPkts).toBe('0')
    }
  })

  it('list --rate --json has the same shape', async () => {
    listSchema.parse(JSON.parse(await veer(lab, 'list', '--rate', '--json')))
  })

  it('stats --json names every verdict, drops apart', async () => {
    const { verdicts, drops } = statsSchema.parse(JSON.parse(await veer(lab, 'stats', '--json')))
    const names = [...Object.keys(verdicts), ...Object.keys(drops).map((name) => `drop_${name}`)]
    expect(names.sort()).toEqual(Object.values(verdictNames).filter(Boolean).sort())
    expect(verdicts).toMatchObject({ forward_new: '8', reply_arp: '1', reply_nd: '1' })
    expect(new Set(Object.values(drops))).toEqual(new Set(['0']))
  })

  it('plan --json and apply --json have the shape of the contract, empty and not', async () => {
    await using own = await Lab.create({ reals: 2 })
    const json = async (verb: string, path: string) => planSchema.parse(JSON.parse(await veer(own, verb, '-f', path, '--json')))
    const config = configOf(own)
    const first = own.writeConfig(config)
    await veer(own, 'attach', '-f', first)
    expect(await json('plan', first)).toEqual({ changes: [], disruption: [] })

    const changed = edited(config, 'web-tcp-1', { scheduler: 'mh', reals: [] })
    const second = own.writeConfig({ ...changed, services: changed.services.slice(0, 1) }, 'second.yaml')
    // The scheduler, with it sloppy, both reals, the other service.
    const plan = await json('plan', second)
    expect(plan.changes.map(({ action }) => action).sort()).toEqual(['change', 'change', 'remove', 'remove', 'remove'])
    expect(await json('apply', second)).toEqual(plan)
  })

  it('check --json has the shape of the contract, good and bad', async () => {
    expect(checkSchema.parse(JSON.parse(await veer(lab, 'check', '-f', file, '--json')))).toEqual({ ok: true, problems: [] })
    const broken = lab.writeFile('broken.yaml', 'version: 1\ninterfaces: [eth0]\nservices:\n  - { name: a, vip: b }\n')
    const { code, stdout } = await lab.veer(['check', '-f', broken, '--json'])
    expect(code).toBe(3)
    const { ok, problems } = checkSchema.parse(JSON.parse(stdout))
    expect(ok).toBe(false)
    expect(problems.map(({ path }) => path).sort()).toEqual(['services[0].port', 'services[0].reals', 'services[0].vip'])
  })
})

describe('two instances', () => {
  it('in two networks on one BPF filesystem do not disturb each other', async () => {
    await using first = await Lab.create({ reals: 2 })
    await using second = await Lab.create({ reals: 1 })
    const shared = ['--bpffs', first.bpffs]
    const inSecond = (...args: string[]) =>
      exec(VEER, ['--netns', second.director.netns, '--instance', second.name, ...shared, ...args])
    const before = traces(first)
    await veer(first, 'attach', '-f', first.writeConfig(configOf(first)))
    const file = second.writeConfig(configOf(second))
    expect(await inSecond('attach', '-f', file)).toMatchObject({ code: 0, stderr: '' })
    await expect(answersOf(first, '10.0.0.100', 4)).resolves.toEqual({ real1: 2, real2: 2 })
    await expect(answersOf(second, '10.0.0.100', 4)).resolves.toEqual({ real1: 4 })

    await veer(first, 'detach')
    await expect(answersOf(second, '10.0.0.100', 2)).resolves.toEqual({ real1: 2 })
    await expect(first.client.curl(url('10.0.0.100'), ['--max-time', '0.3'])).rejects.toThrow('curl')
    expect(await inSecond('detach')).toMatchObject({ code: 0, stderr: '' })
    expect(traces(first)).toEqual(before)
  })

  it('cannot share an interface: the second is refused, and the first goes on', async () => {
    await using lab = await Lab.create({ reals: 1 })
    const file = lab.writeConfig(configOf(lab))
    const other = `${lab.name}-other`
    try {
      await veer(lab, 'attach', '-f', file)
      const attached = traces(lab)
      const options = lab.veerOptions.map((option) => (option === lab.name ? other : option))
      const line = failureLine(await exec(VEER, [...options, 'attach', '-f', file]))
      expect(line).toContain('eth0 already runs the XDP program xdp_lb')
      expect(traces(lab)).toEqual(attached)
      await expect(answersOf(lab, '10.0.0.100', 2)).resolves.toEqual({ real1: 2 })
    } finally {
      rmSync(`/run/veer/${other}.lock`, { force: true })
    }
  })
})
