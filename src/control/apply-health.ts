/** Changes of health, written to the maps. */
import type { Config } from '../config/schema.js'
import type { LbMaps } from '../dataplane/lb-maps.js'
import type { LiveState } from '../dataplane/live-state.js'
import { readLiveState } from '../dataplane/live-state.js'
import { applyReconciliation } from './apply.js'
import type { Change } from './change.js'
import { healthChanges } from './health-changes.js'
import { byServiceKey } from './match.js'
import type { HealthChanges, HealthReconciliation } from './reconcile-health.js'
import { changesAnything, reconcileHealth } from './reconcile-health.js'
import { isStarting } from './slow-start.js'

export interface HealthOutcome {
  changes: Change[]
  /** Names of all services in which a real is in its slow start now. */
  starting: string[]
}

/** @param wanted - of `advance` undefined: all services that are in a slow start */
export function applyHealthChanges(
  maps: LbMaps,
  config: Config,
  wanted: Pick<HealthChanges, 'changes'> & { advance?: ReadonlySet<string> | undefined },
): HealthOutcome {
  const live = readLiveState(maps)
  const advance = wanted.advance ?? new Set(startingServices(live, config))
  const plan = reconcileHealth(live, config, { changes: wanted.changes, advance })
  if (changesAnything(plan)) applyReconciliation(maps, plan)
  return { changes: healthChanges(plan.steps), starting: startingServices(live, config, plan) }
}

/** The services in which a real is in its slow start, as the maps have them, or after a plan. */
function startingServices(live: LiveState, config: Config, plan?: HealthReconciliation): string[] {
  const configOf = byServiceKey(config.services)
  const stepOf = new Map(plan?.steps.map((step) => [step.live, step]))
  return live.services.flatMap((service) => {
    const found = configOf(service)
    if (found === undefined || found.slowStart === 0) return []
    const after = stepOf.get(service)?.destinations.map(({ live: { value }, next }) => {
      return { flags: value.flags, weight: value.weight, effectiveWeight: next.effectiveWeight }
    })
    return isStarting(after ?? service.destinations.map(({ value }) => value)) ? found.name : []
  })
}
