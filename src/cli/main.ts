/** What bin/veer starts, bundled by rolldown.config.js. */
import { CommanderError } from 'commander'
import { Exit, reportError } from './output.js'
import { buildProgram } from './program.js'

async function main(): Promise<void> {
  const program = await buildProgram(process.argv.slice(2))
  try {
    await program.parseAsync()
  } catch (error) {
    // Commander has printed its own message; help and version are no failure.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? Exit.done : Exit.usage
    else process.exitCode = reportError(error, program.opts<{ verbose: boolean }>().verbose)
  }
}

void main()
