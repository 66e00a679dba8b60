import { describe, expect, it } from 'vitest'
import { ratesBetween } from '../../../src/control/rates.js'
import { counters, listedReal, listedService, listOf } from './lists.js'

const list = (service: bigint, real: bigint, port = 80) =>
  listOf(listedService({ port, counters: counters(service), destinations: [listedReal({ counters: counters(real) })] }))

describe('rates', () => {
  it('are what was added, by the second', () => {
    const [web] = ratesBetween(list(100n, 40n), list(300n, 80n), 2).services
    expect(web?.counters).toEqual({ conns: 100n, inPkts: 1000n, inBytes: 100_000n, outPkts: 0n, outBytes: 0n })
    expect(web?.destinations[0]?.counters.conns).toBe(20n)
  })

  it('of what was not there before count from zero', () => {
    const [web] = ratesBetween(list(100n, 40n), list(30n, 10n, 81), 1).services
    expect([web?.counters.conns, web?.destinations[0]?.counters.conns]).toEqual([30n, 10n])
  })

  it('of counters that went back count from zero', () => {
    const [web] = ratesBetween(list(100n, 40n), list(30n, 50n), 1).services
    expect([web?.counters.conns, web?.destinations[0]?.counters.conns]).toEqual([30n, 10n])
  })

  it('leave the rest of the list as it is now', () => {
    const after = list(1n, 1n)
    const [web] = ratesBetween(list(0n, 0n), after, 1).services
    expect({ ...web, counters: 0, destinations: 0 }).toEqual({ ...after.services[0], counters: 0, destinations: 0 })
  })
})
