/** Schedulers that look at every destination, against the rules of IPVS (test/support/oracle/scheduler.ts). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SCHEDULERS } from '../../src/config/scheduler-schema.js'
import {
  chooseByCount,
  chooseCached,
  chooseOfSet,
  chooseOfTwo,
  COUNTING,
  type Candidate,
  type CountingScheduler,
  type Memory,
} from '../support/oracle/scheduler.js'
import { Scheduling } from './scheduling.js'
import { FAMILIES } from './world.js'

/** More than two of the runs in which the program reads a ring. */
const MOST = 40
const MANY = 4200

const weight = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.nat(65535), fc.constant(65535))
const conns = fc.oneof(fc.nat(4), fc.nat(300), fc.nat(0xffff_ffff))
const load = fc.record({ weight, active: conns, inactive: conns, overloaded: fc.oneof(fc.boolean(), fc.constant(false)) })
const numbered = <T>(items: readonly T[]): (T & { id: number })[] => items.map((item, id) => ({ ...item, id }))
const candidatesOf = (maxLength: number): fc.Arbitrary<Candidate[]> =>
  fc.array(load, { minLength: 1, maxLength, size: 'max' }).map(numbered)
const candidates = fc.oneof(candidatesOf(6), candidatesOf(MOST))

/** So light that it shows which of two sums a hash is scaled to. */
const lightCandidates = fc
  .array(fc.record({ weight: fc.nat(2), active: fc.nat(2), inactive: fc.nat(2), overloaded: fc.constant(false) }), {
    minLength: 2,
    maxLength: 4,
  })
  .map(numbered)

const ringOf = (all: readonly Candidate[]): number[] => all.map(({ id }) => id)
const RUNS = { numRuns: 60 }

describe.each(FAMILIES)('over IPv%i', (family) => {
  it.each(Object.keys(COUNTING) as CountingScheduler[])('%s takes the destination that IPVS takes', async (scheduler) => {
    const scheduling = await Scheduling.open(family)
    fc.assert(
      fc.property(candidates, (all) => {
        scheduling.write(all)
        scheduling.serve(scheduler, ringOf(all))
        expect(scheduling.send(scheduling.newFlow())).toBe(chooseByCount(scheduler, all))
      }),
      RUNS,
    )
  })

  it('twos takes the better of the two destinations that the hash of the flow draws', async () => {
    const scheduling = await Scheduling.open(family)
    fc.assert(
      fc.property(fc.oneof(candidates, lightCandidates), (all) => {
        scheduling.serve('twos', ringOf(all))
        for (let times = 0; times < 16; times += 1) {
          const flow = scheduling.newFlow()
          scheduling.write(all)
          expect(scheduling.send(flow)).toBe(chooseOfTwo(all, flow.hash))
        }
      }),
      RUNS,
    )
  })
})

/** One new flow in a long life: what the destinations are like when it comes, and how much later that is. */
const flows = (count: number): fc.Arbitrary<{ all: Candidate[]; later: number }[]> => {
  // Small numbers, so that over its weight and under half of it are both common.
  const few = fc.record({
    weight: fc.nat(4),
    active: fc.nat(6),
    inactive: fc.nat(3),
    overloaded: fc.integer({ min: 0, max: 7 }).map((value) => value === 0),
  })
  const all = fc.array(few, { minLength: count, maxLength: count }).map(numbered)
  const later = fc.constantFrom(0, 0, 0, 0.7, 1.5)
  return fc.array(fc.record({ all, later }), { minLength: 1, maxLength: 16 })
}
const lives = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 17, max: 20 })).chain(flows)

const forgetful = (): Memory => ({ cached: undefined, members: new Set(), used: -Infinity, modified: -Infinity })

/** The oracle's clock, which stands still but for what a test adds. */
class Life {
  now = 0
  readonly memory = forgetful()
}

describe.each(FAMILIES)('locality over IPv%i', (family) => {
  it('lblc keeps to the destination that IPVS keeps to', async () => {
    const scheduling = await Scheduling.open(family)
    fc.assert(
      fc.property(lives, (events) => {
        const life = new Life()
        scheduling.serve('lblc', ringOf(events[0]?.all ?? []))
        for (const { all, later } of events) {
          life.now += later * scheduling.lifetime
          scheduling.age(later * scheduling.lifetime)
          scheduling.write(all)
          const expected = chooseCached(all, life.memory, life.now, scheduling.lifetime)
          expect(scheduling.send(scheduling.newFlow())).toBe(expected)
        }
      }),
      RUNS,
    )
  })

  it('lblc leaves a destination that was given another generation', async () => {
    const scheduling = await Scheduling.open(family)
    const idle = { weight: 4, active: 0, inactive: 0, overloaded: false }
    scheduling.serve('lblc', [0, 1])
    scheduling.write(numbered([{ ...idle, inactive: 1 }, idle]))
    expect(scheduling.send(scheduling.newFlow())).toBe(1)
    scheduling.write(numbered([idle, { ...idle, active: 3 }]))
    expect(scheduling.send(scheduling.newFlow())).toBe(1)
    scheduling.remember({ generation: scheduling.memory.generation + 1 })
    scheduling.write(numbered([idle, { ...idle, active: 3 }]))
    expect(scheduling.send(scheduling.newFlow())).toBe(0)
  })

  it('lblcr keeps the set that IPVS keeps, and takes the same of it', async () => {
    const scheduling = await Scheduling.open(family)
    fc.assert(
      fc.property(lives, (events) => {
        const life = new Life()
        scheduling.serve('lblcr', ringOf(events[0]?.all ?? []))
        for (const { all, later } of events) {
          life.now += later * scheduling.lifetime
          scheduling.age(later * scheduling.lifetime)
          scheduling.write(all, life.memory.members)
          const expected = chooseOfSet(all, life.memory, life.now, scheduling.lifetime)
          expect(scheduling.send(scheduling.newFlow())).toBe(expected)
          expect(scheduling.members(all)).toEqual(life.memory.members)
        }
      }),
      RUNS,
    )
  })
})

describe('a service without a usable destination', () => {
  it.each(SCHEDULERS)('has none with %s', async (scheduler) => {
    const scheduling = await Scheduling.open(4)
    scheduling.serve(scheduler, [])
    expect(scheduling.send(scheduling.newFlow())).toBeUndefined()
  })
})

describe('thousands of destinations', () => {
  const all = numbered(
    Array.from({ length: MANY }, (_, index) => ({
      weight: 1 + (index % 7),
      active: 10 + ((index * 7919) % 1000),
      inactive: index % 3,
      overloaded: index % 5 === 0,
    })),
  )
  const last = all.with(MANY - 1, { id: MANY - 1, weight: 9, active: 0, inactive: 0, overloaded: false })

  it.each(Object.keys(COUNTING) as CountingScheduler[])('are all looked at by %s', async (scheduler) => {
    const scheduling = await Scheduling.open(4)
    scheduling.serve(scheduler, ringOf(all))
    for (const each of [all, last]) {
      scheduling.write(each)
      expect(scheduling.send(scheduling.newFlow())).toBe(chooseByCount(scheduler, each))
    }
    expect(chooseByCount(scheduler, last)).toBe(MANY - 1)
  })

  it('are all drawn from by twos', async () => {
    const scheduling = await Scheduling.open(4)
    scheduling.serve('twos', ringOf(all))
    for (let times = 0; times < 20; times += 1) {
      const flow = scheduling.newFlow()
      scheduling.write(all)
      expect(scheduling.send(flow)).toBe(chooseOfTwo(all, flow.hash))
    }
  })
})
