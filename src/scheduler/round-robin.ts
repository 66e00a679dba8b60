import { apportion, gcdOf } from './weights.js'

/** The most slots of a `wrr` ring, unless the service has more reals; a longer period is scaled down to it. */
export const MAX_PERIOD = 16_384

/** `rr`: every usable destination once. */
export function roundRobin(weights: readonly number[]): Uint32Array {
  return Uint32Array.from(weights.keys())
}

/**
 * `wrr`: one period of IPVS's interleaved weighted round robin (ip_vs_wrr.c). A threshold goes down from the largest
 * weight to 0 by the greatest common divisor; on each step all destinations whose weight reaches it take a turn.
 *
 * @param weights - of the usable destinations: positive integers
 */
export function weightedRoundRobin(weights: readonly number[]): Uint32Array {
  const turns = wholePeriod(weights)
  const period = turns.reduce((a, b) => a + b, 0)
  const ring = new Uint32Array(period)
  const steps = [...new Set(turns)].sort((a, b) => b - a)
  let slot = 0
  steps.forEach((threshold, step) => {
    const repeats = threshold - (steps[step + 1] ?? 0)
    const reaching = [...turns.keys()].filter((index) => (turns[index] ?? 0) >= threshold)
    for (let repeat = 0; repeat < repeats; repeat++) {
      ring.set(reaching, slot)
      slot += reaching.length
    }
  })
  return ring
}

/** The turns of each destination in one period. */
function wholePeriod(weights: readonly number[]): number[] {
  const gcd = gcdOf(weights)
  const turns = weights.map((weight) => weight / gcd)
  const period = turns.reduce((a, b) => a + b, 0)
  return period <= MAX_PERIOD ? turns : apportion(weights, MAX_PERIOD)
}
