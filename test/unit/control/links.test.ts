import { describe, expect, it } from 'vitest'
import { linkOfFacts, linksOfReals, modeDiffers, modeOf } from '../../../src/control/links.js'
import type { InterfaceFacts } from '../../../src/system/interfaces.js'
import { configOf, ETH, LO, PlainMaps } from './support.js'

const facts = (name: string, ifindex: number, network: string, mac: string | undefined): InterfaceFacts => ({
  name,
  ifindex,
  mac,
  mtu: 1500,
  up: true,
  carrier: true,
  kind: 'veth',
  parent: undefined,
  addresses: [{ address: network, prefixLength: 24 }],
})

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

describe('the links of the reals', () => {
  it('are those of the networks that they are on', () => {
    const config = configOf([{ reals: ['10.0.0.11', '10.0.1.12'] }])
    const links = linksOfReals(config, FACTS, [LO, ETH])
    expect([...links].map(([address, { name }]) => [address, name])).toEqual([
      ['10.0.0.11', 'lo'],
      ['10.0.1.12', 'eth1'],
    ])
  })

  it('are missing for reals behind a router or an interface that is not attached, which are all named', () => {
    const config = configOf([{ reals: ['10.0.0.11', '10.0.1.12', '10.9.0.1'] }])
    expect(() => linksOfReals(config, FACTS, [LO])).toThrow(
      expect.objectContaining({
        code: 'LB_ERR_REAL_OFF_LINK',
        message: 'forwarding method dr cannot reach 10.0.1.12 of web, 10.9.0.1 of web: on no network of lo',
      }),
    )
  })

  it('are told by number when many are missing', () => {
    const reals = Array.from({ length: 8 }, (_, index) => `10.9.0.${index + 1}`)
    expect(() => linksOfReals(configOf([{ reals }]), FACTS, [LO])).toThrow(/10\.9\.0\.5 of web and 3 more: /)
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
