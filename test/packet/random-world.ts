/** Random configurations of a director, for fast-check: every key of a service, destinations in any condition. */
import fc from 'fast-check'
import { plainService, serviceKey, type Destination, type Persistence, type Service, type Table } from '../support/oracle.js'
import { EMPTY_PORT, TWIN_PORT } from './frames.js'
import { randomProbes } from './probe-frames.js'
import {
  addQueryService,
  connOf,
  destId,
  destOf,
  FAMILIES,
  INGRESS,
  knowConn,
  makeNat,
  makePortZero,
  OTHER_INTERFACE,
  OUR_OTHER_MAC,
  PROTOCOLS,
  REAL_MACS,
  ROUTER_MAC,
  serviceId,
  serviceOf,
  SILENT_VIP,
  VIP,
  STRANGER_MAC,
  VIP_ID,
  world,
  type Family,
  type Transport,
} from './world.js'

/** An interface that is not among the ways out. */
const DETACHED = 4243
const SECOND = 1_000_000_000n

/** Schedulers whose ring has 256 slots, and those that look at each destination once. */
const BUCKETED = ['sh', 'dh'] as const
const COUNTING = ['lc', 'wlc', 'sed', 'nq', 'fo', 'ovf', 'twos'] as const

const scheduler = fc.constantFrom(...(['mh', 'rr', 'wrr'] as const), ...BUCKETED, ...COUNTING)

/** Most bits of a configuration are as they are usually. */
const rarely = fc.integer({ min: 0, max: 9 }).map((number) => number === 0)

const persistence = fc.record({
  timeoutNs: fc.constant(300n * SECOND),
  prefix: fc.constantFrom(128, 128, 124, 96, 64),
  expireQuiescent: fc.boolean(),
})

const serviceFields = fc.record({
  scheduler,
  sloppy: fc.boolean(),
  ports: fc.boolean(),
  fallback: fc.boolean(),
  connReuse: fc.boolean(),
  noReal: fc.constantFrom('reject' as const, 'drop' as const, 'pass' as const),
})

/** What may be the matter with a destination. */
const conditions: Partial<Destination>[] = [
  { neighbour: false },
  { ifindex: OTHER_INTERFACE, srcMac: OUR_OTHER_MAC },
  { ifindex: DETACHED },
  { local: true },
  { gateway: true, mac: ROUTER_MAC },
  { mac: ROUTER_MAC },
  { weight: 0, effectiveWeight: 0 },
  { effectiveWeight: 0 },
  { weight: 0, effectiveWeight: 0, down: true },
  { effectiveWeight: 0, down: true },
  { weight: 3, effectiveWeight: 3 },
  { upper: 2 },
  { upper: 4, lower: 2 },
]
const condition = fc.oneof({ weight: 2, arbitrary: fc.constant({}) }, fc.constantFrom(...conditions))

const kind = fc.record({
  fields: serviceFields,
  forward: fc.constantFrom('dr' as const, 'nat' as const),
  realPort: fc.constantFrom(80, 8080, 0),
  onePacket: rarely,
  portZero: rarely,
  twin: fc.boolean(),
  persistence: fc.option(persistence, { nil: undefined, freq: 2 }),
  conditions: fc.array(condition, { minLength: 3, maxLength: 3 }),
  known: fc.option(
    fc.record({
      real: fc.nat(2),
      state: fc.constantFrom('established', 'finWait', 'timeWait', 'close', 'synRecv') as fc.Arbitrary<'established'>,
      is: fc.constantFrom('alive', 'expired', 'orphaned', 'child'),
    }),
    { nil: undefined, freq: 2 },
  ),
})
type Kind = typeof kind extends fc.Arbitrary<infer T> ? T : never

/** The slots of a ring: as many as the scheduler looks at, by usable destinations only. */
function ringOf(service: Service, ids: number[], table: Table): number[] {
  const usable = ids.filter((id) => (table.dests.get(id)?.effectiveWeight ?? 0) > 0)
  if (usable.length === 0) return []
  const { scheduler: name } = service
  const isBucketed = name === 'sh' || name === 'dh'
  const length = isBucketed ? 256 : name === 'mh' ? 251 : usable.length
  return Array.from({ length }, (_, slot) => usable[slot % usable.length] ?? 0)
}

function know(table: Table, family: Family, protocol: Transport, known: NonNullable<Kind['known']>): void {
  const isTcp = protocol === 'tcp'
  knowConn(table, family, protocol, known.real, isTcp ? { state: known.state } : {})
  const conn = table.conns.get(connOf(family, protocol))
  if (conn === undefined) return
  // Swept: whether one that still counts is pushed out depends on where other flows lie.
  if (known.is === 'expired') Object.assign(conn, { expires: 1n, live: false })
  if (known.is === 'orphaned') conn.generation -= 1
  if (known.is === 'child') conn.noReuse = true
}

