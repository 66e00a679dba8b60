import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { labDirectory, namespacesOf, removeLab, staleLabs } from '../../lab/cleanup.js'
import { Lab, PORT } from '../../lab/topology.js'

const url = (address: string, path = '/'): string => `http://${address.includes(':') ? `[${address}]` : address}${path}`

/** All that a lab leaves on the machine while it stands. */
const traces = (name: string): string[] => [
  ...namespacesOf(name),
  ...(existsSync(labDirectory(name)) ? [labDirectory(name)] : []),
]

/** The process has the fields of a lab that nobody closes, and ends in the given way. */
async function endOfProcess(ending: string): Promise<{ name: string; code: number | null }> {
  const script = fileURLToPath(new URL('../support/lab-process.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, ending], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer]
  const name = chunk.toString().trim()
  expect(traces(name)).not.toEqual([])
  if (ending.startsWith('SIG')) child.kill(ending as NodeJS.Signals)
  const [code] = (await ended) as [number | null]
  return { name, code }
}

describe('the lab', () => {
  let lab: Lab

  beforeAll(async () => {
    lab = await Lab.create({ reals: 3 })
  })

  afterAll(async () => {
    await lab[Symbol.asyncDispose]()
  })

  it.each([
    [1, 'IPv4', 0, '192.0.2.2'],
    [2, 'IPv4', 0, '192.0.2.2'],
    [3, 'IPv4', 0, '192.0.2.2'],
    [1, 'IPv6', 1, '2001:db8:1::2'],
    [2, 'IPv6', 1, '2001:db8:1::2'],
    [3, 'IPv6', 1, '2001:db8:1::2'],
  ])('the client reaches real %i over %s, TCP and UDP, under its own address', async (number, _title, family, client) => {
    const address = lab.real(number).addresses[family] ?? ''
    const before = (await lab.real(number).requests()).length
    await expect(lab.client.get(url(address))).resolves.toMatchObject({ real: `real${number}`, client })
    await expect(lab.client.udp(address, PORT)).resolves.toBe(`real${number}`)
    const seen = (await lab.real(number).requests()).slice(before).filter((request) => request.client === client)
    expect(seen.map(({ protocol }) => protocol)).toEqual(['tcp', 'udp'])
  })

  it('a body of 1 MB arrives whole, both ways', async () => {
    const address = lab.real(1).addresses[0] ?? ''
    const upload = lab.writeFile('body', 'x'.repeat(1 << 20))
    const answer = JSON.parse(await lab.client.curl(url(address), ['--data-binary', `@${upload}`])) as object
    expect(answer).toMatchObject({ received: 1 << 20 })
    await expect(lab.client.curl(url(address, '/bytes/1048576'))).resolves.toHaveLength(1 << 20)
  })

  it('nobody has the VIPs while no director answers for them', async () => {
    for (const vip of lab.vips) {
      await expect(lab.client.curl(url(vip), ['--max-time', '0.3'])).rejects.toThrow(/curl/)
    }
  })

  it('two labs stand side by side', async () => {
    await using other = await Lab.create({ reals: 1 })
    expect(other.name).not.toBe(lab.name)
    const address = lab.real(1).addresses[0] ?? ''
    await expect(other.client.get(url(address))).resolves.toMatchObject({ real: 'real1' })
    await expect(other.real(1).requests()).resolves.toHaveLength(1)
    await expect(lab.client.get(url(address))).resolves.toMatchObject({ real: 'real1' })
  })
})

describe('what comes to the director', () => {
  it('is counted by the switch: requests to a VIP, and replies that ought not to pass there', async () => {
    await using lab = await Lab.create({ reals: 1 })
    const [vip = ''] = lab.vips
    expect(lab.directorCounters()).toEqual({ requests: 0, replies: 0 })

    lab.director.shell(`ip address add ${vip}/32 dev eth0`)
    await lab.client.exec('curl', ['--silent', '--max-time', '1', url(vip)])
    expect(lab.directorCounters()).toMatchObject({ requests: 1, replies: 0 })

    // The router takes the real for the VIP's owner, and the real takes the director for its router.
    const mac = lab.real(1).shell('cat /proc/thread-self/net/dev >/dev/null; ip -json link show eth0')
    const [{ address }] = JSON.parse(mac) as [{ address: string }]
    lab.router.shell(`ip neighbour replace ${vip} lladdr ${address} dev eth1 nud permanent`)
    lab.real(1).shell('ip route replace default via 10.0.0.1')
    await lab.client.exec('curl', ['--silent', '--max-time', '0.3', url(vip)])
    expect(lab.directorCounters().replies).toBeGreaterThan(0)
  })
})

describe('the end of a lab', () => {
  it('close leaves nothing', async () => {
    const lab = await Lab.create({ reals: 1 })
    expect(traces(lab.name)).toHaveLength(6)
    await lab[Symbol.asyncDispose]()
    expect(traces(lab.name)).toEqual([])
    expect(execFileSync('mount', { encoding: 'utf8' })).not.toContain(lab.name)
  })

  it('an exception inside leaves nothing', async () => {
    let name = ''
    const failing = async (): Promise<void> => {
      await using lab = await Lab.create({ reals: 1 })
      name = lab.name
      throw new Error('inside')
    }
    await expect(failing()).rejects.toThrow('inside')
    expect(traces(name)).toEqual([])
  })

  it('processes that were started in it end with it', async () => {
    const lab = await Lab.create({ reals: 1 })
    const child = spawn(...lab.client.command('sleep', ['1000']), { stdio: 'ignore' })
    const ended = once(child, 'exit')
    await once(child, 'spawn')
    // Only once nsenter has gone in does the process belong to the lab.
    await expect.poll(() => execFileSync('ip', ['netns', 'pids', lab.client.netns], { encoding: 'utf8' })).not.toBe('')
    await lab[Symbol.asyncDispose]()
    await expect(ended).resolves.toEqual([null, 'SIGKILL'])
  })

  it.each([
    ['ends', 'return', 0],
    ['throws', 'throw', 1],
    ['calls exit', 'exit', 3],
    ['is interrupted', 'SIGINT', 130],
    ['is terminated', 'SIGTERM', 143],
  ])('a process that %s with an open lab leaves nothing', async (_title, ending, expected) => {
    const { name, code } = await endOfProcess(ending)
    expect(code).toBe(expected)
    expect(traces(name)).toEqual([])
  })

  it('what a killed process left is removed by the next lab', async () => {
    const { name } = await endOfProcess('SIGKILL')
    expect(staleLabs()).toContain(name)
    await using _lab = await Lab.create({ reals: 1 })
    expect(traces(name)).toEqual([])
  })

  it('a lab that could not be built leaves nothing, not even the one whose name was taken', async () => {
    const name = `veer-${process.pid}-99`
    mkdirSync(labDirectory(name), { recursive: true })
    await expect(Lab.create({ name })).rejects.toThrow('already')
    removeLab(name)
    await expect(Lab.create({ name, vips: ['not an address'] })).rejects.toThrow()
    expect(traces(name)).toEqual([])
  })
})
