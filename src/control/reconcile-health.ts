/**
 * What changes in the maps when the health of destinations does, and nothing else: the entries of these destinations,
 * the rings of their services, and whether their VIPs are up. What a service is comes from the maps; what follows from
 * health comes from the configuration. Pure, but that it lets others have their turn while it builds rings.
 */
import { setImmediate as othersTurn } from 'node:timers/promises'
import { inCanonicalOrder } from '../config/order.js'
import type { ServiceConfig } from '../config/schema.js'
import type { LiveDestination, LiveService, LiveState } from '../dataplane/live-state.js'
import { liveScheduler } from '../dataplane/live-state.js'
import type { Dest } from '../maps/generated.js'
import { DestFlag, Limit } from '../maps/generated.js'
import { destinationKey } from './destination-key.js'
import { IdPool } from './ids.js'
import type { MemberHealth, ServiceHealth } from './member-health.js'
import { healthFlags, nextHealth } from './member-health.js'
import { newRing } from './new-ring.js'
import type { ServiceWrite, Writes } from './writes.js'
import { nextGeneration, retiredDest } from './writes.js'

/** A service whose health changes, or is to. */
export interface Concerned {
  live: LiveService
  config: ServiceConfig
}

export interface HealthChanges {
  /** By destinationKey(): the states that differ from those in the maps. */
  changes: ReadonlyMap<string, 'up' | 'down'>
  /** Names of services whose slow starts go on by a step. */
  advance: ReadonlySet<string>
}

/** A destination whose health or weight changes. */
export interface DestinationStep {
  live: LiveDestination
  /** Another than the live one's when its conns are to end. */
  id: number
  next: MemberHealth
}

/** A service that a change of health concerns. */
export interface HealthStep extends ServiceWrite {
  config: ServiceConfig
  live: LiveService
  destinations: DestinationStep[]
  quorum: ServiceHealth['quorum']
}

export interface HealthReconciliation extends Writes {
  /** Of `services` those that are concerned. */
  steps: HealthStep[]
}

/** Slots of rings that are built in one go: some ten milliseconds. */
const SLOTS_AT_ONCE = 1 << 17

/** @param concerned - the services to look at, each as the maps and as the configuration have it */
export async function reconcileHealth(
  live: LiveState,
  concerned: readonly Concerned[],
  wanted: HealthChanges,
): Promise<HealthReconciliation> {
  const builder = new HealthBuilder(live, wanted)
  const stepOf = new Map<LiveService, HealthStep>()
  let slots = 0
  for (const { live: service, config } of concerned) {
    const step = builder.build(service, config)
    stepOf.set(service, step)
    slots += step.ring === undefined ? 0 : step.value.ringSize
    if (slots < SLOTS_AT_ONCE) continue
    slots = 0
    await othersTurn()
  }
  const services = live.services.map((service) => stepOf.get(service) ?? unchanged(service))
  const steps = [...stepOf.values()]
  return {
    live,
    settings: live.settings,
    services,
    steps,
    vips: vipSteps(live, steps),
    ...builder.destinations(),
    newServiceIds: [],
    removeVips: [],
    removeRings: steps.flatMap(({ live: { value }, ringChanged }) => (ringChanged && value.ringSize > 0 ? value.ring : [])),
    writeInterfaces: [],
    removeInterfaces: [],
    writePeers: [],
    removePeers: [],
    writePingSources: [],
    removePingSources: [],
  }
}

/** Whether there is anything to write. */
export function changesAnything({ steps, writeDests }: HealthReconciliation): boolean {
  return writeDests.length > 0 || steps.some(({ ringChanged }) => ringChanged)
}

function unchanged(live: LiveService): ServiceWrite {
  return { live, key: keyOf(live), value: live.value, ringChanged: false, ring: undefined }
}

const keyOf = ({ key: { vip, port, protocol } }: LiveService): ServiceWrite['key'] => ({ vip, port, protocol })

class HealthBuilder {
  readonly #live: LiveState
  readonly #wanted: HealthChanges
  readonly #destIds: IdPool
  readonly #rings: IdPool
  readonly #steps: DestinationStep[] = []

