/** Which destination a new flow gets. */
import { hashBytes, hashWord } from '../../../src/dataplane/hash.js'
import { connKeyCodec } from '../../../src/maps/generated.js'
import { addressToWords } from '../../../src/net/address.js'
import { slotFor, slotOfCursor } from '../../../src/scheduler/hash.js'
import { encodeKey } from '../lb/names.js'
import { HASH_SEED } from '../lb/seed.js'
import type { Flow } from './decision.js'
import type { Service, Table } from './table.js'

function pickSlot(table: Table, flow: Flow, service: Service): number {
  const { scheduler } = service
  if (scheduler === 'mh' || scheduler === 'sh' || scheduler === 'dh') {
    return slotFor({ name: scheduler, ports: service.ports }, service.ring.length, {
      client: addressToWords(flow.client),
      clientPort: flow.clientPort,
      vip: addressToWords(flow.vipAddress),
    })
  }
  const cursor = table.cursors.get(service.id) ?? 0n
  table.cursors.set(service.id, cursor + 1n)
  return slotOfCursor(cursor, service.ring.length)
}

/** The destination that the service's scheduler chooses; undefined when it has none. */
export function schedule(table: Table, flow: Flow, service: Service): number | undefined {
  if (service.ring.length === 0) return undefined
  return service.ring[pickSlot(table, flow, service)]
}

/**
 * Another one, when the real's side of the conn is taken at the first: by hash of the flow and the number of the
 * attempt, so that it depends on nothing else.
 */
export function otherDestination(table: Table, flow: Flow, service: Service, attempt: number): number | undefined {
  const hash = hashWord(hashWord(hashBytes(HASH_SEED, connKeyCodec.encode(encodeKey(flow.key))), BigInt(attempt)), 0n)
  const slot = Number(((hash >> 32n) * BigInt(service.ring.length)) >> 32n)
  const other = service.ring[slot]
  return other === undefined || table.overloaded.has(other) ? undefined : other
}
