import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { HealthPolicy, Weighable } from '../../../src/control/effective-weight.js'
import { effectiveWeights } from '../../../src/control/effective-weight.js'
import { quorumLost } from '../../../src/control/quorum.js'
import { scaleFor, scaleOf, STEPS, stepOf, weightAt } from '../../../src/control/slow-start.js'
import type { HealthConfig } from '../../../src/config/health-schema.js'
import type { HealthState } from '../../../src/health/protocol.js'
import { buildRing } from '../../../src/scheduler/ring.js'

const TCP: HealthConfig = { kind: 'tcp', interval: 2000, timeout: 1000, rise: 2, fall: 3, initial: 'up', damping: 0 }

const policy = (fields: Partial<HealthPolicy> = {}): HealthPolicy => ({
  health: TCP,
  allDown: 'reject',
  quorum: 1,
  hysteresis: 0,
  ...fields,
})

/** Rings of thousands of slots, on a busy machine. */
const RINGS_MS = 60_000

/** `3`: an up real of weight 3; `3-`: down; `3?`: unknown; `3!`: without a MAC; `3@4`: up, at step 4; `s`: sorry server. */
function member(text: string): Weighable {
  const [, sorry, weight, mark, step] = /^(s?)(\d*)([-?!]?)(?:@(\d+))?$/.exec(text) ?? []
  return {
    weight: sorry === 's' ? 1 : Number(weight),
    sorry: sorry === 's',
    reachable: mark !== '!',
    health: sorry === 's' || mark === '?' ? 'unknown' : mark === '-' ? 'down' : 'up',
    step: step === undefined ? STEPS : Number(step),
  }
}

const weigh = (members: string, fields: Partial<HealthPolicy> = {}, wasLost = false): string => {
  const { effective, quorumLost: lost } = effectiveWeights(members.split(' ').map(member), policy(fields), wasLost)
  return `${effective.join(' ')}${lost ? ' lost' : ''}`
}

describe('effectiveWeights', () => {
  it.each<[string, string, Partial<HealthPolicy>?]>([
    // plain
    ['3 1', '3 1'],
    ['3 1-', '3 0'],
    ['3 1!', '3 0'],
    ['0 1', '0 1'],
    // unknown
    ['3 1?', '3 1'],
    ['3 1?', '3 0', { health: { ...TCP, initial: 'down' } }],
    ['3? 1?', '0 0 lost', { health: { ...TCP, initial: 'down' } }],
    ['3? 1?', '3 1', { health: { kind: 'none' } }],
    // nobody
    ['3- 1-', '0 0 lost'],
    ['3- 1-', '3 1 lost', { allDown: 'serve-all' }],
    ['3- 0', '3 0 lost', { allDown: 'serve-all' }],
    ['3- 1!', '3 0 lost', { allDown: 'serve-all' }],
    ['3- 1', '0 1', { allDown: 'serve-all' }],
    // quorum
    ['1 1 1-', '1 1 0', { quorum: 2 }],
    ['1 1- 1-', '1 0 0 lost', { quorum: 2 }],
    ['1 1- 1- s', '0 0 0 1 lost', { quorum: 2 }],
    ['1 1 1- s', '1 1 0 0', { quorum: 2 }],
    ['1 1- 1- s!', '1 0 0 0 lost', { quorum: 2 }],
    ['1- 1- s', '0 0 1 lost'],
    ['1! 1! s', '0 0 1 lost'],
    ['0 s', '0 1 lost'],
    // slow start
    ['1 1@1', '10 1'],
    ['1 1@9', '10 9'],
    ['2 3@4 5@7', '20 12 35'],
    ['1@1', '1'],
    ['1@3 1@3', '1 1'],
    ['1@3 1@5', '3 10'],
    ['1- 1@5 1', '0 5 10'],
    ['1 1-@5', '1 0'],
    ['6553 1@2', '65530 2'],
    ['6554 1@2 10@2', '6554 1 2'],
    ['65535 65535@1', '65535 6553'],
    ['1@1 1- s', '0 0 1 lost', { quorum: 2 }],
  ])('of %s are %s', (members, expected, fields) => {
    expect(weigh(members, fields)).toBe(expected)
  })

  it('knows keepalived’s hysteresis', () => {
    const wide = { quorum: 4, hysteresis: 2 }
    const six = (up: number): string => [...Array.from({ length: 6 }, (_, index) => (index < up ? '1' : '1-')), 's'].join(' ')
    const lost = (up: number, before: boolean): boolean => weigh(six(up), wide, before).endsWith('lost')
    expect([6, 5, 4, 3, 2, 1, 0].map((up) => lost(up, false))).toEqual([false, false, false, false, false, true, true])
    expect([0, 1, 2, 3, 4, 5, 6].map((up) => lost(up, true))).toEqual([true, true, true, true, true, true, false])
  })
})

/** The state machine of update_quorum_state(), told as a history of sums. */
function historyOf(sums: readonly number[], quorum: number, hysteresis: number): boolean[] {
  let up = true
  return sums.map((sum) => {
    const threshold = up ? quorum - hysteresis : quorum + hysteresis
    if (!up && sum >= threshold) up = true
    else if (up && (sum === 0 || sum < threshold)) up = false
    return !up
  })
}

