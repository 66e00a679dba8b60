/** Conns and templates, read from the kernel in slices; what a filter excludes is never decoded. */
import { offsetOf } from '../maps/codec.js'
import type { Conn } from '../maps/generated.js'
import { addrCodec, connBucketCodec, connCodec, ConnFlag, connKeyCodec, ConnState, KeyKind, Limit } from '../maps/generated.js'
import type { RawMap } from '../maps/raw-map.js'
import { addressToWords, familyOf } from '../net/address.js'
import type { EndpointPattern } from '../net/endpoint.js'

/** One read from the kernel: short enough to be shown at once, and to leave little for the garbage collector. */
const SLICE_BYTES = 32 * 1024

/** The least tag that marks a conn; 0 is free, 1 is being written (bpf/lib/conn_table.h). */
const TAG_FIRST = 2

/** As IPVS prints them (net/netfilter/ipvs/ip_vs_proto_tcp.c, tcp_state_name_table). */
const STATE_NAMES = Object.entries(ConnState)
  .sort(([, a], [, b]) => a - b)
  .map(([name]) => (name === 'synack' ? name : name.replace(/[A-Z]/g, '_$&')).toUpperCase())

/** What a template shows as its state once a conn of it was established (ip_vs_proto.c, ip_vs_state_name()). */
const ASSURED = 'ASSURED'

/** Every name that {@link connStateName} gives. */
export const CONN_STATE_NAMES: readonly string[] = [...STATE_NAMES, ASSURED]

/** The name of an `enum lb_conn_state`. */
export function connStateOf(state: number): string {
  return STATE_NAMES[state] ?? String(state)
}

/** What a conn or template shows as its state. */
export function connStateName({ key, state, flags }: Conn): string {
  const assured = key.kind === KeyKind.template && (flags & ConnFlag.assured) !== 0
  return assured ? ASSURED : connStateOf(state)
}

/** Which conns are wanted; undefined excludes none. */
export interface ConnFilter {
  /** One of {@link CONN_STATE_NAMES}. */
  state?: string | undefined
  /** Whom a template is for depends on its service's netmask: they pass, unless a port other than 0 is asked for. */
  client?: EndpointPattern | undefined
  /** Whether conns of this destination are wanted. */
  dest?: ((id: number, generation: number) => boolean) | undefined
}

/** A slice as it came from the kernel; `at` is where a conn begins, in bytes. */
interface Slice {
  words: Uint32Array
  bytes: Buffer
}

type Test = (slice: Slice, at: number) => boolean

const CONNS = offsetOf(connBucketCodec, 'conn')
const KEY = offsetOf(connCodec, 'key')
const CLIENT = KEY + offsetOf(connKeyCodec, 'client')
const CLIENT_PORT = KEY + offsetOf(connKeyCodec, 'client_port')
const KIND = KEY + offsetOf(connKeyCodec, 'kind')
const DEST = offsetOf(connCodec, 'dest')
const GENERATION = offsetOf(connCodec, 'generation')
const EXPIRES = offsetOf(connCodec, 'expires')
const STATE = offsetOf(connCodec, 'state')
const CHILDREN = offsetOf(connCodec, 'children')
const FLAGS = offsetOf(connCodec, 'flags')

/**
 * The conns and templates that are alive at tick `now` and pass the filter, by slices of the table, each read when it
 * is asked for. The dataplane goes on meanwhile: a conn that begins or ends during the walk may or may not be seen.
 */
export function* readConns(conns: RawMap, now: number, filter: ConnFilter = {}): Generator<Conn[]> {
  const tests = [aliveAt(now), ...testsOf(filter)]
  for (const { values, count } of conns.batches(Math.ceil(SLICE_BYTES / connBucketCodec.size))) {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length / Uint32Array.BYTES_PER_ELEMENT)
    const found = connsIn({ words, bytes: values }, count, tests)
    if (found.length > 0) yield found
  }
}

function connsIn(slice: Slice, buckets: number, tests: readonly Test[]): Conn[] {
  const found: Conn[] = []
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = bucket * connBucketCodec.size
    for (let way = 0; way < Limit.connWays; way++) {
      if (wordAt(slice, start + way * Uint32Array.BYTES_PER_ELEMENT) < TAG_FIRST) continue
      const at = start + CONNS + way * connCodec.size
      if (tests.every((test) => test(slice, at))) found.push(connCodec.decode(slice.bytes, at))
    }
  }
  return found
}

const wordAt = ({ words }: Slice, offset: number): number => words[offset / Uint32Array.BYTES_PER_ELEMENT] as number
const byteAt = ({ bytes }: Slice, offset: number): number => bytes[offset] as number

const isTemplate: Test = (slice, at) => byteAt(slice, at + KIND) === KeyKind.template

/** A template that has run out goes on while conns of it live. */
const aliveAt = (now: number): Test => (slice, at) => {
  if ((byteAt(slice, at + FLAGS) & ConnFlag.live) === 0) return false
  if (((wordAt(slice, at + EXPIRES) - now) | 0) > 0) return true
  return isTemplate(slice, at) && wordAt(slice, at + CHILDREN) > 0
}

/** The cheapest first. */
function testsOf({ state, client, dest }: ConnFilter): Test[] {
  const tests: Test[] = []
  if (state !== undefined) tests.push(inState(state))
  if (dest !== undefined) tests.push((slice, at) => dest(wordAt(slice, at + DEST), wordAt(slice, at + GENERATION)))
  if (client !== undefined) tests.push(ofClient(client))
  return tests
}

function inState(name: string): Test {
  const isAssured: Test = (slice, at) => isTemplate(slice, at) && (byteAt(slice, at + FLAGS) & ConnFlag.assured) !== 0
  if (name === ASSURED) return isAssured
  const wanted = STATE_NAMES.indexOf(name)
  return (slice, at) => byteAt(slice, at + STATE) === wanted && !isAssured(slice, at)
}

function ofClient({ address, prefixLength, port }: EndpointPattern): Test {
  const ipv4 = familyOf(address) === 4
  const bits = ipv4 ? 96 + prefixLength : prefixLength
  const mask = wordsOf(Uint8Array.from({ length: addrCodec.size }, (_, byte) => leadingBits(bits - byte * 8)))
  const wanted = wordsOf(addrCodec.encode(addressToWords(address))).map((word, index) => word & (mask[index] as number))
  return (slice, at) => {
    if (isTemplate(slice, at)) return port === undefined || port === 0
    if (port !== undefined && slice.bytes.readUInt16BE(at + CLIENT_PORT) !== port) return false
    const client = at + CLIENT
    if (isIpv4(slice, client) !== ipv4) return false
    return wanted.every((word, index) => {
      const own = wordAt(slice, client + index * Uint32Array.BYTES_PER_ELEMENT)
      return (own & (mask[index] as number)) >>> 0 === word
    })
  }
}

/** ::ffff:0:0, in whose network IPv4 addresses are. */
const MAPPED = wordsOf(addrCodec.encode(addressToWords('0.0.0.0')))

const isIpv4 = (slice: Slice, at: number): boolean =>
  wordAt(slice, at) === MAPPED[0] && wordAt(slice, at + 4) === MAPPED[1] && wordAt(slice, at + 8) === MAPPED[2]

/** A byte whose first `count` bits are set. */
const leadingBits = (count: number): number => (count <= 0 ? 0 : count >= 8 ? 0xff : (0xff00 >> count) & 0xff)

/** Bytes as the words that they are compared by, copied so that they are aligned. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  return new Uint32Array(Uint8Array.from(bytes).buffer)
}
