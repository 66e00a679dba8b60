/** Which destination a new flow gets. */
import { hashBytes, hashWord } from '../../../src/dataplane/hash.js'
import { connKeyCodec } from '../../../src/maps/generated.js'
import { addressToWords } from '../../../src/net/address.js'
import { bucketOf, slotOfCursor } from '../../../src/scheduler/hash.js'
import { encodeKey } from '../lb/names.js'
import { HASH_SEED } from '../lb/seed.js'
import { countsOf } from './counts.js'
import type { Flow } from './decision.js'
import {
  chooseByCount,
  chooseCached,
  chooseOfSet,
  chooseOfTwo,
  chooseSlot,
  mhSlots,
  shSlots,
  type Candidate,
  type Memory,
  type NewFlow,
} from './scheduler.js'
import type { Service, Table } from './table.js'

/** Of a flow or template, by its key: what decides where in the conn table it lies. */
export const hashOfKey = (key: string): bigint => hashBytes(HASH_SEED, connKeyCodec.encode(encodeKey(key)))

/** The service's destinations in the order of its ring, each once. */
function candidatesOf(table: Table, service: Service): Candidate[] {
  return [...new Set(service.ring)].map((id) => ({
    ...countsOf(table, id),
    id,
    weight: table.dests.get(id)?.effectiveWeight ?? 0,
  }))
}

function memoryOf(table: Table, service: Service): Memory {
  const memory = table.memories.get(service.id) ?? {
    cached: undefined,
    members: new Set(),
    used: -Infinity,
    modified: -Infinity,
  }
  table.memories.set(service.id, memory)
  return memory
}

/** `rr`, `wrr`: the next slot whose destination takes more; the whole circle when there is none. */
function takeTurn(table: Table, service: Service, takesMore: (id: number) => boolean): number | undefined {
  for (let tries = 0; tries < service.ring.length; tries += 1) {
    const cursor = table.cursors.get(service.id) ?? 0n
    table.cursors.set(service.id, cursor + 1n)
    const id = service.ring[slotOfCursor(cursor, service.ring.length)]
    if (id !== undefined && takesMore(id)) return id
  }
  return undefined
}

/** The destination that the service's scheduler chooses; undefined when it has none. */
export function schedule(table: Table, flow: Flow, service: Service): number | undefined {
  const { scheduler, ring } = service
  if (ring.length === 0) return undefined
  const takesMore = (id: number): boolean => !table.overloaded.has(id)
  const lifetime = Number(table.lblcNs)
  const now = Number(table.now)
  const newFlow: NewFlow = {
    client: addressToWords(flow.client),
    clientPort: flow.clientPort,
    vip: addressToWords(flow.vipAddress),
    hash: hashOfKey(flow.key),
  }
  switch (scheduler) {
    case 'mh':
      return chooseSlot(ring, mhSlots(ring.length, newFlow, service), takesMore)
    case 'sh':
      return chooseSlot(ring, shSlots(newFlow, service), takesMore)
    case 'dh':
      return chooseSlot(ring, [bucketOf(newFlow.vip, 0)], takesMore)
    case 'rr':
    case 'wrr':
      return takeTurn(table, service, takesMore)
    case 'twos':
      return chooseOfTwo(candidatesOf(table, service), newFlow.hash)
    case 'lblc':
      return chooseCached(candidatesOf(table, service), memoryOf(table, service), now, lifetime)
    case 'lblcr':
      return chooseOfSet(candidatesOf(table, service), memoryOf(table, service), now, lifetime)
    default:
      return chooseByCount(scheduler, candidatesOf(table, service))
  }
}

/**
 * Another one, when the real's side of the conn is taken at the first: by hash of the flow and the number of the
 * attempt, so that it depends on nothing else.
 */
export function otherDestination(table: Table, flow: Flow, service: Service, attempt: number): number | undefined {
  const hash = hashWord(hashWord(hashOfKey(flow.key), BigInt(attempt)), 0n)
  const slot = Number(((hash >> 32n) * BigInt(service.ring.length)) >> 32n)
  const other = service.ring[slot]
  return other === undefined || table.overloaded.has(other) ? undefined : other
}
