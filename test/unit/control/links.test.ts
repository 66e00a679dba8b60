import { describe, expect, it } from 'vitest'
import { linkOfFacts, modeDiffers, modeOf, viaOfReals } from '../../../src/control/links.js'
import type { Link, Via } from '../../../src/control/target.js'
import type { InterfaceFacts } from '../../../src/system/interfaces.js'
import type { Route } from '../../../src/system/routes.js'
import { interfaceFacts } from '../../support/interface-facts.js'
import type { ServiceFields } from './support.js'
import { configOf, ETH, LO, PlainMaps } from './support.js'

const facts = (name: string, ifindex: number, network: string, mac: string | undefined): InterfaceFacts =>
  interfaceFacts({ name, ifindex, mac, kind: 'veth', addresses: [{ address: network, prefixLength: 24 }] })

const FACTS = [facts('lo', 1, '10.0.0.1', LO.mac), facts('eth1', 2, '10.0.1.1', ETH.mac)]

describe('the link of an interface', () => {
  it('has its MAC', () => {
    expect(linkOfFacts(facts('lo', 1, '10.0.0.1', LO.mac), 'generic')).toEqual(LO)
  })

  it('is refused to one without a MAC', () => {
    expect(() => linkOfFacts(facts('wg0', 3, '10.0.2.1', undefined), 'native')).toThrow(
      expect.objectContaining({ code: 'LB_ERR_INTERFACE_UNUSABLE', message: expect.stringContaining('wg0') as string }),
    )
  })
})

describe('how the reals are reached', () => {
  /** A router on each network knows the way to 10.9.0.0/16 and 10.8.0.0/16; wg0 leads to 10.7.0.0/16. */
  const ROUTES: readonly [prefix: string, Route][] = [
    ['10.9.', { local: false, device: 'eth1', gateway: '10.0.1.254' }],
    ['10.8.', { local: false, device: 'lo', gateway: undefined }],
    ['10.7.', { local: false, device: 'wg0', gateway: undefined }],
    ['192.0.2.', { local: true, device: 'lo', gateway: undefined }],
  ]
  const asked: string[][] = []
  const routesTo = (addresses: readonly string[]): Map<string, Route> => {
    asked.push([...addresses])
    const routes = addresses.map((address) => [address, ROUTES.find(([prefix]) => address.startsWith(prefix))?.[1]] as const)
    return new Map(routes.filter((entry): entry is [string, Route] => entry[1] !== undefined))
  }
  const reach = (services: readonly ServiceFields[], links: readonly Link[] = [LO, ETH]): Map<string, Via> =>
    viaOfReals(configOf(services), { facts: FACTS, routesTo }, links)
  const nat = (...reals: string[]): ServiceFields => ({ forward: 'nat', reals })
  const via = (link: Link, nextHop: string, local = false): Via => ({ link, nextHop, local })

  it.each(['dr', 'nat'])('by the networks that they are on (%s)', (forward) => {
    asked.length = 0
    expect(reach([{ forward, reals: ['10.0.0.11', '10.0.1.12'] }])).toEqual(
      new Map([
        ['10.0.0.11', via(LO, '10.0.0.11')],
        ['10.0.1.12', via(ETH, '10.0.1.12')],
      ]),
    )
    expect(asked).toEqual([[]])
  })

  it.each(['dr', 'nat'])('as local when the address is our own (%s)', (forward) => {
    expect(reach([{ forward, reals: ['10.0.1.1'] }])).toEqual(new Map([['10.0.1.1', via(ETH, '10.0.1.1', true)]]))
    expect(reach([{ forward, reals: ['10.0.1.1'] }], [LO]).get('10.0.1.1')).toEqual(via(LO, '10.0.1.1', true))
  })

  it('by the routing table, nat only', () => {
    expect(reach([nat('10.9.0.1', '10.8.0.1', '192.0.2.1')])).toEqual(
      new Map([
        ['10.9.0.1', via(ETH, '10.0.1.254')],
        ['10.8.0.1', via(LO, '10.8.0.1')],
        ['192.0.2.1', via(LO, '192.0.2.1', true)],
      ]),
    )
  })

  it('not, for nat without a route by an attached interface', () => {
    expect(() => reach([nat('10.9.0.1', '10.7.0.1', '10.6.0.1')])).toThrow(
      expect.objectContaining({
        code: 'LB_ERR_REAL_OFF_LINK',
        message: 'forwarding method nat cannot reach 10.6.0.1 of web, 10.7.0.1 of web: the host has no route there by lo, eth1',
      }),
    )
  })

  it('not, for dr behind a router or an interface that is not attached, all of them named', () => {
    expect(() => reach([{ reals: ['10.0.0.11', '10.0.1.12', '10.9.0.1'] }], [LO])).toThrow(
      expect.objectContaining({
        code: 'LB_ERR_REAL_OFF_LINK',
        message: 'forwarding method dr cannot reach 10.0.1.12 of web, 10.9.0.1 of web: on no network of lo',
      }),
    )
  })

  it('told by number when many are missing', () => {
    const reals = Array.from({ length: 8 }, (_, index) => `10.9.0.${index + 1}`)
    expect(() => reach([{ reals }], [LO])).toThrow(/10\.9\.0\.5 of web and 3 more: /)
  })
})

describe('the mode of an interface', () => {
  const live = (mode: 'native' | 'generic') => {
    const maps = new PlainMaps()
    maps.become(configOf([]), { links: [{ ...LO, mode }] })
    return maps.live()
  }

  it.each([
    ['auto', undefined, 'native'],
    ['auto', 'generic', 'generic'],
    ['native', 'generic', 'native'],
    ['generic', 'native', 'generic'],
    ['generic', undefined, 'generic'],
  ] as const)('with xdp: %s, now %s, is %s', (xdp, now, mode) => {
    expect(modeOf({ name: 'lo', xdp, reply: true }, 1, now && live(now))).toBe(mode)
  })

  it('auto is content with either', () => {
    expect([0, 1].map((mode) => modeDiffers({ name: 'lo', xdp: 'auto', reply: true }, mode))).toEqual([false, false])
    expect([0, 1].map((mode) => modeDiffers({ name: 'lo', xdp: 'native', reply: true }, mode))).toEqual([false, true])
  })
})
