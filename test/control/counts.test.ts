import { describe, expect, it } from 'vitest'
import { readServiceList } from '../../src/control/service-list.js'
import { ratesBetween } from '../../src/control/rates.js'
import { readVerdictCounts } from '../../src/dataplane/verdict-counts.js'
import { verdictNames } from '../../src/maps/generated.js'
import { request } from '../packet/world.js'
import type { TcpFlagName } from '../support/packet/transport.js'
import type { ServiceFields } from '../unit/control/support.js'
import { configOf, macOf } from '../unit/control/support.js'
import { Kernel } from './kernel.js'

const WEB: ServiceFields = { name: 'web', reals: ['10.0.0.11', ['10.0.0.12', 1]] }
const DNS: ServiceFields = { name: 'dns', protocol: 'udp', reals: ['10.0.0.11'] }
const WEB6: ServiceFields = { name: 'web6', vip: '2001:db8:2::10', reals: ['2001:db8:10::11'] }

/** One TCP packet of the flow from this client port. */
const tcp = (sport: number, ...flags: TcpFlagName[]) => request(4, 'tcp', { sport, flags })

/** Active and inactive conns of the reals of the first service. */
function conns(kernel: Kernel): number[][] {
  const [service] = readServiceList(kernel.instance).services
  return (service?.destinations ?? []).map(({ activeConns, inactiveConns }) => [activeConns, inactiveConns])
}

describe('conn counts', () => {
  it('tell active from inactive as IPVS does', async () => {
    const kernel = await Kernel.open(configOf([{ ...WEB, reals: ['10.0.0.11'] }]))
    kernel.send(tcp(1, 'syn'))
    for (const flags of [['syn'], ['ack']] as const) kernel.send(tcp(2, ...flags))
    for (const flags of [['syn'], ['ack'], ['fin', 'ack']] as const) kernel.send(tcp(3, ...flags))
    expect(conns(kernel)).toEqual([[2, 1]])
  })

  it('count UDP as inactive, and flows by destination', async () => {
    const kernel = await Kernel.open(configOf([{ ...DNS, reals: ['10.0.0.11', '10.0.0.12'] }]))
    for (const sport of [1, 2, 3]) kernel.send(request(4, 'udp', { sport }))
    expect(conns(kernel)).toEqual([
      [0, 2],
      [0, 1],
    ])
  })

  it('leave out conns of a removed real, also when its id has a new owner', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    for (const sport of [1, 2]) kernel.send(tcp(sport, 'syn'))
    kernel.become(configOf([{ ...WEB, reals: ['10.0.0.12'] }]))
    expect(conns(kernel)).toEqual([[1, 0]])
    kernel.become(configOf([{ ...WEB, reals: ['10.0.0.12', '10.0.0.13'] }]))
    expect(conns(kernel)).toEqual([
      [1, 0],
      [0, 0],
    ])
  })
})

describe('verdict counts', () => {
  it('name every verdict once, drops by their reason', async () => {
    const kernel = await Kernel.open()
    const { verdicts, drops } = readVerdictCounts(kernel.maps)
    const names = [...Object.keys(verdicts), ...Object.keys(drops).map((name) => `drop_${name}`)]
    expect(names.sort()).toEqual(Object.values(verdictNames).sort())
    expect([...Object.values(verdicts), ...Object.values(drops)].every((count) => count === 0n)).toBe(true)
  })

  it('count every packet once', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    for (const packet of [tcp(1, 'syn'), tcp(1, 'ack'), tcp(1, 'ack'), tcp(2, 'ack')]) kernel.send(packet)
    kernel.send(request(4, 'tcp', { dst: '203.0.113.77' }))
    kernel.send(request(4, 'tcp', { sport: 1, flags: ['ack'], ttl: 1 }))
    const { verdicts, drops } = readVerdictCounts(kernel.maps)
    expect(Object.entries(verdicts).filter(([, count]) => count > 0n)).toEqual([
      ['forward_known', 2n],
      ['forward_new', 1n],
      ['reply_ttl', 1n],
      ['pass_not_vip', 1n],
      ['pass_no_conn', 1n],
    ])
    expect(Object.entries(drops).filter(([, count]) => count > 0n)).toEqual([])
  })
})

describe('the service list', () => {
  it('tells what was configured and what was forwarded', async () => {
    const silent = { macOf: (address: string) => (address === '10.0.0.12' ? undefined : macOf(address)) }
    const kernel = await Kernel.open()
    kernel.become(configOf([WEB6, WEB, DNS]), silent)
    for (const flags of [['syn'], ['ack']] as const) kernel.send(tcp(1, ...flags))
    const list = readServiceList(kernel.instance)
    expect(list).toMatchObject({ instance: 'test', interfaces: [{ name: 'lo', ifindex: 1, mode: 'generic' }] })
    expect(list.services.map(({ name }) => name)).toEqual(['web', 'dns', 'web6'])
    const size = BigInt(tcp(1).bytes().length - 14)
    const counters = { conns: 1n, inPkts: 2n, inBytes: 2n * size, outPkts: 0n, outBytes: 0n }
    const nothing = { conns: 0n, inPkts: 0n, inBytes: 0n, outPkts: 0n, outBytes: 0n }
    const { ringDigest } = list.services[0] ?? {}
    expect(ringDigest).toMatch(/^[0-9a-f]{16}$/)
    const real = { local: false, sorry: false, port: 80, weight: 1, health: 'unknown', inactiveConns: 0, persistentConns: 0 }
    expect(list.services[0]).toEqual({
      name: 'web',
      vip: '203.0.113.10',
      port: 80,
      protocol: 'tcp',
      forward: 'dr',
      scheduler: 'rr',
      ringDigest,
      persistence: null,
      counters,
      destinations: [
        { ...real, address: '10.0.0.11', effectiveWeight: 1, mac: macOf('10.0.0.11'), activeConns: 1, counters },
        { ...real, address: '10.0.0.12', effectiveWeight: 0, mac: null, activeConns: 0, counters: nothing },
      ],
    })
  })

  it('has no ring digest where no real is usable', async () => {
    const kernel = await Kernel.open(configOf([{ ...WEB, reals: [['10.0.0.11', 0]] }]))
    expect(readServiceList(kernel.instance).services[0]?.ringDigest).toBe(null)
  })

  it('has the same ring digest on two directors whose ids differ', async () => {
    const one = await Kernel.open(configOf([WEB]))
    const other = await Kernel.open(configOf([DNS, { ...WEB, reals: ['10.0.0.12', '10.0.0.13'] }]))
    other.become(configOf([DNS, WEB]))
    const [first, second] = [one, other].map(({ instance }) => {
      const { services } = readServiceList(instance)
      return services.find(({ name }) => name === 'web')?.ringDigest
    })
    expect(first).toBe(second)
  })

  it('starts counting anew when an id is given to another', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    kernel.send(tcp(1, 'syn'))
    kernel.become(configOf([]))
    kernel.become(configOf([WEB]))
    const [web] = readServiceList(kernel.instance).services
    expect([web?.counters.inPkts, web?.destinations[0]?.counters.inPkts]).toEqual([0n, 0n])
  })

  it('gives rates', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    kernel.send(tcp(1, 'syn'))
    const before = readServiceList(kernel.instance)
    for (let sent = 0; sent < 10; sent++) kernel.send(tcp(1, 'ack'))
    const after = readServiceList(kernel.instance)
    const [web] = ratesBetween(before, after, 2).services
    expect([web?.counters.conns, web?.counters.inPkts, web?.destinations[0]?.counters.inPkts]).toEqual([0n, 5n, 5n])
  })
})
