/** The health of a service's destinations as it goes on: from what the maps hold, and what checks say. Pure. */
import type { Member } from '../config/members.js'
import type { ServiceConfig } from '../config/schema.js'
import type { HealthState } from '../health/protocol.js'
import type { Dest } from '../maps/generated.js'
import { DestFlag } from '../maps/generated.js'
import type { Weighable } from './effective-weight.js'
import { effectiveWeights } from './effective-weight.js'
import { scaleOf, STEPS, stepOf } from './slow-start.js'

/** What the maps say of a destination. */
type Entry = Pick<Dest, 'flags' | 'weight' | 'effectiveWeight'>

/** A destination, beside what it is in the maps. */
export interface MemberNow extends Pick<Member, 'weight' | 'sorry'> {
  /** Its entry; undefined for a new one. */
  live: Entry | undefined
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
  /** Whether quorum was lost, and whether it is. */
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
 * @param before - all destinations that the service has in the maps, those that it is to lose among them
 * @param advance - whether slow starts go on by a step
 */
export function nextHealth(
  members: readonly MemberNow[],
  policy: Policy,
  { before, advance = false }: { before: readonly Entry[]; advance?: boolean },
): ServiceHealth {
  const states = members.map((each) => stateOf(each, policy))
  const steps = stepsOf(members, { before, slow: isChecked(policy) && policy.slowStart > 0, advance })
  const weighable = members.map((each, index) => weighableOf(each, states[index] as HealthState, steps[index]))
  const sorryServed = before.some(({ flags, effectiveWeight }) => isSorry(flags) && effectiveWeight > 0)
  const { effective, quorumLost: isLost } = effectiveWeights(weighable, policy, sorryServed)
  const next = members.map(({ live, change }, index) => ({
    health: states[index] as HealthState,
    effectiveWeight: effective[index] as number,
    reset: change !== undefined && policy.onDown === 'reset' && goesDown(live, states[index]),
  }))
  return { members: next, quorum: { wasLost: sorryServed || lostWithoutSorryServer(members, policy), isLost } }
}

function isChecked({ health }: Pick<Policy, 'health'>): boolean {
  return health.kind !== 'none'
}

function stateOf({ sorry, live, change }: Omit<MemberNow, 'weight' | 'reachable'>, policy: Policy): HealthState {
  if (!isChecked(policy) || sorry) return 'unknown'
  return change ?? (live === undefined ? 'unknown' : healthOf(live.flags))
}

function goesDown(live: Entry | undefined, state: HealthState | undefined): boolean {
  return state === 'down' && live !== undefined && healthOf(live.flags) !== 'down'
}

function weighableOf({ weight, sorry, reachable }: MemberNow, health: HealthState, step = STEPS): Weighable {
  return { weight, sorry, reachable, health, step }
}

/** Nothing in the maps tells it then, but the states that they have do: there is no hysteresis without a sorry server. */
function lostWithoutSorryServer(members: readonly MemberNow[], policy: Policy): boolean {
  if (members.some(({ sorry, reachable }) => sorry && reachable)) return false
  const known = members.filter(({ live }) => live !== undefined)
  return effectiveWeights(
    known.map((each) => weighableOf(each, stateOf({ sorry: each.sorry, live: each.live }, policy))),
    policy,
    false,
  ).quorumLost
}

const isSorry = (flags: number): boolean => (flags & DestFlag.sorry) !== 0

interface SlowStarts {
  before: readonly Entry[]
  slow: boolean
  advance: boolean
}

/** A real that was down and is up starts slowly; one that nothing was known of does not. */
function stepsOf(members: readonly MemberNow[], { before, slow, advance }: SlowStarts): number[] {
  if (!slow) return members.map(() => STEPS)
  const scale = scaleOf(before.filter(({ flags }) => !isSorry(flags)))
  return members.map(({ live, change }) => {
    if (live === undefined) return STEPS
    if (change === 'up' && healthOf(live.flags) === 'down') return 1
    if (live.effectiveWeight === 0 || isSorry(live.flags)) return STEPS
    return Math.min(stepOf(live, scale) + (advance ? 1 : 0), STEPS)
  })
}
