import { describe, expect, it } from 'vitest'
import { changesOf } from '../../../src/control/changes.js'
import type { Reconciliation } from '../../../src/control/reconcile.js'
import { ringSlots } from '../../../src/dataplane/ring-store.js'
import type { Dest, Settings, Vip } from '../../../src/maps/generated.js'
import { DestFlag, Forward, Limit, ServiceFlag, VipFlag } from '../../../src/maps/generated.js'
import { macBytes, macFromBytes } from '../../../src/net/mac.js'
import type { ServiceFields, TargetOptions } from './support.js'
import { configOf, ETH, LO, onLink, PlainMaps, targetOf } from './support.js'

const WEB: ServiceFields = { name: 'web' }
const DNS: ServiceFields = { name: 'dns', port: 53, protocol: 'udp', reals: ['10.0.0.21', '10.0.0.22'] }

/** Maps that hold these services. */
function holding(...services: ServiceFields[]): PlainMaps {
  const maps = new PlainMaps()
  maps.become(configOf(services))
  return maps
}

/** What it takes to make the maps these services. */
function planFor(maps: PlainMaps, services: ServiceFields[], options?: TargetOptions): Reconciliation {
  return maps.reconcile(targetOf(configOf(services), options))
}

const objects = (plan: Reconciliation): string[] => changesOf(plan).map(({ action, object }) => `${action} ${object}`)

/** Services whose ring is written. */
const rings = (plan: Reconciliation): string[] =>
  plan.services.filter(({ ring }) => ring !== undefined).map(({ target }) => target.config.name)

/** What an apply would write but for the entries of the next era, which every apply writes. */
function writes(plan: Reconciliation): object {
  const { writeDests, retireDests, newServiceIds, newDestIds, removeVips, removeServices, removeRings } = plan
  const { writeInterfaces, removeInterfaces } = plan
  const all = { writeDests, retireDests, newServiceIds, newDestIds, removeVips, removeServices, removeRings }
  const lists = Object.entries({ ...all, writeInterfaces, removeInterfaces, rings: rings(plan) })
  return Object.fromEntries(lists.filter(([, list]) => list.length > 0))
}

/** After an apply the maps must be as if nothing else had ever been in them, and a second one find nothing to do. */
function expectAsFromNothing(maps: PlainMaps, services: ServiceFields[], options?: TargetOptions): void {
  const fresh = new PlainMaps()
  fresh.become(configOf(services), options)
  expect(maps.observe()).toEqual(fresh.observe())
  const again = planFor(maps, services, options)
  expect(changesOf(again)).toEqual([])
  expect(writes(again)).toEqual({})
}

describe('a reconciliation', () => {
  it('from nothing adds everything', () => {
    const maps = new PlainMaps()
    const plan = planFor(maps, [WEB, DNS])
    expect(objects(plan)).toEqual(['add interfaces.lo', 'add services.web', 'add services.dns'])
    expect(rings(plan)).toEqual(['web', 'dns'])
    expect(plan.newServiceIds).toEqual([0, 1])
    expect(plan.newDestIds).toEqual([0, 1, 2, 3])
    expect(plan.vips.map(({ address, id, value }) => [address, id, value.up])).toEqual([['203.0.113.10', 0, 1]])
    maps.apply(plan)
    expectAsFromNothing(maps, [WEB, DNS])
  })

  it('with what is there already writes nothing', () => {
    expect(writes(planFor(holding(WEB, DNS), [WEB, DNS]))).toEqual({})
  })

  it('with nothing takes everything away', () => {
    const maps = holding(WEB, DNS)
    const plan = planFor(maps, [])
    expect(objects(plan)).toEqual(['remove services.web', 'remove services.dns'])
    maps.apply(plan)
    expect([maps.services.size, maps.vipIds.size, maps.rings.size, maps.destinations().length]).toEqual([0, 0, 0, 0])
  })

  it('fills a service without a usable real when there is one', () => {
    const drained: ServiceFields = { reals: [['10.0.0.11', 0]] }
    const maps = holding(drained)
    expect(planFor(maps, [drained]).services[0]?.value).toMatchObject({ ring: 0, ringSize: 0 })
    expectAsFromNothing(maps, [drained])
    const plan = planFor(maps, [{ reals: [['10.0.0.11', 1]] }])
    expect(objects(plan)).toEqual(['change services.web.reals.10.0.0.11.weight'])
    expect(rings(plan)).toEqual(['web'])
  })
})

