import { describe, expect, it } from 'vitest'
import { applyReconciliation } from '../../src/control/apply.js'
import { changesOf } from '../../src/control/changes.js'
import { disruptionOf } from '../../src/control/disruption.js'
import type { Config } from '../../src/config/schema.js'
import { InterfaceTable } from '../../src/dataplane/interface-table.js'
import { VipTable } from '../../src/dataplane/vip-table.js'
import { ConnState, DestFlag } from '../../src/maps/generated.js'
import { macBytes } from '../../src/net/mac.js'
import { request, type Family, type Transport } from '../packet/world.js'
import type { TcpFlagName } from '../support/packet/transport.js'
import type { ServiceFields } from '../unit/control/support.js'
import { configOf, LO, macOf, PlainMaps } from '../unit/control/support.js'
import { Kernel } from './kernel.js'

/** Each apply waits for the kernel once or twice, and these tests do many. */
const MANY_APPLIES_MS = 120_000

const WEB: ServiceFields = { name: 'web', reals: ['10.0.0.11', '10.0.0.12'] }
const UDP: ServiceFields = { ...WEB, name: 'udp', protocol: 'udp' }
const WEB6: ServiceFields = { name: 'web6', vip: '2001:db8:2::10', reals: ['2001:db8:10::11', '2001:db8:10::12'] }
const ALL = [WEB, UDP, WEB6]
const only = (real: string): ServiceFields => ({ ...WEB, reals: [real] })

const ELEVEN = macOf('10.0.0.11')
const TWELVE = macOf('10.0.0.12')

/** What the pure model of the maps holds after an apply from nothing. */
function expected(config: Config, kernel: Kernel): object {
  const plain = new PlainMaps()
  plain.settings = { ...plain.settings, hz: kernel.live().settings.hz }
  plain.become(config, { hz: plain.settings.hz })
  return plain.observe()
}

const objects = (kernel: Kernel, config: Config): string[] =>
  changesOf(kernel.plan(config)).map(({ action, object }) => `${action} ${object}`)

