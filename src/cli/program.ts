/** The command line: global options, and one file per verb under commands/. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addApply, addPlan } from './commands/apply.js'
import { addAttach } from './commands/attach.js'
import { addCheck } from './commands/check.js'
import { addDetach } from './commands/detach.js'
import { addDoctor } from './commands/doctor.js'
import { addList } from './commands/list.js'
import { addRun } from './commands/run.js'
import { addStats } from './commands/stats.js'
import { addGlobalOptions } from './options.js'

const VERBS = [addCheck, addAttach, addRun, addPlan, addApply, addList, addStats, addDoctor, addDetach]

/** All commands. Wrong usage is said in one line on stderr and thrown as commander's `CommanderError`. */
export function buildProgram(): Command {
  const program = new Command('veer')
    .description('L4 load balancer: eBPF dataplane, one YAML file')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(usageLine(text)) })
  addGlobalOptions(program)
  for (const addVerb of VERBS) addVerb(program)
  return program
}

/** src/cli and dist/cli are both two levels below the package's root. */
function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** Commander's message, which may go on in a second line, as the one line that every error is. */
function usageLine(text: string): string {
  // Without a command it writes the whole help.
  const message = text.startsWith('Usage:') ? 'no command is given' : text.trim().replace(/^error: /, '')
  return `veer: ${message.replaceAll('\n', ' ')}; see veer --help\n`
}
