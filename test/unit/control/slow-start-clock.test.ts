import { describe, expect, it } from 'vitest'
import { SlowStartClock } from '../../../src/control/slow-start-clock.js'
import { configOf } from './support.js'

const CONFIG = configOf([
  { name: 'fast', scheduler: 'wrr', slowStart: '10s' },
  { name: 'slow', scheduler: 'wrr', port: 81, slowStart: '30s' },
  { name: 'never', port: 82 },
])

describe('SlowStartClock', () => {
  it('takes each service on by its own time, ten steps to the whole', () => {
    const clock = new SlowStartClock()
    expect(clock.next).toBeUndefined()
    clock.follow(['fast', 'slow', 'never', 'unknown'], CONFIG, 0)
    expect(clock.next).toBe(1000)
    expect([999, 1000, 1001].map((now) => [...clock.take(now)])).toEqual([[], ['fast'], []])
    expect([...clock.take(3000)]).toEqual(['fast', 'slow'])
    expect(clock.next).toBe(4000)
  })

  it('does not begin again what is told again, and forgets what is over', () => {
    const clock = new SlowStartClock()
    clock.follow(['fast', 'slow'], CONFIG, 0)
    clock.follow(['fast'], CONFIG, 500)
    expect(clock.next).toBe(1000)
    clock.follow([], CONFIG, 600)
    expect(clock.next).toBeUndefined()
    clock.follow(['fast'], CONFIG, 700)
    clock.follow(['fast'], { services: [] }, 800)
    expect(clock.next).toBeUndefined()
  })
})
