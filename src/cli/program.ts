/** The command line: global options, and one file per verb under commands/. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { PACKAGE_ROOT } from '../package-root.js'
import { addGlobalOptions } from './options.js'

type AddVerb = (program: Command) => void

/** In the order of the help. */
const VERBS: Readonly<Record<string, () => Promise<AddVerb>>> = {
  check: async () => (await import('./commands/check.js')).addCheck,
  attach: async () => (await import('./commands/attach.js')).addAttach,
  run: async () => (await import('./commands/run.js')).addRun,
  plan: async () => (await import('./commands/apply.js')).addPlan,
  apply: async () => (await import('./commands/apply.js')).addApply,
  list: async () => (await import('./commands/list.js')).addList,
  conns: async () => (await import('./commands/conns.js')).addConns,
  stats: async () => (await import('./commands/stats.js')).addStats,
  probe: async () => (await import('./commands/probe.js')).addProbe,
  ping: async () => (await import('./commands/ping.js')).addPing,
  explain: async () => (await import('./commands/explain.js')).addExplain,
  doctor: async () => (await import('./commands/doctor.js')).addDoctor,
  detach: async () => (await import('./commands/detach.js')).addDetach,
}

/**
 * The program that can run `args`. Wrong usage is said in one line on stderr and thrown as commander's `CommanderError`.
 *
 * Each verb brings modules that take tens of milliseconds to load, so the others are left out when `args` name one.
 */
export async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command('veer')
    .description('L4 load balancer: eBPF dataplane, one YAML file')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({ writeErr: (text) => process.stderr.write(usageLine(text)) })
  addGlobalOptions(program)
  const named = Object.keys(VERBS).filter((verb) => args.includes(verb))
  const needed = named.length === 1 && !args.some((arg) => HELP.has(arg)) ? named : Object.keys(VERBS)
  for (const verb of needed) (await VERBS[verb]?.())?.(program)
  return program
}

const HELP: ReadonlySet<string> = new Set(['help', '-h', '--help'])

function packageVersion(): string {
  const text = readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** Commander's message, which may go on in a second line, as the one line that every error is. */
function usageLine(text: string): string {
  // Without a command it writes the whole help.
  const message = text.startsWith('Usage:') ? 'no command is given' : text.trim().replace(/^error: /, '')
  return `veer: ${message.replaceAll('\n', ' ')}; see veer --help\n`
}
