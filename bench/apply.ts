/** What the control plane takes, over sizes of the table: from the file's text to the maps, step by step. */
import { performance } from 'node:perf_hooks'
import { readYaml } from '../src/config/yaml-source.js'
import type { Config } from '../src/config/schema.js'
import { applyReconciliation } from '../src/control/apply.js'
import { changesOf } from '../src/control/changes.js'
import type { Link } from '../src/control/target.js'
import { configOf, DIRECTOR_MAC, planFor, realMac } from './director.js'
import { loadDataplane } from './objects.js'
import { median } from './statistics.js'
import { formatTable, rounded } from './table.js'

export const TABLE_SIZES = [10, 100, 1000] as const
const REALS = 10
const LINK: Link = { name: 'lo', ifindex: 1, mac: DIRECTOR_MAC, mode: 'native' }

/** Steps in milliseconds. */
export interface ApplyTimes {
  parse: number
  validate: number
  planFromNothing: number
  applyFromNothing: number
  emptyPlan: number
  planOneReal: number
  applyOneReal: number
}

export interface ApplyResult {
  services: number
  times: ApplyTimes
}

/** The file of a table: as many services, each on a VIP of its own with reals of its own. */
function configText(services: number, firstReal = 1): string {
  const lines = ['version: 1', 'interfaces: [lo]', 'defaults: { protocol: tcp, scheduler: { name: mh, tableSize: 16381 } }']
  lines.push('services:')
  for (let index = 0; index < services; index++) {
    lines.push(`  - name: service-${index}`, `    vip: 203.0.${index >> 8}.${index & 0xff}`, '    port: 80', '    reals:')
    const first = index === 0 ? firstReal : 1
    for (let real = first; real < first + REALS; real++) lines.push(`      - 10.${index >> 8}.${index & 0xff}.${real}`)
  }
  return `${lines.join('\n')}\n`
}

function timed<T>(work: () => T): [result: T, milliseconds: number] {
  const start = performance.now()
  const result = work()
  return [result, performance.now() - start]
}

/** Made up before the clock starts, as a director's neighbours are resolved before. */
function macsOf(...configs: Config[]): ReadonlyMap<string, string> {
  const reals = configs.flatMap(({ services }) => services.flatMap(({ reals: each }) => each))
  return new Map(reals.map(({ address }) => [address, realMac(address)]))
}

async function measure(services: number, object: string): Promise<ApplyTimes> {
  using dataplane = await loadDataplane(object)
  const { maps } = dataplane
  const text = configText(services)
  const [, parse] = timed(() => readYaml(text))
  const [config, whole] = timed(() => configOf(text))
  // One real leaves, another comes.
  const edited = configOf(configText(services, 2))
  const macs = macsOf(config, edited)
  const plan = (wanted: Config) => planFor(maps, wanted, [LINK], LINK, (address) => macs.get(address))
  const [fresh, planFromNothing] = timed(() => plan(config))
  const [, applyFromNothing] = timed(() => applyReconciliation(maps, fresh))
  const [empty, emptyPlan] = timed(() => changesOf(plan(config)))
  if (empty.length > 0) throw new Error(`a second plan is not empty: ${JSON.stringify(empty[0])}`)
  const [change, planOneReal] = timed(() => plan(edited))
  if (changesOf(change).length !== 2) throw new Error(`not one real changed: ${JSON.stringify(changesOf(change))}`)
  const [, applyOneReal] = timed(() => applyReconciliation(maps, change))
  return { parse, validate: whole - parse, planFromNothing, applyFromNothing, emptyPlan, planOneReal, applyOneReal }
}

/** Medians over the rounds, each against fresh maps. */
export async function benchApply(rounds: number, object: string): Promise<ApplyResult[]> {
  const results: ApplyResult[] = []
  for (const services of TABLE_SIZES) {
    const all: ApplyTimes[] = []
    for (let round = 0; round < rounds; round++) all.push(await measure(services, object))
    const names = Object.keys(all[0] ?? {}) as (keyof ApplyTimes)[]
    const medians = names.map((name) => [name, median(all.map((times) => times[name]))])
    results.push({ services, times: Object.fromEntries(medians) as Record<keyof ApplyTimes, number> })
  }
  return results
}

export function printApply(results: readonly ApplyResult[]): string {
  return formatTable(
    ['services × 10 reals', 'parse ms', 'validate', 'plan from nothing', 'apply', 'empty plan', 'plan one real', 'apply'],
    results.map(({ services, times }) => [services, ...Object.values(times).map((each: number) => rounded(each))]),
  )
}

/** Of 1,000 services (issue 2): plan and apply together. */
export const APPLY_TARGETS = { fromNothingMs: 3000, oneRealMs: 100 } as const

export function printApplyTargets(results: readonly ApplyResult[]): string {
  const times = results.find(({ services }) => services === 1000)?.times
  const fromNothing = (times?.planFromNothing ?? NaN) + (times?.applyFromNothing ?? NaN)
  const oneReal = (times?.planOneReal ?? NaN) + (times?.applyOneReal ?? NaN)
  const row = (text: string, most: number, value: number) => [text, most, rounded(value), value <= most ? 'yes' : 'NO']
  return formatTable(
    ['1,000 services, plan + apply', 'at most ms', 'measured', 'met'],
    [
      row('from nothing', APPLY_TARGETS.fromNothingMs, fromNothing),
      row('one changed real', APPLY_TARGETS.oneRealMs, oneReal),
    ],
  )
}
