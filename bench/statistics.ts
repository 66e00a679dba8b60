/** Summaries of a few measurements. */

export interface Summary {
  min: number
  median: number
  max: number
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] ?? NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2
}

export function summary(values: readonly number[]): Summary {
  return { min: Math.min(...values), median: median(values), max: Math.max(...values) }
}

/** Divides round by round: what two paths did in the same round. */
export function ratios(of: readonly number[], to: readonly number[]): Summary {
  return summary(of.map((value, round) => value / (to[round] ?? NaN)))
}
