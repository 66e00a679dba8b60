/**
 * From what the maps hold to what they should hold: which entries to write and which to take away. Pure: reads a
 * LiveState and a Target, touches no map. apply.ts carries it out.
 */
import type { SchedulerConfig } from '../config/schema.js'
import type { LiveDestination, LiveService, LiveState, LiveVip } from '../dataplane/live-state.js'
import { liveScheduler, ringIntact } from '../dataplane/live-state.js'
import { PROTOCOL_NUMBERS } from '../dataplane/lb-maps.js'
import type { RingOrigin } from '../dataplane/ring-store.js'
import { NO_RING, packRing, ringSeal } from '../dataplane/ring-store.js'
import type { Dest, Interface, Service, ServiceKey, Vip } from '../maps/generated.js'
import { Forward, Limit, VipFlag } from '../maps/generated.js'
import { addressToWords } from '../net/address.js'
import { ringDigest } from '../scheduler/digest.js'
import { buildRing } from '../scheduler/ring.js'
import type { DestOwner } from './entries.js'
import { destValue, isDestOf, serviceValue } from './entries.js'
import { IdPool } from './ids.js'
import { siblingsOf } from './siblings.js'
import { reconcileInterfaces, reconcilePeers } from './reconcile-links.js'
import type { Target, TargetDestination, TargetService, TargetVip } from './target.js'

/** A service as it will be, beside what it was. */
export interface ServiceStep {
  target: TargetService
  /** The same service now: by VIP, port and protocol, else by name. */
  live: LiveService | undefined
  key: Omit<ServiceKey, 'era'>
  /** Of the target's destinations. */
  destIds: readonly number[]
  /** With the seal of its ring, unless that is to be written: {@link sealed}. */
  value: Service
  /** The service gets another ring than it has, or none. */
  ringChanged: boolean
  /** The ring to be written, if any. */
  ring: RingWrite | undefined
  /** The ring in the kernel is not what was written there. */
  ringEdited: boolean
}

/** A ring to be written. */
export interface RingWrite {
  index: number
  packed: Buffer
  destinations: RingOrigin['destinations']
}

export interface VipStep {
  address: string
  id: number
  value: Vip
  live: LiveVip | undefined
}

export interface Reconciliation {
  target: Target
  live: LiveState
  services: ServiceStep[]
  vips: VipStep[]
  /** Destinations whose entry is new or different. */
  writeDests: [id: number, value: Dest][]
  /** Taken out of use: their conns die with the generation. */
  retireDests: [id: number, value: Dest][]
  /** Ids given out anew, whose counters start at zero. */
  newServiceIds: number[]
  newDestIds: number[]
  removeVips: LiveVip[]
  removeServices: LiveService[]
  /** Rings that no service will use. */
  removeRings: number[]
  writeInterfaces: [ifindex: number, value: Interface][]
  removeInterfaces: number[]
  /** MACs. */
  writePeers: string[]
  removePeers: string[]
}

export function reconcile(
  live: LiveState,
  target: Target,
): Reconciliation {
  const vips = reconcileVips(live, target)
  const builder = new ServiceBuilder(live, new Map(vips.map(({ address, id }) => [address, id])))
  const services = matchServices(live, target).map(([service, match]) => builder.build(service, match))
  const siblings = siblingsOf(services)
  const matched = new Set(services.flatMap((step) => step.live ?? []))
  const rings = new Set(services.flatMap(({ value }) => (value.ringSize > 0 ? value.ring : [])))
  return {
    target,
    live,
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
  }
}

const keyText = (vip: string | undefined, protocol: number, port: number): string => `${vip} ${protocol} ${port}`

