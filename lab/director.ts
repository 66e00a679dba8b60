/** A director of a network, driven in this process: what `veer` does, without starting it each time. */
import { stringify } from 'yaml'
import { ConfigError } from '../src/config/load.js'
import { parseConfig } from '../src/config/parse.js'
import type { Config } from '../src/config/schema.js'
import { type ConnQuery, type ListedConn, listConns } from '../src/control/conn-list.js'
import type { HealthOutcome } from '../src/control/apply-health.js'
import { Director, type Plan } from '../src/control/director.js'
import { readServiceList, type ServiceList } from '../src/control/service-list.js'
import { Instance, type InstanceLocation } from '../src/dataplane/instance.js'
import { readVerdictCounts } from '../src/dataplane/verdict-counts.js'
import type { ProbeTarget } from '../src/health/protocol.js'
import { NetworkNamespace } from '../src/system/netns.js'
import { Network } from './network.js'

/** The configuration as a file with this content has it; throws when the file would be invalid. */
function configOf(content: object): Config {
  const { config, problems } = parseConfig(stringify(content))
  if (config === undefined) throw new ConfigError('the configuration of the lab', problems)
  return config
}

export class LabDirector {
  readonly location: InstanceLocation
  readonly #director: Director
  readonly #network: Network

  constructor(network: Network, host = 'director') {
    this.#network = network
    this.location = { name: network.name, bpffs: network.bpffs }
    this.#director = new Director({ ...this.location, namespace: NetworkNamespace.open(network.host(host).netns) })
  }

  /** Attaches; throws when a real does not tell its MAC. */
  async attach(content: object): Promise<void> {
    const { unresolved } = await this.#director.attach(configOf(content))
    if (unresolved.length > 0) throw new Error(`no answer from the reals ${unresolved.join(', ')}`)
  }

  async apply(content: object): Promise<void> {
    await this.#director.apply(configOf(content))
  }

  plan(content: object): Promise<Plan> {
    return this.#director.plan(configOf(content))
  }

  /** What a checker says of destinations, by destinationKey(). */
  mark(content: object, states: Readonly<Record<string, 'up' | 'down'>>): Promise<HealthOutcome> {
    return this.#director.applyHealth(configOf(content), new Map(Object.entries(states)))
  }

  /** Takes slow starts on by a step. */
  stepSlowStart(content: object): Promise<HealthOutcome> {
    return this.#director.stepSlowStart(configOf(content))
  }

  async detach(): Promise<void> {
    await this.#director.detach()
  }

  /** What the configuration has to check. */
  probeTargets(content: object): ProbeTarget[] {
    return this.#director.probeTargets(configOf(content))
  }

  /** What selects this director on veer's command line. */
  get veerOptions(): string[] {
    const { name, bpffs } = this.location
    return ['--netns', this.#network.host('director').netns, '--bpffs', bpffs, '--instance', name]
  }

  /** Packets by verdict so far, by name with class; those that there were. */
  verdicts(): Record<string, number> {
    using instance = Instance.open(this.location)
    const { verdicts, drops } = readVerdictCounts(instance.maps)
    const named = [...Object.entries(verdicts), ...Object.entries(drops).map(([name, count]) => [`drop_${name}`, count] as const)]
    return Object.fromEntries(named.flatMap(([name, count]) => (count > 0n ? [[name, Number(count)]] : [])))
  }

  list(): ServiceList {
    using instance = Instance.open(this.location)
    return readServiceList(instance)
  }

  /** Conns and templates that are alive, as `veer conns --json` has them. */
  conns(query: ConnQuery = {}): ListedConn[] {
    using instance = Instance.open(this.location)
    return [...listConns(instance, query)].flat()
  }
}
