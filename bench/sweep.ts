/** What the sweeper takes for a pass over the default table, filled, with conns alive and with all of them run out. */
import { readTick, ticksOf } from '../src/dataplane/clock.js'
import { fillServices, FullTable } from './full-table.js'
import { loadDataplane } from './objects.js'
import { median } from './statistics.js'
import { formatTable, rounded } from './table.js'

/** The walk over all slices (bpf/lib/sweep.h): LB_SWEEP_SLICES of them, LB_SWEEP_INTERVAL_NS apart. */
const PASS_NS = 256 * 16_000_000
/** The most of one core. */
const SHARE_TARGET = 0.05

export interface SweepResult {
  name: string
  conns: number
  /** Nanoseconds of the whole pass, round by round. */
  passNs: number[]
}

export async function benchSweep(rounds: number, object: string): Promise<SweepResult[]> {
  using dataplane = await loadDataplane(object)
  const { maps, programs } = dataplane
  fillServices(maps)
  const table = new FullTable(maps)
  const buckets = maps.conns.info.maxEntries
  const range = Buffer.from(Uint32Array.of(0, buckets, 0, 0).buffer)
  const hour = ticksOf(3600, maps.settings.get(0)?.hz ?? NaN)
  const freed = (): bigint => maps.sweeper.get(0)?.freed ?? 0n
  const results: SweepResult[] = []
  for (const { name, left, ends } of [
    { name: 'all alive', left: hour, ends: 0 },
    { name: 'all run out', left: -hour, ends: table.conns },
  ]) {
    const result: SweepResult = { name, conns: table.conns, passNs: [] }
    while (result.passNs.length < rounds) {
      table.write(readTick(programs.lbClock) + left)
      const before = freed()
      result.passNs.push(programs.lbSweep.run({ data: range }).durationNs)
      if (freed() - before !== BigInt(ends)) throw new Error(`${name}: ${freed() - before} conns were ended, not ${ends}`)
    }
    results.push(result)
  }
  return results
}

export function printSweep(results: readonly SweepResult[]): string {
  const rows = results.map(({ name, conns, passNs }) => {
    const ns = median(passNs)
    const share = ns / PASS_NS
    const percent = `${rounded(share * 100, 2)} %`
    return [name, conns, rounded(ns / 1e6, 2), rounded(ns / conns, 2), percent, `${SHARE_TARGET * 100} %`, share < SHARE_TARGET ? 'yes' : 'NO']
  })
  return formatTable(['conns', 'number', 'pass, ms', 'ns a conn', 'of one core', 'target', 'met'], rows)
}
