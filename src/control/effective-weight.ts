/** What schedulers weigh the destinations of one service by. Pure. */
import type { ServiceConfig } from '../config/schema.js'
import type { HealthState } from '../health/protocol.js'
import { quorumLost } from './quorum.js'
import { scaleFor, STEPS, weightAt } from './slow-start.js'

/** What the weight of a destination depends on. */
export interface Weighable {
  /** As configured. */
  weight: number
  sorry: boolean
  /** Something could be sent there: the MAC is known, or the real is the director. */
  reachable: boolean
  health: HealthState
  /** Of its slow start, from 1; STEPS when it is in none. */
  step: number
}

/** What a service says of health. */
export type HealthPolicy = Pick<ServiceConfig, 'health' | 'allDown' | 'quorum' | 'hysteresis'>

export interface Weights {
  /** Of each destination. */
  effective: number[]
  quorumLost: boolean
}

/**
 * The effective weights of all destinations of a service. While quorum is lost only the sorry server has one, if there is
 * one and it can be reached; while no real is usable `allDown` decides.
 *
 * @param wasLost - whether quorum was lost before
 */
export function effectiveWeights(members: readonly Weighable[], policy: HealthPolicy, wasLost: boolean): Weights {
  const isUp = healthTest(policy)
  const usable = members.map((each) => !each.sorry && each.reachable && each.weight > 0 && isUp(each))
  const sum = members.reduce((total, { weight }, index) => total + (usable[index] === true ? weight : 0), 0)
  const lost = quorumLost(sum, policy, wasLost)
  if (lost && members.some(({ sorry, reachable }) => sorry && reachable)) {
    return { effective: members.map(({ sorry, reachable }) => (sorry && reachable ? 1 : 0)), quorumLost: lost }
  }
  if (sum === 0 && policy.allDown === 'serve-all') {
    return { effective: members.map((each) => (each.sorry || !each.reachable ? 0 : each.weight)), quorumLost: lost }
  }
  return { effective: startedSlowly(members, usable), quorumLost: lost }
}

function healthTest({ health }: HealthPolicy): (member: Weighable) => boolean {
  const unknown = health.kind === 'none' || health.initial === 'up'
  return (member) => (member.health === 'unknown' ? unknown : member.health === 'up')
}

/** Whoever has come furthest counts as started: there is nobody that it could leave its share to. */
function startedSlowly(members: readonly Weighable[], usable: readonly boolean[]): number[] {
  const furthest = members.reduce((most, { step }, index) => (usable[index] === true ? Math.max(most, step) : most), 0)
  const stepOf = ({ step }: Weighable): number => (step >= furthest ? STEPS : step)
  const isStarting = members.some((each, index) => usable[index] === true && stepOf(each) < STEPS)
  const scale = isStarting ? scaleFor(members.map(({ weight, sorry }) => (sorry ? 0 : weight))) : 1
  return members.map((each, index) => (usable[index] === true ? weightAt(each.weight, stepOf(each), scale) : 0))
}