function fill(table: Table, family: Family, protocol: Transport, chosen: Kind): void {
  const service = serviceOf(table, family, protocol)
  Object.assign(service, chosen.fields)
  if (chosen.forward === 'nat') makeNat(table, family, protocol, chosen.realPort)
  chosen.conditions.forEach((fields, real) => Object.assign(destOf(table, family, protocol, real), fields))
  service.onePacket = chosen.onePacket && protocol === 'udp' && chosen.forward === 'dr'
  if (chosen.persistence !== undefined) {
    service.persistence = { ...chosen.persistence, scope: serviceId(family, protocol) }
  }
  const ids = REAL_MACS.map((_, real) => destId(family, protocol, real))
  service.ring = ringOf(service, ids, table)
  if (chosen.known !== undefined) know(table, family, protocol, chosen.known)
  if (chosen.twin) addTwin(table, family, protocol)
  if (chosen.portZero) makePortZero(table, family, protocol)
}

/** One template for both services of a VIP: a client's conns to them go to the same real. */
export function makeGroup(table: Table, family: Family, shared: Omit<Persistence, 'scope'>): void {
  for (const protocol of PROTOCOLS) {
    const service = [...table.services.values()].find(({ id }) => id === serviceId(family, protocol))
    if (service !== undefined) service.persistence = { ...shared, scope: 0x8000_0000 + family }
    for (const real of REAL_MACS.keys()) {
      const other = protocol === 'tcp' ? 'udp' : 'tcp'
      destOf(table, family, protocol, real).sibling = destId(family, other, real)
    }
  }
}

/** A second service on the same reals: what a client's two conns to them must not be mistaken for each other by. */
function addTwin(table: Table, family: Family, protocol: Transport): void {
  const service = serviceOf(table, family, protocol)
  const twin = (id: number): number => id + 10
  for (const id of service.ring) {
    const dest = table.dests.get(id)
    if (dest !== undefined) table.dests.set(twin(id), { ...dest, service: service.id + 60 })
  }
  const ring = service.ring.map(twin)
  const fields = { ...service, id: service.id + 60, ring, persistence: undefined }
  table.services.set(serviceKey(VIP_ID[family], protocol, TWIN_PORT), fields)
}

const vip = fc.record({
  echo: fc.constantFrom('replyIfUp' as const, 'reply' as const, 'pass' as const, 'drop' as const),
  up: fc.boolean(),
  dropUnmatched: fc.boolean(),
  bind: rarely,
})

const choices = fc.record({
  kinds: fc.array(kind, { minLength: 4, maxLength: 4 }),
  vips: fc.array(vip, { minLength: 2, maxLength: 2 }),
  queries: fc.array(fc.option(fc.constantFrom('dr' as const, 'nat' as const), { nil: undefined }), {
    minLength: 2,
    maxLength: 2,
  }),
  groups: fc.array(fc.option(persistence, { nil: undefined, freq: 3 }), { minLength: 2, maxLength: 2 }),
  peers: fc.subarray([STRANGER_MAC, ROUTER_MAC], { maxLength: 1 }),
  answers: fc.boolean(),
  probes: randomProbes,
})

/** A configuration; called twice it makes the same one for two sides to change. */
export const randomWorld: fc.Arbitrary<() => Table> = choices.map((chosen) => () =>
  world((table) => {
    FAMILIES.forEach((family, index) => {
      Object.assign(table.vips.get(VIP[family]) ?? {}, chosen.vips[index])
      Object.assign(table.vips.get(SILENT_VIP[family]) ?? {}, { echo: 'drop' })
      PROTOCOLS.forEach((protocol, offset) => {
        const one = chosen.kinds[2 * index + offset]
        if (one !== undefined) fill(table, family, protocol, one)
        const id = 50 + family + offset
        const empty = plainService({ id, scheduler: 'wrr', sloppy: true, ring: [], noReal: one?.fields.noReal ?? 'drop' })
        table.services.set(serviceKey(VIP_ID[family], protocol, EMPTY_PORT), empty)
      })
      const group = chosen.groups[index]
      if (group !== undefined) makeGroup(table, family, group)
      const forward = chosen.queries[index]
      if (forward !== undefined) addQueryService(table, family, forward)
    })
    for (const peer of chosen.peers) table.peers.add(peer)
    table.answerTokens = chosen.answers ? 1_000_000 : 0
    table.txPorts.add(INGRESS)
    chosen.probes(table)
  }),
)

