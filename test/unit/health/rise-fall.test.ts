import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RiseFallRule } from '../../../src/health/rise-fall.js'
import { RiseFall } from '../../../src/health/rise-fall.js'
import type { HealthState } from '../../../src/health/protocol.js'

const RULE: RiseFallRule = { rise: 2, fall: 3, damping: 0 }

/** `+` and `-` are results, one a second, and `.` a second without one; what the state is after each. */
function states(from: HealthState, results: string, rule: RiseFallRule = RULE): string {
  const destination = new RiseFall(from)
  const letters = Array.from(results, (result, second) => {
    if (result !== '.') destination.take(result === '+', rule, second * 1000)
    return { up: 'U', down: 'D', unknown: '?' }[destination.state]
  })
  return letters.join('')
}

describe('rise and fall', () => {
  it.each<[string, HealthState, string, string]>([
    ['the first result of an unknown one decides alone: up', 'unknown', '+', 'U'],
    ['the first result of an unknown one decides alone: down', 'unknown', '-', 'D'],
    ['the second one does not', 'unknown', '+--', 'UUU'],
    ['fall failures in a row', 'up', '---', 'UUD'],
    ['a success between them', 'up', '--+--+---', 'UUUUUUUUD'],
    ['rise successes in a row', 'down', '++', 'DU'],
    ['a failure between them', 'down', '+-+-++', 'DDDDDU'],
    ['down and up and down', 'up', '---++---', 'UUDDUUUD'],
    ['results that agree change nothing', 'up', '++++', 'UUUU'],
  ])('%s', (_title, from, results, expected) => {
    expect(states(from, results)).toBe(expected)
  })

  it('rise and fall of 1 follow each result', () => {
    expect(states('up', '-+-+', { rise: 1, fall: 1, damping: 0 })).toBe('DUDU')
  })

  it('the rule may change between results', () => {
    const destination = new RiseFall('up')
    expect(destination.take(false, RULE, 0)).toBeUndefined()
    expect(destination.take(false, { ...RULE, fall: 2 }, 1)).toEqual({ state: 'down', inARow: 2 })
  })

  it('forgotten results do not count', () => {
    const destination = new RiseFall('up')
    destination.take(false, RULE, 0)
    destination.take(false, RULE, 1)
    destination.forgetResults()
    expect(destination.take(false, RULE, 2)).toBeUndefined()
    expect(destination.state).toBe('up')
  })
})

describe('damping', () => {
  const rule: RiseFallRule = { rise: 1, fall: 1, damping: 10_000 }

  it('does not count coming up for the first time', () => {
    expect(states('unknown', '+-+', rule)).toBe('UDU')
  })

  it('doubles rise each time that it goes down soon after it came up', () => {
    expect(states('down', '+-++-++++-++++++++', rule)).toBe('UDDUDDDDUDDDDDDDDU')
  })

  it('is at most 16 times rise', () => {
    const destination = new RiseFall('down')
    const needed = Array.from({ length: 7 }, () => {
      let successes = 1
      while (destination.take(true, rule, 0) === undefined) successes++
      destination.take(false, rule, 0)
      return successes
    })
    expect(needed).toEqual([1, 2, 4, 8, 16, 16, 16])
  })

  it('ends when it stayed up long enough', () => {
    expect(states('down', '+-++..........-+', rule)).toBe('UDDUUUUUUUUUUUDU')
  })

  it('is off at 0', () => {
    expect(states('down', '+-+-+-+', { ...rule, damping: 0 })).toBe('UDUDUDU')
  })
})

/** The same rule from the whole history: what counts is the longest run of equal results at its end. */
function oracle(from: HealthState, history: readonly { ok: boolean; at: number }[], rule: RiseFallRule): HealthState {
  let state = from
  let factor = 1
  let cameUp: number | undefined
  history.forEach(({ ok, at }, index) => {
    const past = history.slice(0, index + 1)
    const lastOther = past.findLastIndex((result) => result.ok !== ok)
    const run = index - lastOther
    const rise = rule.damping > 0 ? rule.rise * factor : rule.rise
    const before = state
    if (state === 'unknown' || (ok ? state === 'down' && run >= rise : state === 'up' && run >= rule.fall)) {
      state = ok ? 'up' : 'down'
    }
    if (before === 'down' && state === 'up') cameUp = at
    if (before !== 'up' || state !== 'down') return
    factor = cameUp !== undefined && at - cameUp < rule.damping ? Math.min(16, 2 * factor) : 1
  })
  return state
}

describe('for any results', () => {
  const rules = fc.record({ rise: fc.integer({ min: 1, max: 4 }), fall: fc.integer({ min: 1, max: 4 }), damping: fc.constantFrom(0, 5, 50) })
  const runs = fc.array(fc.record({ ok: fc.boolean(), times: fc.integer({ min: 1, max: 9 }), gap: fc.integer({ min: 0, max: 20 }) }), { maxLength: 20 })
  const start = fc.constantFrom<HealthState>('up', 'down', 'unknown')

  it('the state is what the whole history says, and each transition is told once', () => {
    fc.assert(
      fc.property(start, rules, runs, (from, rule, all) => {
        const destination = new RiseFall(from)
        const history: { ok: boolean; at: number }[] = []
        let told = from
        for (const { ok, times, gap } of all) {
          for (let time = 0; time < times; time++) {
            history.push({ ok, at: (history.at(-1)?.at ?? 0) + gap })
            const decides = destination.nextFailureDecides(rule)
            const transition = destination.take(ok, rule, history.at(-1)!.at)
            if (transition !== undefined) {
              expect(transition.state).not.toBe(told)
              told = transition.state
            }
            if (!ok) expect(transition?.state === 'down').toBe(decides)
            expect(destination.state).toBe(told)
            expect(told).toBe(oracle(from, history, rule))
          }
        }
      }),
    )
  })
})
