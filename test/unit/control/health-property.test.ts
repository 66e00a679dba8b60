/** Whole histories of health, applies and edits, against a model that is told nothing of maps. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Config } from '../../../src/config/schema.js'
import type { HealthWish } from '../../../src/control/apply-health.js'
import { inSlices, planHealthSlice } from '../../../src/control/apply-health.js'
import { changesOf } from '../../../src/control/changes.js'
import { destinationKey } from '../../../src/control/destination-key.js'
import type { HealthState } from '../../../src/health/protocol.js'
import { DestFlag } from '../../../src/maps/generated.js'
import { ringSlots } from '../../../src/dataplane/ring-store.js'
import { configOf, macOf, PlainMaps, targetOf } from './support.js'

const HISTORIES_MS = 120_000
const HOSTS = [11, 12, 13, 14]
const SORRY = 99
const TEN = 10

interface Edit {
  /** Weights of reals by the last byte of their addresses. */
  reals: [host: number, weight: number][]
  checked: boolean
  initial: 'up' | 'down'
  allDown: 'reject' | 'serve-all'
  onDown: 'keep' | 'reset'
  quorum: number
  hysteresis: number
  sorry: boolean
  slow: boolean
  scheduler: 'wrr' | 'mh'
  /** Without a MAC. */
  silent: number[]
}

type Event = { edit: Edit } | { without: number } | { states: [host: number, state: 'up' | 'down'][] } | { tick: true }

const anyEdit: fc.Arbitrary<Edit> = fc
  .record({
    reals: fc.uniqueArray(fc.tuple(fc.constantFrom(...HOSTS), fc.nat(3)), { selector: ([host]) => host, minLength: 1 }),
    checked: fc.integer({ min: 0, max: 5 }).map((dice) => dice > 0),
    initial: fc.constantFrom('up', 'down'),
    allDown: fc.constantFrom('reject', 'serve-all'),
    onDown: fc.constantFrom('keep', 'reset'),
    quorum: fc.integer({ min: 1, max: 4 }),
    hysteresis: fc.nat(2),
    sorry: fc.boolean(),
    slow: fc.integer({ min: 0, max: 3 }).map((dice) => dice > 0),
    scheduler: fc.constantFrom('wrr', 'mh'),
    silent: fc.oneof({ weight: 3, arbitrary: fc.constant<number[]>([]) }, { weight: 1, arbitrary: fc.subarray([...HOSTS, SORRY]) }),
  })
  .map(valid)

/** As config/ would let it pass. */
function valid(edit: Edit): Edit {
  const sum = edit.reals.reduce((total, [, weight]) => total + weight, 0)
  const quorum = Math.min(edit.quorum, Math.max(sum, 1))
  const hysteresis = Math.max(0, Math.min(edit.hysteresis, quorum - 1, sum - quorum))
  return { ...edit, quorum, hysteresis, allDown: edit.sorry ? 'reject' : edit.allDown }
}

const anyStates = fc.uniqueArray(fc.tuple(fc.constantFrom(...HOSTS), fc.constantFrom('up' as const, 'down' as const)), {
  selector: ([host]) => host,
  minLength: 1,
})

const anyEvent: fc.Arbitrary<Event> = fc.oneof(
  { weight: 1, arbitrary: anyEdit.map((edit) => ({ edit })) },
  { weight: 1, arbitrary: fc.constantFrom(...HOSTS).map((without) => ({ without })) },
  { weight: 6, arbitrary: anyStates.map((states) => ({ states })) },
  { weight: 3, arbitrary: fc.constant({ tick: true as const }) },
)

const addressOf = (host: number): string => `10.0.0.${host}`

function fileOf(edit: Edit): Config {
  const { reals, checked, initial, scheduler, slow, sorry, allDown, onDown, quorum, hysteresis } = edit
  const common = { allDown, onDown, quorum, hysteresis, slowStart: slow ? '10s' : 0 }
  const service = {
    ...common,
    scheduler: (scheduler === 'mh' ? { name: 'mh', tableSize: 251 } : scheduler) as string,
    health: checked ? { kind: 'tcp', initial } : { kind: 'none' },
    reals: reals.map(([host, weight]) => [addressOf(host), weight] as const),
    ...(sorry ? { sorryServer: addressOf(SORRY) } : {}),
  }
  return configOf([service])
}

/** What is expected: a real's health, and the tenths of its weight that it has while it starts slowly. */
class Model {
  readonly health = new Map<number, HealthState>()
  readonly #tenths = new Map<number, number>()
  #sorryServes = false
  edit: Edit
  shares = new Map<number, number>()

