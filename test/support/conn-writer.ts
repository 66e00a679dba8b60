/** Puts conns into the dataplane's table, where bpf/lib/conn_table.h would have put them. */
import { hashBytes } from '../../src/dataplane/hash.js'
import type { LbMaps } from '../../src/dataplane/lb-maps.js'
import type { Conn } from '../../src/maps/generated.js'
import { connKeyCodec, Limit } from '../../src/maps/generated.js'

const TAG_FIRST = 2

/** conn_bucket() and conn_tag(). */
function placesOf(conn: Conn, seed: bigint, buckets: number): { tag: number; indices: number[] } {
  const hash = hashBytes(seed, connKeyCodec.encode(conn.key))
  const [high, low] = [Number(hash >> 32n), Number(hash & 0xffff_ffffn)]
  const tag = low < TAG_FIRST ? low + TAG_FIRST : low
  const halves = [high, Math.imul(low, 0x85ebca6b) >>> 0]
  return { tag, indices: halves.map((half) => Number((BigInt(half) * BigInt(buckets)) >> 32n)) }
}

/** Writes a conn to the first free way of its buckets, and returns its place. Throws when there is none. */
export function writeConn(maps: LbMaps, conn: Conn): number {
  const settings = maps.settings.get(0)
  if (settings === undefined) throw new Error('settings has no entry')
  const { tag, indices } = placesOf(conn, settings.hashSeed, settings.connBuckets)
  for (const index of indices) {
    const bucket = maps.conns.get(index)
    const way = bucket?.tag.indexOf(0) ?? -1
    if (bucket === undefined || way < 0) continue
    bucket.tag[way] = tag
    bucket.conn[way] = conn
    maps.conns.set(index, bucket)
    return index * Limit.connWays + way
  }
  throw new Error(`no room in the buckets ${indices.join(' and ')}`)
}

/** A conn and where it lies: bucket * ways + way. */
export interface PlacedConn {
  place: number
  conn: Conn
}

/** Every conn and template in the table, dead ones too. */
export function placedConns(maps: LbMaps): PlacedConn[] {
  return [...maps.conns.entries()].flatMap(([index, { tag, conn }]) =>
    conn.flatMap((one, way) =>
      (tag[way] ?? 0) >= TAG_FIRST ? [{ place: index * Limit.connWays + way, conn: one }] : [],
    ),
  )
}

/** Every conn and template in the table, dead ones too. */
export const readConns = (maps: LbMaps): Conn[] => placedConns(maps).map(({ conn }) => conn)

function zeroAll(map: LbMaps['conns'] | LbMaps['reverse']): void {
  const count = map.info.maxEntries
  const keys = Buffer.from(Uint32Array.from({ length: count }, (_, index) => index).buffer)
  map.raw.setPacked({ keys, values: Buffer.alloc(count * map.raw.valueBytes), count })
}

/** Empties the table, and the index of replies. */
export function clearConns(maps: LbMaps): void {
  zeroAll(maps.conns)
  zeroAll(maps.reverse)
}
