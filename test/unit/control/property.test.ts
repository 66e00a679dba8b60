import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changesOf } from '../../../src/control/changes.js'
import type { Config } from '../../../src/config/schema.js'
import type { ServiceFields } from './support.js'
import { configOf, PlainMaps, targetOf } from './support.js'

/** Few of each, so that configurations share names, VIPs, ports and reals. */
const service = fc.record({
  name: fc.constantFrom('a', 'b', 'c', 'd'),
  vip: fc.constantFrom('203.0.113.1', '203.0.113.2', '203.0.113.3'),
  port: fc.constantFrom(80, 443),
  protocol: fc.constantFrom('tcp', 'udp'),
  scheduler: fc.oneof(fc.constantFrom('rr', 'wrr', 'sh', 'dh'), fc.constant({ name: 'mh', tableSize: 251 })),
  reals: fc
    .uniqueArray(fc.tuple(fc.integer({ min: 11, max: 15 }), fc.integer({ min: 0, max: 3 })), {
      selector: ([host]) => host,
      maxLength: 4,
      minLength: 1,
    })
    .map((all) => all.map(([host, weight]) => [`10.0.0.${host}`, weight] as const)),
})

const anyConfig: fc.Arbitrary<Config> = fc
  .uniqueArray(service, { selector: ({ name }) => name, maxLength: 4 })
  .map((all) => all.filter((each, index) => all.findIndex((other) => endpoint(other) === endpoint(each)) === index))
  .map((services) => configOf(services as ServiceFields[]))

const endpoint = ({ vip, port, protocol }: { vip: string; port: number; protocol: string }): string =>
  `${protocol} ${vip} ${port}`

/** Which destination each pair of id and generation has ever meant; a pair that means two is a conn gone astray. */
class Owners {
  readonly #ownerOf = new Map<string, string>()
  readonly #newest = new Map<number, number>()

  check(maps: PlainMaps): void {
    for (const [id, { generation }] of maps.dests) {
      expect(generation, `generation of ${id}`).toBeGreaterThanOrEqual(this.#newest.get(id) ?? 0)
      this.#newest.set(id, generation)
    }
    const live = maps.live().services
    const ids = live.flatMap(({ destinations }) => destinations.map((each) => each.id))
    expect(new Set(ids).size, 'no id is live twice').toBe(ids.length)
    for (const { key, vip, destinations } of live) {
      for (const { id, address, value } of destinations) {
        const owner = `${key.protocol} ${vip} ${key.port} ${address} ${value.port}`
        const pair = `${id} ${value.generation}`
        expect(this.#ownerOf.get(pair) ?? owner, `owner of destination ${pair}`).toBe(owner)
        this.#ownerOf.set(pair, owner)
      }
    }
  }
}

/** Some thousand reconciliations; on a busy machine more than the five seconds of a usual test. */
const TIMEOUT_MS = 60_000

describe('reconciling one configuration after another', { timeout: TIMEOUT_MS }, () => {
  it('ends where reconciling the last alone ends, with nothing left to do, and no id with two owners', () => {
    fc.assert(
      fc.property(fc.array(anyConfig, { minLength: 2, maxLength: 5 }), (configs) => {
        const maps = new PlainMaps()
        const owners = new Owners()
        for (const config of configs) {
          maps.become(config)
          owners.check(maps)
          const fresh = new PlainMaps()
          fresh.become(config)
          expect(maps.observe()).toEqual(fresh.observe())
          const again = maps.reconcile(targetOf(config))
          expect(changesOf(again)).toEqual([])
          expect([again.writeDests, again.retireDests, again.newDestIds, again.removeRings]).toEqual([[], [], [], []])
          expect(again.services.some(({ ring }) => ring !== undefined)).toBe(false)
        }
        const inUse = maps.live().services.filter(({ value }) => value.ringSize > 0)
        expect(maps.rings.size).toBe(inUse.length)
      }),
      { numRuns: 200 },
    )
  })

  it('does so also when any of the applies is killed anywhere', () => {
    const killed = fc.tuple(anyConfig, fc.integer({ min: 0, max: PlainMaps.STEPS }))
    fc.assert(
      fc.property(anyConfig, fc.array(killed, { minLength: 1, maxLength: 4 }), anyConfig, (first, middle, last) => {
        const maps = new PlainMaps()
        const owners = new Owners()
        maps.become(first)
        owners.check(maps)
        for (const [config, steps] of middle) {
          maps.apply(maps.reconcile(targetOf(config)), steps)
          owners.check(maps)
        }
        maps.become(last)
        owners.check(maps)
        const fresh = new PlainMaps()
        fresh.become(last)
        expect(maps.observe()).toEqual(fresh.observe())
        expect(changesOf(maps.reconcile(targetOf(last)))).toEqual([])
      }),
      { numRuns: 200 },
    )
  })

  it('tells a change whenever the maps will be different, and only then', () => {
    fc.assert(
      fc.property(anyConfig, anyConfig, (before, after) => {
        const maps = new PlainMaps()
        maps.become(before)
        const observed = JSON.stringify(maps.observe(), bigintText)
        const changes = changesOf(maps.become(after))
        expect(JSON.stringify(maps.observe(), bigintText) === observed).toBe(changes.length === 0)
      }),
      { numRuns: 200 },
    )
  })
})

const bigintText = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)
