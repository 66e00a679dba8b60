/** How much of each ring a reconciliation moves. */
import { isHash } from '../config/normalise.js'
import { readRing, ringSlots } from '../dataplane/ring-store.js'
import type { LbMaps } from '../dataplane/lb-maps.js'
import type { LiveService } from '../dataplane/live-state.js'
import { addressFromWords } from '../net/address.js'
import type { Reconciliation, ServiceStep } from './reconcile.js'
import { realName } from './service-view.js'

export interface Disruption {
  service: string
  /** Slots that lead to another real than before: the share of new flows that go elsewhere. */
  slotsMoved: number
  /** Slots of the ring; of the larger one when its size changes. */
  slots: number
}

/** Of the services whose ring is written anew and that had one before. */
export function disruptionOf(maps: LbMaps, plan: Reconciliation): Disruption[] {
  return plan.services.flatMap((step) => {
    const { live, ringChanged, ring, value, target } = step
    if (live === undefined || live.value.ringSize === 0 || !ringChanged) return []
    const before = readSlots(maps, live)
    const after = ring === undefined ? new Uint32Array(0) : ringSlots(ring.packed, value.ringSize)
    const names = namesOf(step, plan)
    const count = isHash(target.config.scheduler) ? movedSlots : movedShares
    return [{ service: target.config.name, ...count(name(before, names), name(after, names)) }]
  })
}

type Names = readonly (string | undefined)[]

function readSlots(maps: LbMaps, { ringId, value }: LiveService): Uint32Array {
  const packed = ringId === undefined ? undefined : readRing(maps, ringId)
  return packed === undefined ? new Uint32Array(0) : ringSlots(packed, value.ringSize)
}

function name(slots: Uint32Array, names: ReadonlyMap<number, string>): Names {
  return Array.from(slots, (id) => names.get(id))
}

/**
 * Slots whose real differs. A ring of another size is laid over the old one in proportion, which is how mh maps a
 * flow to a slot.
 */
export function movedSlots(before: Names, after: Names): Omit<Disruption, 'service'> {
  const slots = Math.max(before.length, after.length)
  const at = (ring: Names, slot: number): string | undefined => ring[Math.floor((slot * ring.length) / slots)]
  let slotsMoved = 0
  for (let slot = 0; slot < slots; slot++) if (at(before, slot) !== at(after, slot)) slotsMoved++
  return { slotsMoved, slots }
}

/**
 * Slots that a real has gained or lost, whichever is more. Where no hash picks the slot, it does not matter which slot is
 * where.
 */
export function movedShares(before: Names, after: Names): Omit<Disruption, 'service'> {
  const balance = new Map<string | undefined, number>()
  for (const real of after) balance.set(real, (balance.get(real) ?? 0) + 1)
  for (const real of before) balance.set(real, (balance.get(real) ?? 0) - 1)
  const gained = [...balance.values()].reduce((sum, each) => sum + Math.max(each, 0), 0)
  const lost = [...balance.values()].reduce((sum, each) => sum + Math.max(-each, 0), 0)
  return { slotsMoved: Math.max(gained, lost), slots: Math.max(before.length, after.length) }
}

/** Reals by destination id, old and new: a service that moved to another port has new ids for the same reals. */
function namesOf({ live, key, value: service }: ServiceStep, plan: Reconciliation): Map<number, string> {
  const before = live?.destinations ?? []
  const written = plan.writeDests.filter(([, value]) => value.service === service.id)
  return new Map([
    ...before.map(({ id, address, value }) => [id, realName(live?.key.port ?? 0, address, value.port)] as const),
    ...written.map(([id, { addr, port }]) => [id, realName(key.port, addressFromWords(addr), port)] as const),
  ])
}
