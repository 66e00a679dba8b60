import type { Command } from 'commander'
import { loadConfig } from '../../config/load.js'
import { ConfigError } from '../../config/load.js'
import { formatProblem } from '../../config/problem.js'
import type { Problem } from '../../config/problem.js'
import { Exit, print, printJson } from '../output.js'

export function addCheck(program: Command): void {
  program
    .command('check')
    .description('validate a configuration file; touches nothing')
    .requiredOption('-f, --file <file>', 'the configuration')
    .option('--json', 'print JSON', false)
    .action(({ file, json }: { file: string; json: boolean }) => {
      const problems = problemsOf(file)
      if (json) printJson({ ok: problems.length === 0, problems })
      else if (problems.length === 0) print(`${file}: ok`)
      else print(problems.map((problem) => formatProblem(file, problem)).join('\n'))
      if (problems.length > 0) process.exitCode = Exit.invalidConfig
    })
}

function problemsOf(file: string): readonly Problem[] {
  try {
    loadConfig(file)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
