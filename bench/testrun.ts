/**
 * What a packet costs by itself: BPF_PROG_TEST_RUN behind a wrapper that makes the packet anew for every repeat,
 * less the same wrapper in front of a program that only returns XDP_TX.
 */
import type { Collection } from '../src/loader/collection.js'
import type { Program } from '../src/loader/program.js'
import type { xdpLb } from '../src/maps/generated.js'
import { verdictNames } from '../src/maps/generated.js'
import type { RawMap } from '../src/maps/raw-map.js'
import { macFromBytes } from '../src/net/mac.js'
import { describeDifference } from '../test/support/packet/diff.js'
import { DIRECTOR_MAC, fillTables, REAL_MACS } from './director.js'
import { loadDataplane, loadTestrun, type testrunObject } from './objects.js'
import { benchFrame, flowOf, FULL, KNOWN, NEW, type Scenario } from './scenarios.js'
import { median, type Summary, summary } from './statistics.js'
import { formatTable, rounded } from './table.js'

/** Test runs without a context claim to come from the loopback device. */
const TEST_RUN_INGRESS = 1
const XDP_PASS = 2
const XDP_TX = 3
/** Frames of one scenario whose every byte is checked before it is timed. */
const CHECKED_FRAMES = 64
/** A few new flows find no room although the table is far from full: both their buckets are. */
const FEW_EXCEPTED = 0.99
/** New flows that fill a table of 1,048,576 conns to the last way. */
const FILLING_FLOWS = 6_000_000
/** Verdicts from here on pass the packet to the host (bpf/lib/verdict.h). */
const FIRST_PASS = 32

export interface TestrunOptions {
  rounds: number
  repeats: number
  /** The dataplane's object file. */
  object: string
}

export interface TestrunResult {
  name: string
  /** Nanoseconds a packet: program and wrapper, less the wrapper alone; round by round. */
  net: Summary
  /** The difference of the medians, which is what targets are about. */
  netOfMedians: number
  baseline: number
  target?: number
  katran?: number
}

type Dataplane = Collection<typeof xdpLb>
type Wrapper = Collection<typeof testrunObject>

/** One scenario against one dataplane. */
export class Bench {
  readonly scenario: Scenario
  readonly gross: number[] = []
  readonly baseline: number[] = []
  readonly #dataplane: Dataplane
  readonly #wrapper: Wrapper

  constructor(scenario: Scenario, dataplane: Dataplane, wrapper: Wrapper) {
    this.scenario = scenario
    this.#dataplane = dataplane
    this.#wrapper = wrapper
  }

  /** Makes the conns that the scenario supposes. */
  prepare(): void {
    const { opening, frame, flows, conns } = this.scenario
    if (conns === 'full') this.#run(this.#dataplane.programs.xdpLb, FILLING_FLOWS)
    if (conns !== 'known') return
    const sequential = { random: 0 }
    for (const bytes of opening === undefined ? [frame] : [opening, frame]) {
      this.#wrapper.maps.frame.set(0, { ...benchFrame(this.scenario, bytes), ...sequential })
      this.#run(this.#dataplane.programs.xdpLb, flows.count)
    }
  }

  /** Compares frames one by one with what has to come out of them. */
  check(): void {
    this.#wrapper.maps.frame.set(0, benchFrame(this.scenario))
    const { verdict, name } = this.scenario
    const action = verdict >= FIRST_PASS ? XDP_PASS : XDP_TX
    for (let index = 0; index < CHECKED_FRAMES; index++) {
      const before = this.#count()
      const { retval, data } = this.#run(this.#dataplane.programs.xdpLb, 1)
      if (this.#count() !== before + 1n || retval !== action) {
        throw new Error(`${name}: action ${retval}, not counted as ${verdictNames[verdict]}: ${this.#verdicts()}`)
      }
      this.#checkFrame(data)
    }
  }

