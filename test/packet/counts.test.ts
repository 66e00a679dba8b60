import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { censusOf, contradictions, liveConns, setExpiry } from '../support/conn-census.js'
import type { Table } from '../support/oracle.js'
import type { TcpFlagName } from '../support/packet/transport.js'
import { Director } from './director.js'
import {
  answer,
  CLIENT,
  CLIENT_PORT,
  destOf,
  FAMILIES,
  KINDS,
  makeNat,
  OTHER_CLIENT,
  PROTOCOLS,
  REAL_PORT,
  request,
  serviceId,
  serviceOf,
  world,
  type Family,
  type Transport,
} from './world.js'

/** Events in all; each is followed by a count of the whole table. */
const EVENTS = Number(process.env['VEER_COUNT_EVENTS'] ?? 6_000)
const EVENTS_PER_RUN = 300
/** So few that conns push each other out: 24 places for some hundred flows. */
const BUCKETS = 3
const SECOND = 1_000_000_000n

/** dr and nat, with and without persistence, destinations with thresholds. */
function crowdedWorld(): Table {
  return world((table) => {
    makeNat(table, 4, 'udp')
    makeNat(table, 6, 'tcp')
    const persistence = { timeoutNs: 300n * SECOND, scope: 1, prefix: 128, expireQuiescent: true }
    serviceOf(table, 6, 'tcp').persistence = persistence
    serviceOf(table, 6, 'udp').persistence = { ...persistence, scope: 2, prefix: 124 }
    Object.assign(serviceOf(table, 4, 'tcp'), { scheduler: 'wlc' })
    Object.assign(destOf(table, 4, 'tcp', 1), { upper: 4, lower: 2 })
    Object.assign(destOf(table, 6, 'udp', 0), { upper: 3 })
  })
}

const FLAGS: TcpFlagName[][] = [['syn'], ['ack'], ['fin', 'ack'], ['rst'], ['psh', 'ack']]

interface Flow {
  family: Family
  protocol: Transport
  other: boolean
  port: number
  flags: number
}

type Event =
  | ({ kind: 'request' } & Flow)
  | ({ kind: 'reply'; real: number } & Flow)
  | { kind: 'expire'; which: number }
  | { kind: 'sweep'; first: number; count: number }
  | { kind: 'replace'; family: Family; protocol: Transport; real: number }
  | { kind: 'quiesce'; family: Family; protocol: Transport; real: number }

const flow = {
  family: fc.constantFrom(...FAMILIES),
  protocol: fc.constantFrom(...PROTOCOLS),
  other: fc.boolean(),
  port: fc.nat(24),
  flags: fc.nat(FLAGS.length - 1),
}
const dest = { family: flow.family, protocol: flow.protocol, real: fc.nat(2) }

