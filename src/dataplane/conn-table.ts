/** The conn table as user space reads it. */
import type { Conn } from '../maps/generated.js'
import { connBucketCodec, Limit } from '../maps/generated.js'
import type { LbMaps } from './lb-maps.js'

/** The least tag that marks a conn; 0 is free, 1 is being written (bpf/lib/conn_table.h). */
const TAG_FIRST = 2

/** Entries of `conns` for so many conns: filled to 5 of 8 ways, fewer than one in a thousand new flows finds no room. */
export function connBuckets(maxConns: number): number {
  return Math.ceil(maxConns / Limit.connLoad)
}

/** All conns that are alive at tick `now`, read in batches off the event loop. */
export async function* liveConns(maps: LbMaps, now: number): AsyncGenerator<Conn> {
  for await (const { values, count } of maps.conns.raw.batchesAsync()) {
    for (let index = 0; index < count; index++) yield* liveIn(values, index * connBucketCodec.size, now)
  }
}

/** Most buckets of a table are empty, so the tags are looked at before anything is decoded. */
function* liveIn(values: Buffer, offset: number, now: number): Generator<Conn> {
  const tags = new Uint32Array(values.buffer, values.byteOffset + offset, Limit.connWays)
  if (tags.every((tag) => tag < TAG_FIRST)) return
  for (const [way, conn] of connBucketCodec.decode(values, offset).conn.entries()) {
    if ((tags[way] as number) >= TAG_FIRST && ((conn.expires - now) | 0) > 0) yield conn
  }
}
