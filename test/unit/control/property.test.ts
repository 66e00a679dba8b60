import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { changesOf } from '../../../src/control/changes.js'
import type { Config } from '../../../src/config/schema.js'
import type { ServiceFields } from './support.js'
import { configOf, PlainMaps, targetOf } from './support.js'

const hash = fc.oneof(
  fc.constantFrom('sh', 'dh'),
  fc.record({ name: fc.constant('mh'), tableSize: fc.constant(251), fallback: fc.boolean() }),
  fc.record({ name: fc.constant('sh'), ports: fc.boolean(), fallback: fc.boolean() }),
)
const plain = fc.constantFrom('rr', 'wrr', 'lc', 'wlc', 'sed', 'nq', 'fo', 'ovf', 'twos', 'lblc', 'lblcr')

/** A group has one timeout and one netmask, and here no VIP but its own. */
const persistence = fc.oneof(
  fc.constant(false as const),
  fc.record({ timeout: fc.constantFrom(60, 300), netmask: fc.constantFrom(24, 32), expireQuiescent: fc.boolean() }),
  fc.record({ grouped: fc.constant(true), expireQuiescent: fc.boolean() }),
)

/** Few of each, so that configurations share names, VIPs, ports and reals. */
const service = fc
  .record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    vip: fc.constantFrom('203.0.113.1', '203.0.113.2', '203.0.113.3'),
    port: fc.constantFrom(0, 80, 443),
    protocol: fc.constantFrom('tcp', 'udp', 'icmp'),
    forward: fc.constantFrom('dr', 'nat'),
    scheduler: fc.oneof(hash, plain),
    persistence,
    connReuse: fc.boolean(),
    noReal: fc.constantFrom('reject', 'drop', 'pass'),
    onePacket: fc.boolean(),
    realPort: fc.constantFrom(undefined, 8080),
    reals: fc.uniqueArray(
      fc.record({
        host: fc.integer({ min: 11, max: 15 }),
        weight: fc.integer({ min: 0, max: 3 }),
        upperThreshold: fc.integer({ min: 0, max: 2 }),
      }),
      { selector: ({ host }) => host, maxLength: 4, minLength: 1 },
    ),
  })
  .map(({ port, persistence: chosen, realPort, reals, onePacket, ...rest }): ServiceFields & Key => {
    const { protocol, forward, vip, scheduler } = rest
    const affinity = chosen !== false && 'grouped' in chosen ? grouped(vip, chosen.expireQuiescent) : chosen
    const servesAll = affinity !== false || typeof scheduler !== 'string' || ['sh', 'dh'].includes(scheduler)
    const settled = protocol === 'icmp' || (port === 0 && !servesAll) ? 80 : port
    const translated = forward === 'nat' && protocol !== 'icmp' && settled !== 0 ? realPort : undefined
    return {
      ...rest,
      scheduler: scheduler as string,
      persistence: affinity,
      onePacket: onePacket && protocol === 'udp' && forward === 'dr',
      port: protocol === 'icmp' ? undefined : settled,
      reals: reals.map(({ host, ...real }) => ({
        ...real,
        address: `10.0.0.${host}`,
        ...(translated === undefined ? {} : { port: translated }),
      })),
    }
  })

interface Key {
  vip: string
  protocol: string
}

const grouped = (vip: string, expireQuiescent: boolean) => ({ group: `g${vip.slice(-1)}`, timeout: 120, netmask: 16, expireQuiescent })

const MACS = ['02:00:00:00:00:0a', '02:00:00:00:00:0b', '02:00:00:00:00:0c']

const rest = fc.record({
  peers: fc.subarray(MACS),
  timeouts: fc.record({ preset: fc.constantFrom('ipvs', 'datacenter') }),
  defaults: fc.record({ unmatched: fc.constantFrom('pass', 'drop') }),
})

const anyConfig: fc.Arbitrary<Config> = fc
  .tuple(fc.uniqueArray(service, { selector: ({ name }) => name, maxLength: 4 }), rest)
  .map(([all, others]) => {
    const once = all.filter((each, index) => all.findIndex((other) => endpoint(other) === endpoint(each)) === index)
    return configOf(once, others)
  })

const endpoint = ({ vip, port, protocol }: ServiceFields): string => `${protocol} ${vip} ${port}`

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
        const owner = `${key.protocol} ${vip} ${key.port} ${value.forward} ${address} ${value.port}`
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
          expect([again.writePeers, again.removePeers, again.newServiceIds]).toEqual([[], [], []])
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
