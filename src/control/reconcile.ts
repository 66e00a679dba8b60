/**
 * From what the maps hold to what they should hold: which entries to write and which to take away. Pure: reads a
 * LiveState and a Target, touches no map. apply.ts carries it out.
 */
import type { SchedulerConfig } from '../config/schema.js'
import type { LiveDestination, LiveService, LiveState, LiveVip } from '../dataplane/live-state.js'
import { liveScheduler, ringIntact } from '../dataplane/live-state.js'
import { PROTOCOL_NUMBERS } from '../dataplane/lb-maps.js'
import type { Dest, Vip } from '../maps/generated.js'
import { Limit, VipFlag } from '../maps/generated.js'
import { addressToWords } from '../net/address.js'
import type { DestOwner } from './entries.js'
import { destValue, isDestOf, serviceValue } from './entries.js'
import { IdPool } from './ids.js'
import { matchDestinations, matchServices, sameService } from './match.js'
import { newRing, ringOf } from './new-ring.js'
import { siblingsOf } from './siblings.js'
import { reconcileInterfaces, reconcilePeers, reconcilePingSources } from './reconcile-links.js'
import type { Target, TargetDestination, TargetService, TargetVip } from './target.js'
import type { ServiceWrite, VipStep, Writes } from './writes.js'
import { nextGeneration, retiredDest } from './writes.js'

/** A service of the configuration as it will be, beside what it was. */
export interface ServiceStep extends ServiceWrite {
  target: TargetService
  /** Of the target's destinations. */
  destIds: readonly number[]
  /** The ring in the kernel is not what was written there. */
  ringEdited: boolean
}

export interface Reconciliation extends Writes {
  target: Target
  services: ServiceStep[]
  removeServices: LiveService[]
}

export function reconcile(live: LiveState, target: Target): Reconciliation {
  const vips = reconcileVips(live, target)
  const builder = new ServiceBuilder(live, new Map(vips.map(({ address, id }) => [address, id])))
  const matches = matchServices(
    live,
    target.services.map(({ config }) => config),
  )
  const services = target.services.map((service, index) => builder.build(service, matches[index]))
  const siblings = siblingsOf(services)
  const matched = new Set(services.flatMap((step) => step.live ?? []))
  const rings = new Set(services.flatMap(({ value }) => (value.ringSize > 0 ? value.ring : [])))
  return {
    target,
    live,
    settings: target.settings,
    services,
    vips,
    writeDests: builder.destWrites(siblings),
    retireDests: retired(live, builder.keptDests),
    newServiceIds: builder.newServiceIds,
    newDestIds: builder.newDestIds,
    removeVips: live.vips.filter(({ address }) => !target.vips.has(address)),
    removeServices: live.services.filter((service) => !matched.has(service)),
    removeRings: [...live.ringIndices].filter((index) => !rings.has(index)),
    ...reconcileInterfaces(live, target),
    ...reconcilePeers(live, target),
    ...reconcilePingSources(live, target),
  }
}

function retired(live: LiveState, kept: ReadonlySet<number>): [number, Dest][] {
  const all = [live.orphans, ...live.services.map(({ destinations }) => destinations)]
  const gone = all.flatMap((list) => list.filter(({ id }) => !kept.has(id)))
  return gone.map(retiredDest)
}

function reconcileVips(live: LiveState, target: Target): VipStep[] {
  const liveByAddress = new Map(live.vips.map((vip) => [vip.address, vip]))
  // A service whose VIP's entry was deleted still answers under that id.
  const pool = new IdPool('VIPs', Limit.maxVips, [
    ...live.vips.map(({ id }) => id),
    ...live.services.map(({ key }) => key.vip),
  ])
  return [...target.vips.values()].map((vip) => {
    const match = liveByAddress.get(vip.address)
    const id = match?.id ?? pool.take()
    return { address: vip.address, id, value: vipValue(vip, match), live: match }
  })
}

/** VipFlag.bound is a record of what we did: it stays while the host is to answer, and goes when unbindVips() undoes it. */
function vipValue(vip: TargetVip, live: LiveVip | undefined): Vip {
  const bound = (vip.flags & VipFlag.bind) === 0 ? 0 : (live?.value.flags ?? 0) & VipFlag.bound
  return { addr: addressToWords(vip.address), flags: vip.flags | bound, echo: vip.echo, up: vip.up }
}