  constructor(live: LiveState, wanted: HealthChanges) {
    this.#live = live
    this.#wanted = wanted
    const used = [...live.orphans, ...live.services.flatMap(({ destinations }) => destinations)]
    this.#destIds = new IdPool(
      'destinations',
      Limit.maxDests,
      used.map(({ id }) => id),
    )
    this.#rings = new IdPool('rings', Limit.maxRings, live.ringIndices)
  }

  build(live: LiveService, config: ServiceConfig): HealthStep {
    const ordered = inCanonicalOrder(live.destinations.map((each) => ({ ...each, port: each.value.port })))
    const now = ordered.map(({ address, port, value }) => ({
      weight: value.weight,
      sorry: has(value, DestFlag.sorry),
      live: value,
      reachable: has(value, DestFlag.neighbour),
      change: this.#wanted.changes.get(destinationKey(config.name, address, port)),
    }))
    const before = live.destinations.map(({ value }) => value)
    const { members, quorum } = nextHealth(now, config, { before, advance: this.#wanted.advance.has(config.name) })
    const destinations = ordered.map((each, index): DestinationStep => {
      const next = members[index] as MemberHealth
      return { live: each, id: next.reset ? this.#destIds.take() : each.id, next }
    })
    this.#steps.push(...destinations)
    const ringChanged = destinations.some(({ live: old, id, next }) => {
      return old.id !== id || old.value.effectiveWeight !== next.effectiveWeight
    })
    return { config, live, key: keyOf(live), destinations, quorum, ringChanged, ...this.#ring(live, destinations, ringChanged) }
  }

  #ring(live: LiveService, steps: readonly DestinationStep[], changed: boolean): Pick<ServiceWrite, 'value' | 'ring'> {
    if (!changed) return { value: live.value, ring: undefined }
    const members = steps.map(({ live: { address, value }, next }) => {
      return { address, port: value.port, effectiveWeight: next.effectiveWeight }
    })
    const destIds = steps.map(({ id }) => id)
    const { fields, write } = newRing(liveScheduler(live.value), members, { destIds, rings: this.#rings })
    return { value: { ...live.value, ...fields }, ring: write }
  }

  /** The entries that differ, of these services and of those that name one of their old ids as sibling. */
  destinations(): Pick<Writes, 'writeDests' | 'retireDests' | 'newDestIds'> {
    const moved = this.#steps.filter(({ live, id }) => live.id !== id)
    const idAfter = new Map(moved.map(({ live, id }) => [live.id, id]))
    const stepOf = new Map(this.#steps.map((step) => [step.live.id, step]))
    const looked = moved.length === 0 ? this.#steps.map(({ live }) => live) : this.#live.services.flatMap((each) => each.destinations)
    const writeDests = looked.flatMap((live): [number, Dest][] => {
      const step = stepOf.get(live.id)
      const entry = { ...entryAfter(live.value, step?.next), sibling: siblingAfter(live.value.sibling, idAfter) }
      if (step !== undefined && step.id !== live.id) {
        return [[step.id, { ...entry, generation: nextGeneration(this.#live.generationOf(step.id)) }]]
      }
      return isSame(live.value, entry) ? [] : [[live.id, entry]]
    })
    return { writeDests, retireDests: moved.map(({ live }) => retiredDest(live)), newDestIds: [...idAfter.values()] }
  }
}

const has = ({ flags }: Dest, flag: number): boolean => (flags & flag) !== 0

const STATE_FLAGS = DestFlag.up | DestFlag.down

function entryAfter(value: Dest, next: MemberHealth | undefined): Dest {
  if (next === undefined) return value
  const flags = (value.flags & ~STATE_FLAGS) | healthFlags(next.health, false)
  return { ...value, flags, effectiveWeight: next.effectiveWeight }
}

function siblingAfter(sibling: number, idAfter: ReadonlyMap<number, number>): number {
  const id = idAfter.get(sibling - 1)
  return id === undefined ? sibling : id + 1
}

function isSame(a: Dest, b: Dest): boolean {
  return a.flags === b.flags && a.effectiveWeight === b.effectiveWeight && a.sibling === b.sibling
}

/** A VIP is up while any of its services has a usable destination. */
function vipSteps({ vips, services }: LiveState, steps: readonly HealthStep[]): Writes['vips'] {
  const after = new Map(steps.map(({ live, destinations }) => [live, destinations.some(({ next }) => next.effectiveWeight > 0)]))
  const up = new Set(
    services.flatMap((each) => {
      const serves = after.get(each) ?? each.destinations.some(({ value }) => value.effectiveWeight > 0)
      return serves ? each.key.vip : []
    }),
  )
  const concerned = new Set(steps.map(({ live }) => live.key.vip))
  return vips
    .filter(({ id }) => concerned.has(id))
    .map((vip) => ({ address: vip.address, id: vip.id, value: { ...vip.value, up: up.has(vip.id) ? 1 : 0 }, live: vip }))
}
