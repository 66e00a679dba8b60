/** The path of probes in a plan, in an apply, and in between. */
import type { Config } from '../config/schema.js'
import type { Instance } from '../dataplane/instance.js'
import { readLiveState } from '../dataplane/live-state.js'
import { VeerError } from '../errors.js'
import type { ProbeTarget } from '../health/protocol.js'
import { NAMESPACE_CAPABILITIES, requireCapabilities } from '../system/capabilities.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import type { NetworkNamespace } from '../system/netns.js'
import { readProbeNamespace } from '../system/probe-namespace-facts.js'
import { wantedLinks } from './attachments.js'
import type { Change } from './change.js'
import { add, remove } from './change.js'
import type { ProbePath } from './probe-path.js'
import { ensureProbePath, hasProbePath, probePathFaults, removeProbePath, wantedProbePath } from './probe-path.js'
import type { ProbedReal } from './probe-sources.js'
import { probeSources, refuseMissing, sourceFacts, wantsProbePath } from './probe-sources.js'
import { probedReals, probeTargets } from './probe-targets.js'
import type { Link, Target } from './target.js'

/** What an apply does about the path. */
export interface ProbePathStep {
  /** Undefined: there shall be none. */
  wanted: ProbePath | undefined
  changes: Change[]
}

export interface ProbePathPlan {
  config: Config
  links: readonly Link[]
  /** Of the interfaces of the configuration, in its order. */
  facts: readonly InterfaceFacts[]
  target: Target
}

/**
 * Throws `LB_ERR_PROBE_SOURCE_MISSING` when there is no address to probe a real from, `LB_ERR_CAPABILITY_MISSING` without
 * CAP_SYS_ADMIN.
 */
export async function planProbePath(
  instance: Instance,
  namespace: NetworkNamespace,
  { config, links, facts, target }: ProbePathPlan,
): Promise<ProbePathStep> {
  const there = hasProbePath(instance, namespace)
  if (!wantsProbePath(config)) return { wanted: undefined, changes: there ? [remove(OBJECT, 'there')] : [] }
  requireCapabilities(NAMESPACE_CAPABILITIES)
  const { sources, missing } = probeSources(config, realsOf(target), sourceFacts(config, facts))
  refuseMissing(missing)
  const wanted = wantedProbePath({ name: instance.name, config, links, facts, sources })
  if (!there) return { wanted, changes: [add(OBJECT, viewOf(wanted))] }
  const wrong = probePathFaults(instance, namespace, wanted, await readProbeNamespace(namespace, wanted.spec))
  const change: Change = { action: 'change', object: OBJECT, before: wrong, after: viewOf(wanted) }
  return { wanted, changes: wrong.length > 0 ? [change] : [] }
}

const OBJECT = 'probePath'

function viewOf({ spec, mode }: ProbePath): object {
  const { name, innerDevice, addresses, ports } = spec
  return { namespace: name, interface: innerDevice, mode, addresses, ports: `${ports.first}-${ports.last}` }
}

function realsOf({ services }: Target): ProbedReal[] {
  return services
    .filter(({ config }) => config.health.kind !== 'none')
    .flatMap(({ config: { name, forward }, destinations }) =>
      destinations
        .filter(({ local }) => !local)
        .map(({ address, link }) => ({ service: name, address, ifindex: link.ifindex, nat: forward === 'nat' })),
    )
}

/**
 * After the commit, which nothing here undoes: the new configuration serves, and `veer run` tries again. Returns what
 * failed, in words.
 */
export async function settleProbePath(
  instance: Instance,
  namespace: NetworkNamespace,
  { wanted, changes }: ProbePathStep,
): Promise<string[]> {
  try {
    if (wanted !== undefined) await ensureProbePath(instance, namespace, wanted)
    else if (changes.length > 0) await removeProbePath(instance.pins, namespace, instance.name, instance.maps)
    return []
  } catch (error) {
    return [warningOf(error, wanted === undefined ? 'the path of probes is still there' : 'nothing is probed until it is there')]
  }
}

function warningOf(error: unknown, consequence: string): string {
  const message = error instanceof Error ? error.message : String(error)
  const hint = error instanceof VeerError && error.hint !== undefined ? `; ${error.hint}` : ''
  return `${message}: ${consequence}${hint}`
}

/** The path that the configuration wants, by what the maps hold now. */
export function pathByMaps(
  instance: Instance,
  config: Config,
  facts: readonly InterfaceFacts[],
): ProbePath {
  const live = readLiveState(instance.maps)
  const { sources } = probeSources(config, probedReals(config, live), sourceFacts(config, facts))
  const links = wantedLinks({ config, facts, live })
  return wantedProbePath({ name: instance.name, config, links, facts, sources })
}

export function targetsByMaps(instance: Instance, config: Config, facts: readonly InterfaceFacts[]): ProbeTarget[] {
  return probeTargets(config, readLiveState(instance.maps), sourceFacts(config, facts))
}
