/** Schedulers that take a slot of their ring, when destinations are overloaded; against the rules of IPVS. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { SchedulerConfig } from '../../src/config/schema.js'
import { bucketOf } from '../../src/scheduler/hash.js'
import { buildRing } from '../../src/scheduler/ring.js'
import {
  chooseSlot,
  mhSlots,
  shSlots,
  Turns,
  type Candidate,
  type HashOptions,
  type NewFlow,
} from '../support/oracle/scheduler.js'
import { Scheduling } from './scheduling.js'
import { FAMILIES } from './world.js'

const RUNS = { numRuns: 40 }
const FLOWS = 12

const candidatesOf = (weights: readonly number[], overloaded: readonly boolean[] = []): Candidate[] =>
  weights.map((weight, id) => ({ id, weight, active: 0, inactive: 0, overloaded: overloaded[id] ?? false }))

/** The ring that control makes for real addresses in canonical order. */
function ringFor(scheduler: SchedulerConfig, weights: readonly number[]): number[] {
  const destinations = weights.map((weight, id) => ({ address: `10.0.0.${id}`, port: 80, weight }))
  return [...buildRing(scheduler, destinations)]
}

const weight = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 12 }))
const weights = fc.array(weight, { minLength: 1, maxLength: 24 }).filter((all) => all.some((each) => each > 0))
/** Who is overloaded when one flow after another comes; now and then all are. */
const overloads = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.array(fc.boolean(), { minLength: 24, maxLength: 24 }) },
    { weight: 1, arbitrary: fc.constant(Array<boolean>(24).fill(true)) },
  ),
  { minLength: FLOWS, maxLength: FLOWS },
)

describe.each(FAMILIES)('over IPv%i', (family) => {
  it.each(['rr', 'wrr'] as const)('%s passes overloaded destinations over as IPVS does', async (name) => {
    const scheduling = await Scheduling.open(family)
    fc.assert(
      fc.property(weights, overloads, (given, changes) => {
        scheduling.serve(name, ringFor({ name }, given))
        const turns = new Turns(name === 'rr' ? given.map((each) => Math.min(each, 1)) : given)
        for (const overloaded of changes) {
          scheduling.write(candidatesOf(given, overloaded))
          // A search in vain holds for the rest of its tick: each flow has one of its own.
          scheduling.remember({ used: 0 })
          expect(scheduling.send(scheduling.newFlow())).toBe(turns.next((index) => overloaded[index] !== true))
        }
      }),
      RUNS,
    )
  })

  const options = fc.record({ ports: fc.boolean(), fallback: fc.boolean() })

  /** Takes the slots that the oracle looks at, with these destinations overloaded. */
  function expectSlots(
    scheduling: Scheduling,
    scheduler: SchedulerConfig & HashOptions,
    given: readonly number[],
    changes: readonly (readonly boolean[])[],
    slotsOf: (flow: NewFlow, size: number) => number[],
  ): void {
    const ring = ringFor(scheduler, given)
    scheduling.serve(scheduler.name, ring, scheduler)
    for (const overloaded of changes) {
      const flow = scheduling.newFlow()
      scheduling.write(candidatesOf(given, overloaded))
      scheduling.remember({ used: 0 })
      const expected = chooseSlot(ring, slotsOf(flow, ring.length), (id) => overloaded[id] !== true)
      expect(scheduling.send(flow)).toBe(expected)
    }
  }

  it('mh has no destination for flows of an overloaded one, but with the fallback', async () => {
    const scheduling = await Scheduling.open(family)
    fc.assert(
      fc.property(weights, options, overloads, (given, hash, changes) => {
        const scheduler = { name: 'mh', tableSize: 251, ...hash } as const
        expectSlots(scheduling, scheduler, given, changes, (flow, size) => mhSlots(size, flow, hash))
      }),
      RUNS,
    )
  })

  it('sh has no destination for flows of an overloaded one, but with the fallback', async () => {
    const scheduling = await Scheduling.open(family)
    fc.assert(
      fc.property(weights, options, overloads, (given, hash, changes) => {
        const scheduler = { name: 'sh', ...hash } as const
        expectSlots(scheduling, scheduler, given, changes, (flow) => shSlots(flow, hash))
      }),
      RUNS,
    )
  })

  it('dh has no destination when that of the VIP is overloaded', async () => {
    const scheduling = await Scheduling.open(family)
    fc.assert(
      fc.property(weights, overloads, (given, changes) => {
        const scheduler = { name: 'dh', ports: false, fallback: false } as const
        expectSlots(scheduling, scheduler, given, changes, (flow) => [bucketOf(flow.vip, 0)])
      }),
      RUNS,
    )
  })
})

describe('a search in vain', () => {
  const ring = Array.from({ length: 5000 }, (_, slot) => slot % 3)
  const all = candidatesOf([1, 1, 1], [true, true, true])
  const oneFree = candidatesOf([1, 1, 1], [true, true, false])

  it.each(['rr', 'mh', 'sh'] as const)('of %s is made once in a tick', async (name) => {
    const scheduling = await Scheduling.open(4)
    scheduling.serve(name, name === 'sh' ? ring.slice(0, 256) : ring, { fallback: true })
    scheduling.write(all)
    expect(scheduling.send(scheduling.newFlow())).toBeUndefined()
    const { used } = scheduling.memory
    expect(used).not.toBe(0)
    // Long ago: flows look again.
    scheduling.write(oneFree)
    scheduling.remember({ used: used - 1000 })
    expect(scheduling.send(scheduling.newFlow())).toBe(2)
  })

  it('leaves the order as it was', async () => {
    const scheduling = await Scheduling.open(4)
    scheduling.serve('rr', ring)
    const free = candidatesOf([1, 1, 1])
    scheduling.write(free)
    expect(scheduling.send(scheduling.newFlow())).toBe(0)
    scheduling.write(all)
    for (let times = 0; times < 4; times += 1) expect(scheduling.send(scheduling.newFlow())).toBeUndefined()
    scheduling.write(free)
    expect(scheduling.send(scheduling.newFlow())).toBe(1)
  })
})
