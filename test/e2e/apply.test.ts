import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Lab } from '../../lab/topology.js'
import type { Change } from '../../src/control/changes.js'
import type { Disruption } from '../../src/control/disruption.js'
import { readLiveState, type LiveService } from '../../src/dataplane/live-state.js'
import type { LbMaps } from '../../src/dataplane/lb-maps.js'
import type { VerdictCounts } from '../../src/dataplane/verdict-counts.js'
import { PinDirectory } from '../../src/loader/pin.js'
import { xdpLb } from '../../src/maps/generated.js'
import { answersOf, configOf, DEADLINE, edited, Load, streamTo, veer, veerJson } from './support.js'
import type { ConfigFile, ServiceFile } from './support.js'

interface PlanJson {
  changes: Change[]
  disruption: Disruption[]
}

const REAL1 = '10.0.0.11'
const REAL2 = '10.0.0.12'
const REAL3 = '10.0.0.13'
const VIP = '10.0.0.100'
const WEB = 'services.web-tcp-1'

let lab: Lab
let base: ConfigFile

beforeAll(async () => {
  lab = await Lab.create({ reals: 3 })
  base = configOf(lab)
  await veer(lab, 'attach', '-f', lab.writeConfig(base))
})

afterAll(async () => {
  await lab[Symbol.asyncDispose]()
})

/** Every test starts from the same table. */
beforeEach(async () => {
  await veer(lab, 'apply', '-f', lab.writeConfig(base))
})

const write = (edit: Partial<ServiceFile>): string => lab.writeConfig(edited(base, 'web-tcp-1', edit))

/** Exit code and changes of a plan. */
async function plan(file: string): Promise<{ code: number; plan: PlanJson }> {
  const { code, stdout } = await lab.veer(['plan', '-f', file, '--json', '--exit-code'])
  return { code, plan: JSON.parse(stdout) as PlanJson }
}

const NOTHING = { code: 0, plan: { changes: [], disruption: [] } }

describe('an edit of the file', () => {
  const change = (object: string, before: unknown, after: unknown): Change => ({ action: 'change', object, before, after })

  it.each<{ what: string; edit: Partial<ServiceFile>; changes: Change[]; moved: [number, number][] }>([
    { what: 'a port', edit: { port: 8080 }, changes: [change(`${WEB}.port`, 80, 8080)], moved: [[0, 3]] },
    {
      what: 'a real less',
      edit: { reals: [REAL1, REAL2] },
      changes: [{ action: 'remove', object: `${WEB}.reals.${REAL3}`, before: { weight: 1 }, after: null }],
      moved: [[1, 3]],
    },
    {
      what: 'a weight of 0',
      edit: { reals: [REAL1, REAL2, { address: REAL3, weight: 0 }] },
      changes: [change(`${WEB}.reals.${REAL3}.weight`, 1, 0)],
      moved: [[1, 3]],
    },
    {
      what: 'another scheduler',
      edit: { scheduler: 'wrr' },
      changes: [change(`${WEB}.scheduler`, { name: 'rr' }, { name: 'wrr' })],
      moved: [[0, 3]],
    },
  ])('$what: plan shows exactly that and what moves, apply does it, and a second plan is empty', async (row) => {
    const file = write(row.edit)
    const disruption = row.moved.map(([slotsMoved, slots]) => ({ service: 'web-tcp-1', slotsMoved, slots }))
    const expected = { changes: row.changes, disruption }
    await expect(plan(file)).resolves.toEqual({ code: 4, plan: expected })
    await expect(veerJson<PlanJson>(lab, 'apply', '-f', file)).resolves.toEqual(expected)
    await expect(plan(file)).resolves.toEqual(NOTHING)
  })

  it('a weight in wrr: one slot more for that real, and it gets its share', async () => {
    const even = { scheduler: 'wrr' }
    await veer(lab, 'apply', '-f', write(even))
    const file = write({ ...even, reals: [{ address: REAL1, weight: 2 }, REAL2, REAL3] })
    await expect(veer(lab, 'plan', '-f', file)).resolves.toBe(
      `~ ${WEB}.reals.${REAL1}.weight  1 -> 2\n  web-tcp-1:  1 of 4 ring slots move  (25.0 %)\n`,
    )
    await veer(lab, 'apply', '-f', file)
    await expect(answersOf(lab, VIP, 12)).resolves.toEqual({ real1: 6, real2: 3, real3: 3 })
  })

  it('a real less in mh: about its third of the ring moves, and not much more', async () => {
    await veer(lab, 'apply', '-f', write({ scheduler: 'mh' }))
    const { plan: found } = await plan(write({ scheduler: 'mh', reals: [REAL1, REAL2] }))
    expect(found.disruption).toEqual([{ service: 'web-tcp-1', slotsMoved: expect.any(Number) as number, slots: 16381 }])
    const share = (found.disruption[0]?.slotsMoved ?? 0) / 16381
    expect(share).toBeGreaterThanOrEqual(0.33)
    expect(share).toBeLessThan(0.3434)
  })

  it('a service more and one less are seen as such, and only they', async () => {
    const [first, second] = base.services as [ServiceFile, ServiceFile]
    const file = lab.writeConfig({ ...base, services: [first, { ...first, name: 'more', port: 81 }] })
    const { code, plan: found } = await plan(file)
    expect(code).toBe(4)
    expect(found.changes.map(({ action, object }) => [action, object])).toEqual([
      ['add', 'services.more'],
      ['remove', `services.${second.name}`],
    ])
    await veer(lab, 'apply', '-f', file)
    await expect(plan(file)).resolves.toEqual(NOTHING)
  })
})

