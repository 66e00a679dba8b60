/** YAML text as a plain value, and where in the text each part of it stands. */
import { type Document, isAlias, isMap, isPair, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import type { Problem } from './problem.js'

interface Position {
  line: number
  column: number
}

/** A parsed file. */
export interface YamlSource {
  /** The file as maps, lists, text, numbers and booleans; undefined when `fatal`. */
  value: unknown
  /** Syntax errors and duplicate keys. */
  problems: Problem[]
  /** Whether `problems` leave no value to look at. */
  fatal: boolean
  /** The position of a path, or of the nearest thing around it that is in the text. */
  locate(path: readonly (string | number)[]): Position
}

/** Reads YAML 1.2, with anchors and merge keys. Never throws. */
export function readYaml(text: string): YamlSource {
  const lines = new LineCounter()
  const positionOf = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const unreadable = (message: string): YamlSource => ({
    value: undefined,
    problems: [{ path: '', line: 1, column: 1, code: 'yaml_syntax', message }],
    fatal: true,
    locate: () => ({ line: 1, column: 1 }),
  })
  try {
    const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false, logLevel: 'error' })
    const problems = withoutEchoes(
      [...document.errors, ...document.warnings].map(({ code, message, pos: [offset] }): Problem => {
        const where = { path: '', ...positionOf(offset) }
        if (code !== 'DUPLICATE_KEY') return { ...where, code: 'yaml_syntax', message: plain(message) }
        return { ...where, code: 'duplicate_key', message: `key \`${wordAt(text, offset)}\` is there twice` }
      }),
    )
    const fatal = problems.some(({ code }) => code === 'yaml_syntax')
    const locate = (path: readonly (string | number)[]) => positionOf(offsetOf(document, path))
    return { value: fatal ? undefined : document.toJS(), problems, fatal, locate }
  } catch (error) {
    // The yaml package throws on alias bombs and on nesting deeper than the stack.
    return unreadable(plain(error instanceof Error ? error.message : String(error)))
  }
}

/** One syntax error makes the parser report more behind it, on the same line. */
function withoutEchoes(problems: Problem[]): Problem[] {
  const lines = new Set<number>()
  return problems
    .toSorted((a, b) => a.line - b.line || a.column - b.column)
    .filter(({ code, line }) => code === 'duplicate_key' || (!lines.has(line) && lines.add(line)))
}

function plain(message: string): string {
  if (message.includes('call stack')) return 'nested too deeply'
  return message.split('\n', 1)[0] ?? message
}

function wordAt(text: string, offset: number): string {
  return /^[^\s:,}]+/.exec(text.slice(offset, offset + 64))?.[0] ?? ''
}

function offsetOf(document: Document, path: readonly (string | number)[]): number {
  let node: unknown = document.contents
  let offset = startOf(node) ?? 0
  for (const [index, step] of path.entries()) {
    const found = childOf(document, node, step)
    if (found === undefined) break
    const isLast = index === path.length - 1
    offset = (isLast ? startOf(found.value) : undefined) ?? startOf(found.key) ?? startOf(found.value) ?? offset
    node = found.value
  }
  return offset
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0]
}

interface Child {
  key?: unknown
  value: unknown
}

function childOf(document: Document, node: unknown, step: string | number): Child | undefined {
  const target = isAlias(node) ? node.resolve(document) : node
  if (isSeq(target)) return typeof step === 'number' ? { value: target.items[step] } : undefined
  if (!isMap(target)) return undefined
  const keyIs = (key: unknown, text: string) => (isScalar(key) ? String(key.value) : String(key)) === text
  const own = target.items.findLast((pair) => isPair(pair) && keyIs(pair.key, String(step)))
  if (own !== undefined) return own
  const merged = target.items.filter((pair) => keyIs(pair.key, '<<')).flatMap(({ value }) => sources(document, value))
  return merged.map((source) => childOf(document, source, step)).find((child) => child !== undefined)
}

/** What a merge key takes in: one map or a list of maps. */
function sources(document: Document, value: unknown): unknown[] {
  const target = isAlias(value) ? value.resolve(document) : value
  return isSeq(target) ? target.items : [target]
}
