/** What a change of health takes, of one real and of one that is in all services, and how long nothing else gets a turn. */
import { performance } from 'node:perf_hooks'
import type { Config } from '../src/config/schema.js'
import { applyReconciliation } from '../src/control/apply.js'
import { applyHealthSlice, inSlices } from '../src/control/apply-health.js'
import { destinationKey } from '../src/control/destination-key.js'
import type { Link } from '../src/control/target.js'
import type { LbMaps } from '../src/dataplane/lb-maps.js'
import { configOf, DIRECTOR_MAC, planFor } from './director.js'
import { loadDataplane } from './objects.js'
import { median } from './statistics.js'
import { formatTable, rounded } from './table.js'

const SERVICES = 1000
const REALS = 10
const SHARED = '10.255.0.1'
const LINK: Link = { name: 'lo', ifindex: 1, mac: DIRECTOR_MAC, mode: 'native' }
const REAL_MAC = '02:00:00:00:01:01'

/** Milliseconds. */
export interface HealthTimes {
  /** From the call to its end. */
  whole: number
  /** The longest time in which the event loop stood still. */
  still: number
}

export interface HealthResult {
  what: string
  times: HealthTimes
  /** By how much of a whole plan and apply of the same table without a change. */
  ofApply: number
}

/** Services on a VIP each, with mh rings of 16,381 slots; one real is in all of them. */
function healthConfig(): Config {
  const services = Array.from({ length: SERVICES }, (_, index) => {
    const net = `${index >> 8}.${index & 0xff}`
    const own = Array.from({ length: REALS - 1 }, (__, real) => `10.${net}.${real + 1}`)
    return { name: `service-${index}`, vip: `203.0.${net}`, port: 80, reals: [...own, SHARED] }
  })
  const defaults = { protocol: 'tcp', health: { kind: 'tcp' }, scheduler: { name: 'mh', tableSize: 16381 } }
  return configOf(JSON.stringify({ version: 1, interfaces: ['lo'], defaults, services }))
}

async function timed(work: () => unknown): Promise<HealthTimes> {
  let still = 0
  let last = performance.now()
  let watching = true
  const watch = (): void => {
    const now = performance.now()
    still = Math.max(still, now - last)
    last = now
    if (watching) setImmediate(watch)
  }
  setImmediate(watch)
  const start = performance.now()
  await work()
  const whole = performance.now() - start
  watching = false
  watch()
  return { whole, still }
}

const KINDS = [
  { what: 'one real', keys: () => [destinationKey('service-0', '10.0.0.1', 80)] },
  { what: `a real in ${SERVICES.toLocaleString('en')} services`, keys: sharedKeys },
] as const

function sharedKeys({ services }: Config): string[] {
  return services.map(({ name }) => destinationKey(name, SHARED, 80))
}

function mark(maps: LbMaps, config: Config, keys: readonly string[], state: 'up' | 'down'): Promise<HealthTimes> {
  const wish = { changes: new Map(keys.map((key) => [key, state])), advance: new Set<string>() }
  return timed(() => inSlices(wish, (left) => applyHealthSlice(maps, config, left)))
}

/** Medians over the rounds, in each of which a real goes down and comes up again. */
export async function benchHealth(rounds: number, object: string): Promise<HealthResult[]> {
  using dataplane = await loadDataplane(object)
  const { maps } = dataplane
  const config = healthConfig()
  const apply = (): void => applyReconciliation(maps, planFor(maps, config, [LINK], LINK, () => REAL_MAC))
  apply()
  const applies: number[] = []
  const all = KINDS.map((): HealthTimes[] => [])
  for (let round = 0; round < rounds; round++) {
    applies.push((await timed(apply)).whole)
    for (const [index, { keys }] of KINDS.entries()) {
      for (const state of ['down', 'up'] as const) all[index]?.push(await mark(maps, config, keys(config), state))
    }
  }
  return KINDS.map(({ what }, index) => {
    const times = all[index] ?? []
    const whole = median(times.map((each) => each.whole))
    return { what, times: { whole, still: median(times.map((each) => each.still)) }, ofApply: whole / median(applies) }
  })
}

export function printHealth(results: readonly HealthResult[]): string {
  return formatTable(
    ['1,000 services × 10 reals, mh', 'ms', 'event loop still', '÷ plan + apply'],
    results.map(({ what, times, ofApply }) => [what, rounded(times.whole), rounded(times.still), ofApply.toFixed(2)]),
  )
}