describe('a real that is removed', () => {
  it('gets nothing from the apply on: no new request, and its open connections are reset', async () => {
    await using doomed = await streamTo(lab, VIP, 'real3')
    await using other = await streamTo(lab, VIP, 'real1')
    await doomed.echo('while it is configured')
    const { verdicts: before } = await veerJson<VerdictCounts>(lab, 'stats')

    await veer(lab, 'apply', '-f', write({ reals: [REAL1, REAL2] }))
    const seen = (await lab.real(3).requests()).length
    doomed.say('after it has gone')
    await expect.poll(() => doomed.error, DEADLINE).toContain('ECONNRESET')
    const { verdicts: after } = await veerJson<VerdictCounts>(lab, 'stats')
    expect(Number(after['reply_reset'])).toBeGreaterThan(Number(before['reply_reset']))
    await expect(answersOf(lab, VIP, 12)).resolves.toEqual({ real1: 6, real2: 6 })
    await other.echo('the other goes on')
    expect(doomed.has('after it has gone')).toBe(false)
    await expect(lab.real(3).requests()).resolves.toHaveLength(seen)
  })

  it('with weight 0 first: its open connections go on, new requests go elsewhere', async () => {
    await using stream = await streamTo(lab, VIP, 'real3')
    await veer(lab, 'apply', '-f', write({ reals: [REAL1, REAL2, { address: REAL3, weight: 0 }] }))
    await stream.echo('still here')
    await expect(answersOf(lab, VIP, 6)).resolves.toEqual({ real1: 3, real2: 3 })
  })
})

describe('an edit of the maps behind veer', () => {
  /** Works on the pinned maps, as bpftool would. */
  function tamper(work: (maps: LbMaps, web: LiveService) => void): void {
    const maps = new PinDirectory(`${lab.bpffs}/veer/${lab.name}`).openMaps(xdpLb)
    try {
      const web = readLiveState(maps).services.find(({ value }) => value.name === 'web-tcp-1')
      if (web === undefined) throw new Error('no service web-tcp-1')
      work(maps, web)
    } finally {
      for (const map of Object.values(maps) as { close(): void }[]) map.close()
    }
  }

  it.each<{ what: string; edit: (maps: LbMaps, web: LiveService) => void; shown: string[] }>([
    {
      what: 'a ring slot',
      edit: (maps, web) => {
        using ring = maps.rings.get(web.value.ring)
        if (ring === undefined) throw new Error('no ring')
        // Rings are frozen: whoever wants another slot puts another map there.
        using copy = maps.rings.createInner({ name: 'edited', maxEntries: ring.info.maxEntries })
        copy.setMany(ring.entries())
        const slots = copy.get(0)?.slot ?? []
        copy.set(0, { slot: [...slots.slice(1), slots[1] ?? 0] })
        maps.rings.set(web.value.ring, copy)
      },
      shown: [`${WEB}.ring`],
    },
    {
      what: 'a weight',
      edit: (maps, web) => {
        const [first] = web.destinations
        if (first !== undefined) maps.dests.set(first.id, { ...first.value, weight: 7 })
      },
      shown: [`${WEB}.reals.${REAL1}.weight`],
    },
    {
      what: "a real's MAC",
      edit: (maps, web) => {
        const [first] = web.destinations
        if (first !== undefined) maps.dests.set(first.id, { ...first.value, mac: new Uint8Array([2, 0, 0, 0, 0, 9]) })
      },
      shown: [`${WEB}.reals.${REAL1}.mac`],
    },
    {
      what: "a service's entry deleted",
      edit: (maps, web) => maps.services.delete(web.key),
      shown: [WEB],
    },
  ])('$what: plan shows it, apply puts it right, and a second plan is empty', async ({ edit, shown }) => {
    const file = lab.writeConfig(base)
    tamper(edit)
    const { code, plan: found } = await plan(file)
    expect(code).toBe(4)
    expect(found.changes.map(({ object }) => object)).toEqual(expect.arrayContaining(shown))
    await veer(lab, 'apply', '-f', file)
    await expect(plan(file)).resolves.toEqual(NOTHING)
    await expect(answersOf(lab, VIP, 6)).resolves.toEqual({ real1: 2, real2: 2, real3: 2 })
  })
})

describe('under load', () => {
  it('no request fails during 20 applies that drain, remove, weight and bring back a real', async () => {
    const steps: Partial<ServiceFile>[] = [
      { reals: [REAL1, REAL2, { address: REAL3, weight: 0 }] },
      { reals: [REAL1, REAL2] },
      { reals: [{ address: REAL1, weight: 3 }, REAL2, REAL3] },
      { reals: [REAL1, REAL2, REAL3] },
    ]
    await using load = new Load(lab, lab.vips)
    for (let round = 0; round < 5; round++) {
      for (const edit of steps) await veer(lab, 'apply', '-f', write({ scheduler: 'wrr', ...edit }))
    }
    const { errors, answers } = await load.stop()
    expect(errors).toEqual([])
    expect(Object.keys(answers).sort()).toEqual(['real1', 'real2', 'real3'])
  })
})
