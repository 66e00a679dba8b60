/** A ring that is built anew, and what its service's entry says of it. Pure. */
import type { SchedulerConfig } from '../config/schema.js'
import type { RingOrigin } from '../dataplane/ring-store.js'
import { NO_RING, packRing, ringSeal } from '../dataplane/ring-store.js'
import type { Service } from '../maps/generated.js'
import { ringDigest } from '../scheduler/digest.js'
import { buildRing } from '../scheduler/ring.js'
import type { IdPool } from './ids.js'

/** A ring to be written. */
export interface RingWrite {
  index: number
  packed: Buffer
  destinations: RingOrigin['destinations']
}

export type RingFields = Pick<Service, 'ring' | 'ringSize' | 'ringDigest' | 'ringCrc'>

export interface NewRing {
  fields: RingFields
  /** Undefined when nobody is usable: then there is no ring. */
  write: RingWrite | undefined
}

/** What a ring is built from. */
export interface RingMember {
  address: string
  port: number
  effectiveWeight: number
}

/**
 * @param members - in canonical order
 * @param destIds - of each member
 * @param rings - free indices of `rings`
 */
export function newRing(
  scheduler: SchedulerConfig,
  members: readonly RingMember[],
  { destIds, rings }: { destIds: readonly number[]; rings: IdPool },
): NewRing {
  const weighted = members.map(({ address, port, effectiveWeight }) => ({ address, port, weight: effectiveWeight }))
  const ranks = buildRing(scheduler, weighted)
  const index = ranks.length === 0 ? 0 : rings.take()
  const entry = { ring: index, ringSize: ranks.length, ringDigest: ringDigest(ranks, weighted) }
  const destinations = weighted.map(({ weight }, rank) => ({ id: destIds[rank] ?? 0, effectiveWeight: weight }))
  const fields = { ...entry, ringCrc: ringSeal(NO_RING, { ...entry, destinations }) }
  return { fields, write: ranks.length === 0 ? undefined : { index, packed: packRing(ranks, destIds), destinations } }
}

/** The fields of a ring that stays. */
export function ringOf({ ring, ringSize, ringDigest: digest, ringCrc: crc }: Service): RingFields {
  return { ring, ringSize, ringDigest: digest, ringCrc: crc }
}