  #checkFrame(data: Uint8Array): void {
    const { scenario } = this
    const expected = scenario.expected(flowOf(scenario, data))
    if (scenario.verdict < 16) {
      const real = macFromBytes(data.subarray(0, 6))
      if (!REAL_MACS.has(real)) throw new Error(`${scenario.name}: sent to ${real}, which is no real`)
      if (macFromBytes(data.subarray(6, 12)) !== DIRECTOR_MAC) throw new Error(`${scenario.name}: wrong source MAC`)
      expected.set(data.subarray(0, 12))
    }
    if (Buffer.compare(data, expected) !== 0) {
      throw new Error(`${scenario.name}: wrong frame\n${describeDifference(data, expected)}`)
    }
  }

  /** One round: the wrapper alone, then with the program; every packet must have had the scenario's verdict. */
  measure(repeats: number): void {
    this.#wrapper.maps.frame.set(0, benchFrame(this.scenario))
    this.baseline.push(this.#run(this.#wrapper.programs.txOnly, repeats).durationNs)
    if (this.scenario.conns === 'none') emptyArray(this.#dataplane.maps.conns.raw)
    const before = this.#count()
    this.gross.push(this.#run(this.#dataplane.programs.xdpLb, repeats).durationNs)
    const counted = this.#count() - before
    if (Number(counted) >= repeats * (this.scenario.conns === 'known' ? 1 : FEW_EXCEPTED)) return
    throw new Error(`${this.scenario.name}: ${counted} of ${repeats} packets had the verdict: ${this.#verdicts()}`)
  }

  result(): TestrunResult {
    const { name, target, katran } = this.scenario
    return {
      name,
      net: summary(this.gross.map((gross, round) => gross - (this.baseline[round] ?? NaN))),
      netOfMedians: median(this.gross) - median(this.baseline),
      baseline: median(this.baseline),
      ...(target === undefined ? {} : { target }),
      ...(katran === undefined ? {} : { katran }),
    }
  }

  #run(program: Program, repeat: number) {
    this.#wrapper.maps.target.set(0, program.native.fd)
    return this.#wrapper.programs.wrapper.run({ data: this.scenario.frame, repeat })
  }

  #count(): bigint {
    return this.#dataplane.maps.verdicts.sum(this.scenario.verdict) ?? 0n
  }

  #verdicts(): string {
    const counted = [...this.#dataplane.maps.verdicts.sums()].filter(([, count]) => count > 0n)
    return counted.map(([verdict, count]) => `${verdictNames[verdict]} ${count}`).join(', ')
  }
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
export async function benchTestrun({ rounds, repeats, object }: TestrunOptions): Promise<TestrunResult[]> {
  using wrapper = await loadTestrun()
  const results: TestrunResult[] = []
  for (const scenarios of [KNOWN, NEW, FULL]) {
    using dataplane = await loadDataplane(object)
    fillTables(dataplane.maps, { ingress: TEST_RUN_INGRESS, egress: TEST_RUN_INGRESS })
    const benches = scenarios.map((scenario) => new Bench(scenario, dataplane, wrapper))
    for (const bench of benches) {
      bench.prepare()
      bench.check()
    }
    for (const bench of benches) bench.measure(repeats)
    for (const bench of benches) bench.gross.length = bench.baseline.length = 0
    for (let round = 0; round < rounds; round++) {
      for (const bench of benches) bench.measure(repeats)
    }
    results.push(...benches.map((bench) => bench.result()))
  }
  return results
}

export function printTestrun(results: readonly TestrunResult[]): string {
  return formatTable(
    ['packet', 'net ns', 'min', 'max', 'wrapper', 'target', 'met', 'Katran, other machine'],
    results.map((result) => [
      result.name,
      rounded(result.netOfMedians),
      rounded(result.net.min),
      rounded(result.net.max),
      rounded(result.baseline),
      result.target,
      result.target === undefined ? '' : result.netOfMedians <= result.target ? 'yes' : 'NO',
      result.katran,
    ]),
  )
}
