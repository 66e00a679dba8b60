/** test/bpf/icmp_lib.c: the dataplane's headers about ICMP under BPF_PROG_TEST_RUN, one function a program. */
import { be16, struct, u32, u8 } from '../../src/btf/layout.js'
import { InterfaceTable } from '../../src/dataplane/interface-table.js'
import { addressFromWords, addressToWords, type AddressWords } from '../../src/net/address.js'
import { macBytes } from '../../src/net/mac.js'
import { Codec, u32Codec } from '../../src/maps/codec.js'
import { plainMap } from '../../src/maps/descriptor.js'
import { addrCodec, ConnState, Limit, Verdict, XdpMode, xdpLb, type Settings } from '../../src/maps/generated.js'
import { MapType } from '../../src/maps/map-type.js'
import { Collection } from '../../src/loader/collection.js'
import { CollectionSpec } from '../../src/loader/collection-spec.js'
import type { Packet } from './packet/build.js'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const OBJECT = fileURLToPath(new URL('../../build/bpf/test/icmp_lib.o', import.meta.url))
/** Maps that these programs do not use need no room. */
const UNUSED = ['vips', 'dests', 'dest_state', 'dest_stats', 'svc_stats', 'sched_state', 'fragments', 'vip_buckets']
/** BPF_PROG_TEST_RUN receives on the loopback interface. */
const INGRESS = 1

interface RewriteValue {
  outerAddr: AddressWords
  quotedAddr: AddressWords
  quotedPort: number
  outer: number
  quoted: number
}

interface QuoteValue {
  src: AddressWords
  dst: AddressWords
  sport: number
  dport: number
  l3Off: number
  l4Off: number
  end: number
  protocol: number
  family: number
  icmpType: number
}

const rewriteCodec = new Codec<RewriteValue>(
  struct('icmp_lib_rewrite', 36, {
    outer_addr: [0, addrCodec.layout],
    quoted_addr: [16, addrCodec.layout],
    quoted_port: [32, be16],
    outer: [34, u8],
    quoted: [35, u8],
  }),
)

const quoteCodec = new Codec<QuoteValue>(
  struct('icmp_lib_quote', 52, {
    src: [0, addrCodec.layout],
    dst: [16, addrCodec.layout],
    sport: [32, be16],
    dport: [34, be16],
    l3_off: [36, u32],
    l4_off: [40, u32],
    end: [44, u32],
    protocol: [48, u8],
    family: [49, u8],
    icmp_type: [50, u8],
    pad: [51, u8],
  }),
)

const base = (name: string): { name: string; type: number; flags: number } => ({ name, type: MapType.array, flags: 0 })
const program = (name: string): { name: string; section: string } => ({ name, section: 'xdp.frags' })

const icmpLib = {
  name: 'icmp_lib',
  maps: {
    settings: xdpLb.maps.settings,
    limits: xdpLb.maps.limits,
    interfaces: xdpLb.maps.interfaces,
    rewrites: plainMap(base('rewrites'), u32Codec, rewriteCodec),
    quotes: plainMap(base('quotes'), u32Codec, quoteCodec),
  },
  programs: {
    readQuote: program('read_quote'),
    rewriteError: program('rewrite_error'),
    portUnreachable: program('port_unreachable'),
    timeExceeded: program('time_exceeded'),
    reset: program('reset'),
  },
}

/** `undecided`: go on. */
export type LibVerdict = keyof typeof Verdict | 'undecided'

export interface LibResult {
  verdict: LibVerdict
  frame: Uint8Array
}

/** What {@link IcmpLib.rewrite} replaces; `end` says of which address. */
export interface Rewrite {
  outer?: { end: 'src' | 'dst'; address: string }
  quoted?: { end: 'src' | 'dst'; address: string; port: number }
}

export interface Quote {
  src: string
  dst: string
  sport: number
  dport: number
  protocol: number
  icmpType: number
  /** Offsets in the frame. */
  l3Off: number
  l4Off: number
  end: number
}

export type Answer = 'portUnreachable' | 'timeExceeded' | 'reset'

