/** `veer run` under a service manager: what it tells, and with how few rights it lives. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Lab } from '../../lab/topology.js'
import type { ServiceList } from '../../src/control/service-list.js'
import { Daemon, type DaemonOptions } from './daemon.js'
import { answersOf, configOf, DEADLINE, veerJson } from './support.js'

const VIP = '10.0.0.100'
const HEALTH = { kind: 'tcp', interval: '300ms', timeout: '250ms' }

/** Prints each datagram of an abstract socket as one line of JSON, after "bound". */
const RECEIVER = `
import json, socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("\\0" + sys.argv[1])
print("bound", flush=True)
while True:
    print(json.dumps(receiver.recv(65536).decode()), flush=True)
`

describe('under a service manager', { timeout: 120_000 }, () => {
  let lab: Lab
  let file: string
  let daemon: Daemon | undefined
  let receiver: ChildProcess | undefined

  beforeEach(async () => {
    lab = await Lab.create({ reals: 2 })
    file = lab.writeConfig({ ...configOf(lab), defaults: { health: HEALTH } })
  })
  afterEach(async () => {
    await daemon?.end('SIGKILL')
    receiver?.kill('SIGKILL')
    await lab.veer(['detach'])
    await lab[Symbol.asyncDispose]()
  })

  async function run(options: DaemonOptions): Promise<Daemon> {
    daemon = await Daemon.start(lab, file, options)
    return daemon
  }

  const allUp = async (): Promise<boolean> => {
    const { services } = await veerJson<ServiceList>(lab, 'list')
    return services.every(({ destinations }) => destinations.every(({ health }) => health === 'up'))
  }

  it('tells when it is ready, reloads, lives and stops', async () => {
    let text = ''
    receiver = spawn('/usr/bin/python3', ['-c', RECEIVER, lab.name], { stdio: ['ignore', 'pipe', 'inherit'] })
    receiver.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()))
    await expect.poll(() => text, DEADLINE).toBe('bound\n')
    const said = (): string[] => text.trimEnd().split('\n').slice(1).map((line) => JSON.parse(line) as string)
    const notStatus = (): string[] => said().filter((message) => !message.startsWith('STATUS=') && message !== 'WATCHDOG=1')

    const running = await run({ env: { NOTIFY_SOCKET: `@${lab.name}`, WATCHDOG_USEC: '200000' } })
    await expect.poll(notStatus, DEADLINE).toEqual([expect.stringMatching(/^READY=1\nSTATUS=2 services; 0 of 4 checked reals down$/)])
    await expect.poll(() => said().filter((message) => message === 'WATCHDOG=1').length, DEADLINE).toBeGreaterThan(2)
    running.signal('SIGHUP')
    await running.logs('applied')
    await expect.poll(() => notStatus().slice(1), DEADLINE).toEqual([expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/), expect.stringMatching(/^READY=1\n/)])
    await lab.real(1).stop()
    await expect.poll(said, DEADLINE).toContain('STATUS=2 services; 2 of 4 checked reals down')
    await expect(running.end('SIGTERM')).resolves.toEqual([0, null])
    await expect.poll(() => said().at(-1), DEADLINE).toBe('STOPPING=1')
  })

  it('needs no more rights than its unit leaves it', async () => {
    const unit = readFileSync(new URL('../../packaging/veer@.service', import.meta.url), 'utf8')
    const [, names = ''] = /^CapabilityBoundingSet=(.*)$/m.exec(unit) ?? []
    const kept = names.split(' ').map((name) => `+${name.replace('CAP_', '').toLowerCase()}`)
    const running = await run({ through: ['setpriv', '--no-new-privs', `--bounding-set=-all,${kept.join(',')}`] })
    await expect.poll(allUp, DEADLINE).toBe(true)
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real2: 2 })
    expect(running.lines.filter(({ level }) => Number(level) >= 50)).toEqual([])
    await expect(running.end('SIGTERM')).resolves.toEqual([0, null])
    await expect(answersOf(lab, VIP, 4)).resolves.toEqual({ real1: 2, real2: 2 })
  })
})
