/** From zod's issues to faults in the words of the file. */
import type { z } from 'zod'
import { isLaterKey, isLaterValue } from './later.js'
import { nearest } from './nearest.js'
import type { Fault } from './problem.js'

type Issue = z.core.$ZodIssue
type Path = readonly (string | number)[]

const KINDS: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map',
}

/**
 * The faults behind one issue.
 *
 * @param base - path of the value that was parsed
 * @param value - that value
 * @param keysAt - the keys that the map at a path may have, for suggestions
 */
export function faultsOf(issue: Issue, base: Path, value: unknown, keysAt: (path: Path) => string[]): Fault[] {
  const path = [...base, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))]
  const found = valueAt(value, issue.path)
  if (isLaterValue(path, found)) {
    return [{ path, code: 'not_supported', message: `${show(found)} is not supported yet` }]
  }
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => keyFault(path, key, keysAt(path)))
  if (issue.code === 'invalid_union' && issue.errors.length > 0) return branchFaults(issue, path, found, keysAt)
  if (found === undefined && isTypeIssue(issue)) return [missing(path)]
  return [{ path, ...describe(issue, found) }]
}

function isTypeIssue(issue: Issue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_union'
}

function missing(path: Path): Fault {
  return { path, code: 'missing_key', message: 'is required' }
}

function keyFault(path: Path, key: string, known: string[]): Fault {
  const at = [...path, key]
  if (isLaterKey(path, key)) return { path: at, code: 'not_supported', message: 'not supported yet' }
  const near = nearest(key, known)
  const suggestion = near === undefined ? '' : `; did you mean \`${near}\`?`
  return { path: at, code: 'unknown_key', message: `unknown key \`${key}\`${suggestion}` }
}

/** Of the forms that a value may have, the faults of the one that was meant: the one of its type. */
function branchFaults(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: Path,
  found: unknown,
  keysAt: (path: Path) => string[],
): Fault[] {
  const refuses = (code: string) => (issues: Issue[]) =>
    issues.some((inner) => inner.code === code && inner.path.length === 0)
  const ofType = issue.errors.filter((issues) => !refuses('invalid_type')(issues))
  const meant = ofType.find((issues) => !refuses('invalid_value')(issues)) ?? ofType[0]
  if (meant !== undefined) return meant.flatMap((inner) => faultsOf(inner, path, found, keysAt))
  if (found === undefined) return [missing(path)]
  const kinds = issue.errors.flatMap((issues) =>
    issues.map((inner) => ('expected' in inner ? (KINDS[inner.expected] ?? inner.expected) : '')),
  )
  return [wrongType(path, kinds.filter(Boolean), found)]
}

function wrongType(path: Path, kinds: readonly string[], found: unknown): Fault {
  return { path, code: 'wrong_type', message: `expected ${[...new Set(kinds)].join(' or ')}, found ${kindOf(found)}` }
}

function describe(issue: Issue, found: unknown): Omit<Fault, 'path'> {
  const bad = (message: string) => ({ code: 'bad_value', message }) as const
  switch (issue.code) {
    case 'invalid_type': {
      const { code, message } = wrongType([], [KINDS[issue.expected] ?? issue.expected], found)
      return { code, message }
    }
    case 'invalid_value':
      if (issue.values.length === 1) return bad(`expected ${String(issue.values[0])}, found ${show(found)}`)
      return bad(`${show(found)} is not one of ${issue.values.map(String).join(', ')}`)
    case 'invalid_union':
      return bad(`${show(found)} is not one of ${'options' in issue ? String(issue.options).replace(/,/g, ', ') : ''}`)
    case 'too_small':
      return bad(bound(issue.origin, 'at least', issue.minimum, found))
    case 'too_big':
      return bad(issue.origin === 'string' ? issue.message : bound(issue.origin, 'at most', issue.maximum, found))
    case 'invalid_format':
      return bad(`${show(found)}: ${issue.message}`)
    default:
      return bad(issue.message)
  }
}

function bound(origin: string, limit: string, value: number | bigint, found: unknown): string {
  if (origin === 'array') return `expected ${limit} ${value} in the list`
  if (origin === 'string') return `expected ${limit} ${value} character${value === 1 ? '' : 's'}`
  return `${show(found)} is out of range: expected ${limit} ${value}`
}

function show(value: unknown): string {
  if (typeof value === 'string') return value.length <= 64 ? value : `${value.slice(0, 64)}…`
  return kindOf(value)
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return `text (${show(value)})`
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : 'a map'
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at: unknown = value
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined
    at = (at as Record<PropertyKey, unknown>)[step]
  }
  return at
}
