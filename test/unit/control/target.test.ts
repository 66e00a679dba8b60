import { describe, expect, it } from 'vitest'
import { buildTarget, timeoutTicks } from '../../../src/control/target.js'
import { ConnState, Echo, VipFlag } from '../../../src/maps/generated.js'
import { configOf, ETH, HZ, LO, macOf, onLink, targetOf } from './support.js'

describe('timeouts', () => {
  it('are those of the configuration for tcp, tcpFin, udp and icmp, and of IPVS for the others', () => {
    const ticks = timeoutTicks(configOf([], { timeouts: { tcp: 16, tcpFin: 32, udp: 48, icmp: 64 } }), HZ)
    expect(ticks).toHaveLength(Object.keys(ConnState).length)
    expect(ticks[ConnState.established]).toBe(1000)
    expect(ticks[ConnState.finWait]).toBe(2000)
    expect(ticks[ConnState.udp]).toBe(3000)
    expect(ticks[ConnState.icmp]).toBe(4000)
    expect(ticks[ConnState.synRecv]).toBe(3750)
  })

  it.each([
    ['ipvs', [2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120, 300, 30]],
    ['datacenter', [2, 90, 3, 30, 7, 7, 3, 7, 7, 120, 120, 300, 30]],
  ])('of the preset %s, by conn state', (preset, seconds) => {
    const ticks = timeoutTicks(configOf([], { timeouts: { preset } }), HZ)
    expect(ticks).toEqual(seconds.map((each) => Math.ceil((each * HZ) / 16)))
  })

  it.each([100, 250, 300, 1000])('are never shorter than configured at %i Hz', (hz) => {
    const [seconds] = timeoutTicks(configOf([], { timeouts: { tcp: 7 } }), hz).slice(ConnState.established)
    expect(((seconds ?? 0) * 16) / hz).toBeGreaterThanOrEqual(7)
  })
})

describe('a target', () => {
  it('gives no share to a real whose MAC is not known', () => {
    const target = targetOf(configOf([{ reals: [['10.0.0.11', 3], '10.0.0.12'] }]), {
      macOf: (address) => (address === '10.0.0.11' ? undefined : macOf(address)),
    })
    expect(target.services[0]?.destinations.map(({ weight, effectiveWeight }) => [weight, effectiveWeight])).toEqual([
      [3, 0],
      [1, 1],
    ])
  })

  it('puts each real on its link', () => {
    const config = configOf([{}])
    const linkOf = (address: string) => onLink(address.endsWith('.11') ? LO : ETH)(address)
    const target = buildTarget({ config, live: { services: [] }, hz: HZ, links: [LO, ETH], linkOf, macOf })
    expect(target.services[0]?.destinations.map(({ link }) => link.name)).toEqual(['lo', 'eth1'])
    expect([...target.interfaces].map(([ifindex, { name, mode }]) => [ifindex, name, mode])).toEqual([
      [1, 'lo', 1],
      [2, 'eth1', 0],
    ])
  })

  it('asks for the MAC of the next hop, and for none of a real on this host', () => {
    const asked: string[] = []
    const target = targetOf(configOf([{ forward: 'nat', reals: ['198.51.100.7', ['10.0.0.2', 3]] }]), {
      linkOf: (address) => ({ link: LO, nextHop: '10.0.0.1', local: address === '10.0.0.2' }),
      macOf: (nextHop) => {
        asked.push(nextHop)
        return undefined
      },
    })
    expect(asked).toEqual(['10.0.0.1'])
    expect(target.services[0]?.destinations).toMatchObject([
      { address: '10.0.0.2', local: true, effectiveWeight: 3, mac: undefined },
      { address: '198.51.100.7', nextHop: '10.0.0.1', local: false, effectiveWeight: 0, mac: undefined },
    ])
  })

  it('has the settings that no key stands for, in ticks', () => {
    const { settings } = targetOf(configOf([], { peers: ['02:00:00:00:00:0a'] }))
    expect(settings).toMatchObject({ peers: 1, rearmTicks: 3750, fragmentTicks: 1875, lblcTicks: 5_400_000, answerTokens: 64 })
  })

  it('has each VIP once, up while any of its services is', () => {
    const down = { reals: [['10.0.0.11', 0]] as const }
    const vip = { announce: 'bind', echo: 'pass', unmatched: 'drop' }
    const services = [
      { ...vip, ...down, name: 'a', port: 1 },
      { ...vip, name: 'b', port: 2 },
      { ...vip, ...down, name: 'c', port: 3 },
      { ...down, name: 'd', vip: '203.0.113.11' },
    ]
    expect([...targetOf(configOf(services)).vips.values()]).toEqual([
      { address: '203.0.113.10', flags: VipFlag.bind | VipFlag.dropUnmatched, echo: Echo.pass, up: 1 },
      { address: '203.0.113.11', flags: VipFlag.announce, echo: Echo.replyIfUp, up: 0 },
    ])
  })
})
