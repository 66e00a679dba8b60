const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const

/** What {@link parseDuration} reads, as a pattern for editors. */
export const DURATION_PATTERN = /^(0|[1-9][0-9]{0,8})(ms|s|m|h)$/

/** The milliseconds of `500ms`, `900s`, `5m` or `1h`, or undefined when `text` is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION_PATTERN.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
}