describe('quorumLost', () => {
  it('goes as keepalived goes', () => {
    const sums = fc.array(fc.nat(12), { minLength: 1, maxLength: 30 })
    const limits = fc.integer({ min: 1, max: 8 }).chain((quorum) => fc.tuple(fc.constant(quorum), fc.nat(quorum - 1)))
    fc.assert(
      fc.property(sums, limits, (history, [quorum, hysteresis]) => {
        let lost = false
        const ours = history.map((sum) => (lost = quorumLost(sum, { quorum, hysteresis }, lost)))
        expect(ours).toEqual(historyOf(history, quorum, hysteresis))
      }),
    )
  })
})

const anyMember: fc.Arbitrary<Weighable> = fc.record({
  weight: fc.oneof(fc.nat(5), fc.constantFrom(6553, 6554, 65535)),
  sorry: fc.constant(false),
  reachable: fc.boolean(),
  health: fc.constantFrom<HealthState>('up', 'down', 'unknown'),
  step: fc.integer({ min: 1, max: STEPS }),
})

/** The rule, said once more and slowly, with shares as fractions. */
function oracle(members: readonly Weighable[], { health, allDown, quorum, hysteresis }: HealthPolicy, wasLost: boolean) {
  const initial = health.kind === 'none' ? 'up' : health.initial
  const usable = members.filter((each) => {
    if (each.sorry || !each.reachable || each.weight === 0) return false
    return (each.health === 'unknown' ? initial : each.health) === 'up'
  })
  let sum = 0
  for (const { weight } of usable) sum += weight
  const lost = wasLost ? sum < quorum + hysteresis : sum < quorum - hysteresis
  const sorry = members.find((each) => each.sorry && each.reachable)
  return members.map((each) => {
    if (lost && sorry !== undefined) return each === sorry ? 1 : 0
    if (usable.length === 0 && allDown === 'serve-all' && !each.sorry && each.reachable) return each.weight
    if (!usable.includes(each)) return 0
    const furthest = Math.max(...usable.map(({ step }) => step))
    return each.step >= furthest ? each.weight : (each.weight * each.step) / STEPS
  })
}

describe('effectiveWeights against the rule said slowly', () => {
  it('gives the same shares', () => {
    const sorry = fc.option(fc.boolean(), { nil: undefined })
    const rules = fc.record({
      health: fc.constantFrom<HealthConfig>(TCP, { ...TCP, initial: 'down' }, { kind: 'none' }),
      allDown: fc.constantFrom('reject' as const, 'serve-all' as const),
      quorum: fc.integer({ min: 3, max: 9 }),
      hysteresis: fc.nat(2),
    })
    fc.assert(
      fc.property(fc.array(anyMember, { maxLength: 6 }), sorry, rules, fc.boolean(), (reals, sorryReachable, rule, wasLost) => {
        const last: Weighable[] =
          sorryReachable === undefined ? [] : [{ weight: 1, sorry: true, reachable: sorryReachable, health: 'unknown', step: STEPS }]
        const members = [...reals, ...last]
        const { effective } = effectiveWeights(members, rule, wasLost)
        const wanted = oracle(members, rule, wasLost)
        const fractions = wanted.some((weight) => !Number.isInteger(weight))
        const whole = members.findIndex(({ weight }, index) => weight > 0 && wanted[index] === weight)
        const scale = whole < 0 ? 1 : effective[whole]! / wanted[whole]!
        expect([1, STEPS]).toContain(scale)
        expect(scale === 1 || reals.every(({ weight }) => weight * STEPS <= 65535)).toBe(true)
        if (fractions && reals.every(({ weight }) => weight * STEPS <= 65535)) expect(scale).toBe(STEPS)
        wanted.forEach((weight, index) => {
          const exact = weight * scale
          expect(effective[index]).toBe(weight === 0 ? 0 : Math.max(1, Math.floor(exact + 1e-9)))
        })
      }),
    )
  })
})

describe('a slow start', () => {
  it('can be read back from what it has made, and gets on', () => {
    const weights = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 65535 })), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: 65535 }), fc.integer({ min: 1, max: STEPS - 1 }), (others, weight, step) => {
        const scale = scaleFor([...others, weight])
        const effectiveWeight = weightAt(weight, step, scale)
        const all = [{ weight, effectiveWeight }, ...others.map((each) => ({ weight: each, effectiveWeight: each * scale }))]
        expect(scaleOf(all)).toBe(scale)
        const read = stepOf({ weight, effectiveWeight }, scale)
        expect(read).toBeGreaterThanOrEqual(step)
        expect(weightAt(weight, read, scale)).toBe(effectiveWeight)
        if (scale === STEPS) expect(read).toBe(step)
        // What it is told to go on by it goes on by: no weight is stuck below the whole.
        if (read < STEPS) expect(weightAt(weight, read + 1, scale)).toBeGreaterThan(effectiveWeight)
      }),
    )
  })

  it('leaves the rings of those that are not in it as they were: tenfold weights make the same ring', () => {
    const weights = fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 6553 })), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(weights, fc.constantFrom('mh' as const, 'wrr' as const), (shares, name) => {
        const scheduler = name === 'mh' ? ({ name, tableSize: 251, ports: false, fallback: false } as const) : ({ name } as const)
        const ring = (factor: number): Uint32Array => {
          return buildRing(scheduler, shares.map((weight, index) => ({ address: `10.0.0.${index + 1}`, port: 80, weight: weight * factor })))
        }
        expect(Buffer.compare(Buffer.from(ring(STEPS).buffer), Buffer.from(ring(1).buffer))).toBe(0)
      }),
      { numRuns: 40 },
    )
  }, RINGS_MS)
})
