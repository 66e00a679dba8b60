/** The command line. One file per verb under commands/. */
import { Command, CommanderError } from 'commander'
import { addApply, addPlan } from './commands/apply.js'
import { addAttach } from './commands/attach.js'
import { addCheck } from './commands/check.js'
import { addDetach } from './commands/detach.js'
import { addDoctor } from './commands/doctor.js'
import { addList } from './commands/list.js'
import { addRun } from './commands/run.js'
import { addStats } from './commands/stats.js'
import { addGlobalOptions } from './options.js'
import { Exit, reportError } from './output.js'

function buildProgram(): Command {
  const program = new Command('veer')
    .description('L4 load balancer: eBPF dataplane, one YAML file')
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(usageLine(text)) })
  addGlobalOptions(program)
  const verbs = [addCheck, addAttach, addRun, addPlan, addApply, addList, addStats, addDoctor, addDetach]
  for (const addVerb of verbs) addVerb(program)
  for (const command of program.commands) command.exitOverride()
  return program
}

/** Commander's message, which may go on in a second line, as the one line that every error is. */
function usageLine(text: string): string {
  return `${text.trim().replace(/^error: /, 'veer: ').replaceAll('\n', ' ')}; see veer --help\n`
}

async function main(): Promise<void> {
  const program = buildProgram()
  try {
    await program.parseAsync()
  } catch (error) {
    // Commander has printed its own message; help and version are no failure.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? Exit.done : Exit.usage
    else process.exitCode = reportError(error, program.opts<{ verbose: boolean }>().verbose)
  }
}

await main()