describe('an apply', () => {
  it('from nothing makes the maps what the configuration says', async () => {
    const config = configOf(ALL)
    const kernel = await Kernel.open(config)
    expect(kernel.observe()).toEqual(expected(config, kernel))
    expect(kernel.live().staleKeys).toEqual([])
    expect(changesOf(kernel.plan(config))).toEqual([])
  })

  it.each<[string, ServiceFields[]]>([
    ['a real more', [{ ...WEB, reals: ['10.0.0.11', '10.0.0.12', '10.0.0.13'] }, UDP, WEB6]],
    ['a real less', [only('10.0.0.12'), UDP, WEB6]],
    ['another weight', [{ ...WEB, scheduler: 'wrr', reals: [['10.0.0.11', 3], '10.0.0.12'] }, UDP, WEB6]],
    ['another port', [{ ...WEB, port: 8080 }, UDP, WEB6]],
    ['another VIP', [{ ...WEB, vip: '203.0.113.11' }, { ...UDP, vip: '203.0.113.11' }, WEB6]],
    ['another name', [{ ...WEB, name: 'shop' }, UDP, WEB6]],
    ['a service less', [WEB, WEB6]],
    ['no services', []],
  ])('of %s ends where an apply from nothing ends', async (_, services) => {
    const kernel = await Kernel.open(configOf(ALL))
    kernel.become(configOf(services))
    expect(kernel.observe()).toEqual(expected(configOf(services), kernel))
    expect(changesOf(kernel.plan(configOf(services)))).toEqual([])
    expect(kernel.live().staleKeys).toEqual([])
    const rings = kernel.live().services.filter(({ value }) => value.ringSize > 0)
    expect([...kernel.live().ringIndices].length).toBe(rings.length)
  })

  it('gives the places of rings that went together to others', async () => {
    const kernel = await Kernel.open(configOf(ALL))
    const places = (): number[] => [...kernel.maps.rings.ids()].map(([index]) => index)
    const first = places()
    kernel.become(configOf([]))
    expect([...kernel.live().ringIndices]).toEqual([])
    kernel.become(configOf([UDP]))
    kernel.become(configOf(ALL))
    expect(kernel.observe()).toEqual(expected(configOf(ALL), kernel))
    expect(kernel.live().ringIndices.size).toBe(ALL.length)
    expect(places().every((index) => index <= 2 * first.length)).toBe(true)
  })

  it('tells how many slots of each changed ring move', async () => {
    const mh = { scheduler: { name: 'mh', tableSize: 251 } } as unknown as ServiceFields
    const before = [{ ...WEB, ...mh, reals: ['10.0.0.11', '10.0.0.12', '10.0.0.13'] }, UDP]
    const kernel = await Kernel.open(configOf(before))
    const plan = kernel.plan(configOf([{ ...WEB, ...mh }, UDP]))
    const [disruption, ...others] = disruptionOf(kernel.maps, plan)
    expect(others).toEqual([])
    expect(disruption).toMatchObject({ service: 'web', slots: 251 })
    expect(disruption?.slotsMoved).toBeGreaterThanOrEqual(83)
    expect(disruption?.slotsMoved).toBeLessThan(125)
  })

  it('tells that a moved service keeps its slots', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    const plan = kernel.plan(configOf([{ ...WEB, port: 81 }]))
    expect(disruptionOf(kernel.maps, plan)).toEqual([{ service: 'web', slotsMoved: 0, slots: 2 }])
  })

  it('fills 1,000 services of 10 reals and changes one of them', { timeout: MANY_APPLIES_MS }, async () => {
    const services = Array.from({ length: 1000 }, (_, index): ServiceFields => ({
      name: `s${index}`,
      vip: `203.0.${113 + (index >> 8)}.${index & 255 || 1}`,
      port: 1000 + index,
      scheduler: 'wrr',
      reals: Array.from({ length: 10 }, (__, real) => [`10.${index >> 8}.${index & 255}.${real + 1}`, real + 1] as const),
    }))
    const kernel = await Kernel.open(configOf(services))
    expect(kernel.live().services.length).toBe(1000)
    const changed = services.with(500, { ...services[500], reals: [['10.1.244.1', 7]] })
    const plan = kernel.become(configOf(changed))
    expect(plan.services.filter(({ ring }) => ring !== undefined).length).toBe(1)
    expect(kernel.observe()).toEqual(expected(configOf(changed), kernel))
  })

  it('leaks no id, ring or VIP over many configurations', { timeout: MANY_APPLIES_MS }, async () => {
    const kernel = await Kernel.open()
    for (let round = 0; round < 50; round++) {
      const services = Array.from({ length: round % 7 }, (_, index): ServiceFields => ({
        name: `s${index}`,
        vip: `203.0.113.${1 + ((round * 5 + index) % 11)}`,
        port: 80 + ((round * 3) % 5),
        reals: Array.from({ length: 1 + ((round + index) % 4) }, (__, real) => `10.0.0.${11 + ((round + real) % 6)}`),
      }))
      const config = configOf(services)
      kernel.become(config)
      expect(kernel.observe()).toEqual(expected(config, kernel))
      const live = kernel.live()
      const ids = live.services.flatMap(({ value, destinations }) => [value.id, ...destinations.map(({ id }) => id)])
      expect(Math.max(-1, ...ids)).toBeLessThan(48)
      expect(live.ringIndices.size).toBe(live.services.length)
      expect(live.vips.length).toBe(new Set(services.map(({ vip }) => vip)).size)
    }
  })
})

