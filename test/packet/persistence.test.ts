import { describe, expect, it } from 'vitest'
import type { Persistence, Table } from '../support/oracle.js'
import { templateKey } from '../support/oracle/table.js'
import { Director } from './director.js'
import { makeGroup } from './random-world.js'
import {
  CLIENT,
  connOf,
  destId,
  destOf,
  FAMILIES,
  KINDS,
  makeNat,
  makePortZero,
  OTHER_CLIENT,
  request,
  serviceOf,
  VIP_ID,
  world,
  type Family,
  type Transport,
} from './world.js'

const SECOND = 1_000_000_000n
const SCOPE = 77
const TIMEOUT = 300n * SECOND
const WHOLE: Persistence = { timeoutNs: TIMEOUT, scope: SCOPE, prefix: 128, expireQuiescent: true }

/** A director whose service of this kind has persistence; otherwise `rr`, so that chance would send flows elsewhere. */
const sticky = (family: Family, protocol: Transport, fields: Partial<Persistence> = {}, change?: (table: Table) => void) =>
  world((table) => {
    serviceOf(table, family, protocol).persistence = { ...WHOLE, ...fields }
    change?.(table)
  })

const keyOf = (family: Family, client: string = CLIENT[family]): string =>
  templateKey({ client, vip: VIP_ID[family], scope: SCOPE })

const destinationOf = (director: Director, family: Family, protocol: Transport, sport: number): number | undefined =>
  director.lb.conns().get(connOf(family, protocol, sport))?.dest

/** Sends first packets of flows from these ports, and says where they went. */
function open(director: Director, family: Family, protocol: Transport, ports: number[]): (number | undefined)[] {
  return ports.map((sport) => {
    expect(director.send(request(family, protocol, { sport })).verdict).toBe('forwardNew')
    return destinationOf(director, family, protocol, sport)
  })
}

const ends = (director: Director, key: string): void => {
  const conn = director.table.conns.get(key)
  if (conn === undefined) throw new Error(`no ${key}`)
  conn.expires = 1n
  director.restart(director.table)
}

describe.each(KINDS)('persistence: $name', ({ family, protocol }) => {
  it('sends all conns of a client to one real, and another client by turn', async () => {
    const director = await Director.serving(sticky(family, protocol))
    const [first, ...others] = open(director, family, protocol, [1, 2, 3, 4])
    expect(others).toEqual([first, first, first])
    expect(director.send(request(family, protocol, { src: OTHER_CLIENT[family] })).verdict).toBe('forwardNew')
    const key = connOf(family, protocol).replace(CLIENT[family], OTHER_CLIENT[family])
    expect(director.lb.conns().get(key)?.dest).not.toBe(first)
    expect(director.lb.destState(first ?? 0)).toMatchObject({ persistent: 1 })
    director.expectSameState()
  })

  it('counts clients under one netmask as one', async () => {
    const prefix = family === 4 ? 96 + 24 : 64
    const director = await Director.serving(sticky(family, protocol, { prefix }))
    const [first] = open(director, family, protocol, [1])
    director.send(request(family, protocol, { src: OTHER_CLIENT[family] }))
    const key = connOf(family, protocol).replace(CLIENT[family], OTHER_CLIENT[family])
    expect(director.lb.conns().get(key)?.dest).toBe(first)
    expect(director.lb.flows().has(keyOf(family, family === 4 ? '198.51.100.0' : '2001:db8:1::'))).toBe(true)
    director.expectSameState()
  })

  it('restarts the timer of the template with each new conn, and with nothing else', async () => {
    const director = await Director.serving(sticky(family, protocol))
    open(director, family, protocol, [1])
    const template = director.table.conns.get(keyOf(family))
    if (template === undefined) throw new Error('no template')
    const soon = process.hrtime.bigint() + 20n * SECOND
    template.expires = soon
    director.restart(director.table)
    director.send(request(family, protocol, { sport: 1, flags: ['ack'] }))
    expect((director.lb.flows().get(keyOf(family))?.expires ?? 0n) < soon + SECOND).toBe(true)
    open(director, family, protocol, [2])
    expect((director.lb.flows().get(keyOf(family))?.expires ?? 0n) > soon + 200n * SECOND).toBe(true)
    director.expectSameState()
  })

  it('goes on for 60 s at a time while children live, and ends with the last', async () => {
    const director = await Director.serving(sticky(family, protocol))
    const [first] = open(director, family, protocol, [1])
    ends(director, keyOf(family))
    director.lb.sweep()
    const rearmed = director.lb.flows().get(keyOf(family))
    const left = (rearmed?.expires ?? 0n) - process.hrtime.bigint()
    expect(left > 0n && left <= 61n * SECOND).toBe(true)
    expect(open(director, family, protocol, [2])).toEqual([first])
  })

  it('starts anew once the template has run out and no child is left', async () => {
    const director = await Director.serving(sticky(family, protocol))
    const [first] = open(director, family, protocol, [1])
    for (const key of [connOf(family, protocol, 1), keyOf(family)]) ends(director, key)
    director.lb.sweep()
    director.table.conns.clear()
    director.restart(director.table)
    expect(director.lb.flows().size).toBe(0)
    expect(open(director, family, protocol, [2])).not.toEqual([first])
  })

  it('a SYN does not start a child over', async () => {
    const director = await Director.serving(sticky(family, protocol))
    open(director, family, protocol, [1])
    for (const flags of [['ack'], ['fin', 'ack'], ['syn']] as const) {
      expect(director.send(request(family, protocol, { sport: 1, flags: [...flags] })).verdict).toBe('forwardKnown')
    }
    director.expectSameState()
  })
})

