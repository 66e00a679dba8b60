import type { Command } from 'commander'
import { readVerdictCounts } from '../../dataplane/verdict-counts.js'
import { globalOptions, openInstance } from '../options.js'
import { columns, print, printJson } from '../output.js'

export function addStats(program: Command): void {
  program
    .command('stats')
    .description('packets by verdict and drop reason')
    .option('--json', 'print JSON', false)
    .action(({ json }: { json: boolean }, command: Command) => {
      using instance = openInstance(globalOptions(command))
      const counts = readVerdictCounts(instance.maps)
      if (json) {
        printJson(counts)
        return
      }
      const drops = Object.entries(counts.drops).map(([name, count]): [string, bigint] => [`drop_${name}`, count])
      const rows = [...Object.entries(counts.verdicts), ...drops].map(([name, count]) => [name, String(count)])
      print(columns([['verdict', 'packets'], ...rows], [1]))
    })
}
