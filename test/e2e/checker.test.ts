/** The checker's process in the namespace of the probes: what it finds at real servers. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { LabHost } from '../../lab/host.js'
import { Network } from '../../lab/network.js'
import { DR_VIP, FAMILIES, REAL_PORT, serviceFor, twoArm, twoArmConfig, VIP_PORT } from '../../lab/two-arm.js'
import { parseConfig } from '../../src/config/parse.js'
import type { Config } from '../../src/config/schema.js'
import { Director } from '../../src/control/director.js'
import type { InstanceLocation } from '../../src/dataplane/instance.js'
import { Instance } from '../../src/dataplane/instance.js'
import { readVerdictCounts } from '../../src/dataplane/verdict-counts.js'
import { portsOf } from '../../src/health/port-pool.js'
import { CHECKER_EXEC_ARGV } from '../../src/health/exec-argv.js'
import type { Beat, FromChecker, HealthChange, ProbeTarget, ToChecker } from '../../src/health/protocol.js'
import { NetworkNamespace } from '../../src/system/netns.js'
import { openProbeNamespace } from '../../src/system/probe-namespace.js'
import { DEADLINE } from './support.js'

const CHECKER = fileURLToPath(new URL('../../dist/health/checker.js', import.meta.url))
const HOLD_PORTS = fileURLToPath(new URL('hold-ports.mjs', import.meta.url))

const PORTS = { first: 61_000, count: 1024 }
const OWN_PORTS = portsOf('checker', PORTS)

/** Of all checks: a machine under load answers in half a second, three times in a row at least once. */
const TIMES = { interval: '500ms', timeout: '500ms', rise: 1, fall: 3, damping: '0s' }

/** Of each kind of check a service, by the port that its VIP has for it. */
const KINDS = [
  { kind: 'tcp', protocol: 'tcp', port: VIP_PORT },
  { kind: 'http', protocol: 'tcp', port: REAL_PORT },
  { kind: 'udp', protocol: 'udp', port: VIP_PORT, send: 'who', expect: '^real' },
] as const

const services = (['dr', 'nat'] as const).flatMap((forward) =>
  FAMILIES.flatMap(({ family }) =>
    KINDS.map(({ protocol, port, ...check }) => {
      const name = `${check.kind}-${forward}-${family}`
      return serviceFor({ name, forward, family, protocol, port, reals: 2, health: { ...check, ...TIMES } })
    }),
  ),
)

function parsed(file: object): Config {
  const { config, problems } = parseConfig(JSON.stringify(file))
  if (config === undefined) throw new Error(JSON.stringify(problems))
  return config
}

/** The checker as `veer run` starts it, and all that it has said. */
class RunningChecker implements AsyncDisposable {
  readonly changes = new Map<string, HealthChange>()
  readonly faults: string[] = []
  beat: Beat | undefined
  readonly #child: ChildProcess

  constructor({ name, bpffs }: InstanceLocation, targets: readonly ProbeTarget[]) {
    const args = ['--instance', name, '--bpffs', bpffs, '--max-in-flight', '64']
    this.#child = openProbeNamespace(name).run(() => fork(CHECKER, args, { execArgv: CHECKER_EXEC_ARGV, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }))
    this.#child.on('message', (message: FromChecker) => this.#hear(message))
    this.#child.send({ type: 'targets', changed: [...targets], removed: [] } satisfies ToChecker)
  }

  /** The last news of each key: `up`, or why it is down. */
  get news(): Record<string, string> {
    return Object.fromEntries([...this.changes].map(([key, { state, last }]) => [key, state === 'up' ? 'up' : last.reason]))
  }

  #hear(message: FromChecker): void {
    if (message.type === 'beat') this.beat = message
    if (message.type === 'fault') this.faults.push(message.reason)
    if (message.type === 'changes') for (const change of message.changes) this.changes.set(change.key, change)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.disconnect()
    await ended
  }
}

const VIP_UNANSWERED = 'VIP not answered by this real (its own address answers)'
const NO_SYN_ACK = 'connect: no SYN-ACK in 500 ms'
const NO_ANSWER = 'no answer in 500 ms'