describe('an edit', () => {
  it('of a port gives the destinations new ids and ends the conns of the old ones', () => {
    const maps = holding(WEB, DNS)
    const plan = planFor(maps, [{ ...WEB, port: 8080 }, DNS])
    expect(changesOf(plan)).toEqual([{ action: 'change', object: 'services.web.port', before: 80, after: 8080 }])
    expect(plan.newDestIds).toEqual([4, 5])
    expect(plan.retireDests.map(([id, { flags, generation }]) => [id, flags, generation])).toEqual([
      [0, 0, 2],
      [1, 0, 2],
    ])
    expect(plan.newServiceIds).toEqual([2])
    expect(rings(plan)).toEqual(['web'])
    maps.apply(plan)
    expectAsFromNothing(maps, [{ ...WEB, port: 8080 }, DNS])
  })

  it.each<[string, ServiceFields['reals'], string]>([
    ['an added real', ['10.0.0.11', '10.0.0.12', '10.0.0.13'], 'add services.web.reals.10.0.0.13'],
    ['a removed real', ['10.0.0.11'], 'remove services.web.reals.10.0.0.12'],
    ['a weight', [['10.0.0.11', 3], '10.0.0.12'], 'change services.web.reals.10.0.0.11.weight'],
    ['a drained real', [['10.0.0.11', 0], '10.0.0.12'], 'change services.web.reals.10.0.0.11.weight'],
  ])('of %s is one change and writes the ring of that service alone', (_, reals, change) => {
    const maps = holding(WEB, DNS)
    const plan = planFor(maps, [{ ...WEB, reals }, DNS])
    expect(objects(plan)).toEqual([change])
    expect(rings(plan)).toEqual(['web'])
    expect(plan.services[1]?.value).toEqual(planFor(maps, [WEB, DNS]).services[1]?.value)
    maps.apply(plan)
    expectAsFromNothing(maps, [{ ...WEB, reals }, DNS])
  })

  it('that removes a real keeps the destinations of the others, and so their conns', () => {
    const maps = holding(WEB)
    maps.become(configOf([{ reals: ['10.0.0.12'] }]))
    expect(maps.destinations().map(({ id, address }) => [id, address])).toEqual([[1, '10.0.0.12']])
    expect(maps.dests.get(0)).toMatchObject({ flags: 0, generation: 2 })
  })

  it.each<[string, ServiceFields, string[], string[]]>([
    ['name', { name: 'shop' }, ['change services.shop.name'], []],
    ['VIP', { vip: '203.0.113.11' }, ['change services.web.vip'], ['web']],
    ['scheduler', { scheduler: 'sh' }, ['change services.web.scheduler', 'change services.web.sloppy'], ['web']],
    ['protocol', { protocol: 'udp' }, ['change services.web.protocol'], ['web']],
    ['sloppy', { sloppy: true }, ['change services.web.sloppy'], []],
    ['echo', { echo: 'drop' }, ['change vips.203.0.113.10.echo'], []],
    ['announce', { announce: 'none' }, ['change vips.203.0.113.10.announce'], []],
    ['unmatched', { unmatched: 'drop' }, ['change vips.203.0.113.10.unmatched'], []],
    ['onePacket', { protocol: 'udp', onePacket: true }, ['change services.web.protocol', 'change services.web.onePacket'], ['web']],
    ['connReuse', { connReuse: false }, ['change services.web.connReuse'], []],
    ['noReal', { noReal: 'pass' }, ['change services.web.noReal'], []],
    ['persistence', { persistence: true }, ['change services.web.persistence'], []],
    ['forwarding method', { forward: 'nat' }, ['change services.web.forward'], ['web']],
    ['port, to every port', { port: 0, persistence: true }, ['change services.web.port', 'change services.web.persistence'], ['web']],
    ['protocol, to icmp', { port: undefined, protocol: 'icmp' }, ['change services.web.port', 'change services.web.protocol'], ['web']],
  ])("of a service's %s is told as that", (_, edit, changes, written) => {
    const maps = holding(WEB)
    const plan = planFor(maps, [{ ...WEB, ...edit }])
    expect(objects(plan)).toEqual(changes)
    expect(rings(plan)).toEqual(written)
    maps.apply(plan)
    expectAsFromNothing(maps, [{ ...WEB, ...edit }])
  })

  it('of mh by its ports alone keeps the ring, and by its table size does not', () => {
    const mh = (rest: object) => ({ scheduler: { name: 'mh', tableSize: 251, ...rest } }) as unknown as ServiceFields
    const maps = holding(mh({}))
    expect(rings(planFor(maps, [mh({ ports: true })]))).toEqual([])
    expect(objects(planFor(maps, [mh({ ports: true })]))).toEqual(['change services.web.scheduler'])
    expect(rings(planFor(maps, [mh({ tableSize: 509 })]))).toEqual(['web'])
  })

  it.each(['mh', 'sh'])('of %s by its fallback alone keeps the ring', (name) => {
    const hash = (fallback: boolean) => ({ scheduler: { name, fallback } }) as unknown as ServiceFields
    const plan = planFor(holding(hash(false)), [hash(true)])
    expect(objects(plan)).toEqual(['change services.web.scheduler'])
    expect(rings(plan)).toEqual([])
    expect(plan.services[0]?.value.flags).toBe(ServiceFlag.sloppy | ServiceFlag.fallback)
  })

  it('of thresholds alone writes the destination and keeps the ring', () => {
    const reals = [{ address: '10.0.0.11', upperThreshold: 9, lowerThreshold: 3 }, '10.0.0.12']
    const maps = holding(WEB)
    const plan = planFor(maps, [{ ...WEB, reals }])
    expect(objects(plan)).toEqual([
      'change services.web.reals.10.0.0.11.upperThreshold',
      'change services.web.reals.10.0.0.11.lowerThreshold',
    ])
    expect([rings(plan), plan.writeDests.map(([id, { upper, lower }]) => [id, upper, lower])]).toEqual([[], [[0, 9, 3]]])
    maps.apply(plan)
    expectAsFromNothing(maps, [{ ...WEB, reals }])
  })

  it('of persistence tells its values, and the group by its name where it is known', () => {
    const before: ServiceFields = { ...WEB, persistence: { group: 'gone', netmask: 24 } }
    const after: ServiceFields = { ...WEB, persistence: { timeout: '5m', group: 'shop', expireQuiescent: false } }
    const [told] = changesOf(planFor(holding(before), [after]))
    expect(told).toEqual({
      action: 'change',
      object: 'services.web.persistence',
      before: { timeout: 360, netmask: 24, group: '#82984f45', expireQuiescent: true },
      after: { timeout: 300, netmask: 32, group: 'shop', expireQuiescent: false },
    })
  })

  it('of the forwarding method ends the conns of the old one', () => {
    const plan = planFor(holding(WEB), [{ ...WEB, forward: 'nat' }])
    expect(plan.writeDests.map(([id, { forward }]) => [id, forward])).toEqual([
      [2, Forward.nat],
      [3, Forward.nat],
    ])
    expect(plan.retireDests.map(([id]) => id)).toEqual([0, 1])
  })

  it('of nat tells reals of one address apart by their ports', () => {
    const nat = (...ports: number[]): ServiceFields => ({
      ...WEB,
      forward: 'nat',
      reals: ports.map((port) => ({ address: '10.0.0.11', port })),
    })
    const maps = holding(nat(80, 8080))
    const plan = planFor(maps, [nat(80, 8081)])
    expect(objects(plan)).toEqual(['add services.web.reals.10.0.0.11:8081', 'remove services.web.reals.10.0.0.11:8080'])
    maps.apply(plan)
    expectAsFromNothing(maps, [nat(80, 8081)])
  })

  it('of the peers is told by MAC, new ones before old ones go', () => {
    const peers = (...last: number[]) => ({ peers: last.map((each) => `02:00:00:00:00:${each.toString(16).padStart(2, '0')}`) })
    const maps = new PlainMaps()
    maps.become(configOf([WEB], peers(1, 2)))
    const plan = maps.reconcile(targetOf(configOf([WEB], peers(2, 3))))
    expect(objects(plan)).toEqual(['add peers.02:00:00:00:00:03', 'remove peers.02:00:00:00:00:01'])
    maps.apply(plan)
    expect([...maps.peers]).toEqual(['02:00:00:00:00:02', '02:00:00:00:00:03'])
    expect(maps.settings.peers).toBe(2)
    const all = Array.from({ length: Limit.maxPeers }, (_, index) => index + 16)
    expect(() => maps.reconcile(targetOf(configOf([WEB], peers(...all))))).toThrow(/old and new peers together are more than 64/)
  })

  it('of the preset tells every state whose timeout changes', () => {
    const maps = holding(WEB)
    const plan = maps.reconcile(targetOf(configOf([WEB], { timeouts: { preset: 'datacenter' } })))
    const names = ['tcp', 'synSent', 'synRecv', 'tcpFin', 'timeWait', 'close', 'closeWait', 'lastAck']
    expect(objects(plan)).toEqual(names.map((name) => `change timeouts.${name}`))
  })

  it('that swaps the names of two services leaves their destinations alone', () => {
    const maps = holding(WEB, DNS)
    const plan = planFor(maps, [{ ...WEB, name: 'dns' }, { ...DNS, name: 'web' }])
    expect(objects(plan)).toEqual(['change services.dns.name', 'change services.web.name'])
    expect([plan.writeDests, plan.retireDests, rings(plan)]).toEqual([[], [], []])
  })

  it('that removes a service says nothing of its VIP, which goes with it', () => {
    const maps = holding(WEB, { ...DNS, vip: '203.0.113.11' })
    const plan = planFor(maps, [WEB])
    expect(objects(plan)).toEqual(['remove services.dns'])
    expect(plan.removeVips.map(({ address }) => address)).toEqual(['203.0.113.11'])
    maps.apply(plan)
    expectAsFromNothing(maps, [WEB])
  })

  it('of the timeouts is told by the keys of the file', () => {
    const maps = holding(WEB)
    const plan = maps.reconcile(targetOf(configOf([WEB], { timeouts: { tcp: '10m', udp: 60 } })))
    expect(changesOf(plan)).toEqual([
      { action: 'change', object: 'timeouts.tcp', before: 900, after: 600 },
      { action: 'change', object: 'timeouts.udp', before: 300, after: 60 },
    ])
  })

  it('adds and removes interfaces', () => {
    const maps = holding(WEB)
    const added = planFor(maps, [WEB], { links: [LO, ETH] })
    expect(objects(added)).toEqual(['add interfaces.eth1'])
    maps.apply(added)
    expectAsFromNothing(maps, [WEB], { links: [LO, ETH] })
    const removed = planFor(maps, [WEB])
    expect(objects(removed)).toEqual(['remove interfaces.eth1'])
    maps.apply(removed)
    expectAsFromNothing(maps, [WEB])
  })
})

