/** A conn table with as many conns as it is made for, of a few services. */
import type { LbMaps } from '../src/dataplane/lb-maps.js'
import { offsetOf } from '../src/maps/codec.js'
import type { Conn } from '../src/maps/generated.js'
import {
  connBucketCodec, connCodec, ConnFlag, connKeyCodec, ConnState, DestFlag, Forward, KeyKind, Limit,
} from '../src/maps/generated.js'
import { addressToWords } from '../src/net/address.js'
import type { ConnPlaces } from '../test/support/conn-writer.js'
import { placesOf } from '../test/support/conn-writer.js'

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

/** Bytes of a table in the kernel in which every conn lies where the dataplane would have put it. */
export class FullTable {
  /** How many conns there are: few of those that the table is made for find no room. */
  readonly conns: number
  readonly #map: LbMaps['conns']['raw']
  readonly #values: Buffer
  /** Where in the bytes each conn begins. */
  readonly #offsets: Uint32Array

  /** Takes seconds: a million conns are hashed and written into a buffer of 200 MiB. */
  constructor(maps: LbMaps) {
    const settings = maps.settings.get(0)
    if (settings === undefined) throw new Error('settings has no entry')
    const { hashSeed, connBuckets } = settings
    this.#map = maps.conns.raw
    this.#values = Buffer.alloc(connBuckets * connBucketCodec.size)
    const offsets: number[] = []
    for (let number = 0; number < connBuckets * Limit.connLoad; number++) {
      const conn = connNumber(number)
      const offset = this.#take(placesOf(connKeyCodec.encode(conn.key), hashSeed, connBuckets))
      if (offset === undefined) continue
      connCodec.encodeInto(conn, this.#values, offset)
      offsets.push(offset)
    }
    this.#offsets = Uint32Array.from(offsets)
    this.conns = offsets.length
  }

  /** Writes the whole table to the kernel; all conns are alive until tick `expires`. */
  write(expires: number): void {
    const life = new Uint32Array(this.#values.buffer, this.#values.byteOffset, this.#values.length / WORD)
    for (const offset of this.#offsets) life[(offset + EXPIRES) / WORD] = expires
    const { maxEntries } = this.#map.info
    const values = this.#values
    const keys = Buffer.from(Uint32Array.from({ length: maxEntries }, (_, index) => index).buffer)
    this.#map.setPacked({ keys, values, count: maxEntries })
  }

  /** Marks a way as taken, home before others; undefined when both buckets are full. */
  #take({ tag, indices, home }: ConnPlaces): number | undefined {
    for (const [choice, index] of indices.entries()) {
      const bucket = index * connBucketCodec.size
      const ways = Array.from({ length: Limit.connWays }, (_, each) => (home + each) % Limit.connWays)
      const way = ways.find((each) => this.#values.readUInt32LE(bucket + each * WORD) === 0)
      if (way === undefined) continue
      this.#values.writeUInt32LE(tag, bucket + way * WORD)
      const first = (indices[0] ?? 0) * connBucketCodec.size + OVERFLOW
      if (choice > 0) this.#values.writeUInt32LE(this.#values.readUInt32LE(first) + 1, first)
      return bucket + CONNS + way * connCodec.size
    }
    return undefined
  }
}

const WORD = Uint32Array.BYTES_PER_ELEMENT
const OVERFLOW = offsetOf(connBucketCodec, 'overflow')
const CONNS = offsetOf(connBucketCodec, 'conn')
const EXPIRES = offsetOf(connCodec, 'expires')

/** The conn of that number. */
function connNumber(number: number): Conn {
  const dest = number % RARE === RARE - 1 ? SERVICES.length - 1 : number % (SERVICES.length - 1)
  const client = { word: [0, 0, 0xffff, 0x0a000000 + (number >>> 4)] }
  const key = { client, vip: VIP_ID, protocol: 6, kind: KeyKind.conn, clientPort: 1024 + (number & 15), port: 80 + dest }
  const life = { expires: 0, state: ConnState.established, flags: ConnFlag.live | ConnFlag.nooutput, seq: 0 }
  return { key, dest, generation: 1, ...life, mac: new Uint8Array(6), control: 0, reverse: 0, children: 0 }
}
