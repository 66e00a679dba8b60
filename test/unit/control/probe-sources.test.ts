import { describe, expect, it } from 'vitest'
import type { ProbedReal } from '../../../src/control/probe-sources.js'
import { probeSources, refuseMissing, sourceOf } from '../../../src/control/probe-sources.js'
import { Limit } from '../../../src/maps/generated.js'
import type { InterfaceFacts } from '../../../src/system/interfaces.js'
import { addressesOf, interfaceFacts } from '../../support/interface-facts.js'

function link(ifindex: number, ...addresses: string[]): InterfaceFacts {
  return interfaceFacts({
    name: `eth${ifindex}`,
    ifindex,
    mac: `02:00:00:00:00:0${ifindex}`,
    addresses: addressesOf(...addresses),
  })
}

const FRONT = link(1, '10.0.0.1/24', '10.0.0.100/24', '2001:db8:2::1/64', 'fe80::1/64')
const BACK = link(2, '192.168.0.1/16', '10.1.0.1/24', '10.1.0.2/24')
const FACTS = { attached: [FRONT, BACK], vips: new Set(['10.0.0.100']) }

const real = (address: string, ifindex: number, nat = false): ProbedReal => ({ service: 'www', address, ifindex, nat })

describe('the address that a probe leaves from', () => {
  it.each<[what: string, address: string, ifindex: number, source: string]>([
    ['is one on the real’s network', '10.1.0.11', 2, '10.1.0.1'],
    ['is the interface’s first behind a gateway', '198.51.100.1', 2, '192.168.0.1'],
    ['is another interface’s when the real’s has none of the family', '2001:db8:9::1', 2, '2001:db8:2::1'],
    ['is no link-local one', 'fe80::5', 1, '2001:db8:2::1'],
  ])('%s', (_, address, ifindex, source) => {
    expect(sourceOf(real(address, ifindex), FACTS)?.address).toBe(source)
  })

  it('is of the smallest network that has the real', () => {
    const attached = [link(1, '10.0.0.1/8', '10.1.2.1/24', '10.1.0.1/16')]
    expect(sourceOf(real('10.1.2.3', 1), { attached, vips: new Set() })).toEqual({ address: '10.1.2.1', ifindex: 1 })
  })

  it('tells which interface has it, which need not be the one that the probe leaves by', () => {
    expect(sourceOf(real('2001:db8:9::1', 2), FACTS)).toEqual({ address: '2001:db8:2::1', ifindex: 1 })
  })

  it('is a VIP only for nat, and only when there is no other', () => {
    const vips = new Set(['10.0.0.1', '10.0.0.100'])
    const attached = [link(1, '10.0.0.1/24', '10.0.0.100/24')]
    expect(sourceOf(real('10.0.0.11', 1), { attached, vips })).toBeUndefined()
    expect(sourceOf(real('10.0.0.11', 1, true), { attached, vips })).toEqual({ address: '10.0.0.1', ifindex: 1 })
    const more = { attached: [...attached, BACK], vips }
    expect(sourceOf(real('10.0.0.11', 1, true), more)).toEqual({ address: '192.168.0.1', ifindex: 2 })
  })
})

describe('all addresses that probes leave from', () => {
  const none = { ping: { sources: [] } }
  const ping = { ping: { sources: ['192.0.2.0/24'] } }

  it('are each there once, with the interface that has it', () => {
    const reals = [real('10.0.0.11', 1), real('10.0.0.12', 1), real('10.1.0.11', 2), real('2001:db8:2::11', 1)]
    expect(probeSources(none, reals, FACTS)).toEqual({
      sources: new Map([
        ['10.0.0.1', 1],
        ['10.1.0.1', 2],
        ['2001:db8:2::1', 1],
      ]),
      missing: [],
    })
  })

  it('are, for gateway pings, one of each interface and family that is no VIP', () => {
    const vips = new Set(['192.168.0.1'])
    expect([...probeSources(ping, [], { attached: [FRONT, BACK], vips }).sources]).toEqual([
      ['10.0.0.1', 1],
      ['2001:db8:2::1', 1],
      ['10.1.0.1', 2],
    ])
  })

  it('leave out reals that there is none for, which is refused by the name of the first', () => {
    const reals = [real('10.0.0.11', 1), real('2001:db8:2::11', 2), real('2001:db8:2::12', 2)]
    const { sources, missing } = probeSources(none, reals, { attached: [BACK], vips: new Set() })
    expect([...sources]).toEqual([['192.168.0.1', 2]])
    expect(missing).toEqual(reals.slice(1))
    expect(() => refuseMissing(missing)).toThrow(/2001:db8:2::11 of www from, nor 1 more/)
    expect(() => refuseMissing([])).not.toThrow()
  })

  it('are no more than the map takes', () => {
    const addresses = Array.from({ length: Limit.maxProbeSources + 1 }, (_, index) => `10.0.${index}.1`)
    const attached = [link(1, ...addresses.map((address) => `${address}/24`))]
    const reals = addresses.map((address) => real(address.replace(/1$/, '2'), 1))
    expect(() => probeSources(none, reals, { attached, vips: new Set() })).toThrow(/addresses that probes leave from/)
  })
})
