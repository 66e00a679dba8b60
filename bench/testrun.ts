/**
 * What a packet costs by itself: BPF_PROG_TEST_RUN behind a wrapper that makes the packet anew for every repeat,
 * less the same wrapper in front of a program that only returns XDP_TX. Replies of nat likewise at TC, in a namespace
 * that has a way to the clients.
 */
import type { Collection } from '../src/loader/collection.js'
import type { Program } from '../src/loader/program.js'
import type { NativeTestRunResult } from '../src/native.js'
import type { tcReply, xdpLb } from '../src/maps/generated.js'
import { verdictNames } from '../src/maps/generated.js'
import type { RawMap } from '../src/maps/raw-map.js'
import { macFromBytes } from '../src/net/mac.js'
import { describeDifference } from '../test/support/packet/diff.js'
import { ReplyNetwork } from '../test/support/reply-network.js'
import { DIRECTOR_MAC, fillTables, REALS } from './director.js'
import { NAT_KNOWN, NAT_NEW } from './nat-scenarios.js'
import { type BenchFrame, loadDataplane, loadReply, loadTestrun, type testrunObject } from './objects.js'
import { CLIENT_NETWORKS, flowOf, FRAME_BYTES } from './packets.js'
import { benchFrame, FULL, type Hook, KNOWN, NEW, type Scenario } from './scenarios.js'
import { median, ratios, type Summary, summary } from './statistics.js'
import { formatTable, rounded } from './table.js'
import { type Operation, Yardstick, type YardstickResult } from './yardstick.js'

/** Test runs without a context claim to come from the loopback device. */
const TEST_RUN_INGRESS = 1
const XDP_PASS = 2
/** Of a packet that was forwarded or answered: XDP_TX, TC_ACT_REDIRECT, TC_ACT_OK. */
const ACTIONS: Record<Hook, number> = { xdp: 3, ingress: 7, egress: 0 }
/** Frames of one scenario whose every byte is checked before it is timed. */
const CHECKED_FRAMES = 64
/** A few new flows find no room although the table is far from full: both their buckets are. */
const FEW_EXCEPTED = 0.99
/** New flows that fill a table of 1,048,576 conns to the last way. */
const FILLING_FLOWS = 6_000_000
/** Verdicts from here on pass the packet to the host (bpf/lib/verdict.h). */
const FIRST_PASS = 32
/** And before, from here on are answered. */
const FIRST_ANSWER = 16

export interface TestrunOptions {
  rounds: number
  repeats: number
  /** The dataplane's object file. */
  object: string
  /** Only scenarios whose name contains this. */
  match: string
}

export interface TestrunResults {
  packets: TestrunResult[]
  yardstick: YardstickResult[]
}

export interface TestrunResult {
  name: string
  /** Nanoseconds a packet: program and wrapper, less the wrapper alone; round by round. */
  net: Summary
  /** The difference of the medians, which is what targets are about. */
  netOfMedians: number
  /** What it would take on the machine of the targets: round by round by the yardstick; the median. */
  scaled: number
  baseline: number
  target?: number
  katran?: number
}

type Dataplane = Collection<typeof xdpLb>
type Reply = Collection<typeof tcReply>
type Wrapper = Collection<typeof testrunObject>

/** What is loaded, for all scenarios. */
interface Loaded {
  dataplane: Dataplane
  reply: Reply
  wrapper: Wrapper
  network: ReplyNetwork
  yardstick: Yardstick
}

/** From this many flows on, their conns are not in the caches. */
const FLOWS_UNCACHED = 65_536

const operationOf = ({ conns, flows }: Scenario): Operation =>
  conns === 'known' && flows.count < FLOWS_UNCACHED ? 'lookup' : 'insert'

/** One scenario against one dataplane. */
export class Bench {
  readonly scenario: Scenario
  readonly gross: number[] = []
  readonly baseline: number[] = []
  readonly factor: number[] = []
  readonly #loaded: Loaded

  constructor(scenario: Scenario, loaded: Loaded) {
    this.scenario = scenario
    this.#loaded = loaded
  }