/** Parts of a token, of which a tick brings 16 for each token a second: so many that none comes back in a test. */
export const SLOW_HZ = 2 ** 22

const ENDS = { src: 1, dst: 2 } as const
const UNDECIDED = 0xffffffff
const ANYTHING = '::'

function verdictOf(retval: number): LibVerdict {
  if (retval >>> 0 === UNDECIDED) return 'undecided'
  const found = Object.entries(Verdict).find(([, number]) => number === retval)
  if (found === undefined) throw new Error(`no verdict is ${retval}`)
  return found[0] as LibVerdict
}

export class IcmpLib implements Disposable {
  readonly #collection: Collection<typeof icmpLib>

  private constructor(collection: Collection<typeof icmpLib>) {
    this.#collection = collection
  }

  /** Loads the object; `mac` is that of the interface frames come in by. */
  static async open(mac: string): Promise<IcmpLib> {
    const spec = CollectionSpec.parse(readFileSync(OBJECT), 'icmp_lib')
    for (const map of UNUSED) spec.map(map).maxEntries = 1
    const lib = new IcmpLib(await Collection.load(spec, icmpLib))
    new InterfaceTable(lib.maps.interfaces).set(INGRESS, { mac: macBytes(mac), mode: XdpMode.generic, name: 'lo' })
    return lib
  }

  get maps(): Collection<typeof icmpLib>['maps'] {
    return this.#collection.maps
  }

  /** From here on `tokens` answers at once to each source prefix, and none that come back while a test runs. */
  limitAnswers(tokens: number): void {
    const { maps } = this
    maps.limits.setMany(Array.from({ length: Limit.limitBuckets }, (_, bucket) => [bucket, { tick: 0, tokens: 0 }]))
    maps.settings.set(0, { ...NO_SETTINGS, hashSeed: 0x0123_4567_89ab_cdefn, hz: SLOW_HZ, answerTokens: tokens })
  }

  #run(name: keyof typeof icmpLib.programs, frame: Packet | Uint8Array): LibResult {
    const data = frame instanceof Uint8Array ? frame : frame.bytes()
    const result = this.#collection.programs[name].run({ data })
    return { verdict: verdictOf(result.retval), frame: Uint8Array.from(result.data) }
  }

  /** quote_parse(). */
  quote(frame: Packet | Uint8Array): LibResult & { quote: Quote } {
    const result = this.#run('readQuote', frame)
    const seen = this.maps.quotes.get(0)
    if (seen === undefined) throw new Error('an array has all its elements')
    const quote = { ...seen, src: addressFromWords(seen.src), dst: addressFromWords(seen.dst) }
    return { ...result, quote }
  }

  /** quote_parse(), then icmp_error_rewrite(). */
  rewrite(frame: Packet | Uint8Array, { outer, quoted }: Rewrite): LibResult {
    this.maps.rewrites.set(0, {
      outerAddr: addressToWords(outer?.address ?? ANYTHING),
      quotedAddr: addressToWords(quoted?.address ?? ANYTHING),
      quotedPort: quoted?.port ?? 0,
      outer: outer === undefined ? 0 : ENDS[outer.end],
      quoted: quoted === undefined ? 0 : ENDS[quoted.end],
    })
    return this.#run('rewriteError', frame)
  }

  /** answer_port_unreachable(), answer_time_exceeded() or answer_reset(). */
  answer(kind: Answer, frame: Packet | Uint8Array): LibResult {
    return this.#run(kind, frame)
  }

  [Symbol.dispose](): void {
    this.#collection.close()
  }
}

const NO_SETTINGS: Settings = {
  hashSeed: 0n,
  timeoutTicks: Object.keys(ConnState).map(() => 0),
  era: 0,
  connBuckets: 1,
  hz: 0,
  peers: 0,
  rearmTicks: 0,
  fragmentTicks: 0,
  lblcTicks: 0,
  answerTokens: 0,
  pingSources: 0,
  probeFirst: 0,
  probeCount: 0,
  probeMac: new Uint8Array(6),
}