const events: fc.Arbitrary<Event> = fc.oneof(
  { weight: 30, arbitrary: fc.record({ kind: fc.constant('request' as const), ...flow }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('reply' as const), real: fc.nat(2), ...flow }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('expire' as const), which: fc.nat(1000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const), first: fc.nat(3), count: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replace' as const), ...dest }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('quiesce' as const), ...dest }) },
)

const fieldsOf = ({ family, other, port, flags }: Flow) => ({
  client: (other ? OTHER_CLIENT : CLIENT)[family],
  sport: CLIENT_PORT + port,
  flags: FLAGS[flags] ?? [],
})

function requestOf(event: Flow): Uint8Array {
  const { client, sport, flags } = fieldsOf(event)
  return request(event.family, event.protocol, { src: client, sport, flags }).bytes()
}

function replyOf(event: Flow & { real: number }): Uint8Array {
  const { client, sport, flags } = fieldsOf(event)
  const fields = { dst: client, sport: REAL_PORT, dport: sport, flags }
  return answer(event.family, event.protocol, event.real, fields).bytes()
}

/** The id gets another owner: what control does when a real is removed and the next one added. */
function replace(director: Director, family: Family, protocol: Transport, real: number): void {
  const { dests, destState } = director.lb.maps
  const id = 100 * serviceId(family, protocol) + real
  const before = dests.get(id)
  const model = director.table.dests.get(id)
  if (before === undefined || model === undefined) throw new Error(`no destination ${id}`)
  model.generation += 1
  dests.set(id, { ...before, generation: model.generation })
  destState.set(id, { conns: 0n, persistent: 0, overloaded: 0, inSet: 0 })
}

function quiesce(director: Director, family: Family, protocol: Transport, real: number): void {
  const id = 100 * serviceId(family, protocol) + real
  const before = director.lb.maps.dests.get(id)
  if (before === undefined) throw new Error(`no destination ${id}`)
  director.lb.maps.dests.set(id, { ...before, effectiveWeight: 1 - before.effectiveWeight })
}

function happen(director: Director, event: Event): void {
  const { lb } = director
  switch (event.kind) {
    case 'request':
      lb.run(requestOf(event))
      return
    case 'reply':
      lb.reply(replyOf(event))
      return
    case 'expire': {
      const conns = liveConns(lb.maps)
      const one = conns[event.which % Math.max(conns.length, 1)]
      if (one !== undefined) setExpiry(lb.maps, one.place, lb.tick() - 1000)
      return
    }
    case 'sweep':
      return lb.sweep(event.first, event.count)
    case 'replace':
      return replace(director, event.family, event.protocol, event.real)
    case 'quiesce':
      return quiesce(director, event.family, event.protocol, event.real)
  }
}

function expectExact(director: Director): void {
  const { maps } = director.lb
  const { dests } = director.table
  const conns = liveConns(maps)
  const census = censusOf(conns, dests.keys(), (id) => dests.get(id)?.generation ?? -1)
  for (const [id, counted] of census) {
    const { overloaded, ...said } = director.lb.destState(id)
    expect(said, `destination ${id}`).toEqual(counted)
    const { upper = 0, lower = 0 } = dests.get(id) ?? {}
    const total = counted.active + counted.inactive
    if (upper > 0 && total >= upper) expect(overloaded, `${total} conns at ${id}`).toBe(true)
    if (upper > 0 && total < (lower || (3 * upper) / 4)) expect(overloaded, `${total} conns at ${id}`).toBe(false)
  }
  expect(contradictions(maps, conns, director.lb.tick())).toEqual([])
}

describe('counts of a destination', () => {
  it(
    'are those of its conns after any packet, end of a conn, sweep, push-out and change of owner',
    async () => {
      const director = await Director.withReplies(crowdedWorld(), BUCKETS)
      const sequence = fc.array(events, { minLength: EVENTS_PER_RUN, maxLength: EVENTS_PER_RUN })
      const property = fc.property(sequence, (happening) => {
        for (const event of happening) {
          happen(director, event)
          expectExact(director)
        }
      })
      fc.assert(property, { numRuns: Math.ceil(EVENTS / EVENTS_PER_RUN), endOnFailure: true })
    },
    60_000 + EVENTS * 10,
  )

  it('are exact again once packets on several CPUs, and sweeps between them, have come to rest', async () => {
    const director = await Director.serving(crowdedWorld(), BUCKETS)
    const { xdpLb, lbSweep } = director.lb.collection.programs
    const all = Buffer.from(Uint32Array.of(0, BUCKETS, 0, 0).buffer)
    for (let round = 0; round < 60; round += 1) {
      const sent = Array.from({ length: 240 }, (_, index): Flow => {
        const kind = KINDS[(index + round) % KINDS.length]
        const [family, protocol] = [kind?.family ?? 4, kind?.protocol ?? 'tcp']
        return { family, protocol, other: index % 3 === 0, port: (index * 7) % 25, flags: (index + round) % FLAGS.length }
      })
      const runs = sent.map((each) => xdpLb.runAsync({ data: requestOf(each) }))
      await Promise.all([...runs, lbSweep.runAsync({ data: all }), lbSweep.runAsync({ data: all })])
      expectExact(director)
      for (const { place } of liveConns(director.lb.maps).filter((_, index) => index % 3 === 0)) {
        setExpiry(director.lb.maps, place, director.lb.tick() - 1000)
      }
    }
  })

  it('go down to nothing when all conns have run out and were swept', async () => {
    const director = await Director.serving(crowdedWorld(), BUCKETS)
    for (const { family, protocol } of KINDS) {
      for (let port = 0; port < 8; port += 1) {
        director.lb.run(requestOf({ family, protocol, other: false, port, flags: 0 }))
      }
    }
    // Children first: a template goes on as long as it has one.
    for (let walk = 0; walk < 2; walk += 1) {
      const past = director.lb.tick() - 1000
      for (const { place } of liveConns(director.lb.maps)) setExpiry(director.lb.maps, place, past)
      director.lb.sweep()
    }
    director.lb.sweep()
    expect(liveConns(director.lb.maps).filter(({ isTemplate }) => !isTemplate)).toEqual([])
    expectExact(director)
  })
})
