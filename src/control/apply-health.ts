/**
 * Changes of health, written to the maps. One change of a real may concern a thousand services, whose rings take seconds
 * to build; so it is done in slices, each of them an apply, and nobody waits for the rings of the last service.
 */
import { setImmediate as othersTurn } from 'node:timers/promises'
import type { Config } from '../config/schema.js'
import type { InstanceLocation } from '../dataplane/instance.js'
import { Instance } from '../dataplane/instance.js'
import type { LbMaps } from '../dataplane/lb-maps.js'
import type { LiveService, LiveState } from '../dataplane/live-state.js'
import { readLiveState } from '../dataplane/live-state.js'
import { applyReconciliation } from './apply.js'
import type { Change } from './change.js'
import { serviceOfKey } from './destination-key.js'
import { healthChanges } from './health-changes.js'
import { byServiceKey } from './match.js'
import type { Concerned, HealthChanges, HealthReconciliation } from './reconcile-health.js'
import { changesAnything, reconcileHealth } from './reconcile-health.js'
import { isStarting } from './slow-start.js'

export interface HealthOutcome {
  changes: Change[]
  /** Names of all services in which a real is in its slow start now. */
  starting: string[]
}

/** What one apply has done, and what is left. */
export interface HealthSlice extends HealthOutcome {
  later: HealthWish | undefined
}

/** What is wanted; without `advance` all services that are in a slow start go on. */
export type HealthWish = Pick<HealthChanges, 'changes'> & { advance?: ReadonlySet<string> | undefined }

/** Slots of rings that one slice writes, if it is not one service's alone: 128 tables of `mh`. */
const MOST_SLOTS = 1 << 21

/** Fulfils a wish slice by slice; `apply` is {@link applyHealthSlice}, as the only writer. */
export async function inSlices(wish: HealthWish, apply: (left: HealthWish) => Promise<HealthSlice>): Promise<HealthOutcome> {
  const changes: Change[] = []
  for (let left = wish; ; ) {
    const done = await apply(left)
    changes.push(...done.changes)
    if (done.later === undefined) return { changes, starting: done.starting }
    left = done.later
    await othersTurn()
  }
}

/** {@link applyHealthSlice} of an instance by its name. */
export async function openAndApply(location: InstanceLocation, config: Config, wish: HealthWish): Promise<HealthSlice> {
  using instance = Instance.open(location)
  return await applyHealthSlice(instance.maps, config, wish)
}

/** Writes what of a wish one apply can. */
export async function applyHealthSlice(maps: LbMaps, config: Config, wish: HealthWish): Promise<HealthSlice> {
  const { plan, slice } = await planHealthSlice(readLiveState(maps), config, wish)
  if (plan !== undefined) applyReconciliation(maps, plan)
  return slice
}

/** What of a wish one apply can do; `plan` is undefined when there is nothing to write. */
export async function planHealthSlice(
  live: LiveState,
  config: Config,
  wish: HealthWish,
): Promise<{ plan: HealthReconciliation | undefined; slice: HealthSlice }> {
  const wanted = { changes: wish.changes, advance: wish.advance ?? new Set(startingServices(live, config)) }
  const { now, later } = firstSlice(concernedBy(live, config, wanted))
  const plan = await reconcileHealth(live, now, wanted)
  const slice = {
    changes: healthChanges(plan.steps),
    starting: startingServices(live, config, plan),
    later: later.length === 0 ? undefined : wishFor(later, wanted),
  }
  return { plan: changesAnything(plan) ? plan : undefined, slice }
}

/** The services that are to be looked at, those with a real that goes down first. */
function concernedBy({ services }: LiveState, config: Config, { changes, advance }: HealthChanges): Concerned[] {
  const configOf = byServiceKey(config.services)
  const ofState = (wanted: 'up' | 'down'): string[] => {
    return [...changes].flatMap(([key, state]) => (state === wanted ? serviceOfKey(key) : []))
  }
  const falling = new Set(ofState('down'))
  const others = new Set([...ofState('up'), ...advance])
  const known = services.flatMap((live): Concerned[] => {
    const found = configOf(live)
    return found === undefined ? [] : [{ live, config: found }]
  })
  return [
    ...known.filter(({ config: { name } }) => falling.has(name)),
    ...known.filter(({ config: { name } }) => !falling.has(name) && others.has(name)),
  ]
}

function firstSlice(concerned: readonly Concerned[]): { now: Concerned[]; later: Concerned[] } {
  let slots = 0
  const end = concerned.findIndex(({ live }, index) => {
    slots += slotsOf(live)
    return index > 0 && slots > MOST_SLOTS
  })
  return end < 0 ? { now: [...concerned], later: [] } : { now: concerned.slice(0, end), later: concerned.slice(end) }
}

/** About as many as its next ring will have. */
function slotsOf({ value, destinations }: LiveService): number {
  return Math.max(value.ringSize, value.tableSize, destinations.length)
}

function wishFor(services: readonly Concerned[], { changes, advance }: HealthChanges): HealthWish {
  const names = new Set(services.map(({ config }) => config.name))
  return {
    changes: new Map([...changes].filter(([key]) => names.has(serviceOfKey(key)))),
    advance: new Set([...advance].filter((name) => names.has(name))),
  }
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
