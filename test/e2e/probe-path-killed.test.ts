import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LabDirector } from '../../lab/director.js'
import { Network } from '../../lab/network.js'
import { askByProbePath } from '../../lab/probe.js'
import { parseConfig } from '../../src/config/parse.js'
import { Director } from '../../src/control/director.js'
import { NetworkNamespace } from '../../src/system/netns.js'
import { probeNames } from '../../src/system/probe-namespace.js'

const VEER = fileURLToPath(new URL('../../bin/veer', import.meta.url))
const SERVICE = { name: 'dr', vip: '10.1.0.100', port: 80, reals: ['10.1.0.11'] }
const UNCHECKED = { version: 1, interfaces: ['eth0'], conns: { max: 1000 }, services: [SERVICE] }
const CHECKED = { ...UNCHECKED, services: [{ ...SERVICE, health: { kind: 'tcp' } }] }

const configOf = (content: object) => parseConfig(JSON.stringify(content)).config!

describe('making and removing the path of probes', () => {
  let network: Network
  let director: Director
  /** Stands in for the tools that change things. */
  let tools: string

  beforeAll(async () => {
    network = await Network.create({
      hosts: {
        director: { devices: { eth0: { wire: 'a', addresses: ['10.1.0.1/24'] } }, director: true },
        real1: { devices: { eth0: { wire: 'a', addresses: ['10.1.0.11/24'] } }, vips: ['10.1.0.100'], serves: [80] },
      },
    })
    const namespace = NetworkNamespace.open(network.host('director').netns)
    director = new Director({ name: network.name, bpffs: network.bpffs, namespace, resolveTimeoutMs: 5000 })
    tools = mkdtempSync(join(tmpdir(), 'veer-tools-'))
  })

  afterAll(async () => {
    if (director.attached) await director.detach()
    rmSync(tools, { recursive: true })
    await network[Symbol.asyncDispose]()
  })

  async function establish(content: object): Promise<void> {
    await (director.attached ? director.apply(configOf(content)) : director.attach(configOf(content)))
  }

  function fileOf(content: object): string {
    const file = join(tools, 'veer.yaml')
    writeFileSync(file, JSON.stringify(content))
    return file
  }

  /** `veer` on this instance, killed before it changes something for the `limit`th time by `ip` or `ethtool`. */
  function veerKilled(command: readonly string[], limit: number): NodeJS.Signals | null {
    writeFileSync(join(tools, 'count'), '0\n')
    for (const tool of ['ip', 'ethtool']) {
      const real = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).stdout.trim()
      const script = `#!/bin/sh
case "$*" in *-json*) exec ${real} "$@" ;; esac
read -r count <${tools}/count
echo $((count + 1)) >${tools}/count
if [ $((count + 1)) -ge ${limit} ]; then kill -KILL $PPID; exit 1; fi
exec ${real} "$@"
`
      writeFileSync(join(tools, tool), script, { mode: 0o755 })
    }
    const { signal, status, stderr } = spawnSync(VEER, [...new LabDirector(network).veerOptions, ...command], {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${tools}:${process.env['PATH']}` },
    })
    if (signal === null && status !== 0) throw new Error(stderr)
    return signal
  }

  it('comes to its end after it was killed before any of its steps', async () => {
    const checked = configOf(CHECKED)
    await establish(UNCHECKED)
    let limit = 1
    for (; veerKilled(['apply', '-f', fileOf(CHECKED)], limit) === 'SIGKILL'; limit++) {
      await director.mendProbePath(checked)
      expect((await director.plan(checked)).changes).toEqual([])
      const [target] = director.probeTargets(checked)
      const location = { name: network.name, bpffs: network.bpffs }
      expect(askByProbePath(location, target!, { port: 61_000 + limit })).toBe('real1')
      await director.apply(configOf(UNCHECKED))
    }
    expect(limit).toBeGreaterThan(10)
  })

  it('leaves nothing when the removal, killed before any of its steps, is done again', async () => {
    const unchecked = configOf(UNCHECKED)
    let limit = 1
    for (let killed = true; killed; limit++) {
      await establish(CHECKED)
      killed = veerKilled(['apply', '-f', fileOf(UNCHECKED)], limit) === 'SIGKILL'
      await director.apply(unchecked)
      expectNothing()
    }
    expect(limit).toBeGreaterThan(2)
  })

  it('leaves nothing when veer detach, killed before any of its steps, is done again', async () => {
    let limit = 1
    for (let killed = true; killed; limit++) {
      await establish(CHECKED)
      killed = veerKilled(['detach'], limit) === 'SIGKILL'
      if (killed) await director.detach()
      expectNothing()
      expect(director.attached).toBe(false)
    }
    expect(limit).toBeGreaterThan(2)
  })

  function expectNothing(): void {
    const { hostDevice, name } = probeNames(network.name)
    const host = network.host('director')
    expect(host.shell(`ip -oneline link show | grep -c ${hostDevice} || true`).trim()).toBe('0')
    expect(existsSync(`/run/netns/${name}`)).toBe(false)
    expect(host.shell('sysctl -n net.ipv4.ip_local_reserved_ports').trim()).toBe('')
  }
})
