import { describe, expect, it } from 'vitest'
import { VeerError } from '../../../src/errors.js'
import { CheckLoop } from '../../../src/health/check-loop.js'
import type { Prober } from '../../../src/health/prober.js'
import type { CheckResult, FromChecker, ProbeTarget } from '../../../src/health/protocol.js'
import { targetOf } from './targets.js'

const INTERVAL = 100
const OK: CheckResult = { ok: true, step: 'connect', reason: '', tookMs: 1 }
const REFUSED: CheckResult = { ok: false, step: 'connect', reason: 'connect: refused', tookMs: 1 }

const real = (port: number, more: Partial<ProbeTarget> = {}): ProbeTarget =>
  targetOf({ kind: 'tcp', interval: `${INTERVAL}ms`, timeout: '50ms', damping: 0 }, port, { state: 'up', ...more })

/** A loop whose clock the test holds, and whose checks it answers. */
class World {
  now = 0
  readonly messages: FromChecker[] = []
  readonly checked: { target: ProbeTarget; explain: boolean | undefined }[] = []
  answer: (target: ProbeTarget) => Promise<CheckResult> = () => Promise.resolve(OK)
  readonly loop: CheckLoop

  constructor(maxInFlight = 1000) {
    const prober: Prober = (target, { explain } = {}) => {
      this.checked.push({ target, explain })
      return this.answer(target)
    }
    this.loop = new CheckLoop({ prober, maxInFlight, report: (message) => void this.messages.push(message) }, 0)
  }

  async run(ms: number, step = 10): Promise<this> {
    for (const until = this.now + ms; this.now < until; ) {
      this.now += step
      this.loop.tick(this.now)
      // Results that are there are taken before the next tick.
      await new Promise(setImmediate)
    }
    return this
  }

  /** These, too, or in another way. */
  check(changed: ProbeTarget[]): void {
    this.loop.changeTargets({ changed, removed: [] })
  }

  get changes(): object[] {
    return this.messages.flatMap((message) => (message.type === 'changes' ? message.changes : []))
  }

  get faults(): string[] {
    return this.messages.flatMap((message) => (message.type === 'fault' ? [message.reason] : []))
  }
}

describe('the loop of checks', () => {
  it('tells a change once, with the check that decided', async () => {
    const world = new World()
    world.answer = () => Promise.resolve(REFUSED)
    world.check([real(80)])
    await world.run(20 * INTERVAL)
    expect(world.changes).toEqual([{ key: real(80).key, state: 'down', last: REFUSED, inARow: 3 }])
  })

  it('tells many changes together', async () => {
    const world = new World()
    world.answer = () => Promise.resolve(REFUSED)
    world.check(Array.from({ length: 200 }, (_, index) => real(index + 1)))
    await world.run(5 * INTERVAL)
    expect(world.changes).toHaveLength(200)
    expect(world.messages.length).toBeLessThan(10)
  })

  it('asks for an explanation only when a failure would decide', async () => {
    const world = new World()
    world.answer = () => Promise.resolve(REFUSED)
    world.check([real(80)])
    await world.run(6 * INTERVAL)
    expect(world.checked.map(({ explain }) => explain).slice(0, 5)).toEqual([false, false, true, false, false])
  })

  it('what could not be checked counts as nothing, and is told once in ten seconds', async () => {
    const world = new World()
    world.answer = () => Promise.reject(new VeerError('LB_ERR_CHECK_IMPOSSIBLE', 'cannot check', { cause: new Error('EMFILE') }))
    world.check([real(80)])
    await world.run(9000)
    expect([world.changes, world.faults]).toEqual([[], ['cannot check']])
    expect(world.loop.beat()).toMatchObject({ checks: 0, failures: 0, inFlight: 0 })
    await world.run(2000)
    expect(world.faults).toEqual(['cannot check', 'cannot check'])
  })

  it('keeps results in a row when targets change, and uses what is new in it', async () => {
    const world = new World()
    world.answer = () => Promise.resolve(REFUSED)
    world.check([real(80)])
    await world.run(2 * INTERVAL)
    world.check([real(80, { destId: 99 }), real(81)])
    await world.run(INTERVAL)
    expect(world.changes).toMatchObject([{ key: real(80).key, inARow: 3 }])
    expect(world.checked.at(-1)?.target.destId).toBe(world.checked.at(-1)?.target.port === 80 ? 99 : 7)
  })

  it('says its state again when the maps say another', async () => {
    const world = new World()
    world.answer = () => Promise.resolve(REFUSED)
    world.check([real(80)])
    await world.run(4 * INTERVAL)
    world.check([real(80, { state: 'down' })])
    await world.run(INTERVAL)
    expect(world.changes).toHaveLength(1)
    world.check([real(80, { state: 'unknown' })])
    await world.run(INTERVAL)
    expect(world.changes).toHaveLength(2)
    expect(world.changes[1]).toEqual(world.changes[0])
  })

  it('starts from the state in the maps', async () => {
    const world = new World()
    world.check([real(80, { state: 'down' }), real(81, { state: 'up' }), real(82, { state: 'unknown' })])
    await world.run(INTERVAL + 60)
    expect(world.changes).toMatchObject([{ key: real(82).key, state: 'up', inARow: 1 }])
    await world.run(2 * INTERVAL)
    expect(world.changes).toMatchObject([{ key: real(82).key }, { key: real(80).key, state: 'up', inARow: 2 }])
  })

  it('a result of what is not configured any more is nothing', async () => {
    const world = new World()
    let end: (result: CheckResult) => void = () => undefined
    world.answer = () => new Promise((resolve) => (end = resolve))
    world.check([real(80, { state: 'unknown' })])
    await world.run(2 * INTERVAL)
    world.loop.changeTargets({ changed: [], removed: [real(80).key] })
    end(REFUSED)
    await world.run(INTERVAL)
    expect(world.changes).toEqual([])
    expect(world.loop.beat().inFlight).toBe(0)
  })

  it('has no more checks under way than allowed', async () => {
    const world = new World(5)
    world.answer = () => new Promise(() => undefined)
    world.check(Array.from({ length: 50 }, (_, index) => real(index + 1)))
    await world.run(3 * INTERVAL)
    expect(world.checked).toHaveLength(5)
    expect(world.loop.beat().lateMs).toBeLessThan(2 * INTERVAL)
  })

  it('after a standstill it goes on where it was, and says so', async () => {
    const world = new World()
    world.check(Array.from({ length: 100 }, (_, index) => real(index + 1)))
    await world.run(INTERVAL)
    world.loop.beat()
    world.checked.length = 0
    world.now += 60_000
    await world.run(10)
    expect(world.checked.length).toBeLessThanOrEqual(100)
    world.loop.beat()
    expect(world.faults).toEqual(['the checker stood still for 59910 ms'])
  })
})