  constructor(edit: Edit) {
    this.edit = edit
    this.become(edit)
  }

  become(edit: Edit): void {
    this.edit = edit
    for (const host of HOSTS) {
      const stays = edit.checked && edit.reals.some(([each]) => each === host)
      if (!stays) this.health.delete(host)
      if (!stays || !edit.slow) this.#tenths.delete(host)
    }
    this.#settle()
  }

  /** Which go down now. */
  mark(states: readonly [number, 'up' | 'down'][]): number[] {
    const known = states.filter(([host]) => this.edit.checked && this.edit.reals.some(([each]) => each === host))
    const falling = known.filter(([host, state]) => state === 'down' && this.health.get(host) !== 'down')
    for (const [host, state] of known) {
      if (state === 'up' && this.health.get(host) === 'down' && this.edit.slow) this.#tenths.set(host, 1)
      this.health.set(host, state)
    }
    if (known.length > 0) this.#settle()
    return falling.map(([host]) => host)
  }

  tick(): void {
    for (const [host, tenths] of this.#tenths) this.#tenths.set(host, tenths + 1)
    this.#settle()
  }

  get isStarting(): boolean {
    return this.#tenths.size > 0
  }

  /** What multiplies all weights. */
  get scale(): number {
    return this.isStarting ? TEN : 1
  }

  #isUsable(host: number, weight: number): boolean {
    const { checked, initial, silent } = this.edit
    const health = this.health.get(host) ?? (checked ? initial : 'up')
    return weight > 0 && !silent.includes(host) && health === 'up'
  }

