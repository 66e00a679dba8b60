/** A conn table with as many conns as it is made for, of a few services. */
import type { LbMaps } from '../src/dataplane/lb-maps.js'
import { connBucketCodec, connCodec, ConnFlag, ConnState, DestFlag, Forward, KeyKind, Limit } from '../src/maps/generated.js'
import { addressToWords } from '../src/net/address.js'

const VIP_ID = 1
const SERVICES = ['web', 'api', 'mail', 'dns', 'rare'] as const
/** One conn in this many is of the last service. */
const RARE = 100_000

export function fillServices(maps: LbMaps): void {
  maps.vips.set(VIP_ID, { addr: addressToWords('203.0.113.10'), flags: 0, echo: 0, up: 1 })
  for (const [id, name] of SERVICES.entries()) {
    const port = 80 + id
    const plain = { ring: 0, ringSize: 0, scheduler: 0, forward: Forward.dr,
      sibling: 0, flags: 0, tableSize: 0, ringDigest: 0n, ringCrc: 0 }
    const persistence = { persistenceTicks: 0, persistenceScope: 0, persistencePrefix: 0, persistenceSeconds: 0 }
    maps.services.set({ vip: VIP_ID, port, protocol: 6, era: 0 }, { id, name, ...plain, ...persistence })
    const neighbour = { mac: new Uint8Array(6), srcMac: new Uint8Array(6), ifindex: 1 }
    const load = { weight: 1, effectiveWeight: 1, upper: 0, lower: 0, forward: Forward.dr, sibling: 0 }
    const addr = addressToWords(`10.0.0.${id + 1}`)
    maps.dests.set(id, { addr, ...neighbour, service: id, generation: 1, port, flags: DestFlag.live, ...load })
  }
}

/**
 * As many conns in each bucket as a full table has on average; where in it a conn lies does not matter to a walk.
 * `expires`: the tick, of all.
 */
export function fillConns(maps: LbMaps, expires: number): void {
  const { raw } = maps.conns
  for (let from = 0; from < raw.info.maxEntries; from += raw.batchSize) {
    const count = Math.min(raw.batchSize, raw.info.maxEntries - from)
    const keys = Buffer.from(Uint32Array.from({ length: count }, (_, index) => from + index).buffer)
    const values = Buffer.alloc(count * connBucketCodec.size)
    for (let index = 0; index < count; index++) fillBucket(values, index * connBucketCodec.size, from + index, expires)
    raw.setPacked({ keys, values, count })
  }
}

function fillBucket(values: Buffer, at: number, bucket: number, expires: number): void {
  for (let way = 0; way < Limit.connLoad; way++) {
    const number = bucket * Limit.connLoad + way
    const dest = number % RARE === RARE - 1 ? SERVICES.length - 1 : number % (SERVICES.length - 1)
    const client = { word: [0, 0, 0xffff, 0x0a000000 + (number >>> 4)] }
    const key = { client, vip: VIP_ID, protocol: 6, kind: KeyKind.conn, clientPort: 1024 + (number & 15), port: 80 + dest }
    const life = { expires, state: ConnState.established, flags: ConnFlag.live | ConnFlag.nooutput, seq: 0 }
    const rest = { mac: new Uint8Array(6), control: 0, reverse: 0, children: 0 }
    values.writeUInt32LE(number + 2, at + way * Uint32Array.BYTES_PER_ELEMENT)
    const offset = at + connBucketCodec.size - (Limit.connWays - way) * connCodec.size
    connCodec.encodeInto({ key, dest, generation: 1, ...life, ...rest }, values, offset)
  }
}