/** Gives ids to services and destinations, and finds out which rings must be written. */
class ServiceBuilder {
  readonly keptDests = new Set<number>()
  readonly newServiceIds: number[] = []
  readonly newDestIds: number[] = []
  readonly #destinations: { id: number; target: TargetDestination; owner: DestOwner; live: LiveDestination | undefined }[] =
    []
  readonly #live: LiveState
  readonly #vipIds: ReadonlyMap<string, number>
  readonly #serviceIds: IdPool
  readonly #destIds: IdPool
  readonly #rings: IdPool

  constructor(live: LiveState, vipIds: ReadonlyMap<string, number>) {
    this.#live = live
    this.#vipIds = vipIds
    const destinations = [...live.orphans, ...live.services.flatMap((service) => service.destinations)]
    this.#serviceIds = new IdPool('services', Limit.maxServices, [
      ...live.services.map(({ value }) => value.id),
      ...live.orphans.map(({ value }) => value.service),
    ])
    this.#destIds = new IdPool(
      'destinations',
      Limit.maxDests,
      destinations.map(({ id }) => id),
    )
    this.#rings = new IdPool('rings', Limit.maxRings, live.ringIndices)
  }

  build(target: TargetService, live: LiveService | undefined): ServiceStep {
    const { config } = target
    const protocol = PROTOCOL_NUMBERS[config.protocol]
    const key = { vip: this.#vipIds.get(config.vip) ?? 0, port: config.port, protocol }
    const same = sameService(live, config)
    const base = serviceValue(target, same?.value.id ?? this.#newServiceId(), this.#live.settings.hz)
    const matches = matchDestinations(target.destinations, same?.destinations ?? [])
    const destIds = target.destinations.map((each, index) => this.#destination(each, base, matches[index]))
    const intact = live !== undefined && ringIntact(live)
    const kept = intact && same !== undefined && sameRing(same, target, matches)
    const ring = kept ? undefined : newRing(config.scheduler, target.destinations, { destIds, rings: this.#rings })
    return {
      target,
      live,
      key,
      destIds,
      value: { ...base, ...(ring === undefined && live !== undefined ? ringOf(live.value) : ring?.fields) },
      ringChanged: ring !== undefined,
      ring: ring?.write,
      ringEdited: live !== undefined && !intact,
    }
  }

  #newServiceId(): number {
    const id = this.#serviceIds.take()
    this.newServiceIds.push(id)
    return id
  }

  #destination(target: TargetDestination, owner: DestOwner, live: LiveDestination | undefined): number {
    const id = live?.id ?? this.#destIds.take()
    this.keptDests.add(id)
    if (live === undefined) this.newDestIds.push(id)
    this.#destinations.push({ id, target, owner, live })
    return id
  }

  /** The entries of destinations that are new or different. */
  destWrites(siblings: ReadonlyMap<number, number>): [number, Dest][] {
    return this.#destinations.flatMap(({ id, target, owner, live }): [number, Dest][] => {
      const sibling = siblings.get(id) ?? 0
      if (live !== undefined && isDestOf(live.value, target, { forward: owner.forward, sibling })) return []
      // Grown when it was taken out of use too; a program that still read the old ring may have made a conn since.
      const generation = live?.value.generation ?? nextGeneration(this.#live.generationOf(id))
      return [[id, destValue(target, owner, { generation, sibling })]]
    })
  }
}

/**
 * Whether the live ring was built from the same scheduler, destinations and weights.
 *
 * @param matches - the live self of each target destination
 */
function sameRing(
  live: LiveService,
  target: TargetService,
  matches: readonly (LiveDestination | undefined)[],
): boolean {
  if (!sameScheduler(liveScheduler(live.value), target.config.scheduler)) return false
  if (live.destinations.length !== target.destinations.length) return false
  return target.destinations.every(({ effectiveWeight }, index) => {
    return matches[index]?.value.effectiveWeight === effectiveWeight
  })
}

/** Schedulers that build the same ring; which slot of it a flow takes is the service's entry's affair. */
function sameScheduler(a: SchedulerConfig, b: SchedulerConfig): boolean {
  return a.name === b.name && (a.name !== 'mh' || b.name !== 'mh' || a.tableSize === b.tableSize)
}
