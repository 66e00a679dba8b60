import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { parseDuration } from '../../config/duration.js'
import { pingDirectors } from '../../control/ping-run.js'
import { COMMAND_PORTS } from '../../health/port-pool.js'
import { NetworkNamespace } from '../../system/netns.js'
import { globalOptions, openInstance } from '../options.js'
import { Exit, print, printJson } from '../output.js'
import { formatPing, formatPingReport } from '../ping-text.js'

interface Options {
  count: number
  interval: number
  timeout: number
  source?: string
  json: boolean
}

const MAX_DIRECTORS = 16

export function addPing(program: Command): void {
  program
    .command('ping')
    .description("send marked SYNs through another director's dataplane to a real of a service")
    .argument('<director>', 'address on an attached network, or MAC; several, joined by commas, side by side', directorsOf)
    .argument('<service>', 'name of a tcp service, or VIP:PORT')
    .option('--count <number>', 'how many to each director', countOf, 5)
    .option('--interval <duration>', 'from one to the next', durationOf, 1000)
    .option('--timeout <duration>', 'how long to wait for each answer', durationOf, 1000)
    .option('--source <address>', 'what they leave from; default: the address of the way out')
    .option('--json', 'print JSON at the end', false)
    .action(async (directors: string[], service: string, options: Options, command: Command) => {
      const { json, interval: intervalMs, timeout: timeoutMs, count, source } = options
      if (directors.length * Math.ceil(timeoutMs / intervalMs) > COMMAND_PORTS) {
        command.error(`error: more than ${COMMAND_PORTS} pings would be under way: raise --interval or lower --timeout`)
      }
      const globals = globalOptions(command)
      using instance = openInstance(globals)
      const namespace = NetworkNamespace.open(globals.netns)
      const request = { directors, service, source, count, intervalMs, timeoutMs }
      const report = await pingDirectors(instance, namespace, request, (route, result) => {
        if (!json) print(formatPing(route, result))
      })
      if (json) printJson(report)
      else print(formatPingReport(report))
      if (report.directors.some(({ ok, sent }) => ok < sent)) process.exitCode = Exit.failed
    })
}

function directorsOf(text: string): string[] {
  const directors = [...new Set(text.split(',').filter((each) => each !== ''))]
  if (directors.length > 0 && directors.length <= MAX_DIRECTORS) return directors
  throw new InvalidArgumentError(`Give 1 to ${MAX_DIRECTORS} directors`)
}

function countOf(text: string): number {
  const count = Number(text)
  if (Number.isInteger(count) && count >= 1 && count <= 1_000_000) return count
  throw new InvalidArgumentError('Give a number from 1 to 1000000')
}

function durationOf(text: string): number {
  const value = parseDuration(/^\d+$/.test(text) ? `${text}s` : text)
  if (value !== undefined && value >= 100 && value <= 60_000) return value
  throw new InvalidArgumentError('Write 200ms or 2s: 100ms to 60s')
}
