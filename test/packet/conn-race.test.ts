import { describe, expect, it } from 'vitest'
import { Verdict } from '../../src/maps/generated.js'
import { readConns } from '../support/conn-writer.js'
import { Director } from './director.js'
import { KINDS, request, world } from './world.js'

const FLOWS = 1500
/** Of one flow, at once, on the threads that libuv has. */
const COPIES = 3
/** So few that the flows meet in them, and the last find no room. */
const BUCKETS = 200

const textOf = (value: unknown): string => JSON.stringify(value)

describe.each(KINDS)('packets of one flow on several CPUs: $name', ({ family, protocol }) => {
  it('leave one conn that is alive, and every packet is forwarded and counted once', async () => {
    const director = await Director.serving(world())
    const { maps, collection } = director.lb
    const settings = maps.settings.get(0)
    if (settings === undefined) throw new Error('no settings')
    maps.settings.set(0, { ...settings, connBuckets: BUCKETS })
    const runs: Promise<{ retval: number }>[] = []
    for (let flow = 0; flow < FLOWS; flow++) {
      const data = request(family, protocol, { sport: 10_000 + flow }).bytes()
      for (let copy = 0; copy < COPIES; copy++) runs.push(collection.programs.xdpLb.runAsync({ data }))
    }
    const actions = new Set((await Promise.all(runs)).map(({ retval }) => retval))
    expect([...actions]).toEqual([3])

    const now = director.lb.tick()
    const alive = readConns(maps).filter(({ expires }) => ((expires - now) | 0) > 0)
    expect(new Set(alive.map(({ key }) => textOf(key))).size).toBe(alive.length)
    expect(alive.length).toBeGreaterThan(BUCKETS * 5)
    const count = (verdict: number): number => Number(maps.verdicts.sum(verdict))
    const [known, made, stateless] = [Verdict.forwardKnown, Verdict.forwardNew, Verdict.forwardStateless].map(count)
    expect((known ?? 0) + (made ?? 0) + (stateless ?? 0)).toBe(FLOWS * COPIES)
    expect(made).toBeGreaterThanOrEqual(alive.length)
  })
})