describe('a real that does not tell its MAC', () => {
  const silent = { macOf: (address: string) => (address === '10.0.0.12' ? undefined : '02:00:00:00:04:0b') }

  it('keeps its weight and has no slot', () => {
    const maps = new PlainMaps()
    const plan = planFor(maps, [WEB], silent)
    maps.apply(plan)
    const [, twelve] = maps.destinations()
    expect(twelve?.value).toMatchObject({ flags: DestFlag.live, weight: 1, effectiveWeight: 0 })
    const step = plan.services[0]
    expect([...ringSlots(step?.ring?.packed ?? Buffer.alloc(0), step?.value.ringSize ?? 0)]).toEqual([0])
  })

  it('gets slots when it does', () => {
    const maps = new PlainMaps()
    maps.become(configOf([WEB]), silent)
    const plan = planFor(maps, [WEB])
    expect(objects(plan)).toEqual([
      'change services.web.reals.10.0.0.12.effectiveWeight',
      'change services.web.reals.10.0.0.12.mac',
    ])
    maps.apply(plan)
    expectAsFromNothing(maps, [WEB])
  })

  it('takes its VIP down when it is the only one', () => {
    const maps = new PlainMaps()
    maps.become(configOf([WEB]), { macOf: () => undefined })
    expect([...maps.vips.values()].map(({ up }) => up)).toEqual([0])
  })
})

