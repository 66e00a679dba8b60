import type { Command } from 'commander'
import { loadConfig } from '../../config/load.js'
import { directorOf } from '../director.js'
import { globalOptions } from '../options.js'
import { print, warn } from '../output.js'
import { planWarnings } from '../plan-text.js'

export function addAttach(program: Command): void {
  program
    .command('attach')
    .description('load, attach and fill the dataplane; it forwards on without a process')
    .requiredOption('-f, --file <file>', 'the configuration')
    .action(async ({ file }: { file: string }, command: Command) => {
      const options = globalOptions(command)
      const config = loadConfig(file)
      const plan = await directorOf(options).attach(config)
      for (const warning of planWarnings(plan)) warn(warning)
      const names = config.interfaces.map(({ name }) => name).join(', ')
      print(`attached instance ${options.instance} to ${names}: ${config.services.length} services`)
    })
}
