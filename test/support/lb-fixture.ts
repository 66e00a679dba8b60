/**
 * The real programs under BPF_PROG_TEST_RUN, with maps that say what a {@link Table} says. Nothing is attached and no
 * packet leaves; the frame comes in by the loopback interface, and a redirect is only a verdict.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { measureHz, readTick } from '../../src/dataplane/clock.js'
import type { LbMaps } from '../../src/dataplane/lb-maps.js'
import { Collection } from '../../src/loader/collection.js'
import { CollectionSpec } from '../../src/loader/collection-spec.js'
import type { Program } from '../../src/loader/program.js'
import * as abi from '../../src/maps/generated.js'
import { TestClock } from './lb/clock.js'
import { nameOf } from './lb/names.js'
import { readCounters, readDestState, readFlows, readFragments } from './lb/read.js'
import { RingIndex, writeConfiguration, writeFlows, writeVipAddresses } from './lb/write.js'
import { isTemplate } from './oracle.js'
import type { Conn, Counters, DestState, FragmentTrack, Table, VerdictName, XdpAction } from './oracle.js'
import { ReplyNetwork } from './reply-network.js'

export { ERA } from './lb/write.js'

const objectFile = (name: string): string =>
  fileURLToPath(new URL(`../../build/bpf/${name}.o`, import.meta.url))

/** Most of a load is the kernel clearing memory, and each test loads anew. */
const SIZES = {
  ...{ dests: 8192, dest_state: 8192, dest_stats: 8192 },
  ...{ svc_stats: 256, sched_state: 256, rings: 256, fragments: 4096 },
}
/** Of the conn table, unless a test wants flows to meet. */
const BUCKETS = 820
const ACTIONS: readonly XdpAction[] = ['aborted', 'drop', 'pass', 'tx', 'redirect']

/** What a program at TC answers (TC_ACT_*), as far as ours do. */
export type TcAction = 'ok' | 'shot' | 'redirect'
const TC_ACTIONS = new Map<number, TcAction>([
  [0, 'ok'],
  // TC_ACT_UNSPEC: untouched, and on to the next program, of which there is none.
  [0xffffffff, 'ok'],
  [2, 'shot'],
  [7, 'redirect'],
])

export interface RunResult<Action = XdpAction> {
  verdict: VerdictName
  action: Action
  frame: Uint8Array
}

/** bpf/tc_reply.c, whose maps are those of xdp_lb. */
export const tcReply = {
  name: 'tc_reply',
  maps: {},
  programs: {
    tcReplyIngress: { name: 'tc_reply_ingress', section: 'tc' },
    tcReplyEgress: { name: 'tc_reply_egress', section: 'tc' },
  },
}

/** bpf/xdp_ping.c, likewise. */
const xdpPing = { ...abi.xdpPing, maps: {} }

function specOf(object: string, buckets: number): CollectionSpec {
  const spec = CollectionSpec.parse(readFileSync(objectFile(object)), object)
  for (const [map, entries] of Object.entries({ ...SIZES, conns: buckets, reverse: buckets })) {
    if (spec.maps.has(map)) spec.map(map).maxEntries = entries
  }
  return spec
}

/** The same in all fixtures of a process; measuring takes a while. */
let hz: number | undefined

export class LbFixture implements Disposable {
  readonly collection: Collection<typeof abi.xdpLb>
  readonly #clock: TestClock
  readonly #rings: RingIndex
  #probe: Collection<typeof xdpPing> | undefined
  #reply: { collection: Collection<typeof tcReply>; network: ReplyNetwork } | undefined
  #verdicts: Map<number, bigint>

  private constructor(collection: Collection<typeof abi.xdpLb>, clock: TestClock) {
    this.collection = collection
    this.#clock = clock
    this.#rings = new RingIndex(collection.maps)
    this.#verdicts = new Map(this.maps.verdicts.sums())
  }

  /** Loads the object anew and writes `table` to its maps; `buckets`: of the conn table. */
  static async open(table: Table, buckets = BUCKETS): Promise<LbFixture> {
    const collection = await Collection.load(specOf('xdp_lb', buckets), abi.xdpLb)
    hz ??= await measureHz(collection.programs.lbClock)
    const fixture = new LbFixture(collection, new TestClock(hz, readTick(collection.programs.lbClock)))
    writeVipAddresses(fixture.maps, table)
    fixture.configure(table)
    return fixture
  }

  /** Loads bpf/tc_reply.c over the same maps, for {@link reply}. */
  async openReply(): Promise<void> {
    const collection = await Collection.load(specOf('tc_reply', this.maps.conns.info.maxEntries), tcReply, { mapReplacements: this.maps })
    this.#reply = { collection, network: new ReplyNetwork() }
  }