describe('a real on this host', () => {
  const local: TargetOptions = {
    linkOf: (address) => ({ link: LO, nextHop: address, local: address === '10.0.0.12' }),
    macOf: () => undefined,
  }

  it('is usable without a MAC, and marked', () => {
    const maps = new PlainMaps()
    maps.become(configOf([WEB]), local)
    expect(maps.destinations().map(({ value: { flags, effectiveWeight, ifindex } }) => [flags, effectiveWeight, ifindex])).toEqual([
      [DestFlag.live, 0, 1],
      [DestFlag.live | DestFlag.neighbour | DestFlag.local, 1, 1],
    ])
    expectAsFromNothing(maps, [WEB], local)
  })

  it('is told when it moves here', () => {
    const maps = holding(WEB)
    const plan = planFor(maps, [WEB], { ...local, macOf: () => '02:00:00:00:04:0b' })
    expect(objects(plan)).toEqual([
      'change services.web.reals.10.0.0.12.local',
      'change services.web.reals.10.0.0.12.mac',
    ])
  })
})

describe('a real behind a gateway', () => {
  it('has its MAC', () => {
    const maps = new PlainMaps()
    const linkOf = (address: string) => ({ ...onLink(ETH)(address), nextHop: '10.0.0.1' })
    maps.become(configOf([{ ...WEB, forward: 'nat' }]), { links: [LO, ETH], linkOf })
    const macs = maps.destinations().map(({ value }) => [macFromBytes(value.mac), value.ifindex])
    expect(macs).toEqual([
      ['02:00:00:00:04:01', 2],
      ['02:00:00:00:04:01', 2],
    ])
  })
})