describe('an edit behind our back', () => {
  const EDITED = { slot: [1, 1, ...new Array<number>(62).fill(0xffffffff)] }
  const ringIndex = (kernel: Kernel): number => kernel.live().services[0]?.value.ring ?? 0
  const otherRing = (kernel: Kernel): void => {
    using ring = kernel.maps.rings.createInner({ name: 'edited', maxEntries: 1 })
    kernel.maps.rings.set(ringIndex(kernel), ring.set(0, EDITED))
  }

  it('of a slot of a ring is refused: a ring is only replaced', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    using ring = kernel.maps.rings.get(ringIndex(kernel))
    expect(() => ring?.set(0, EDITED)).toThrow(expect.objectContaining({ code: 'EPERM' }))
  })

  const dest = (edit: object) => (kernel: Kernel) => {
    const old = kernel.maps.dests.get(0)
    if (old !== undefined) kernel.maps.dests.set(0, { ...old, ...edit })
  }
  const settings = (edit: object) => (kernel: Kernel) => {
    kernel.maps.settings.set(0, { ...kernel.live().settings, ...edit })
  }

  it.each<[string, (kernel: Kernel) => unknown, string[]]>([
    ['another ring', otherRing, ['change services.web.ring']],
    ['a ring that is gone', (kernel) => kernel.maps.rings.deleteMany([0]), ['change services.web.ring']],
    ['a weight', dest({ weight: 9 }), ['change services.web.reals.10.0.0.11.weight']],
    ['a MAC', dest({ mac: macBytes('02:00:00:00:09:09') }), ['change services.web.reals.10.0.0.11.mac']],
    [
      'a destination that is unused',
      dest({ flags: DestFlag.neighbour }),
      ['add services.web.reals.10.0.0.11', 'change services.web.ring'],
    ],
    [
      'a service that is gone',
      (kernel) => kernel.maps.services.deleteMany(kernel.live().services.map(({ key }) => key)),
      ['add services.web', 'remove destinations.0', 'remove destinations.1'],
    ],
    [
      'a VIP that is gone',
      (kernel) => new VipTable(kernel.maps.vipBuckets).remove('203.0.113.10'),
      ['change services.web.vip'],
    ],
    ['a timeout', settings({ timeoutTicks: Object.values(ConnState).map(() => 1) }), expect.arrayContaining(['change timeouts.tcp'])],
    ['a missing way to send', (kernel) => kernel.maps.txPorts.delete(LO.ifindex), ['add interfaces.lo.tx']],
    ['an interface that is gone', (kernel) => new InterfaceTable(kernel.maps.interfaces).delete(LO.ifindex), ['add interfaces.lo']],
    [
      'the other era',
      (kernel) => settings({ era: kernel.live().settings.era ^ 1 })(kernel),
      ['add services.web', 'remove destinations.0', 'remove destinations.1'],
    ],
  ])('of %s is seen and put right', async (_, edit, changes) => {
    const config = configOf([WEB])
    const kernel = await Kernel.open(config)
    edit(kernel)
    expect(objects(kernel, config)).toEqual(changes)
    kernel.become(config)
    expect(kernel.observe()).toEqual(expected(config, kernel))
    expect(objects(kernel, config)).toEqual([])
    expect(kernel.send(request(4, 'tcp'))).toMatchObject({ verdict: 'forward_new' })
  })
})

