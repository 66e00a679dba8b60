import type { Command } from 'commander'
import { directorOf } from '../director.js'
import { globalOptions } from '../options.js'
import { print } from '../output.js'

export function addDetach(program: Command): void {
  program
    .command('detach')
    .description('remove everything that the instance made')
    .action(async (_: object, command: Command) => {
      const options = globalOptions(command)
      await directorOf(options).detach()
      print(`detached instance ${options.instance}`)
    })
}
