/**
 * What a director carries: frames made by BPF_F_TEST_XDP_LIVE_FRAMES go through a veth pair to the director and
 * through another to the sink, all on one CPU; counted at the sink, per second of CPU time.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { attachXdp } from '../src/loader/link.js'
import { eth, ipv4, packet, payload, udp } from '../test/support/packet/build.js'
import { padTo } from '../test/support/packet/bytes.js'
import { CpuClock } from './cpu.js'
import { DIRECTOR_MAC, VIP4 } from './director.js'
import { BenchLab, GENERATOR_MAC, type Row } from './lab.js'
import { type BenchFrame, loadDataplane, loadLive, TEMPLATE_BYTES } from './objects.js'
import { type PathContext, type PathName, PATHS } from './paths.js'
import { median, ratios, type Summary, summary } from './statistics.js'
import { formatTable, rounded } from './table.js'

const LIVE_FRAMES = 2
const BATCH = 64
export const FLOW_COUNTS = [1024, 65536] as const
/** Of one measurement; the set-up of a call, which counts too, takes 10 to 20 ms. */
const MEASURE_SECONDS = 0.6
/** Frames still on their way when the call returns have all come once the counter rests for so long. */
const REST_MS = 5

export interface LivePath {
  path: PathName
  title: string
  /** Thousands of frames per CPU-second at the sink. */
  kpps: Summary
  nsPerFrame: number
  /** Of the frames sent. */
  delivered: number
  toLimit: Summary
  toNftables: Summary
}

export interface LiveResult {
  flows: number
  paths: LivePath[]
}

interface Sample {
  kpps: number
  delivered: number
}

const TEMPLATE = packet(
  eth({ src: GENERATOR_MAC, dst: DIRECTOR_MAC }),
  ipv4({ src: '10.64.0.0', dst: VIP4, ttl: 64 }),
  udp({ sport: 1024, dport: 53, checksum: 0 }),
  payload(new Uint8Array(18)),
).bytes()

function frameOf(row: Row, flows: number, random: boolean): BenchFrame {
  return { way: row.index, bytes: padTo(TEMPLATE, TEMPLATE_BYTES), family: 4, flowMask: flows - 1, random: random ? 1 : 0 }
}

class Traffic {
  readonly #context: PathContext
  readonly #clock: CpuClock

  constructor(context: PathContext, clock: CpuClock) {
    this.#context = context
    this.#clock = clock
  }

  /** Sends `frames` and says how many came out, at which rate. */
  async send(frame: BenchFrame, frames: number): Promise<Sample> {
    const { live } = this.#context
    const repeat = Math.ceil(frames / BATCH) * BATCH
    live.maps.frame.set(0, frame)
    const before = this.#delivered()
    const start = this.#clock.seconds()
    live.programs.generate.run({ data: TEMPLATE, repeat, flags: LIVE_FRAMES, batchSize: BATCH })
    const arrived = (await this.#rest()) - before
    return { kpps: arrived / (this.#clock.seconds() - start) / 1000, delivered: arrived / repeat }
  }

  async #rest(): Promise<number> {
    let last = this.#delivered()
    for (;;) {
      await sleep(REST_MS)
      const now = this.#delivered()
      if (now === last) return now
      last = now
    }
  }

  #delivered(): number {
    return Number(this.#context.live.maps.delivered.sum(0) ?? 0n)
  }
}

export interface LiveOptions {
  rounds: number
  /** The CPU that everything runs on. */
  cpu: number
  /** The dataplane's object file. */
  object: string
}

/** Every path in turn, round by round, for each number of flows. */
export async function benchLive({ rounds, cpu, object }: LiveOptions): Promise<LiveResult[]> {
  using live = await loadLive()
  using dataplane = await loadDataplane(object)
  using lab = new BenchLab()
  const context: PathContext = { lab, live, dataplane }
  const rows = PATHS.map((path) => {
    const row = lab.addRow(path.name)
    row.links.push(row.sink.run(() => attachXdp(live.programs.sink, { ifindex: row.in, mode: 'native' }).link))
    row.links.push(row.generator.run(() => attachXdp(live.programs.sink, { ifindex: row.out, mode: 'native' }).link))
    row.generator.run(() => live.maps.generatorOut.set(row.index, row.out))
    path.setUp(row, context)
    return row
  })
  const traffic = new Traffic(context, new CpuClock(cpu))
  const results: LiveResult[] = []
  for (const flows of FLOW_COUNTS) results.push(await measure(traffic, rows, flows, rounds))
  return results
}

async function measure(traffic: Traffic, rows: readonly Row[], flows: number, rounds: number): Promise<LiveResult> {
  const samples: Sample[][] = rows.map(() => [])
  const frames: number[] = []
  for (let round = -1; round < rounds; round++) {
    for (const [index, row] of rows.entries()) {
      // Every flow once, so that each has its conn: conntrack forgets a UDP flow after 30 seconds.
      const first = await traffic.send(frameOf(row, flows, false), Math.max(flows, 65536))
      frames[index] ??= Math.max(65536, first.kpps * 1000 * MEASURE_SECONDS)
      if (round >= 0) samples[index]?.push(await traffic.send(frameOf(row, flows, true), frames[index] ?? 0))
    }
  }
  return { flows, paths: summarise(samples) }
}

function summarise(samples: readonly Sample[][]): LivePath[] {
  const rates = samples.map((path) => path.map(({ kpps }) => kpps))
  const ratesOf = (name: PathName) => rates[PATHS.findIndex((path) => path.name === name)] ?? []
  return PATHS.map(({ name, title }, index) => {
    const kpps = rates[index] ?? []
    return {
      path: name,
      title,
      kpps: summary(kpps),
      nsPerFrame: 1e6 / median(kpps),
      delivered: median((samples[index] ?? []).map(({ delivered }) => delivered)),
      toLimit: ratios(kpps, ratesOf('limit')),
      toNftables: ratios(kpps, ratesOf('nft')),
    }
  })
}

const threeOf = ({ min, median, max }: Summary): string => [min, median, max].map((value) => value.toFixed(2)).join(' / ')

export function printLive({ paths }: LiveResult): string {
  return formatTable(
    ['path', 'kpps', 'ns a frame', 'delivered', '÷ DR limit (min / median / max)', '÷ nftables'],
    paths.map((path) => [
      path.title,
      rounded(path.kpps.median, 0),
      rounded(path.nsPerFrame, 0),
      `${(path.delivered * 100).toFixed(1)} %`,
      threeOf(path.toLimit),
      threeOf(path.toNftables),
    ]),
  )
}

/** Ratios that issue 2 asks for, of medians over the rounds. */
export const LIVE_TARGETS = [
  { flows: 1024, of: 'toLimit', least: 0.7, text: 'veer ÷ DR limit, 1,024 flows' },
  { flows: 65536, of: 'toLimit', least: 0.38, text: 'veer ÷ DR limit, 65,536 flows' },
  { flows: 1024, of: 'toNftables', least: 4, text: 'veer ÷ nftables DNAT, 1,024 flows' },
] as const

export function printLiveTargets(results: readonly LiveResult[]): string {
  return formatTable(
    ['target', 'at least', 'measured', 'met'],
    LIVE_TARGETS.map(({ flows, of, least, text }) => {
      const veer = results.find((result) => result.flows === flows)?.paths.find(({ path }) => path === 'veer')
      const value = veer?.[of].median ?? NaN
      return [text, least, rounded(value, 2), value >= least ? 'yes' : 'NO']
    }),
  )
}