describe('flows', () => {
  const packet = (protocol: Transport, sport: number, flags?: TcpFlagName[], family: Family = 4) =>
    request(family, protocol, { sport, ...(flags === undefined ? {} : { flags }) })

  it('go to the reals of the configuration', async () => {
    const kernel = await Kernel.open(configOf(ALL))
    const sent = [1, 2, 3, 4].map((sport) => kernel.send(packet('tcp', sport)))
    expect(sent).toEqual([ELEVEN, TWELVE, ELEVEN, TWELVE].map((to) => ({ verdict: 'forward_new', to })))
    expect(kernel.send(packet('tcp', 5, ['syn'], 6))).toEqual({ verdict: 'forward_new', to: macOf('2001:db8:10::11') })
  })

  it('stay where they are when an apply leaves their real', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    kernel.send(packet('tcp', 1))
    kernel.become(configOf([{ ...WEB, name: 'shop', scheduler: 'wrr', reals: [['10.0.0.11', 0], ['10.0.0.12', 9]] }]))
    expect(kernel.send(packet('tcp', 1, ['ack']))).toEqual({ verdict: 'forward_known', to: ELEVEN })
    expect(kernel.send(packet('tcp', 2))).toEqual({ verdict: 'forward_new', to: TWELVE })
  })

  it('of a removed real get nothing from it any more', async () => {
    const kernel = await Kernel.open(configOf([WEB, UDP]))
    for (const protocol of ['tcp', 'udp'] as const) {
      for (const sport of [1, 3]) {
        expect(kernel.send(packet(protocol, sport)).to).toBe(ELEVEN)
        expect(kernel.send(packet(protocol, sport + 1)).to).toBe(TWELVE)
      }
    }
    kernel.become(configOf([only('10.0.0.12'), { ...UDP, reals: ['10.0.0.12'] }]))
    expect(kernel.send(packet('tcp', 1, ['ack']))).toMatchObject({ verdict: 'reply_reset' })
    expect(kernel.send(packet('tcp', 3, ['syn']))).toEqual({ verdict: 'forward_new', to: TWELVE })
    expect(kernel.send(packet('udp', 1))).toEqual({ verdict: 'forward_new', to: TWELVE })
    expect(kernel.send(packet('tcp', 2, ['ack']))).toEqual({ verdict: 'forward_known', to: TWELVE })
    expect(kernel.send(packet('udp', 2))).toEqual({ verdict: 'forward_known', to: TWELVE })
  })

  it('of a removed real do not come back with the next owner of its id', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    expect(kernel.send(packet('tcp', 1)).to).toBe(ELEVEN)
    kernel.become(configOf([only('10.0.0.12')]))
    kernel.become(configOf([{ ...WEB, reals: ['10.0.0.12', '10.0.0.13'] }]))
    expect(kernel.live().services[0]?.destinations.map(({ id }) => id)).toEqual([0, 1])
    expect(kernel.send(packet('tcp', 1, ['ack'])).verdict).toBe('reply_reset')
  })

  it('of a removed VIP go to the host', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    kernel.send(packet('tcp', 1))
    kernel.become(configOf([]))
    expect(kernel.send(packet('tcp', 1, ['ack'])).verdict).toBe('pass_not_vip')
  })

  it('of a service that moved to another port do not go on at the old one', async () => {
    const kernel = await Kernel.open(configOf([WEB]))
    kernel.send(packet('tcp', 1))
    kernel.become(configOf([{ ...WEB, port: 81 }]))
    expect(kernel.send(packet('tcp', 1, ['ack'])).verdict).toBe('reply_reset')
    expect(kernel.send(packet('tcp', 2, ['syn'])).verdict).toBe('pass_unmatched')
    expect(kernel.send(request(4, 'tcp', { dport: 81 }))).toEqual({ verdict: 'forward_new', to: ELEVEN })
  })
})

/** A step of an apply, as the maps see it: which map, which method. */
type Write = { map: string; method: string }

const WRITES = ['set', 'insert', 'delete', 'setMany', 'deleteMany', 'zeroMany', 'createInner']

/**
 * Maps of which the `failing`-th write throws, once; when it writes several elements, the first half of them is
 * written before. `done` gets what was written. Writes to the map named `broken` throw always.
 */
function faulty(maps: Kernel['maps'], failing: number, done: Write[], broken = ''): Kernel['maps'] {
  const wrap = (map: object, name: string): object =>
    new Proxy(map, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property, target)
        if (typeof member !== 'function') return member
        const method = member.bind(target) as (...args: unknown[]) => unknown
        if (!WRITES.includes(String(property))) return method
        return (...args: unknown[]) => {
          done.push({ map: name, method: String(property) })
          if (name === broken) throw new Error('injected')
          if (done.length !== failing) return method(...args)
          if (String(property).endsWith('Many')) {
            const elements = [...(args[0] as Iterable<unknown>)]
            method(elements.slice(0, elements.length / 2))
          }
          throw new Error('injected')
        }
      },
    })
  return Object.fromEntries(Object.entries(maps).map(([name, map]) => [name, wrap(map, name)])) as never
}

