import { describe, expect, it } from 'vitest'
import { parseIpAddressShow, routeToReal, sourceAddressFor, type InterfaceFacts } from '../../../src/system/interfaces.js'
import { addressesOf, interfaceFacts } from '../../support/interface-facts.js'

/** Shortened from iproute2 6.1. */
const PRINTED = JSON.stringify([
  {
    ifindex: 1,
    ifname: 'lo',
    flags: ['LOOPBACK', 'UP', 'LOWER_UP'],
    mtu: 65536,
    link_type: 'loopback',
    address: '00:00:00:00:00:00',
    addr_info: [{ family: 'inet', local: '127.0.0.1', prefixlen: 8 }],
  },
  {},
  {
    ifindex: 2,
    ifname: 'eth0',
    flags: ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP'],
    mtu: 1500,
    link_type: 'ether',
    address: '02:00:00:00:00:0A',
    addr_info: [
      { family: 'inet', local: '10.0.0.1', prefixlen: 24 },
      { family: 'inet6', local: '2001:db8:2::1', prefixlen: 64 },
    ],
  },
  {
    ifindex: 3,
    link: 'eth0',
    ifname: 'eth0.7',
    flags: ['BROADCAST', 'MULTICAST'],
    mtu: 1496,
    link_type: 'ether',
    address: '02:00:00:00:00:0a',
    linkinfo: { info_kind: 'vlan', info_data: { id: 7 } },
    addr_info: [],
  },
])

const link = (name: string, ifindex: number, ...prefixes: string[]): InterfaceFacts =>
  interfaceFacts({ name, ifindex, addresses: addressesOf(...prefixes) })

describe('interface facts', () => {
  const facts = parseIpAddressShow(PRINTED)

  it('are read from what the ip tool prints', () => {
    expect(facts[1]).toEqual({
      name: 'eth0',
      ifindex: 2,
      mac: '02:00:00:00:00:0a',
      mtu: 1500,
      up: true,
      carrier: true,
      kind: 'device',
      parent: undefined,
      addresses: [
        { address: '10.0.0.1', prefixLength: 24 },
        { address: '2001:db8:2::1', prefixLength: 64 },
      ],
    })
  })

  it('leave out the empty objects of old versions', () => {
    expect(facts.map(({ name }) => name)).toEqual(['lo', 'eth0', 'eth0.7'])
  })

  it('name the interface under a VLAN', () => {
    expect(facts[2]).toMatchObject({ kind: 'vlan', parent: 'eth0', up: false, carrier: false })
  })

  it('have no MAC where the link is not Ethernet', () => {
    expect(facts[0]?.mac).toBeUndefined()
  })
})

describe('the link of a real', () => {
  const wide = link('wide', 2, '10.0.0.1/8', '2001:db8::1/32')
  const narrow = link('narrow', 3, '10.1.0.1/16', '2001:db8:7::1/64')
  const facts = [wide, narrow]

  it.each([
    ['in one prefix only', '10.9.0.1', 'wide'],
    ['in two prefixes is on that of the longer', '10.1.2.3', 'narrow'],
    ['over IPv6', '2001:db8:7::99', 'narrow'],
    ['in no prefix is on none', '192.0.2.1', undefined],
  ])('a real %s', (_title, address, expected) => {
    expect(routeToReal(facts, address)?.name).toBe(expected)
    expect(routeToReal(facts.toReversed(), address)?.name).toBe(expected)
  })

  it('a default route never leads to a real: a /0 prefix of the other family holds nothing', () => {
    expect(routeToReal([link('any', 2, '0.0.0.0/0')], '2001:db8::1')).toBeUndefined()
  })

  it.each([
    ['our address in its prefix', '10.1.2.3', '10.1.0.1'],
    ['no address without one', '192.0.2.1', '0.0.0.0'],
    ['the unspecified address of IPv6', '2001:db9::1', '::'],
  ])('is asked from %s', (_title, target, source) => {
    expect(sourceAddressFor(narrow, target)).toBe(source)
  })

  it('a VIP of the same interface is not asked from', () => {
    expect(sourceAddressFor(link('eth0', 2, '10.0.0.100/32', '10.0.0.1/24'), '10.0.0.11')).toBe('10.0.0.1')
  })
})
