/** Tables for a terminal, which are Markdown too. */

export type Cell = string | number | undefined

/** Columns of numbers are right-aligned; `undefined` is empty. */
export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const text = rows.map((row) => row.map((cell) => String(cell ?? '')))
  const numeric = head.map((_, column) => rows.every((row) => typeof row[column] !== 'string'))
  const width = head.map((title, column) => Math.max(3, title.length, ...text.map((row) => row[column]?.length ?? 0)))
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => (numeric[i] ? cell.padStart(width[i] ?? 0) : cell.padEnd(width[i] ?? 0))).join(' | ')} |`
  const rule = width.map((columns, i) => (numeric[i] ? `${'-'.repeat(columns - 1)}:` : '-'.repeat(columns)))
  return [line(head), line(rule), ...text.map(line)].join('\n')
}

/** A number with as many decimals as it needs to be read; `undefined` stays. */
export function rounded(value: number, decimals = 1): number {
  return Number(value.toFixed(decimals))
}