describe('an apply of which a write fails', () => {
  const mh = { scheduler: { name: 'mh', tableSize: 251, ports: true } } as unknown as ServiceFields
  const OLD = configOf([
    { ...WEB, ...mh },
    { ...WEB, ...mh, name: 'other', port: 81 },
    { ...WEB, name: 'leaving', vip: '203.0.113.30' },
  ])
  const NEW = configOf([
    { ...WEB, ...mh, reals: ['10.0.0.12', '10.0.0.13', ['10.0.0.14', 2]] },
    { ...WEB, ...mh, name: 'other', port: 82 },
    { ...WEB, name: 'coming', vip: '203.0.113.40' },
  ])
  const PORTS = Array.from({ length: 20 }, (_, index) => 20000 + index)

  /** Where flows that nobody has seen before go. */
  function wayOfNewFlows(kernel: Kernel): Delivery[] {
    kernel.forgetConns()
    return PORTS.flatMap((sport) => [80, 81, 82].map((dport) => kernel.send(request(4, 'tcp', { sport, dport }))))
  }
  type Delivery = ReturnType<Kernel['send']>

  it('leaves the old configuration, whole, or has reached the new one', { timeout: MANY_APPLIES_MS }, async () => {
    const kernel = await Kernel.open(OLD)
    const before = kernel.observe()
    const oldWay = wayOfNewFlows(kernel)
    const fresh = await Kernel.open(NEW)
    const newWay = wayOfNewFlows(fresh)
    const tried: string[] = []
    for (let failing = 1; ; failing++) {
      const established = PORTS.map((sport) => kernel.send(request(4, 'tcp', { sport, flags: ['ack'] })))
      const done: Write[] = []
      const maps = faulty(kernel.maps, failing, done)
      const plan = kernel.plan(NEW)
      try {
        applyReconciliation(maps, plan)
        break
      } catch (error) {
        if ((error as Error).message !== 'injected') throw error
      }
      const at = done[failing - 1]
      const where = `write ${failing}, ${at?.map}.${at?.method}`
      tried.push(`${at?.map}.${at?.method}`)
      const committed = done.slice(0, failing - 1).some(({ map }) => map === 'settings')
      if (!committed) {
        expect(kernel.observe(), where).toEqual(before)
        expect(kernel.live().staleKeys, where).toEqual([])
        expect(kernel.live().ringIndices.size, where).toBe(OLD.services.length)
        expect(PORTS.map((sport) => kernel.send(request(4, 'tcp', { sport, flags: ['ack'] }))), where).toEqual(established)
        expect(wayOfNewFlows(kernel), where).toEqual(oldWay)
        expect(changesOf(kernel.plan(OLD)), where).toEqual([])
      } else {
        expect(wayOfNewFlows(kernel), where).toEqual(newWay)
        kernel.become(NEW)
        expect(kernel.observe(), where).toEqual(fresh.observe())
        kernel.become(OLD)
        expect(kernel.observe(), where).toEqual(before)
        expect(wayOfNewFlows(kernel), where).toEqual(oldWay)
      }
    }
    expect(kernel.observe()).toEqual(fresh.observe())
    expect(tried).toEqual(expect.arrayContaining(['dests.setMany', 'rings.setMany', 'services.setMany', 'settings.set']))
    expect(tried.slice(tried.indexOf('settings.set') + 1)).toEqual(
      expect.arrayContaining(['dests.setMany', 'services.deleteMany', 'rings.setMany']),
    )
  })

  it.each(['services', 'rings', 'dests'])('undoes the rest when %s cannot be written at all', async (broken) => {
    const kernel = await Kernel.open(OLD)
    const oldWay = wayOfNewFlows(kernel)
    const plan = kernel.plan(NEW)
    expect(() => applyReconciliation(faulty(kernel.maps, -1, [], broken), plan)).toThrow('injected')
    expect(wayOfNewFlows(kernel)).toEqual(oldWay)
    expect(kernel.live().vips.map(({ address }) => address).sort()).toEqual(['203.0.113.10', '203.0.113.30'])
    if (broken === 'services') expect(changesOf(kernel.plan(OLD))).toEqual([])
  })

  it('leaves nothing behind when there was nothing', { timeout: MANY_APPLIES_MS }, async () => {
    const kernel = await Kernel.open()
    const nothing = (): unknown => kernel.become(configOf([]), { links: [] })
    nothing()
    const before = kernel.observe()
    for (let failing = 1; ; failing++) {
      const done: Write[] = []
      try {
        applyReconciliation(faulty(kernel.maps, failing, done), kernel.plan(OLD))
        break
      } catch (error) {
        if ((error as Error).message !== 'injected') throw error
      }
      if (done.slice(0, failing - 1).some(({ map }) => map === 'settings')) nothing()
      expect(kernel.observe(), `write ${failing}`).toEqual(before)
      expect([...kernel.live().ringIndices]).toEqual([])
    }
    expect(changesOf(kernel.plan(OLD))).toEqual([])
  })
})
