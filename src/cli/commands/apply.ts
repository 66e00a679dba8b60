import type { Command } from 'commander'
import { loadConfig } from '../../config/load.js'
import type { Plan } from '../../control/director.js'
import { directorOf } from '../director.js'
import { globalOptions } from '../options.js'
import { Exit, print, printJson, warn } from '../output.js'
import { formatPlan, planWarnings } from '../plan-text.js'

interface Options {
  file: string
  json: boolean
  exitCode?: boolean
}

export function addPlan(program: Command): void {
  program
    .command('plan')
    .description('what apply would change, read back from the live maps')
    .requiredOption('-f, --file <file>', 'the configuration')
    .option('--exit-code', `exit with ${Exit.changesPending} when anything would change`, false)
    .option('--json', 'print JSON', false)
    .action(async ({ file, json, exitCode }: Options, command: Command) => {
      const plan = await directorOf(globalOptions(command)).plan(loadConfig(file))
      report(plan, json)
      if (exitCode === true && plan.changes.length > 0) process.exitCode = Exit.changesPending
    })
}

export function addApply(program: Command): void {
  program
    .command('apply')
    .description('make the live state equal to the configuration')
    .requiredOption('-f, --file <file>', 'the configuration')
    .option('--json', 'print JSON', false)
    .action(async ({ file, json }: Options, command: Command) => {
      const plan = await directorOf(globalOptions(command)).apply(loadConfig(file))
      report(plan, json)
    })
}

function report(plan: Plan, json: boolean): void {
  if (json) printJson({ changes: plan.changes, disruption: plan.disruption })
  else print(formatPlan(plan))
  for (const warning of planWarnings(plan)) warn(warning)
}
