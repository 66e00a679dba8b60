import { describe, expect, it } from 'vitest'
import { buildTarget, timeoutTicks } from '../../../src/control/target.js'
import { ConnState, Echo, VipFlag } from '../../../src/maps/generated.js'
import { configOf, ETH, HZ, LO, macOf, targetOf } from './support.js'

describe('timeouts', () => {
  it('are those of the configuration for tcp, tcpFin and udp, and of IPVS for the others', () => {
    const ticks = timeoutTicks(configOf([], { timeouts: { tcp: 16, tcpFin: 32, udp: 48 } }), HZ)
    expect(ticks).toHaveLength(12)
    expect(ticks[ConnState.established]).toBe(1000)
    expect(ticks[ConnState.finWait]).toBe(2000)
    expect(ticks[ConnState.udp]).toBe(3000)
    expect(ticks[ConnState.synRecv]).toBe(3750)
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
    const linkOf = (address: string) => (address.endsWith('.11') ? LO : ETH)
    const target = buildTarget({ config, hz: HZ, links: [LO, ETH], linkOf, macOf })
    expect(target.services[0]?.destinations.map(({ link }) => link.name)).toEqual(['lo', 'eth1'])
    expect([...target.interfaces].map(([ifindex, { name, mode }]) => [ifindex, name, mode])).toEqual([
      [1, 'lo', 1],
      [2, 'eth1', 0],
    ])
  })

  it('has each VIP once, up while any of its services is', () => {
    const down = { reals: [['10.0.0.11', 0]] as const }
    const vip = { announce: 'bind', echo: 'pass' }
    const services = [
      { ...vip, ...down, name: 'a', port: 1 },
      { ...vip, name: 'b', port: 2 },
      { ...vip, ...down, name: 'c', port: 3 },
      { ...down, name: 'd', vip: '203.0.113.11' },
    ]
    expect([...targetOf(configOf(services)).vips.values()]).toEqual([
      { address: '203.0.113.10', flags: VipFlag.bind, echo: Echo.pass, up: 1 },
      { address: '203.0.113.11', flags: VipFlag.announce, echo: Echo.replyIfUp, up: 0 },
    ])
  })
})