describe('the checker', { timeout: 120_000 }, () => {
  let network: Network
  let director: Director
  let config: Config
  let location: InstanceLocation
  let holder: ChildProcess | undefined

  beforeAll(async () => {
    network = await Network.create({ hosts: twoArm({ reals: 2 }) })
    location = { name: network.name, bpffs: network.bpffs }
    const namespace = NetworkNamespace.open(network.host('director').netns)
    director = new Director({ ...location, namespace, resolveTimeoutMs: 5000 })
    config = parsed(twoArmConfig(services, { probe: { ports: `${PORTS.first}-${PORTS.first + PORTS.count - 1}` } }))
    await director.attach(config)
  })
  afterEach(async () => {
    if (holder === undefined) return
    const ended = once(holder, 'exit')
    holder.disconnect()
    holder = undefined
    await ended
  })
  afterAll(async () => {
    await director.detach()
    await network[Symbol.asyncDispose]()
  })

  const inside = (): LabHost => new LabHost(`veer-probe-${network.name}`)
  const targets = (): ProbeTarget[] => director.probeTargets(config)
  const isOf = (real: number) => (target: ProbeTarget): boolean =>
    network.real(`real${real}`).addresses.includes(target.address)

  /** `up` of all targets but those that `reason` has one for. */
  const newsOf = (all: readonly ProbeTarget[], reason: (target: ProbeTarget) => string | undefined = () => undefined) =>
    Object.fromEntries(all.map((target) => [target.key, reason(target) ?? 'up']))

  /** Breaks something, waits for what the checker says of it, mends it, and waits until all is up. */
  async function breaks(what: { breaking: () => void; mending: () => void; reason: (target: ProbeTarget) => string | undefined }): Promise<void> {
    const all = targets()
    await using checker = new RunningChecker(location, all)
    await expect.poll(() => checker.news, DEADLINE).toEqual(newsOf(all))
    what.breaking()
    try {
      await expect.poll(() => checker.news, DEADLINE).toEqual(newsOf(all, what.reason))
    } finally {
      what.mending()
    }
    await expect.poll(() => checker.news, DEADLINE).toEqual(newsOf(all))
    expect(checker.faults).toEqual([])
  }

  /** Holds ports of the checker's in its namespace. */
  async function hold(step: number): Promise<void> {
    const { first, count } = OWN_PORTS
    holder = inside().fork(HOLD_PORTS, [`${first}`, `${first + count - 1}`, `${step}`])
    await once(holder, 'message')
  }

  it('finds all up: tcp, http and udp, of the VIP in dr and of the real in nat, IPv4 and IPv6', async () => {
    const all = targets()
    expect(all).toHaveLength(2 * services.length)
    await using checker = new RunningChecker(location, all)
    await expect.poll(() => checker.news, DEADLINE).toEqual(newsOf(all))
    await expect.poll(() => checker.beat?.checks ?? 0, DEADLINE).toBeGreaterThan(4 * all.length)
    expect(checker.faults).toEqual([])
    using instance = Instance.open(location)
    const { verdicts } = readVerdictCounts(instance.maps)
    expect(Number(verdicts.forward_probe)).toBeGreaterThan(all.length)
    expect(Number(verdicts.forward_probe_answer)).toBeGreaterThan(all.length)
    // Ports are few, and a port in TIME_WAIT is lost for a minute.
    expect(inside().shell('ss -Htan state time-wait')).toBe('')
  })

  it('a VIP that is taken off one real: that real is down, in dr, and says what is wrong', async () => {
    const lo = (action: string): void =>
      void network.real('real1').shell(
        `ip address ${action} ${DR_VIP[4]}/32 dev lo; ip address ${action} ${DR_VIP[6]}/128 dev lo ${action === 'add' ? 'nodad' : ''}`,
      )
    await breaks({
      breaking: () => lo('del'),
      mending: () => lo('add'),
      reason: (target) => {
        if (!isOf(1)(target) || target.destination === target.address) return undefined
        return target.check.kind === 'udp' ? NO_ANSWER : VIP_UNANSWERED
      },
    })
  })

  it('a real that drops what comes to its ports, and one that refuses', async () => {
    const rules = (real: number, what: string): void =>
      void network.real(`real${real}`).shell(`
nft -f - <<'RULES'
table inet closed {
  chain input {
    type filter hook input priority 0
    meta l4proto { tcp, udp } th dport { ${VIP_PORT}, ${REAL_PORT} } ${what}
  }
}
RULES`)
    await breaks({
      breaking: () => {
        rules(1, 'drop')
        rules(2, 'meta l4proto tcp reject with tcp reset')
      },
      mending: () => [1, 2].forEach((real) => void network.real(`real${real}`).shell('nft delete table inet closed')),
      reason: (target) => {
        const isUdp = target.check.kind === 'udp'
        if (isOf(1)(target)) return isUdp ? NO_ANSWER : NO_SYN_ACK
        return isUdp ? undefined : 'connect: refused'
      },
    })
  })

  it('a port where nobody listens: refused by RST, and by ICMP', async () => {
    const all = targets().map((target) => ({ ...target, destinationPort: 81 }))
    await using checker = new RunningChecker(location, all)
    const refusal = ({ check }: ProbeTarget): string =>
      check.kind === 'udp' ? 'no answer: ICMP port unreachable' : 'connect: refused'
    await expect.poll(() => checker.news, DEADLINE).toEqual(newsOf(all, refusal))
  })

  it('goes to another port when somebody has one of them: no real is to blame', async () => {
    await hold(2)
    const all = targets()
    await using checker = new RunningChecker(location, all)
    await expect.poll(() => checker.beat?.checks ?? 0, DEADLINE).toBeGreaterThan(4 * all.length)
    expect(checker.news).toEqual(newsOf(all))
    expect(checker).toMatchObject({ faults: [], beat: { failures: 0 } })
  })

  it('says so when somebody has all of them, and keeps the states', async () => {
    await hold(1)
    await using checker = new RunningChecker(location, targets())
    await expect.poll(() => checker.faults, DEADLINE).toEqual([expect.stringMatching(/^cannot check .*: EADDRINUSE$/)])
    await expect.poll(() => checker.beat?.inFlight, DEADLINE).toBe(0)
    expect(checker).toMatchObject({ news: {}, beat: { checks: 0, failures: 0 } })
  })
})
