/** Counts what lies in the conn table, from its bytes, and what of it does not fit together. */
import type { LbMaps } from '../../src/dataplane/lb-maps.js'
import { ConnFlag, ConnState, KeyKind, Limit } from '../../src/maps/generated.js'

/** Offsets in struct lb_conn_bucket and struct lb_conn. */
const BUCKET = { conns: 64, conn: 64, bytes: 64 + 64 * Limit.connWays }
const AT = { kind: 19, dest: 24, generation: 28, expires: 32, state: 36, flags: 37, control: 48, reverse: 52, children: 56 }
const TAG_FIRST = 2

const ACTIVE: ReadonlySet<number> = new Set([
  ConnState.established,
  ConnState.synSent,
  ConnState.synRecv,
  ConnState.synack,
])

/** A conn or template that is counted. */
export interface LiveConn {
  place: number
  /** Its key's 24 bytes, in hex. */
  key: string
  isTemplate: boolean
  dest: number
  generation: number
  /** Tick. */
  expires: number
  state: number
  flags: number
  control: number
  reverse: number
  children: number
}

/** Every conn and template that is counted, and the places whose tag is neither free nor of one. */
export function liveConns(maps: LbMaps): LiveConn[] {
  const found: LiveConn[] = []
  for (const batch of maps.conns.raw.batches()) {
    for (let index = 0; index < batch.count; index += 1) {
      const bytes = batch.values.subarray(index * BUCKET.bytes, (index + 1) * BUCKET.bytes)
      const first = batch.keys.readUInt32LE(index * 4) * Limit.connWays
      for (let way = 0; way < Limit.connWays; way += 1) {
        const conn = liveConn(bytes, way, first + way)
        if (conn !== undefined) found.push(conn)
      }
    }
  }
  return found
}

function liveConn(bucket: Buffer, way: number, place: number): LiveConn | undefined {
  const conn = bucket.subarray(BUCKET.conns + way * BUCKET.conn, BUCKET.conns + (way + 1) * BUCKET.conn)
  const flags = conn.readUInt8(AT.flags)
  if (bucket.readUInt32LE(way * 4) < TAG_FIRST || (flags & ConnFlag.live) === 0) return undefined
  return {
    place,
    key: conn.toString('hex', 0, AT.dest),
    isTemplate: conn.readUInt8(AT.kind) === KeyKind.template,
    dest: conn.readUInt32LE(AT.dest),
    generation: conn.readUInt32LE(AT.generation),
    expires: conn.readUInt32LE(AT.expires),
    state: conn.readUInt8(AT.state),
    flags,
    control: conn.readUInt32LE(AT.control),
    reverse: conn.readUInt32LE(AT.reverse),
    children: conn.readUInt32LE(AT.children),
  }
}

/** Conns of one destination by class. */
export interface Census {
  active: number
  inactive: number
  persistent: number
}

/** What `dest_state` has to say of each destination in `ids`, whose generation is `generationOf`. */
export function censusOf(
  conns: readonly LiveConn[],
  ids: Iterable<number>,
  generationOf: (id: number) => number,
): Map<number, Census> {
  const census = new Map([...ids].map((id) => [id, { active: 0, inactive: 0, persistent: 0 }]))
  for (const { dest, generation, isTemplate, state } of conns) {
    const counted = census.get(dest)
    if (counted === undefined || generation !== generationOf(dest)) continue
    if (isTemplate) counted.persistent += 1
    else if (ACTIVE.has(state)) counted.active += 1
    else counted.inactive += 1
  }
  return census
}

/** What in the table contradicts itself; empty when nothing does. `now`: tick. */
export function contradictions(maps: LbMaps, conns: readonly LiveConn[], now: number): string[] {
  const byPlace = new Map(conns.map((conn) => [conn.place, conn]))
  const children = new Map<number, number>()
  const keys = new Map<string, number>()
  const problems: string[] = []
  for (const { place, key, control, reverse, expires } of conns) {
    if (control !== 0) children.set(control - 1, (children.get(control - 1) ?? 0) + 1)
    if (((expires - now) | 0) > 0) keys.set(key, (keys.get(key) ?? 0) + 1)
    if (reverse !== 0 && !namesBack(maps, reverse - 1, place)) problems.push(`reverse of ${place} names another conn`)
  }
  for (const [place, count] of children) {
    if (byPlace.get(place)?.isTemplate !== true) problems.push(`${count} conns have ${place} as template, which is none`)
  }
  for (const { place, isTemplate, children: counted } of conns) {
    const real = children.get(place) ?? 0
    if (isTemplate && counted !== real) problems.push(`template ${place} counts ${counted} children, and has ${real}`)
  }
  for (const [key, count] of keys) if (count > 1) problems.push(`${count} conns have the key ${key}`)
  return problems
}

function namesBack(maps: LbMaps, entry: number, place: number): boolean {
  const bucket = maps.reverse.get(Math.floor(entry / Limit.reverseWays))
  const slot = bucket?.slot[entry % Limit.reverseWays]
  return slot?.tag !== 0 && slot?.conn === place
}

/** Makes a conn's time pass. */
export function setExpiry(maps: LbMaps, place: number, tick: number): void {
  const bucket = Math.floor(place / Limit.connWays)
  const key = Buffer.from(Uint32Array.of(bucket).buffer)
  const bytes = maps.conns.raw.get(key)
  if (bytes === undefined) throw new Error(`no bucket ${bucket}`)
  const value = Buffer.from(bytes)
  value.writeUInt32LE(tick >>> 0, BUCKET.conns + (place % Limit.connWays) * BUCKET.conn + AT.expires)
  maps.conns.raw.set(key, value)
}