describe.each(FAMILIES)('a template over IPv%i', (family) => {
  const lose: [string, Partial<Persistence>, (table: Table, real: number) => void][] = [
    ['is gone', {}, (table, real) => (destOf(table, family, 'tcp', real).live = false)],
    ['has given its id to another', {}, (table, real) => (destOf(table, family, 'tcp', real).generation += 1)],
    ['is down', { expireQuiescent: false }, (table, real) => (destOf(table, family, 'tcp', real).effectiveWeight = 0)],
    [
      'is quiesced',
      {},
      (table, real) => Object.assign(destOf(table, family, 'tcp', real), { weight: 0, effectiveWeight: 0 }),
    ],
  ]

  it.each(lose)('whose real %s is given another at the next conn; children stay', async (_, fields, change) => {
    const director = await Director.serving(sticky(family, 'tcp', fields))
    expect(open(director, family, 'tcp', [1])).toEqual([destId(family, 'tcp', 0)])
    change(director.table, 0)
    director.become(director.table)
    const [next] = open(director, family, 'tcp', [2])
    expect(next).toBe(destId(family, 'tcp', 1))
    expect(open(director, family, 'tcp', [3])).toEqual([next])
    expect(destinationOf(director, family, 'tcp', 1)).toBe(destId(family, 'tcp', 0))
    director.expectExactCounts()
  })

  it('keeps a quiesced real when expireQuiescent is false', async () => {
    const director = await Director.serving(sticky(family, 'tcp', { expireQuiescent: false }))
    const [first] = open(director, family, 'tcp', [1])
    Object.assign(destOf(director.table, family, 'tcp', 0), { weight: 0, effectiveWeight: 0 })
    director.become(director.table)
    expect(open(director, family, 'tcp', [2])).toEqual([first])
    director.expectSameState()
  })

  it('whose quiesced real is down besides is given another, expireQuiescent or not', async () => {
    const director = await Director.serving(sticky(family, 'tcp', { expireQuiescent: false }))
    const [first] = open(director, family, 'tcp', [1])
    Object.assign(destOf(director.table, family, 'tcp', 0), { weight: 0, effectiveWeight: 0, down: true })
    director.become(director.table)
    const [second, third] = open(director, family, 'tcp', [2, 3])
    expect(second).not.toBe(first)
    expect(third).toBe(second)
    director.expectSameState()
  })

  it('whose real goes down leaves a client that asks once more from one port to another', async () => {
    const director = await Director.serving(sticky(family, 'tcp'))
    const [first] = open(director, family, 'tcp', [1])
    Object.assign(destOf(director.table, family, 'tcp', 0), { effectiveWeight: 0, down: true })
    director.become(director.table)
    const [again] = open(director, family, 'tcp', [1])
    expect(again).not.toBe(first)
    expect(open(director, family, 'tcp', [2])).toEqual([again])
    director.expectExactCounts()
    director.expectSameState()
  })

  it('keeps a real that is down and serves all the same (allDown: serve-all)', async () => {
    const director = await Director.serving(sticky(family, 'tcp'))
    const [first] = open(director, family, 'tcp', [1])
    Object.assign(destOf(director.table, family, 'tcp', 0), { down: true })
    director.become(director.table)
    expect(open(director, family, 'tcp', [2])).toEqual([first])
    director.expectSameState()
  })

  it('of a service for all ports sticks across ports', async () => {
    const director = await Director.serving(
      sticky(family, 'tcp', {}, (table) => void makePortZero(table, family, 'tcp')),
    )
    for (const dport of [80, 443, 8443]) expect(director.send(request(family, 'tcp', { dport })).verdict).toBe('forwardNew')
    const reals = [...director.lb.conns().values()].map(({ dest }) => dest)
    expect(new Set(reals).size).toBe(1)
    director.expectSameState()
  })

  it('of a group serves all its services, each with the ports of its own reals', async () => {
    const { scope: _, ...shared } = WHOLE
    const director = await Director.serving(
      world((table) => {
        makeNat(table, family, 'tcp', 8080)
        makeNat(table, family, 'udp', 9090)
        makeGroup(table, family, shared)
      }),
    )
    for (const sport of [1, 2]) director.send(request(family, 'udp', { sport, src: OTHER_CLIENT[family] }))
    const [tcp] = open(director, family, 'tcp', [1])
    const [udp] = open(director, family, 'udp', [1])
    expect((udp ?? 0) % 100).toBe((tcp ?? 0) % 100)
    director.expectSameState()
  })

  it('is assured by a child that was established', async () => {
    const director = await Director.serving(sticky(family, 'tcp'))
    open(director, family, 'tcp', [1])
    expect(director.lb.flows().get(keyOf(family))?.assured).toBe(false)
    director.send(request(family, 'tcp', { sport: 1, flags: ['ack'] }))
    expect(director.lb.flows().get(keyOf(family))?.assured).toBe(true)
    director.expectSameState()
  })
})
