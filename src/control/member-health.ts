/** The health of a service's destinations as it goes on: from what the maps hold, and what checks say. Pure. */
import type { Member } from '../config/members.js'
import type { ServiceConfig } from '../config/schema.js'
import type { HealthState } from '../health/protocol.js'
import type { Dest } from '../maps/generated.js'
import { DestFlag } from '../maps/generated.js'
import { effectiveWeights } from './effective-weight.js'
import { scaleOf, STEPS, stepOf } from './slow-start.js'

/** A destination, beside what it is in the maps. */
export interface MemberNow extends Pick<Member, 'weight' | 'sorry'> {
  /** Its entry; undefined for a new one. */
  live: Pick<Dest, 'flags' | 'weight' | 'effectiveWeight'> | undefined
  reachable: boolean
  /** What its check says now, if that is another state than before. */
  change?: 'up' | 'down' | undefined
}

export interface MemberHealth {
  health: HealthState
  effectiveWeight: number
  /** It has gone down, and its known flows are to end. */
  reset: boolean
}

export interface ServiceHealth {
  members: MemberHealth[]
  /** Whether quorum was lost, as far as the maps tell it, and whether it is. */
  quorum: { wasLost: boolean; isLost: boolean }
}

/** The health of a destination by `LB_DEST_F_UP` and `LB_DEST_F_DOWN`. */
export function healthOf(flags: number): HealthState {
  if ((flags & DestFlag.up) !== 0) return 'up'
  return (flags & DestFlag.down) !== 0 ? 'down' : 'unknown'
}

/** The flags of {@link healthOf}, and of a sorry server. */
export function healthFlags(health: HealthState, sorry: boolean): number {
  const state = { up: DestFlag.up, down: DestFlag.down, unknown: 0 }[health]
  return state | (sorry ? DestFlag.sorry : 0)
}

type Policy = Pick<ServiceConfig, 'health' | 'onDown' | 'allDown' | 'quorum' | 'hysteresis' | 'slowStart'>

/**
 * Health is kept while there is a check, and forgotten when there is none.
 *
 * @param advance - whether slow starts go on by a step
 */
export function nextHealth(members: readonly MemberNow[], policy: Policy, { advance = false } = {}): ServiceHealth {
  const checked = policy.health.kind !== 'none'
  const states = members.map(({ sorry, live, change }): HealthState => {
    if (!checked || sorry) return 'unknown'
    return change ?? (live === undefined ? 'unknown' : healthOf(live.flags))
  })
  const steps = stepsOf(members, { slow: checked && policy.slowStart > 0, advance })
  const weighable = members.map(({ weight, sorry, reachable }, index) => ({
    weight,
    sorry,
    reachable,
    health: states[index] as HealthState,
    step: steps[index] as number,
  }))
  const wasLost = members.some(({ live }) => live !== undefined && isSorry(live.flags) && live.effectiveWeight > 0)
  const { effective, quorumLost } = effectiveWeights(weighable, policy, wasLost)
  const next = members.map(({ live, change }, index) => ({
    health: states[index] as HealthState,
    effectiveWeight: effective[index] as number,
    reset: change === 'down' && policy.onDown === 'reset' && live !== undefined && healthOf(live.flags) !== 'down',
  }))
  return { members: next, quorum: { wasLost, isLost: quorumLost } }
}

const isSorry = (flags: number): boolean => (flags & DestFlag.sorry) !== 0

/** A real that was down and is up starts slowly; one that nothing was known of does not. */
function stepsOf(members: readonly MemberNow[], { slow, advance }: { slow: boolean; advance: boolean }): number[] {
  if (!slow) return members.map(() => STEPS)
  const scale = scaleOf(members.flatMap(({ live }) => (live === undefined || isSorry(live.flags) ? [] : live)))
  return members.map(({ live, change }) => {
    if (live === undefined) return STEPS
    if (change === 'up' && healthOf(live.flags) === 'down') return 1
    if (live.effectiveWeight === 0 || isSorry(live.flags)) return STEPS
    return Math.min(stepOf(live, scale) + (advance ? 1 : 0), STEPS)
  })
}
