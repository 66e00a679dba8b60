import { checkValues } from './draft.js'
import { normalise } from './normalise.js'
import { type Fault, formatPath, type Problem } from './problem.js'
import { brokenRules } from './rules.js'
import type { Config } from './schema.js'
import { readYaml, type YamlSource } from './yaml-source.js'

/** A configuration, or everything that is wrong with the text, in the order of the text. */
export type ParseResult = { config: Config; problems?: never } | { problems: Problem[]; config?: never }

/** Validates the text of a configuration file. Never throws, and touches nothing. */
export function parseConfig(text: string): ParseResult {
  const source = readYaml(text)
  if (source.fatal) return { problems: source.problems }
  if (source.value === null || source.value === undefined) return { problems: [EMPTY] }
  const { file, draft, faults } = checkValues(source.value)
  const found = [...faults, ...brokenRules(draft)].map((fault) => problemOf(fault, source))
  const problems = [...source.problems, ...found].sort((a, b) => a.line - b.line || a.column - b.column)
  return problems.length > 0 || file === undefined ? { problems } : { config: normalise(file) }
}

const EMPTY: Problem = { path: '', line: 1, column: 1, code: 'empty_file', message: 'the file is empty' }

function problemOf({ path, code, message }: Fault, source: YamlSource): Problem {
  return { path: formatPath(path), ...source.locate(path), code, message }
}
