/** Whether the path of probes is as it should be, at little cost: `veer run` asks every two seconds. */
import type { Config } from '../config/schema.js'
import type { Instance } from '../dataplane/instance.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import type { NetworkNamespace } from '../system/netns.js'
import { probeNames } from '../system/probe-namespace.js'
import { readProbeNamespace } from '../system/probe-namespace-facts.js'
import type { ProbePath } from './probe-path.js'
import { portsOf, probePathFaults } from './probe-path.js'
import { pathByMaps } from './probe-path-step.js'
import { wantsProbePath } from './probe-sources.js'

/** How long a path is held to be the wanted one: two applies put the era back to what it was. */
const KEEP_MS = 30_000

/** What a wanted path follows from, as far as it is cheap to read. */
interface Origin {
  config: Config
  era: number | undefined
  /** The facts of the interfaces, as text. */
  facts: string
  readAt: number
}

/** Remembers which path is wanted, so that not every check reads all destinations; what is there is looked at each time. */
export class ProbePathCheck {
  #known: { origin: Origin; path: ProbePath } | undefined

  async isRight(instance: Instance, namespace: NetworkNamespace, config: Config): Promise<boolean> {
    if (!wantsProbePath(config)) return true
    const names = config.interfaces.map(({ name }) => name)
    const place = { ...probeNames(instance.name), innerDevice: names[0] ?? '', ports: portsOf(config) }
    const found = await readProbeNamespace(namespace, place, names)
    const attached = names.flatMap((name) => found.others.find((each) => each.name === name) ?? [])
    if (attached.length < names.length) return false
    const path = this.#wanted(instance, config, attached)
    return probePathFaults(instance, namespace, path, found).length === 0
  }

  #wanted(instance: Instance, config: Config, facts: readonly InterfaceFacts[]): ProbePath {
    const era = instance.maps.settings.get(0)?.era
    const origin = { config, era, facts: JSON.stringify(facts), readAt: performance.now() }
    if (this.#known === undefined || !isSame(this.#known.origin, origin)) {
      this.#known = { origin, path: pathByMaps(instance, config, facts) }
    }
    return this.#known.path
  }
}

function isSame(known: Origin, now: Origin): boolean {
  const isFresh = now.readAt - known.readAt < KEEP_MS
  return isFresh && known.config === now.config && known.era === now.era && known.facts === now.facts
}
