/** `npx tsx bench/main.ts`: docs/benchmarks.md says what is measured and how to read it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { objection, printEnvironment, readEnvironment } from './environment.js'
import { benchApply, printApply, printApplyTargets } from './apply.js'
import { benchChecker, printChecker } from './checker.js'
import { benchConns, printConns } from './conns.js'
import { pinTo } from './cpu.js'
import { benchHealth, printHealth } from './health.js'
import { benchLive, printLive, printLiveTargets } from './live.js'
import { benchMemory, printMemory } from './memory.js'
import { DATAPLANE_OBJECT } from './objects.js'
import { benchSweep, printSweep } from './sweep.js'
import { benchTestrun, printTestrun } from './testrun.js'
import { printYardstick } from './yardstick.js'

const PARTS = ['testrun', 'live', 'apply', 'sweep', 'memory', 'conns', 'checker'] as const
type Part = (typeof PARTS)[number]

interface Options {
  only?: Part
  rounds: number
  repeats: number
  cpu: number
  object: string
  match: string
  seconds: number
  json?: string
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('not a whole number above 0')
  return value
}

function wholeNumber(text: string): number {
  return text === '0' ? 0 : positive(text)
}

const options = new Command('bench')
  .description('measures what veer costs')
  .addOption(new Option('--only <part>', 'measure one part').choices(PARTS))
  .option('--rounds <n>', 'rounds of each measurement', positive, 9)
  .option('--repeats <n>', 'packets per round of a test run', positive, 1_000_000)
  .option('--cpu <n>', 'the CPU to measure on', wholeNumber, availableParallelism() - 1)
  .option('--object <file>', 'the dataplane to measure, to compare builds', DATAPLANE_OBJECT)
  .option('--match <text>', 'of the test run only packets whose name contains it', '')
  .option('--seconds <n>', 'how long the checker is watched', positive, 120)
  .option('--json <file>', 'write the results there, too')
  .parse()
  .opts<Options>()

async function main(): Promise<void> {
  const environment = readEnvironment()
  const reason = objection(environment)
  if (reason !== undefined) throw new Error(reason)
  const wanted = (part: Part): boolean => options.only === undefined || options.only === part
  const results: Record<string, unknown> = { environment }
  const print = (title: string, text: string): void => void process.stdout.write(`\n## ${title}\n\n${text}\n`)
  print('Environment', printEnvironment(environment))
  // A command's own threads go where they like, so this comes first.
  if (wanted('conns')) {
    const conns = await benchConns(options.rounds)
    results.conns = conns
    print('conns: a table of a million', printConns(conns))
  }
  if (wanted('checker')) {
    const checker = await benchChecker(options.seconds)
    results.checker = checker
    print('checker: 10,000 destinations every 2 s', printChecker(checker))
  }
  pinTo(options.cpu)
  if (wanted('testrun')) {
    const testrun = await benchTestrun(options)
    results.testrun = testrun
    print('Test run: nanoseconds a packet, net of the wrapper', printTestrun(testrun.packets))
    print('Test run: how fast the machine was', printYardstick(testrun.yardstick))
  }
  if (wanted('live')) {
    const live = await benchLive(options)
    results.live = live
    for (const result of live) print(`Live frames, ${result.flows.toLocaleString('en')} flows, one CPU`, printLive(result))
    print('Live frames: targets', printLiveTargets(live))
  }
  if (wanted('apply')) {
    const apply = await benchApply(options.rounds, options.object)
    results.apply = apply
    print('Plan and apply: milliseconds', printApply(apply))
    print('Plan and apply: targets', printApplyTargets(apply))
    const health = await benchHealth(options.rounds, options.object)
    results.health = health
    print('Changes of health: milliseconds', printHealth(health))
  }
  if (wanted('sweep')) {
    const sweep = await benchSweep(options.rounds, options.object)
    results.sweep = sweep
    print('Sweeper: one pass over a table of a million', printSweep(sweep))
  }
  if (wanted('memory')) {
    const memory = await benchMemory(options.object)
    results.memory = memory
    print('Memory and program', printMemory(memory))
  }
  if (options.json !== undefined) {
    mkdirSync(dirname(options.json), { recursive: true })
    writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`)
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
})
