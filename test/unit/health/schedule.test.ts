import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Due } from '../../../src/health/schedule.js'
import { Schedule } from '../../../src/health/schedule.js'

const INTERVAL = 2000
const TICK = 10

const keysOf = (count: number, prefix = 'real'): string[] => Array.from({ length: count }, (_, index) => `${prefix} ${index}`)
const intervalsOf = (keys: readonly string[], interval = INTERVAL): Map<string, number> =>
  new Map(keys.map((key) => [key, interval]))

interface Start {
  key: string
  at: number
  lateMs: number
}

/** Runs a schedule tick by tick; each check takes `takes` milliseconds. */
class Runner {
  readonly schedule = new Schedule()
  readonly starts: Start[] = []
  now: number
  #underWay: { due: Due; startedAt: number; endsAt: number }[] = []

  constructor(now = 0) {
    this.now = now
  }

  run(until: number, { takes = 0, maxInFlight = Infinity }: { takes?: number; maxInFlight?: number } = {}): this {
    for (; this.now < until; this.now += TICK) {
      const ended = this.#underWay.filter(({ endsAt }) => endsAt <= this.now)
      this.#underWay = this.#underWay.filter(({ endsAt }) => endsAt > this.now)
      for (const { due, startedAt } of ended) this.schedule.finished(due, startedAt, this.now)
      while (this.#underWay.length < maxInFlight) {
        const due = this.schedule.take(this.now)
        if (due === undefined) break
        this.starts.push({ key: due.slot.key, at: this.now, lateMs: due.lateMs })
        this.#underWay.push({ due, startedAt: this.now, endsAt: this.now + takes })
      }
    }
    return this
  }

  startsOf(key: string): number[] {
    return this.starts.filter((start) => start.key === key).map(({ at }) => at)
  }
}

const gaps = (times: readonly number[]): number[] => times.slice(1).map((time, index) => time - (times[index] ?? 0))

describe('a schedule', () => {
  it('begins each check once per interval, without drift', () => {
    const runner = new Runner()
    const keys = keysOf(50)
    runner.schedule.set(intervalsOf(keys), 0)
    runner.run(100 * INTERVAL, { takes: 300 })
    for (const key of keys) {
      const times = runner.startsOf(key)
      expect(times).toHaveLength(100)
      // The last is where the first was: to a tick.
      expect(times.map((time) => (time - times[0]! + TICK) % INTERVAL).every((shift) => shift <= 2 * TICK)).toBe(true)
    }
  })

  it('spreads them over the interval', () => {
    const runner = new Runner()
    runner.schedule.set(intervalsOf(keysOf(10_000)), 0)
    // A check begins in the tick after its time.
    runner.run(INTERVAL + TICK)
    expect(runner.starts).toHaveLength(10_000)
    const perTenth = Array.from({ length: 10 }, (_, tenth) => runner.starts.filter(({ at }) => Math.floor((at - TICK) / 200) === tenth).length)
    for (const count of perTenth) expect(Math.abs(count - 1000)).toBeLessThan(150)
  })

  it('keeps the times of those that stay when others come and go', () => {
    const runner = new Runner()
    const stay = keysOf(20)
    runner.schedule.set(intervalsOf([...stay, ...keysOf(20, 'leaves')]), 0)
    runner.run(3 * INTERVAL)
    runner.schedule.set(intervalsOf([...keysOf(20, 'comes'), ...stay]), runner.now)
    runner.run(6 * INTERVAL)
    for (const key of stay) expect(gaps(runner.startsOf(key)).every((gap) => Math.abs(gap - INTERVAL) <= TICK)).toBe(true)
    expect(runner.starts.filter(({ key, at }) => key.startsWith('leaves') && at >= 3 * INTERVAL)).toEqual([])
    for (const key of keysOf(20, 'comes')) expect(runner.startsOf(key)).toHaveLength(3)
  })

  it('begins what waits longest first, when not all can begin', () => {
    const runner = new Runner()
    runner.schedule.set(intervalsOf(keysOf(300)), 0)
    runner.run(10 * INTERVAL, { takes: 1000, maxInFlight: 50 })
    // 50 at a time, a second each, are 100 in an interval: each gets its turn every third one.
    for (const key of keysOf(300)) expect(Math.abs(runner.startsOf(key).length - 10 / 3)).toBeLessThan(1.5)
  })

  it('does not make up for what was missed', () => {
    const runner = new Runner()
    runner.schedule.set(intervalsOf(keysOf(100)), 0)
    runner.run(INTERVAL)
    runner.now += 50 * INTERVAL
    runner.starts.length = 0
    runner.run(runner.now + INTERVAL)
    for (const key of keysOf(100)) expect(runner.startsOf(key).length).toBeLessThanOrEqual(2)
  })

  it('a check that takes the whole interval is followed by the next at once', () => {
    const runner = new Runner()
    runner.schedule.set(intervalsOf(['real']), 0)
    runner.run(100 * INTERVAL, { takes: INTERVAL + 3 * TICK })
    expect(runner.starts.length).toBeGreaterThan(95)
  })

  it('a check whose destination is gone ends without consequence, also when its key comes back', () => {
    const schedule = new Schedule()
    schedule.set(intervalsOf(['real']), 0)
    const due = schedule.take(INTERVAL)!
    schedule.set(new Map(), INTERVAL)
    schedule.finished(due, INTERVAL, INTERVAL)
    expect(schedule.take(10 * INTERVAL)).toBeUndefined()
    schedule.set(intervalsOf(['real']), 10 * INTERVAL)
    schedule.finished(due, INTERVAL, 10 * INTERVAL)
    expect(schedule.take(11 * INTERVAL)).toBeDefined()
    expect(schedule.take(11 * INTERVAL)).toBeUndefined()
  })

  it('another interval is another rhythm', () => {
    const runner = new Runner()
    runner.schedule.set(intervalsOf(['real']), 0)
    runner.run(2 * INTERVAL)
    runner.schedule.set(intervalsOf(['real'], 100), runner.now)
    runner.starts.length = 0
    runner.run(runner.now + 1000)
    expect(runner.starts).toHaveLength(10)
  })

  it('for any destinations, durations and limits: at least half an interval apart, and nobody is forgotten', () => {
    const destination = fc.record({ interval: fc.integer({ min: 100, max: 3000 }) })
    const world = fc.record({
      destinations: fc.array(destination, { minLength: 1, maxLength: 30 }),
      takes: fc.integer({ min: 0, max: 500 }),
      maxInFlight: fc.integer({ min: 1, max: 40 }),
    })
    fc.assert(
      fc.property(world, ({ destinations, takes, maxInFlight }) => {
        const runner = new Runner()
        runner.schedule.set(new Map(destinations.map(({ interval }, index) => [`${index}`, interval])), 0)
        const until = 20_000
        runner.run(until, { takes, maxInFlight })
        destinations.forEach(({ interval }, index) => {
          const times = runner.startsOf(`${index}`)
          for (const gap of gaps(times)) expect(gap).toBeGreaterThanOrEqual(Math.max(interval / 2, takes) - TICK)
          // Each other one comes before us at most twice: by a time that was before ours, and once more at its next.
          const turn = takes + TICK
          const longest = 1.5 * interval + (2 * Math.ceil(destinations.length / maxInFlight) + 1) * turn + 2 * TICK
          for (const gap of gaps([0, ...times, until])) expect(gap).toBeLessThanOrEqual(longest)
        })
      }),
      { numRuns: 50 },
    )
  })
})
