/** How results and errors are printed. */
import { inspect } from 'node:util'
import { VeerError } from '../errors.js'

/** Exit codes of the command line. */
export const Exit = { done: 0, failed: 1, usage: 2, invalidConfig: 3, changesPending: 4 } as const

/** Errors that are no failure of ours. */
const EXIT_OF: Readonly<Record<string, number>> = {
  LB_ERR_CONFIG_INVALID: Exit.invalidConfig,
  LB_ERR_INSTANCE_NAME: Exit.usage,
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

/** 64-bit counters are strings in JSON: they may pass 2^53. */
export function printJson(value: unknown): void {
  print(JSON.stringify(value, (_key, each: unknown) => (typeof each === 'bigint' ? each.toString() : each), 2))
}

export function warn(text: string): void {
  process.stderr.write(`veer: ${text}\n`)
}

/** Prints an error as its one line and says with what code to exit. */
export function reportError(error: unknown, verbose: boolean): number {
  if (error instanceof VeerError) warn(error.hint === undefined ? error.message : `${error.message}; ${error.hint}`)
  else warn(`${error instanceof Error ? error.message : String(error)}; this is a defect of veer, --verbose shows where`)
  if (verbose) process.stderr.write(`${inspect(error, { depth: 4 })}\n`)
  return (error instanceof VeerError && EXIT_OF[error.code]) || Exit.failed
}

/**
 * Columns of text, each as wide as its widest cell that another follows; `right` names the columns that are aligned to
 * the right.
 */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [column, cell] of row.entries()) {
      const counts = column < row.length - 1 || right.includes(column)
      widths[column] = Math.max(widths[column] ?? 0, counts ? cell.length : 0)
    }
  }
  const align = (cell: string, column: number): string => {
    const width = widths[column] ?? 0
    return right.includes(column) ? cell.padStart(width) : cell.padEnd(width)
  }
  return rows.map((row) => row.map(align).join('  ').trimEnd()).join('\n')
}
