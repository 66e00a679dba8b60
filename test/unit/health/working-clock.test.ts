import { describe, expect, it } from 'vitest'
import { LONGEST_TICK_MS, WorkingClock } from '../../../src/health/working-clock.js'

describe('the clock of a process that may stand still', () => {
  it('goes with the time while it is looked at often', () => {
    const clock = new WorkingClock(5000)
    for (let at = 5000; at <= 6000; at += 10) clock.tick(at)
    expect(clock.now).toBe(1000)
    expect(clock.takeLost()).toBe(0)
  })

  it('leaves out what was lost, and tells it once', () => {
    const clock = new WorkingClock(0)
    clock.tick(60_000)
    expect(clock.now).toBe(LONGEST_TICK_MS)
    expect([clock.takeLost(), clock.takeLost()]).toEqual([60_000 - LONGEST_TICK_MS, 0])
  })

  it('never goes back', () => {
    const clock = new WorkingClock(1000)
    clock.tick(900)
    expect(clock.now).toBe(0)
  })
})