  /** Makes the conns that the scenario supposes. */
  prepare(): void {
    const { opening, frame, flows, conns } = this.scenario
    if (conns === 'full') this.#request(frame, FILLING_FLOWS)
    if (conns !== 'known') return
    for (const bytes of opening) this.#request(bytes, flows.count)
    this.#set(frame, { random: 0 })
    this.#run(this.#program(), flows.count)
  }

  /** One packet of each flow through xdp_lb. */
  #request(bytes: Uint8Array, flows: number): void {
    this.#set(bytes, { random: 0 })
    this.#runXdp(this.#loaded.dataplane.programs.xdpLb, bytes, flows)
  }

  #set(bytes: Uint8Array, more: Partial<BenchFrame> = {}): void {
    this.#loaded.wrapper.maps.frame.set(0, { ...benchFrame(this.scenario, bytes), ...more })
  }

  /** Compares frames one by one with what has to come out of them. */
  check(): void {
    this.#set(this.scenario.frame)
    const { verdict, name, hook } = this.scenario
    const action = verdict >= FIRST_PASS ? XDP_PASS : ACTIONS[hook]
    for (let index = 0; index < CHECKED_FRAMES; index++) {
      const before = this.#count()
      const { retval, data } = this.#run(this.#program(), 1)
      if (this.#count() !== before + 1n || retval !== action) {
        throw new Error(`${name}: action ${retval}, not counted as ${verdictNames[verdict]}: ${this.#verdicts()}`)
      }
      this.#checkFrame(data)
    }
  }

  #checkFrame(data: Uint8Array): void {
    const { name, family, verdict, hook, expected } = this.scenario
    const toReal = hook === 'xdp' && verdict < FIRST_ANSWER
    const real = toReal ? REALS.get(macFromBytes(data.subarray(0, 6))) : ''
    if (real === undefined) throw new Error(`${name}: sent to the MAC of no real`)
    const wanted = expected(family === 0 ? 0 : flowOf(family, data), real)
    if (toReal) {
      if (macFromBytes(data.subarray(6, 12)) !== DIRECTOR_MAC) throw new Error(`${name}: wrong source MAC`)
      wanted.set(data.subarray(0, 12))
    }
    if (Buffer.compare(data, wanted) !== 0) {
      throw new Error(`${name}: wrong frame\n${describeDifference(data, wanted)}`)
    }
  }

  /** One round: the wrapper alone, then with the program; every packet must have had the scenario's verdict. */
  measure(repeats: number): void {
    const { dataplane, wrapper, yardstick } = this.#loaded
    const { hook, frame, conns, name } = this.scenario
    this.factor.push(yardstick.measure(operationOf(this.scenario)))
    this.#set(frame)
    this.baseline.push(this.#run(hook === 'xdp' ? wrapper.programs.txOnly : wrapper.programs.tcOkOnly, repeats).durationNs)
    if (conns === 'none') forgetConns(dataplane.maps)
    const before = this.#count()
    this.gross.push(this.#run(this.#program(), repeats).durationNs)
    const counted = this.#count() - before
    if (Number(counted) >= repeats * (conns === 'known' ? 1 : FEW_EXCEPTED)) return
    throw new Error(`${name}: ${counted} of ${repeats} packets had the verdict: ${this.#verdicts()}`)
  }

  result(): TestrunResult {
    const { name, target, katran } = this.scenario
    const net = this.gross.map((gross, round) => gross - (this.baseline[round] ?? NaN))
    return {
      name,
      net: summary(net),
      scaled: ratios(net, this.factor).median,
      netOfMedians: median(this.gross) - median(this.baseline),
      baseline: median(this.baseline),
      ...(target === undefined ? {} : { target }),
      ...(katran === undefined ? {} : { katran }),
    }
  }

  #program(): Program {
    const { dataplane, reply } = this.#loaded
    const { tcReplyIngress, tcReplyEgress } = reply.programs
    return { xdp: dataplane.programs.xdpLb, ingress: tcReplyIngress, egress: tcReplyEgress }[this.scenario.hook]
  }

  #run(program: Program, repeat: number): NativeTestRunResult {
    const { hook, frame: data } = this.scenario
    if (hook === 'xdp') return this.#runXdp(program, data, repeat)
    const { wrapper, network } = this.#loaded
    wrapper.maps.tcTarget.set(0, program.native.fd)
    return network.enter(() => wrapper.programs.tcWrapper.run({ data, repeat }))
  }

  #runXdp(program: Program, data: Uint8Array, repeat: number): NativeTestRunResult {
    const { maps, programs } = this.#loaded.wrapper
    maps.target.set(0, program.native.fd)
    return (data.length > FRAME_BYTES ? programs.wrapperLong : programs.wrapper).run({ data, repeat })
  }

  #count(): bigint {
    return this.#loaded.dataplane.maps.verdicts.sum(this.scenario.verdict) ?? 0n
  }

  #verdicts(): string {
    const counted = [...this.#loaded.dataplane.maps.verdicts.sums()].filter(([, count]) => count > 0n)
    return counted.map(([verdict, count]) => `${verdictNames[verdict]} ${count}`).join(', ')
  }
}

