import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NeighbourWatch, PERIOD_MS } from '../../../src/system/neighbour-watch.js'

const OLD = '02:00:00:00:00:01'
const NEW = '02:00:00:00:00:02'
const EVERYBODY = { to: 'all' }
const ONLY_OLD = { to: 'station', mac: OLD }

/** Asks whenever something is due, until `end`; the questions by time. */
function questions(watch: NeighbourWatch, start: number, end: number): [number, unknown][] {
  const asked: [number, unknown][] = []
  for (let now = start; now <= end; now += 10) {
    const question = watch.question(now, PERIOD_MS)
    if (question !== undefined) asked.push([now, question])
  }
  return asked
}

describe('watching one neighbour', () => {
  it('asks everybody while no MAC is known', () => {
    expect(questions(new NeighbourWatch(0, 0), 0, 800)).toEqual([
      [0, EVERYBODY],
      [400, EVERYBODY],
      [800, EVERYBODY],
    ])
  })

  it('asks the known MAC alone while it answers', () => {
    const watch = new NeighbourWatch(0, 0, OLD)
    for (const now of [0, 400, 800]) {
      expect(watch.question(now, PERIOD_MS)).toEqual(ONLY_OLD)
      expect(watch.answer(now + 1, OLD, true)).toBeUndefined()
      expect(questions(watch, now + 2, now + 399)).toEqual([])
    }
  })

  it('asks everybody 200 ms after a question to the known MAC that was not answered', () => {
    expect(questions(new NeighbourWatch(0, 0, OLD), 0, 390)).toEqual([
      [0, ONLY_OLD],
      [200, EVERYBODY],
    ])
  })

  it('asks everybody within 600 ms of any moment at which the MAC changes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2000 }), (changedAt) => {
        const watch = new NeighbourWatch(0, 0, OLD)
        for (let now = 0; now <= changedAt + 600 + 10; now += 1) {
          const question = watch.question(now, PERIOD_MS)
          if (question?.to === 'station' && now < changedAt) watch.answer(now, OLD, true)
          if (question?.to === 'all' && now >= changedAt) return
        }
        throw new Error('nobody was asked')
      }),
    )
  })

  it('tells a new MAC once', () => {
    const watch = new NeighbourWatch(0, 0, OLD)
    expect(watch.answer(5, NEW, true)).toBe('mac')
    expect(watch.answer(6, NEW, true)).toBeUndefined()
    expect(watch.mac).toBe(NEW)
  })

  it('keeps a MAC that answers against an answer without override', () => {
    const watch = new NeighbourWatch(0, 0, OLD)
    watch.question(0, PERIOD_MS)
    watch.answer(1, OLD, true)
    expect(watch.answer(2, NEW, false)).toBeUndefined()
    expect(watch.mac).toBe(OLD)
  })

  it('takes an answer without override while the known MAC owes one', () => {
    const watch = new NeighbourWatch(0, 0, OLD)
    watch.question(0, PERIOD_MS)
    expect(watch.answer(100, NEW, false)).toBe('mac')
  })

  it('is lost once after 3 s without an answer, and keeps the last MAC', () => {
    const watch = new NeighbourWatch(0, 0, OLD)
    expect(watch.checkLost(2999)).toBeUndefined()
    expect(watch.checkLost(3000)).toBe('lost')
    expect(watch.checkLost(3400)).toBeUndefined()
    expect(watch.mac).toBe(OLD)
  })

  it('is found again by the next answer, and asked where everybody hears it until then', () => {
    const watch = new NeighbourWatch(0, 0, OLD)
    watch.checkLost(3000)
    expect(questions(watch, 3000, 3500)).toEqual([
      [3000, EVERYBODY],
      [3400, EVERYBODY],
    ])
    expect(watch.answer(3500, OLD, true)).toBe('found')
    expect(watch.checkLost(3600)).toBeUndefined()
  })
})
