/** Service lists for the tests of what is done with them. */
import type { ListedDestination, ListedService, ServiceList } from '../../../src/control/service-list.js'
import type { Counters } from '../../../src/maps/generated.js'

export const counters = (conns: bigint, inPkts = conns * 10n): Counters => ({
  conns,
  inPkts,
  inBytes: inPkts * 100n,
  outPkts: 0n,
  outBytes: 0n,
})

export function listedReal(fields: Partial<ListedDestination> = {}): ListedDestination {
  return {
    local: false,
    address: '10.0.0.11',
    port: 80,
    weight: 1,
    effectiveWeight: 1,
    health: 'unknown',
    sorry: false,
    mac: '02:00:00:00:04:0b',
    activeConns: 0,
    inactiveConns: 0,
    persistentConns: 0,
    counters: counters(0n),
    ...fields,
  }
}

export function listedService(fields: Partial<ListedService> = {}): ListedService {
  return {
    name: 'web',
    vip: '203.0.113.10',
    port: 80,
    protocol: 'tcp',
    forward: 'dr',
    scheduler: 'mh',
    ringDigest: '00000000deadbeef',
    persistence: null,
    counters: counters(0n),
    destinations: [listedReal()],
    ...fields,
  }
}

export const listOf = (...services: ListedService[]): ServiceList => ({
  instance: 'default',
  interfaces: [{ name: 'eth0', ifindex: 2, mode: 'native' }],
  services,
})