  #settle(): void {
    const { reals, quorum, hysteresis, sorry, silent, allDown } = this.edit
    const usable = reals.filter(([host, weight]) => this.#isUsable(host, weight))
    const sum = usable.reduce((total, [, weight]) => total + weight, 0)
    const lost = sum < (this.#sorryServes ? quorum + hysteresis : quorum - hysteresis)
    this.#sorryServes = lost && sorry && !silent.includes(SORRY)
    const all = [...reals.map(([host]) => host), ...(sorry ? [SORRY] : [])]
    this.shares = new Map(all.map((host) => [host, 0]))
    if (this.#sorryServes) this.shares.set(SORRY, 1)
    else if (usable.length > 0) this.#share(usable)
    else if (allDown === 'serve-all') for (const [host, weight] of reals) this.shares.set(host, silent.includes(host) ? 0 : weight)
    const weightOf = new Map(reals)
    for (const host of HOSTS) {
      const share = this.shares.get(host) ?? 0
      if (share === 0 || share === weightOf.get(host)) this.#tenths.delete(host)
    }
  }

  /** Whoever is ahead of all others has nobody to wait for. */
  #share(usable: readonly [number, number][]): void {
    const most = Math.max(...usable.map(([host]) => this.#tenths.get(host) ?? TEN))
    for (const [host, weight] of usable) {
      const tenths = this.#tenths.get(host) ?? TEN
      this.shares.set(host, tenths >= most ? weight : (weight * tenths) / TEN)
    }
  }
}

/** The maps, and the identity that flows know a real by. */
class World {
  readonly #maps = new PlainMaps()
  #config: Config
  #edit: Edit

  constructor(edit: Edit) {
    this.#edit = edit
    this.#config = fileOf(edit)
    this.become(edit)
  }

  get #silence() {
    const silent = new Set(this.#edit.silent.map(addressOf))
    return { macOf: (address: string): string | undefined => (silent.has(address) ? undefined : macOf(address)) }
  }

  become(edit: Edit): void {
    this.#edit = edit
    this.#config = fileOf(edit)
    this.#maps.become(this.#config, this.#silence)
  }

  async wish(wish: HealthWish): Promise<string[]> {
    const { starting } = await inSlices(wish, async (left) => {
      const { plan, slice } = await planHealthSlice(this.#maps.live(), this.#config, left)
      if (plan !== undefined) this.#maps.apply(plan)
      return slice
    })
    return starting
  }

  mark(states: readonly [number, 'up' | 'down'][]): Promise<string[]> {
    const changes = new Map(states.map(([host, state]) => [destinationKey('web', addressOf(host), 80), state]))
    return this.wish({ changes, advance: new Set() })
  }

  identities(): Map<number, string> {
    const named = this.#destinations().map(({ id, host, value }) => [host, `${id} ${value.generation}`] as const)
    return new Map(named)
  }

  #destinations() {
    const { services } = this.#maps.live()
    return services.flatMap(({ destinations }) => destinations.map((each) => ({ ...each, host: Number(each.address.split('.').at(-1)) })))
  }

  check(model: Model): void {
    const destinations = this.#destinations()
    const weights = destinations.map(({ host, value }) => [host, value.effectiveWeight] as const)
    expect(new Map(weights)).toEqual(new Map([...model.shares].map(([host, share]) => [host, Math.round(share * model.scale)])))
    for (const { host, value } of destinations) {
      const health = (value.flags & DestFlag.up) !== 0 ? 'up' : (value.flags & DestFlag.down) !== 0 ? 'down' : 'unknown'
      expect(health).toBe(model.health.get(host) ?? 'unknown')
      expect((value.flags & DestFlag.sorry) !== 0).toBe(host === SORRY)
    }
    this.#checkRing(model)
    expect(this.#maps.live().vips.map(({ value }) => value.up)).toEqual([[...model.shares.values()].some((share) => share > 0) ? 1 : 0])
    const again = this.#maps.reconcile(targetOf(this.#config, { live: this.#maps.live(), ...this.#silence }))
    expect([changesOf(again), again.writeDests, again.retireDests, again.removeRings]).toEqual([[], [], [], []])
    expect(again.services.some(({ ringChanged }) => ringChanged)).toBe(false)
  }

  #checkRing({ shares, edit }: Model): void {
    const [service] = this.#maps.live().services
    const { ring = 0, ringSize = 0 } = service?.value ?? {}
    const slots = ringSlots(this.#maps.rings.get(ring)?.packed ?? Buffer.alloc(0), ringSize)
    const sum = [...shares.values()].reduce((a, b) => a + b, 0)
    for (const { id, host } of this.#destinations()) {
      const share = shares.get(host) ?? 0
      const taken = slots.filter((each) => each === id).length
      expect(taken > 0, `slots of ${host}`).toBe(share > 0)
      if (edit.scheduler === 'wrr' && sum > 0) expect(taken / ringSize).toBeCloseTo(share / sum, 9)
    }
    expect(ringSize > 0).toBe(sum > 0)
  }
}

function without({ reals, ...edit }: Edit, host: number): Edit {
  const rest = reals.filter(([each]) => each !== host)
  return valid({ ...edit, reals: rest.length === 0 ? reals : rest })
}

/** What happens to both; flows keep the identity of their real unless the edit or the state ends them. */
async function happen(event: Event, model: Model, world: World): Promise<void> {
  if ('edit' in event || 'without' in event) {
    const edit = 'edit' in event ? event.edit : without(model.edit, event.without)
    model.become(edit)
    world.become(edit)
    return
  }
  const before = world.identities()
  const falling = 'tick' in event ? [] : model.mark(event.states)
  if ('tick' in event) model.tick()
  const starting = 'tick' in event ? await world.wish({ changes: new Map() }) : await world.mark(event.states)
  expect(starting).toEqual(model.isStarting ? ['web'] : [])
  for (const [host, identity] of world.identities()) {
    const ends = model.edit.onDown === 'reset' && falling.includes(host)
    expect(identity !== before.get(host), `another identity of ${host}`).toBe(ends)
  }
}

/** What the others' weights are tenths of goes with the only real that is in no slow start. */
const LEADER_REMOVED: [Edit, Event[]] = [
  {
    reals: [[11, 1], [12, 1], [13, 1]],
    ...{ checked: true, initial: 'up', allDown: 'reject', onDown: 'keep', quorum: 1, hysteresis: 0 },
    ...{ sorry: false, slow: true, scheduler: 'wrr', silent: [] },
  },
  [
    { states: [[12, 'down'], [13, 'down']] },
    { states: [[12, 'up']] },
    { tick: true },
    { states: [[13, 'up']] },
    { without: 11 },
    { tick: true },
  ],
]

describe('a history of health', { timeout: HISTORIES_MS }, () => {
  it('leaves weights, states, rings and identities as a model has them, whatever comes after what', async () => {
    await fc.assert(
      fc.asyncProperty(anyEdit, fc.array(anyEvent, { minLength: 1, maxLength: 25 }), async (first, events) => {
        const model = new Model(first)
        const world = new World(first)
        world.check(model)
        for (const event of events) {
          await happen(event, model, world)
          world.check(model)
        }
      }),
      { numRuns: 300, examples: [LEADER_REMOVED] },
    )
  })
})
