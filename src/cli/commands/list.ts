import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ServiceList } from '../../control/service-list.js'
import { listJson, readServiceList } from '../../control/service-list.js'
import { ratesBetween } from '../../control/rates.js'
import type { Instance } from '../../dataplane/instance.js'
import { formatList } from '../list-text.js'
import { globalOptions, openInstance } from '../options.js'
import { print, printJson } from '../output.js'

const RATE_INTERVAL_MS = 1000

interface Options {
  json: boolean
  stats: boolean
  rate: boolean
}

export function addList(program: Command): void {
  program
    .command('list')
    .description('services and destinations')
    .option('--stats', 'counters', false)
    .option('--rate', 'counters per second, over one second', false)
    .option('--json', 'print JSON', false)
    .action(async ({ json, stats, rate }: Options, command: Command) => {
      using instance = openInstance(globalOptions(command))
      const list = rate ? await readRates(instance) : readServiceList(instance)
      if (json) printJson(listJson(list))
      else print(formatList(list, rate ? 'rate' : stats ? 'stats' : 'table'))
    })
}

async function readRates(instance: Instance): Promise<ServiceList> {
  const before = readServiceList(instance)
  const start = performance.now()
  await sleep(RATE_INTERVAL_MS)
  const after = readServiceList(instance)
  return ratesBetween(before, after, (performance.now() - start) / 1000)
}
