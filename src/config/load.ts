import { readFileSync } from 'node:fs'
import { errnoOf, VeerError } from '../errors.js'
import { parseConfig } from './parse.js'
import { formatProblem, type Problem } from './problem.js'
import type { Config } from './schema.js'

const REASONS: Record<string, string> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'permission denied',
}

/** LB_ERR_CONFIG_INVALID: the file could be read, and this is all that is wrong with it. */
export class ConfigError extends VeerError {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(fileName: string, problems: readonly Problem[]) {
    const [first] = problems
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
    super('LB_ERR_CONFIG_INVALID', `${first === undefined ? fileName : formatProblem(fileName, first)}${more}`, {
      hint: `\`veer check -f ${fileName}\` prints every problem`,
    })
    this.problems = problems
  }
}

/**
 * Reads and validates a configuration file.
 *
 * @throws VeerError LB_ERR_CONFIG_UNREADABLE when the file is missing, a directory, unreadable or not UTF-8
 * @throws ConfigError LB_ERR_CONFIG_INVALID with every problem
 */
export function loadConfig(path: string): Config {
  const { config, problems } = parseConfig(readText(path))
  if (config === undefined) throw new ConfigError(path, problems)
  return config
}

function readText(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    throw new VeerError('LB_ERR_CONFIG_UNREADABLE', `cannot read configuration ${path}: ${reasonOf(error)}`, {
      hint: 'give a YAML file with -f FILE',
      cause: error,
    })
  }
}

function reasonOf(error: unknown): string {
  const errno = errnoOf(error)
  if (errno === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'it is not UTF-8 text'
  return (errno === undefined ? undefined : REASONS[errno]) ?? (error instanceof Error ? error.message : String(error))
}