/** What somebody did to the maps behind our back, and what a plan must say of it. */
const DRIFT: [string, (maps: PlainMaps) => void, string[]][] = [
  ['another ring', (maps) => maps.putRing(0, Buffer.alloc(256)), ['change services.web.ring']],
  ['a ring that is gone', (maps) => maps.rings.delete(0), ['change services.web.ring']],
  ['a smaller ring', (maps) => editService(maps, { ringSize: 1 }), ['change services.web.ring']],
  ['another digest', (maps) => editService(maps, { ringDigest: 1n }), ['change services.web.ring']],
  ['an empty ring', (maps) => editService(maps, { ringSize: 0 }), ['change services.web.ringSize']],
  ['a scheduler', (maps) => editService(maps, { scheduler: 2 }), ['change services.web.scheduler']],
  ['a name', (maps) => editService(maps, { name: 'x' }), ['change services.web.name']],
  [
    'a weight',
    (maps) => editDest(maps, { weight: 9 }),
    ['change services.web.reals.10.0.0.11.weight'],
  ],
  [
    'an effective weight',
    (maps) => editDest(maps, { effectiveWeight: 9 }),
    ['change services.web.reals.10.0.0.11.effectiveWeight', 'change services.web.ring'],
  ],
  [
    'a MAC',
    (maps) => editDest(maps, { mac: macBytes('02:00:00:00:09:09') }),
    ['change services.web.reals.10.0.0.11.mac'],
  ],
  [
    'a source MAC',
    (maps) => editDest(maps, { srcMac: macBytes('02:00:00:00:09:09') }),
    ['change services.web.reals.10.0.0.11.sourceMac'],
  ],
  ['a way out', (maps) => editDest(maps, { ifindex: 9 }), ['change services.web.reals.10.0.0.11.interface']],
  [
    'a MAC that is marked unknown',
    (maps) => editDest(maps, { flags: DestFlag.live }),
    ['change services.web.reals.10.0.0.11.mac'],
  ],
  [
    'a destination that is marked unused',
    (maps) => editDest(maps, { flags: 0 }),
    ['add services.web.reals.10.0.0.11', 'change services.web.ring'],
  ],
  [
    'a destination of another service',
    (maps) => editDest(maps, { service: 77 }),
    ['add services.web.reals.10.0.0.11', 'change services.web.ring', 'remove destinations.0'],
  ],
  [
    'an interface',
    (maps) => maps.interfaces.set(1, { name: 'lo', mac: macBytes('02:00:00:00:09:09'), mode: 1 }),
    ['change interfaces.lo'],
  ],
  ['a missing way to send', (maps) => maps.txPorts.delete(1), ['add interfaces.lo.tx']],
  ['a VIP that is gone', (maps) => maps.vipIds.delete('203.0.113.10'), ['change services.web.vip']],
  ['a VIP that is down', (maps) => Object.assign(maps.vips.get(0) ?? {}, { up: 0 }), ['change vips.203.0.113.10.up']],
  [
    'a VIP too many',
    (maps) => {
      maps.vipIds.set('203.0.113.99', 5)
      maps.vips.set(5, { ...(maps.vips.get(0) as Vip) })
    },
    ['remove vips.203.0.113.99'],
  ],
  ['a service that is gone', (maps) => maps.services.clear(), [
    'add services.web',
    'remove destinations.0',
    'remove destinations.1',
  ]],
  [
    'a timeout',
    (maps) => (maps.settings = { ...maps.settings, timeoutTicks: maps.settings.timeoutTicks.with(2, 1) }),
    ['change timeouts.synSent'],
  ],
]

