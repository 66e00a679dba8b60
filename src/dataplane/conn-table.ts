/** The conn table as user space reads it. */
import type { Conn, ConnBucket } from '../maps/generated.js'
import { connBucketCodec, Limit } from '../maps/generated.js'
import type { LbMaps } from './lb-maps.js'

/** The least tag that marks a conn; 0 is free, 1 is being written (bpf/lib/conn.h). */
const TAG_FIRST = 2

/** Entries of `conns` for so many conns: filled to 5 of 8 ways, fewer than one in a thousand new flows finds no room. */
export function connBuckets(maxConns: number): number {
  return Math.ceil(maxConns / Limit.connLoad)
}

export interface ConnEntry {
  conn: Conn
  /** Tick; see clock.ts. */
  expires: number
}

/** All conns that are alive at tick `now`, read in batches off the event loop. */
export async function* liveConns(maps: LbMaps, now: number): AsyncGenerator<ConnEntry> {
  for await (const { values, count } of maps.conns.raw.batchesAsync()) {
    for (let index = 0; index < count; index++) yield* liveIn(values, index * connBucketCodec.size, now)
  }
}

const EXPIRES_OFFSET = Limit.connWays * 4

/** Most buckets of a table are empty, so the tags are looked at before anything is decoded. */
function* liveIn(values: Buffer, offset: number, now: number): Generator<ConnEntry> {
  const tags = new Uint32Array(values.buffer, values.byteOffset + offset, 2 * Limit.connWays)
  let bucket: ConnBucket | undefined
  for (let way = 0; way < Limit.connWays; way++) {
    const expires = tags[EXPIRES_OFFSET / 4 + way] as number
    if ((tags[way] as number) < TAG_FIRST || ((expires - now) | 0) <= 0) continue
    bucket ??= connBucketCodec.decode(values, offset)
    yield { conn: bucket.conn[way] as Conn, expires }
  }
}
