/** How much of each ring a reconciliation moves. */
import { readRing, ringSlots } from '../dataplane/ring-store.js'
import type { LbMaps } from '../dataplane/lb-maps.js'
import { addressFromWords } from '../net/address.js'
import type { Reconciliation, ServiceStep } from './reconcile.js'

export interface Disruption {
  service: string
  /** Slots that lead to another real than before: the share of new flows that go elsewhere. */
  slotsMoved: number
  /** Slots of the new ring. */
  slots: number
}

/** Of the services whose ring is written anew and that had one before. */
export function disruptionOf(maps: LbMaps, plan: Reconciliation): Disruption[] {
  return plan.services.flatMap((step) => {
    const { live, ring, value, target } = step
    if (live === undefined || live.value.ringSize === 0 || ring === undefined) return []
    const packed = readRing(maps, live.value.ring)
    const before = packed === undefined ? new Uint32Array(0) : ringSlots(packed, live.value.ringSize)
    const slotsMoved = movedSlots(before, ringSlots(ring.packed, value.ringSize), sameRealOf(step, plan))
    return [{ service: target.config.name, slotsMoved, slots: value.ringSize }]
  })
}

/**
 * Slots whose destination differs. Rings of different size are laid over each other in proportion, which is how mh
 * maps a flow to a slot.
 */
export function movedSlots(
  before: Uint32Array,
  after: Uint32Array,
  sameReal: (before: number | undefined, after: number) => boolean,
): number {
  let moved = 0
  for (let slot = 0; slot < after.length; slot++) {
    const old = before[Math.floor((slot * before.length) / after.length)]
    if (!sameReal(old, after[slot] as number)) moved++
  }
  return moved
}

/** Ids before and after name the same real; a service that moved to another port has new ids for the same reals. */
function sameRealOf({ live }: ServiceStep, plan: Reconciliation): (before: number | undefined, after: number) => boolean {
  const addressOf = new Map(live?.destinations.map(({ id, address }) => [id, address]))
  const written = plan.writeDests.filter(([, value]) => value.service === live?.value.id)
  const newAddressOf = new Map([
    ...addressOf,
    ...written.map(([id, value]) => [id, addressFromWords(value.addr)] as const),
  ])
  return (before, after) => before !== undefined && addressOf.get(before) === newAddressOf.get(after)
}
