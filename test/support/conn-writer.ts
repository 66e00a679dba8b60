/** Puts conns into the dataplane's table, where bpf/lib/conn_table.h would have put them. */
import { hashBytes } from '../../src/dataplane/hash.js'
import type { LbMaps } from '../../src/dataplane/lb-maps.js'
import type { Conn, ConnKey, Dest, Settings } from '../../src/maps/generated.js'
import { addrCodec, connKeyCodec, Limit } from '../../src/maps/generated.js'
import { concat, u16 } from './packet/bytes.js'

const TAG_FIRST = 2

export interface ConnPlaces {
  tag: number
  /** The two buckets. */
  indices: number[]
  /** The way that it takes in either when that is free. */
  home: number
}

/** conn_tag(), conn_bucket_index() and conn_home() of what has these bytes as its key. */
export function placesOf(key: Uint8Array, seed: bigint, buckets: number): ConnPlaces {
  const hash = hashBytes(seed, key)
  const [high, low] = [Number(hash >> 32n), Number(hash & 0xffff_ffffn)]
  const tag = low < TAG_FIRST ? low + TAG_FIRST : low
  const halves = [high, Math.imul(low, 0x85ebca6b) >>> 0]
  return { tag, home: high & (Limit.connWays - 1), indices: halves.map((half) => Number((BigInt(half) * BigInt(buckets)) >> 32n)) }
}

function settingsOf(maps: LbMaps): Settings {
  const settings = maps.settings.get(0)
  if (settings === undefined) throw new Error('settings has no entry')
  return settings
}

/** One more conn that has this as its first bucket lies in its second. */
function countOverflow(maps: LbMaps, index: number): void {
  const bucket = maps.conns.get(index)
  if (bucket === undefined) throw new Error(`no bucket ${index}`)
  maps.conns.set(index, { ...bucket, overflow: bucket.overflow + 1 })
}

/** Writes a conn to the first free way of its buckets, and returns its place. Throws when there is none. */
export function writeConn(maps: LbMaps, conn: Conn): number {
  const { hashSeed, connBuckets } = settingsOf(maps)
  const { tag, indices } = placesOf(connKeyCodec.encode(conn.key), hashSeed, connBuckets)
  for (const index of indices) {
    const bucket = maps.conns.get(index)
    const way = bucket?.tag.indexOf(0) ?? -1
    if (bucket === undefined || way < 0) continue
    bucket.tag[way] = tag
    bucket.conn[way] = conn
    maps.conns.set(index, bucket)
    if (index !== indices[0]) countOverflow(maps, indices[0] as number)
    return index * Limit.connWays + way
  }
  throw new Error(`no room in the buckets ${indices.join(' and ')}`)
}

/** The bytes of struct lb_tuple: client, real, both ports, protocol. */
function tupleOf({ client, clientPort, port, protocol }: ConnKey, dest: Dest): Uint8Array {
  const addresses = [client, dest.addr].map((address) => addrCodec.encode(address))
  const ports = [clientPort, dest.port === 0 ? port : dest.port].map((number) => u16(number))
  return concat(...addresses, ...ports, Uint8Array.from(Buffer.from(Uint32Array.of(protocol).buffer)))
}

/** Writes a nat conn and its entry in the index of replies. */
export function writeNatConn(maps: LbMaps, conn: Conn, dest: Dest): number {
  const { hashSeed, connBuckets } = settingsOf(maps)
  const place = writeConn(maps, conn)
  const { tag, indices } = placesOf(tupleOf(conn.key, dest), hashSeed, connBuckets)
  for (const index of indices) {
    const bucket = maps.reverse.get(index)
    const way = bucket?.slot.findIndex((slot) => slot.tag === 0) ?? -1
    if (bucket === undefined || way < 0) continue
    bucket.slot[way] = { tag, conn: place }
    maps.reverse.set(index, bucket)
    const [home, own] = [Math.floor(place / Limit.connWays), place % Limit.connWays]
    const lies = maps.conns.get(home)
    if (lies === undefined) throw new Error(`no bucket ${home}`)
    lies.conn[own] = { ...conn, reverse: 1 + index * Limit.reverseWays + way }
    maps.conns.set(home, lies)
    return place
  }
  throw new Error(`no room in the buckets ${indices.join(' and ')} of reverse`)
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