/** Each target service with its live self. VIP, port and protocol say which it is; after an edit of those the name does. */
function matchServices(live: LiveState, target: Target): [TargetService, LiveService | undefined][] {
  const byKey = new Map(live.services.map((each) => [keyText(each.vip, each.key.protocol, each.key.port), each]))
  const exact = target.services.map(({ config }) => {
    return byKey.get(keyText(config.vip, PROTOCOL_NUMBERS[config.protocol], config.port))
  })
  const taken = new Set(exact)
  const byName = new Map(live.services.filter((each) => !taken.has(each)).map((each) => [each.value.name, each]))
  return target.services.map((service, index) => [service, exact[index] ?? byName.get(service.config.name)])
}

function retired(live: LiveState, kept: ReadonlySet<number>): [number, Dest][] {
  const all = [live.orphans, ...live.services.map(({ destinations }) => destinations)]
  const gone = all.flatMap((list) => list.filter(({ id }) => !kept.has(id)))
  return gone.map(({ id, value }) => [id, { ...value, flags: 0, generation: nextGeneration(value.generation) }])
}

const nextGeneration = (generation: number): number => (generation + 1) >>> 0

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

/** The entry of a service whose new ring, if it has one, lies in the map of this id. */
export function sealed({ value, ring }: ServiceStep, ringId: number | undefined): Service {
  if (ring === undefined || ringId === undefined) return value
  return { ...value, ringCrc: ringSeal(ringId, { ...value, destinations: ring.destinations }) }
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
    // The conns of another VIP, port, protocol or forwarding method are not conns of this service: it and its
    // destinations get new ids.
    const moved =
      live?.vip !== config.vip ||
      live.key.port !== config.port ||
      live.key.protocol !== protocol ||
      live.value.forward !== Forward[config.forward]
    const base = serviceValue(target, moved ? this.#newServiceId() : live.value.id, this.#live.settings.hz)
    const known = moved ? [] : live.destinations
    const matches = matchDestinations(target, known)
    const destIds = target.destinations.map((each, index) => this.#destination(each, base, matches[index]))
    const intact = live !== undefined && ringIntact(live)
    const kept = intact && !moved && sameRing(live, target, matches)
    const ring = kept ? undefined : this.#ring(target, destIds)
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

  #ring(target: TargetService, destIds: readonly number[]): { fields: RingFields; write: RingWrite | undefined } {
    const destinations = effective(target)
    const ranks = buildRing(target.config.scheduler, destinations)
    const index = ranks.length === 0 ? 0 : this.#rings.take()
    const entry = { ring: index, ringSize: ranks.length, ringDigest: ringDigest(ranks, destinations) }
    const origin = destinations.map(({ weight }, rank) => ({ id: destIds[rank] ?? 0, effectiveWeight: weight }))
    const fields = { ...entry, ringCrc: ringSeal(NO_RING, { ...entry, destinations: origin }) }
    if (ranks.length === 0) return { fields, write: undefined }
    return { fields, write: { index, packed: packRing(ranks, destIds), destinations: origin } }
  }
}

type RingFields = Pick<Service, 'ring' | 'ringSize' | 'ringDigest' | 'ringCrc'>

function ringOf({ ring, ringSize, ringDigest: digest, ringCrc: crc }: Service): RingFields {
  return { ring, ringSize, ringDigest: digest, ringCrc: crc }
}

/** What the ring is built from. */
function effective({ destinations }: TargetService): { address: string; port: number; weight: number }[] {
  return destinations.map(({ address, port, effectiveWeight }) => ({ address, port, weight: effectiveWeight }))
}

/** Each target destination with its live self. Mostly the two lists have the same order. */
function matchDestinations(
  { destinations }: TargetService,
  known: readonly LiveDestination[],
): (LiveDestination | undefined)[] {
  return destinations.map((target, index) => {
    const likely = known[index]
    return isSameReal(likely, target) ? likely : known.find((each) => isSameReal(each, target))
  })
}

function isSameReal(live: LiveDestination | undefined, { address, port }: TargetDestination): boolean {
  return live !== undefined && live.value.port === port && live.address === address
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
