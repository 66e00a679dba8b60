import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { forwardingOff, forwardingWarnings } from '../../src/control/forwarding.js'
import { DestFlag } from '../../src/maps/generated.js'
import { readRoutes } from '../../src/system/routes.js'
import { writeSysctl } from '../../src/system/sysctl.js'
import { macOf } from '../unit/control/support.js'
import { AttachedDirector } from './attached.js'

let lab: AttachedDirector

beforeEach(() => {
  lab = new AttachedDirector()
})

afterEach(() => lab.remove())

const off = (): string[] => forwardingOff(lab.namespace, ['va', 'vb'], [4, 6]).map((each) => `${each.interfaceName} ${each.fix}`)

describe('forwarding', () => {
  it('is off in a new namespace, and told with what mends it', () => {
    expect(off()).toEqual([
      'va sysctl -w net.ipv4.ip_forward=1',
      'vb sysctl -w net.ipv4.ip_forward=1',
      'va sysctl -w net.ipv6.conf.all.forwarding=1',
      'vb sysctl -w net.ipv6.conf.all.forwarding=1',
    ])
    expect(forwardingWarnings(lab.namespace, ['va', 'vb'], [4])).toEqual([
      'IPv4 forwarding is off on va, vb: replies of nat reals are dropped; sysctl -w net.ipv4.ip_forward=1',
    ])
  })

  it('may be off on one interface alone', () => {
    writeSysctl(lab.namespace, 'net/ipv4/ip_forward', 1)
    writeSysctl(lab.namespace, 'net/ipv6/conf/all/forwarding', 1)
    expect(off()).toEqual([])
    writeSysctl(lab.namespace, 'net/ipv4/conf/vb/forwarding', 0)
    expect(off()).toEqual(['vb sysctl -w net/ipv4/conf/vb/forwarding=1'])
  })

  it('is warned of with a service of nat, by family', async () => {
    expect((await lab.director.attach(lab.config([{ forward: 'nat' }]))).warnings).toEqual([
      'IPv4 forwarding is off on va: replies of nat reals are dropped; sysctl -w net.ipv4.ip_forward=1',
    ])
    expect((await lab.director.apply(lab.config([{}]))).warnings).toEqual([])
  })
})

describe('routes', () => {
  it('are read for addresses of both families, those without one left out', () => {
    lab.ip('route', 'add', '10.9.0.0/16', 'via', '10.0.0.254')
    lab.ip('route', 'add', '2001:db8:9::/48', 'via', 'fe80::1', 'dev', 'va')
    const addresses = ['10.0.0.1', '10.0.0.7', '10.9.0.1', '10.5.0.1', '2001:db8:9::1']
    expect(readRoutes(lab.namespace, addresses)).toEqual(
      new Map([
        ['10.0.0.1', { local: true, device: 'lo', gateway: undefined }],
        ['10.0.0.7', { local: false, device: 'va', gateway: undefined }],
        ['10.9.0.1', { local: false, device: 'va', gateway: '10.0.0.254' }],
        ['2001:db8:9::1', { local: false, device: 'va', gateway: 'fe80::1' }],
      ]),
    )
    expect(readRoutes(lab.namespace, ['10.5.0.1'])).toEqual(new Map())
  })
})

describe('reals of nat', () => {
  it('have the MAC of their gateway, and are local where the address is our own', async () => {
    lab.ip('route', 'add', '10.9.0.0/16', 'via', '10.0.0.254')
    const config = lab.config([{ forward: 'nat', reals: ['10.0.0.1', '10.0.0.11', '10.9.0.1'] }])
    const { reals, unresolved } = await lab.director.attach(config)
    expect(unresolved).toEqual([])
    expect([...reals].map(([address, { nextHop, local, mac }]) => [address, nextHop, local, mac])).toEqual([
      ['10.0.0.1', '10.0.0.1', true, undefined],
      ['10.0.0.11', '10.0.0.11', false, macOf('10.0.0.11')],
      ['10.9.0.1', '10.0.0.254', false, macOf('10.0.0.254')],
    ])
    using instance = lab.instance()
    const flags = [0, 1, 2].map((id) => (instance.maps.dests.get(id)?.flags ?? 0) & DestFlag.local)
    expect(flags).toEqual([DestFlag.local, 0, 0])
  })

  it('get the new MAC of their gateway, all of them', async () => {
    lab.ip('route', 'add', '10.9.0.0/16', 'via', '10.0.0.254')
    await lab.director.attach(lab.config([{ forward: 'nat', reals: ['10.0.0.11', '10.9.0.1', '10.9.0.2'] }]))
    const behind = new Set(['10.9.0.1', '10.9.0.2'])
    expect(await lab.director.updateMac(behind, lab.ifindex('va'), '02:00:00:00:09:09')).toBe(true)
    using instance = lab.instance()
    expect([0, 1, 2].map((id) => instance.maps.dests.get(id)?.mac[5])).toEqual([11, 9, 9])
  })
})

describe('the sweeper', () => {
  it('runs from the start', async () => {
    await lab.director.attach(lab.config([{}]))
    using instance = lab.instance()
    await expect.poll(() => instance.maps.sweeper.get(0)?.passes, { timeout: 20_000 }).toBeGreaterThan(0)
  })
})