/** Every field that came with the stateful dataplane, edited one by one. */
const NEW_FIELDS: [string, (maps: PlainMaps) => void, string[]][] = [
  ['a flag', (maps) => editService(maps, { flags: ServiceFlag.onePacket }), ['change services.web.onePacket']],
  ['a flag that nothing means', (maps) => editService(maps, { flags: 1 << 15 }), ['change services.web.flags']],
  ['the forwarding method', (maps) => editService(maps, { forward: 1 }), ['change services.web.forward']],
  ['persistence', (maps) => editService(maps, { persistenceTicks: 9 }), ['change services.web.persistence']],
  [
    'a persistence that is off',
    (maps) => editService(maps, { persistencePrefix: 9 }),
    ['change services.web.persistencePrefix'],
  ],
  [
    'an upper threshold',
    (maps) => editDest(maps, { upper: 9 }),
    ['change services.web.reals.10.0.0.11.upperThreshold'],
  ],
  ['a lower threshold', (maps) => editDest(maps, { lower: 9 }), ['change services.web.reals.10.0.0.11.lowerThreshold']],
  ["a real's method", (maps) => editDest(maps, { forward: 1 }), ['change services.web.reals.10.0.0.11.forward']],
  [
    'a real that is marked local',
    (maps) => editDest(maps, { flags: DestFlag.live | DestFlag.neighbour | DestFlag.local }),
    ['change services.web.reals.10.0.0.11.local'],
  ],
  ['a flag of a real', (maps) => editDest(maps, { flags: 1 << 9 | 3 }), ['change services.web.reals.10.0.0.11.flags']],
  ['a VIP that drops', (maps) => editVip(maps, VipFlag.dropUnmatched), ['change vips.203.0.113.10.unmatched']],
  ['a peer too many', (maps) => maps.peers.add('02:00:00:00:00:99'), ['remove peers.02:00:00:00:00:99']],
  ['the number of peers', (maps) => editSettings(maps, { peers: 3 }), ['change settings.peers']],
  ['the re-arming', (maps) => editSettings(maps, { rearmTicks: 3 }), ['change settings.templateRearm']],
  ['the wait for fragments', (maps) => editSettings(maps, { fragmentTicks: 3 }), ['change settings.fragmentTimeout']],
  ['the cache of lblc', (maps) => editSettings(maps, { lblcTicks: 3 }), ['change settings.lblcExpiration']],
  ['the rate of answers', (maps) => editSettings(maps, { answerTokens: 3 }), ['change settings.answerRate']],
]

function editSettings(maps: PlainMaps, edit: Partial<Settings>): void {
  maps.settings = { ...maps.settings, ...edit }
}

function editVip(maps: PlainMaps, flag: number): void {
  const vip = maps.vips.get(0)
  if (vip !== undefined) maps.vips.set(0, { ...vip, flags: vip.flags | flag })
}

function editService(maps: PlainMaps, edit: object): void {
  for (const entry of maps.services.values()) entry.value = { ...entry.value, ...edit }
}

function editDest(maps: PlainMaps, edit: object): void {
  const dest = maps.dests.get(0)
  if (dest !== undefined) maps.dests.set(0, { ...dest, ...edit })
}