/** Empties the table, and what counts what is in it. */
function forgetConns({ conns, reverse, destState }: Dataplane['maps']): void {
  for (const { raw } of [conns, reverse, destState]) emptyArray(raw)
}

/** Zeroes an array map. */
function emptyArray(map: RawMap): void {
  const step = 1024
  const values = Buffer.alloc(step * map.valueBytes)
  for (let from = 0; from < map.info.maxEntries; from += step) {
    const count = Math.min(step, map.info.maxEntries - from)
    const keys = Buffer.from(Uint32Array.from({ length: count }, (_, index) => from + index).buffer)
    map.setPacked({ keys, values: values.subarray(0, count * map.valueBytes), count })
  }
}

/** All scenarios in turn, round by round. */
export async function benchTestrun({ rounds, repeats, object, match }: TestrunOptions): Promise<TestrunResults> {
  using yardstick = await Yardstick.load()
  using wrapper = await loadTestrun()
  using network = new ReplyNetwork({ mac: DIRECTOR_MAC, clients: CLIENT_NETWORKS })
  const packets: TestrunResult[] = []
  for (const all of [[...KNOWN, ...NAT_KNOWN], [...NEW, ...NAT_NEW], FULL]) {
    const scenarios = all.filter(({ name }) => name.includes(match))
    if (scenarios.length === 0) continue
    using dataplane = await loadDataplane(object)
    using reply = await loadReply(object, dataplane)
    fillTables(dataplane.maps, { ingress: TEST_RUN_INGRESS, egress: TEST_RUN_INGRESS })
    const benches = scenarios.map((scenario) => new Bench(scenario, { dataplane, reply, wrapper, network, yardstick }))
    packets.push(...measureAll(benches, rounds, repeats))
  }
  return { packets, yardstick: yardstick.results() }
}

function measureAll(benches: readonly Bench[], rounds: number, repeats: number): TestrunResult[] {
  for (const bench of benches) {
    bench.prepare()
    bench.check()
  }
  for (const bench of benches) bench.measure(repeats)
  for (const bench of benches) bench.gross.length = bench.baseline.length = bench.factor.length = 0
  for (let round = 0; round < rounds; round++) {
    for (const bench of benches) bench.measure(repeats)
  }
  return benches.map((bench) => bench.result())
}

const met = (ns: number, target: number | undefined): string => (target === undefined ? '' : ns <= target ? 'yes' : 'NO')

export function printTestrun(packets: readonly TestrunResult[]): string {
  return formatTable(
    ['packet', 'net ns', 'min', 'max', 'wrapper', 'target', 'met', 'scaled', 'met so', 'Katran, other machine'],
    packets.map(({ name, netOfMedians, net, baseline, target, scaled, katran }) => [
      name,
      rounded(netOfMedians),
      rounded(net.min),
      rounded(net.max),
      rounded(baseline),
      target,
      met(netOfMedians, target),
      rounded(scaled),
      met(scaled, target),
      katran,
    ]),
  )
}
