import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Deadline, Deadlines } from '../../../src/health/deadlines.js'

describe('deadlines', () => {
  let deadlines: Deadlines
  let ran: string[]

  beforeEach(() => {
    vi.useFakeTimers()
    deadlines = new Deadlines()
    ran = []
  })
  afterEach(() => {
    vi.restoreAllMocks()
    vi.useRealTimers()
  })

  const after = (ms: number, name: string): ReturnType<Deadlines['after']> => deadlines.after(ms, () => ran.push(name))

  it('run when their time has come, not before, in the order of their times', () => {
    after(500, 'b')
    after(100, 'a')
    after(500, 'c')
    vi.advanceTimersByTime(99)
    expect(ran).toEqual([])
    vi.advanceTimersByTime(60)
    expect(ran).toEqual(['a'])
    vi.advanceTimersByTime(1000)
    expect(ran).toEqual(['a', 'b', 'c'])
  })

  it('wait for their turn of the wheel', () => {
    after(60_000, 'minute')
    // At the same place of the wheel, one turn and two turns earlier.
    after(60_000 - 10_240, 'earlier')
    after(60_000 - 2 * 10_240, 'first')
    vi.advanceTimersByTime(59_900)
    expect(ran).toEqual(['first', 'earlier'])
    vi.advanceTimersByTime(200)
    expect(ran).toEqual(['first', 'earlier', 'minute'])
  })

  it('are counted from when they are made, however long the last tick is ago', () => {
    let now = 0
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const pass = (ms: number): void => {
      for (let passed = 0; passed < ms; passed += 10) {
        now += 10
        vi.advanceTimersByTime(10)
      }
    }
    after(100, 'a')
    now += 80
    after(100, 'b')
    pass(90)
    expect(ran).toEqual(['a'])
    pass(20)
    expect(ran).toEqual(['a', 'b'])
  })

  it('do not run when they are cleared, also by one of the same time, and clearing twice is nothing', () => {
    const cleared = after(100, 'cleared')
    deadlines.clear(cleared)
    deadlines.clear(cleared)
    deadlines.after(100, () => {
      deadlines.clear(other)
      after(50, 'later')
    })
    const other = after(100, 'other')
    vi.advanceTimersByTime(300)
    expect(ran).toEqual(['later'])
  })

  it('keep no timer when there are none', () => {
    const one = after(100, 'one')
    expect(vi.getTimerCount()).toBe(1)
    deadlines.clear(one)
    vi.advanceTimersByTime(50)
    expect(vi.getTimerCount()).toBe(0)
    after(100, 'two')
    vi.advanceTimersByTime(200)
    expect(ran).toEqual(['two'])
    expect(vi.getTimerCount()).toBe(0)
  })
})

it('a deadline that is cleared is garbage at once, however far its time is', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const deadlines = new Deadlines()
  const make = (clear: boolean): WeakRef<Deadline> => {
    const deadline = deadlines.after(60_000, () => undefined)
    if (clear) deadlines.clear(deadline)
    return new WeakRef(deadline)
  }
  const [kept, cleared] = [make(false), make(true)]
  await turn()
  collect()
  expect([kept, cleared].map((ref) => ref.deref() !== undefined)).toEqual([true, false])
  const left = kept.deref()
  if (left !== undefined) deadlines.clear(left)
})