describe('an edit behind our back', () => {
  it.each([...DRIFT, ...NEW_FIELDS])('of %s is seen and put right', (_, edit, changes) => {
    const maps = holding(WEB)
    edit(maps)
    const plan = planFor(maps, [WEB])
    expect(objects(plan)).toEqual(changes)
    maps.apply(plan)
    expectAsFromNothing(maps, [WEB])
  })

  it('marks an edited ring', () => {
    const maps = holding(WEB)
    maps.putRing(0, Buffer.alloc(256))
    expect(planFor(maps, [WEB]).services.map(({ ringEdited }) => ringEdited)).toEqual([true])
  })

  it('never lets a conn of a destination that was marked unused reach the next owner of its id', () => {
    const maps = holding(WEB)
    const before = maps.dests.get(0)?.generation
    editDest(maps, { flags: 0 })
    maps.become(configOf([{ reals: ['10.0.0.9', '10.0.0.12'] }]))
    expect(maps.dests.get(0)?.generation).not.toBe(before)
  })

  it('does not give a VIP that was deleted an id under which services still answer', () => {
    const maps = holding(WEB)
    maps.vipIds.clear()
    const plan = planFor(maps, [{ ...WEB, name: 'other', vip: '203.0.113.77' }])
    expect(plan.vips.map(({ id }) => id)).toEqual([1])
  })

  it('by an entry of the era that is not in force goes without a word', () => {
    const maps = holding(WEB)
    const stray = { key: { vip: 9, port: 9, protocol: 6, era: maps.settings.era ^ 1 }, value: {} as never }
    maps.services.set(JSON.stringify([9, 9, 6, stray.key.era]), stray)
    const plan = planFor(maps, [WEB])
    expect(plan.live.staleKeys).toEqual([stray.key])
    expect(changesOf(plan)).toEqual([])
    maps.apply(plan)
    expect(maps.services.size).toBe(1)
  })
})

describe('an apply that was killed', () => {
  const EDITS: [string, ServiceFields[]][] = [
    ['added a real', [{ ...WEB, reals: ['10.0.0.11', '10.0.0.12', '10.0.0.13'] }, DNS]],
    ['removed a real', [{ ...WEB, reals: ['10.0.0.11'] }, DNS]],
    ['changed a weight', [{ ...WEB, scheduler: 'wrr', reals: [['10.0.0.11', 5], '10.0.0.12'] }, DNS]],
    ['moved a service', [{ ...WEB, port: 81 }, DNS]],
    ['removed a service', [DNS]],
    ['drained everything', [{ ...WEB, reals: [['10.0.0.11', 0]] }, DNS]],
  ]
  const BEFORE = [{ ...WEB, scheduler: 'wrr' }, DNS]
  const cases = EDITS.flatMap(([name, services]) =>
    Array.from({ length: PlainMaps.STEPS }, (_, steps) => ({ name, services, steps })),
  )

  it.each(cases)('when it $name, after step $steps, is finished by the next', ({ services, steps }) => {
    const maps = holding(...BEFORE)
    maps.apply(planFor(maps, services), steps)
    maps.become(configOf(services))
    expectAsFromNothing(maps, services)
  })

  it.each(cases)('when it $name, after step $steps, can be taken back', ({ services, steps }) => {
    const maps = holding(...BEFORE)
    maps.apply(planFor(maps, services), steps)
    maps.become(configOf(BEFORE))
    expectAsFromNothing(maps, BEFORE)
  })

  it.each(cases)('from nothing to where it $name, after step $steps, is finished by the next', ({ services, steps }) => {
    const maps = new PlainMaps()
    maps.apply(planFor(maps, services), steps)
    maps.become(configOf(services))
    expectAsFromNothing(maps, services)
  })
})

describe('ids', () => {
  it('used up by old and new destinations together are an error that says what to do', () => {
    const maps = holding(WEB)
    const live = maps.destinations()[0]
    for (let id = 2; id < Limit.maxDests; id++) maps.dests.set(id, { ...(live?.value as Dest) })
    expect(() => planFor(maps, [{ ...WEB, port: 81 }])).toThrow(
      expect.objectContaining({ code: 'LB_ERR_IDS_USED_UP' }),
    )
  })
})