  /** Loads bpf/xdp_ping.c over the same maps, for {@link probe}. */
  async openProbe(): Promise<void> {
    this.#probe = await Collection.load(specOf('xdp_ping', this.maps.conns.info.maxEntries), xdpPing, { mapReplacements: this.maps })
  }

  get maps(): LbMaps {
    return this.collection.maps
  }

  /** Makes all that is in the maps what `table` says, whose VIPs are those that they have. */
  configure(table: Table): void {
    writeConfiguration(this.maps, table, this.#rings, this.#clock)
    this.writeFlows(table)
  }

  /** Makes conns, cursors and fragments those of `table` and all counters of its services and destinations zero. */
  writeFlows(table: Table): void {
    writeFlows(this.maps, table, this.#clock)
  }

  /** The verdict that was counted since the last time. Throws unless it is exactly one, once. */
  #countedVerdict(): VerdictName {
    const after = new Map(this.maps.verdicts.sums())
    const counted = [...after].filter(([index, count]) => count !== this.#verdicts.get(index))
    const [index, count] = counted[0] ?? [-1, 0n]
    if (counted.length !== 1 || count !== (this.#verdicts.get(index) ?? 0n) + 1n) {
      throw new Error(
        `one frame was counted as ${counted.map(([number]) => abi.verdictNames[number]).join(', ') || 'nothing'}`,
      )
    }
    this.#verdicts = after
    return nameOf(abi.Verdict, index)
  }

  /** One frame from a client's side through xdp_lb. Throws unless exactly one verdict was counted, once. */
  run(frame: Uint8Array): RunResult {
    return this.#runXdp(this.collection.programs.xdpLb, frame)
  }

  /** One frame from the probes' namespace through xdp_ping, as {@link run}; {@link openProbe} comes first. */
  probe(frame: Uint8Array): RunResult {
    if (this.#probe === undefined) throw new Error('xdp_ping is not loaded')
    return this.#runXdp(this.#probe.programs.xdpPingTx, frame)
  }

  #runXdp(program: Program, frame: Uint8Array): RunResult {
    const { retval, data } = program.run({ data: frame })
    const verdict = this.#countedVerdict()
    return { verdict, action: ACTIONS[retval] ?? 'aborted', frame: Uint8Array.from(data) }
  }

  /** What {@link openReply} has loaded, and the network that its programs run in. */
  get replies(): { collection: Collection<typeof tcReply>; network: ReplyNetwork } {
    if (this.#reply === undefined) throw new Error('tc_reply is not loaded')
    return this.#reply
  }

  /** One frame from a real's side through tc_reply, as {@link run}; {@link openReply} comes first. */
  reply(frame: Uint8Array, direction: 'ingress' | 'egress' = 'ingress'): RunResult<TcAction> {
    const { tcReplyIngress, tcReplyEgress } = this.replies.collection.programs
    return this.replyBy(direction === 'ingress' ? tcReplyIngress : tcReplyEgress, frame)
  }

  /** The same by a program that ends in one of tc_reply. `context`: a `struct __sk_buff`, in. */
  replyBy(program: Program, frame: Uint8Array, context?: Uint8Array): RunResult<TcAction> {
    const options = { data: frame, ...(context === undefined ? {} : { context }) }
    const { retval, data } = this.replies.network.enter(() => program.run(options))
    const verdict = this.#countedVerdict()
    const action = TC_ACTIONS.get(retval)
    if (action === undefined) throw new Error(`tc_reply answered ${retval}`)
    return { verdict, action, frame: Uint8Array.from(data) }
  }

  /** Walks over buckets of the conn table and takes out what has run out, as the sweeper does in slices. */
  sweep(first = 0, count = this.maps.conns.info.maxEntries): void {
    const range = Buffer.from(Uint32Array.of(first, count, 0, 0).buffer)
    this.collection.programs.lbSweep.run({ data: range })
  }

  /** All conns by the oracle's key, templates left out. */
  conns(): Map<string, Conn> {
    return new Map([...this.flows()].filter(([key]) => !isTemplate(key)))
  }

  /** All conns and templates by the oracle's key. */
  flows(): Map<string, Conn> {
    return readFlows(this.maps, this.#clock)
  }

  fragments(): Map<string, FragmentTrack> {
    return readFragments(this.maps, this.#clock)
  }

  destState(dest: number): DestState {
    return readDestState(this.maps.destState.get(dest))
  }

  /** The dataplane's clock now. */
  tick(): number {
    return readTick(this.collection.programs.lbClock)
  }

  cursor(service: number): bigint | undefined {
    return this.maps.schedState.get(service)?.cursor
  }

  serviceCounters(service: number): Counters {
    return readCounters(this.maps.svcStats.sum(service))
  }

  destCounters(dest: number): Counters {
    return readCounters(this.maps.destStats.sum(dest))
  }

  [Symbol.dispose](): void {
    this.#probe?.close()
    this.#reply?.collection.close()
    this.#reply?.network.close()
    this.collection.close()
  }
}
