/** `npx tsx bench/main.ts`: docs/benchmarks.md says what is measured and how to read it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { objection, printEnvironment, readEnvironment } from './environment.js'
import { benchTestrun, printTestrun } from './testrun.js'

const PARTS = ['testrun', 'live', 'apply', 'memory'] as const
type Part = (typeof PARTS)[number]

interface Options {
  only?: Part
  rounds: number
  repeats: number
  json?: string
}

function positive(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('not a whole number above 0')
  return value
}

const options = new Command('bench')
  .description('measures what veer costs')
  .addOption(new Option('--only <part>', 'measure one part').choices(PARTS))
  .option('--rounds <n>', 'rounds of each measurement', positive, 9)
  .option('--repeats <n>', 'packets per round of a test run', positive, 1_000_000)
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
  if (wanted('testrun')) {
    const testrun = await benchTestrun(options)
    results.testrun = testrun
    print('Test run: nanoseconds a packet, net of the wrapper', printTestrun(testrun))
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
