import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab } from '../../lab/topology.js'
import type { ListedConn } from '../../src/control/conn-list.js'
import type { Explained } from '../../src/control/explain.js'
import { answersOf, configOf, failureLine, Stream, veer, veerJson } from './support.js'

const VEER = fileURLToPath(new URL('../../bin/veer', import.meta.url))
const CLIENT = '192.0.2.2'
const [VIP, VIP6] = ['10.0.0.100', '2001:db8:2::100']

/** Every line on its own. */
async function conns(lab: Lab, ...filters: string[]): Promise<ListedConn[]> {
  const lines = (await veer(lab, 'conns', '--json', ...filters)).trimEnd().split('\n')
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as ListedConn)
}

const explain = (from: string, to: string): string[] => ['explain', '--from', from, '--to', to, '--proto', 'tcp']

describe('conns and explain', () => {
  let lab: Lab

  beforeAll(async () => {
    lab = await Lab.create({ reals: 3 })
    await veer(lab, 'attach', '-f', lab.writeConfig(configOf(lab)))
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
  })

  it('an open connection is listed with the real that answers it', async () => {
    await using stream = await Stream.open(lab, VIP)
    const [conn, ...others] = await conns(lab, '--state', 'established', '--client', CLIENT)
    const address = `10.0.0.1${stream.real.replace('real', '')}`
    expect(others).toEqual([])
    expect(conn).toEqual({
      protocol: 'tcp',
      state: 'ESTABLISHED',
      client: expect.stringMatching(/^192\.0\.2\.2:\d+$/) as string,
      virtual: `${VIP}:80`,
      real: `${address}:80`,
      service: 'web-tcp-1',
      expiresSeconds: expect.any(Number) as number,
      template: false,
    })
    await expect(conns(lab, '--service', 'web-tcp-1')).resolves.toContainEqual({
      ...conn,
      expiresSeconds: expect.any(Number) as number,
    })
    await expect(conns(lab, '--client', VIP6)).resolves.toEqual([])
    const text = await veer(lab, 'conns', '--client', conn?.client ?? '')
    expect(text.split('\n')[0]).toBe('pro expire state       source             virtual            destination')
    expect(text.split('\n')[1]).toMatch(/^TCP 1[45]:\d\d {2}ESTABLISHED 192\.0\.2\.2:\d+ +10\.0\.0\.100:80 +10\.0\.0\.1\d:80$/)
  })

  it('nobody reads on: the listing ends without a word', async () => {
    const child = spawn(VEER, [...lab.veerOptions, 'conns'], { stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    expect(await once(child, 'close')).toEqual([0, null])
    expect(said).toBe('')
  })

  it('a service that is not there is an error', async () => {
    expect(failureLine(await lab.veer(['conns', '--service', 'nothing']))).toContain('there is no service nothing')
  })

  it.each([
    { from: `${CLIENT}:1234`, vip: VIP, to: `${VIP}:80` },
    { from: '[2001:db8:1::2]:1234', vip: VIP6, to: `[${VIP6}]:80` },
  ])('what is explained to $to is what happens next', async ({ from, vip, to }) => {
    const explained = await veerJson<Explained>(lab, ...explain(from, to))
    await expect(veerJson<Explained>(lab, ...explain(from, to))).resolves.toEqual(explained)
    const dest = explained.decisions.find(({ step }) => step === 'dest')
    const real = /(\d)\]?:80$/.exec(dest !== undefined && 'real' in dest ? dest.real : '')?.[1]
    expect(explained).toMatchObject({ interface: 'eth0', verdict: 'forward_new', after: { ttl: 63 } })
    await expect(answersOf(lab, vip, 1)).resolves.toEqual({ [`real${real}`]: 1 })
  })

  it('explain prints the decisions and the verdict', async () => {
    const text = await veer(lab, ...explain(`${CLIENT}:1234`, `${VIP}:80`))
    expect(text).toMatch(/^tcp 192\.0\.2\.2:1234 -> 10\.0\.0\.100:80 SYN, by eth0\n1\. 10\.0\.0\.100 is a VIP\n/)
    expect(text).toContain('\nverdict forward_new (')
  })
})
