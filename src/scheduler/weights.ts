/** The greatest common divisor of positive integers. */
export function gcdOf(weights: readonly number[]): number {
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b))
  return weights.reduce(gcd, 0)
}

/**
 * Shares `total` slots out in proportion to weights by largest remainder. A weight whose share is under one slot gets
 * one all the same, and the others share what is left; so the sum is `total`, or one each when there are more weights
 * than slots.
 *
 * @param weights - positive integers
 */
export function apportion(weights: readonly number[], total: number): number[] {
  if (weights.length >= total) return weights.map(() => 1)
  const { minimum, slots, sum } = withoutTiny(weights, total)
  const quotas = weights.map((weight) => (weight <= minimum ? 1 : (weight * slots) / sum))
  const shares = quotas.map((quota) => Math.floor(quota))
  const left = total - shares.reduce((a, b) => a + b, 0)
  const byRemainder = quotas
    .map((quota, index) => ({ index, remainder: quota % 1 }))
    .sort((a, b) => b.remainder - a.remainder || a.index - b.index)
  for (const { index } of byRemainder.slice(0, left)) shares[index] = (shares[index] ?? 0) + 1
  return shares
}

/** Sets aside one slot for each weight that has not earned one, until all others have. */
function withoutTiny(weights: readonly number[], total: number): { minimum: number; slots: number; sum: number } {
  const ascending = [...weights].sort((a, b) => a - b)
  let sum = weights.reduce((a, b) => a + b, 0)
  let slots = total
  let minimum = 0
  for (const weight of ascending) {
    if (weight * slots >= sum) break
    sum -= weight
    slots -= 1
    minimum = weight
  }
  return { minimum, slots, sum }
}
