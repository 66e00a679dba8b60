/**
 * Slow start: the weight of a real that has come up again grows in ten steps. Where it is can be read back from the
 * effective weights that the maps hold, so no process has to remember it.
 *
 * While a real of a service is at a step before the last, all its effective weights are ten times the configured ones, so
 * that a weight of 1 has steps, too; the shares, and mh's and wrr's rings, are the same. Where ten times the largest
 * weight does not fit, steps are rounded down, to 1 at least.
 */
import { DestFlag } from '../maps/generated.js'

export const STEPS = 10

const MAX_WEIGHT = 65_535

/** A weight of the configuration, above 0, and what is in force of it. */
export interface Weighed {
  weight: number
  effectiveWeight: number
}

/** What the effective weights of a service are a multiple of the configured ones by, as the maps have them. */
export function scaleOf(reals: readonly Weighed[]): number {
  return reals.some(({ weight, effectiveWeight }) => weight > 0 && effectiveWeight === STEPS * weight) ? STEPS : 1
}

/** Whether one of these destinations, sorry servers among them, is at a step before the last. */
export function isStarting(destinations: readonly (Weighed & { flags: number })[]): boolean {
  const reals = destinations.filter(({ flags }) => (flags & DestFlag.sorry) === 0)
  const scale = scaleOf(reals)
  return reals.some((each) => each.effectiveWeight > 0 && stepOf(each, scale) < STEPS)
}

/** What it is to be while a real is at a step before the last. */
export function scaleFor(weights: readonly number[]): number {
  const largest = weights.reduce((a, b) => Math.max(a, b), 0)
  return STEPS * largest <= MAX_WEIGHT ? STEPS : 1
}

/** The effective weight of a real at a step from 1 to {@link STEPS}, under a scale of {@link scaleFor}. */
export function weightAt(weight: number, step: number, scale: number): number {
  return step >= STEPS ? weight * scale : Math.max(1, Math.floor((weight * scale * step) / STEPS))
}

/** The step of a real that has slots; the last one when it is in no slow start. Where several have one weight, the last. */
export function stepOf({ weight, effectiveWeight }: Weighed, scale: number): number {
  for (let step = STEPS - 1; step > 0; step--) {
    if (effectiveWeight < weight * scale && weightAt(weight, step, scale) === effectiveWeight) return step
  }
  return STEPS
}
