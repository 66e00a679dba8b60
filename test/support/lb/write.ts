/** Makes the maps of a dataplane say what a {@link Table} says. */
import { InterfaceTable } from '../../../src/dataplane/interface-table.js'
import { VipTable } from '../../../src/dataplane/vip-table.js'
import { addressToWords } from '../../../src/net/address.js'
import { macBytes } from '../../../src/net/mac.js'
import type { LbMaps } from '../../../src/dataplane/lb-maps.js'
import * as abi from '../../../src/maps/generated.js'
import { clearConns, writeConn, writeNatConn } from '../conn-writer.js'
import { countsOf } from '../oracle/counts.js'
import { isTemplate, type Conn, type ConnStateName, type Protocol, type Service, type Table } from '../oracle/table.js'
import type { TestClock } from './clock.js'
import { bitsOf, encodeKey, protocolNumber } from './names.js'
import { HASH_SEED } from './seed.js'
import { probeSettings, writeProbes } from './write-probes.js'

/** The configuration in force is in this era; the other one holds nothing. */
export const ERA = 1

/** Any device will do behind an entry of tx_ports: a test run sends nothing. */
const LOOPBACK = 1
const SECOND = 1_000_000_000n

/** Which addresses are VIPs. */
export function writeVipAddresses(maps: LbMaps, table: Table): void {
  for (const [address, { id }] of table.vips) new VipTable(maps.vipBuckets).add({ address, id })
}

function writeVips(maps: LbMaps, table: Table): void {
  for (const [address, vip] of table.vips) {
    maps.vips.set(vip.id, {
      addr: addressToWords(address),
      flags: bitsOf(abi.VipFlag, vip),
      echo: abi.Echo[vip.echo],
      up: vip.up ? 1 : 0,
    })
  }
}

function makeRing(maps: LbMaps, ring: number[]): ReturnType<LbMaps['rings']['createInner']> {
  const chunks = Math.max(Math.ceil(ring.length / abi.Limit.ringChunk), 1)
  const inner = maps.rings.createInner({ name: 'ring', maxEntries: chunks })
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const start = chunk * abi.Limit.ringChunk
    const slot = Array.from({ length: abi.Limit.ringChunk }, (_, offset) => ring[start + offset] ?? 0)
    inner.set(chunk, { slot })
  }
  return inner
}

/** The rings that a dataplane has, by what is in them: writing one waits for an RCU grace period. */
export class RingIndex {
  readonly #maps: LbMaps
  readonly #indices = new Map<string, number>()

  constructor(maps: LbMaps) {
    this.#maps = maps
  }

  /** Writes those of `table` that are not there yet. Throws when there are more than the map holds. */
  write(table: Table): void {
    const missing = [...table.services.values()].filter(({ ring }) => !this.#indices.has(ring.join()))
    const made = missing.flatMap(({ ring }) => {
      if (this.#indices.has(ring.join())) return []
      const index = this.#indices.size
      this.#indices.set(ring.join(), index)
      return [[index, makeRing(this.#maps, ring)] as const]
    })
    if (made.length > 0) this.#maps.rings.setMany(made)
    for (const [, ring] of made) ring.close()
  }

  of(ring: number[]): number {
    const index = this.#indices.get(ring.join())
    if (index === undefined) throw new Error('no such ring was written')
    return index
  }
}

const serviceValue = (service: Service, ring: number, local: boolean, clock: TestClock): abi.Service => ({
  id: service.id,
  ring,
  ringSize: service.ring.length,
  scheduler: abi.Scheduler[service.scheduler],
  forward: abi.Forward[service.forward],
  flags: bitsOf(abi.ServiceFlag, {
    sloppy: service.sloppy,
    ports: service.ports,
    fallback: service.fallback,
    onePacket: service.onePacket,
    noReuse: !service.connReuse,
    noRealDrop: service.noReal === 'drop',
    noRealPass: service.noReal === 'pass',
    keepQuiescent: service.persistence?.expireQuiescent === false,
    ...{ local },
  }),
  persistenceTicks: clock.ticks(service.persistence?.timeoutNs ?? 0n),
  persistenceScope: service.persistence?.scope ?? 0,
  persistencePrefix: service.persistence?.prefix ?? 0,
  persistenceSeconds: Number((service.persistence?.timeoutNs ?? 0n) / SECOND),
  ringDigest: 0n,
  ringCrc: 0,
  tableSize: 0,
  name: 'test',
})

function writeServices(maps: LbMaps, table: Table, rings: RingIndex, clock: TestClock): void {
  for (const key of [...maps.services.keys()]) maps.services.delete(key)
  for (const [key, service] of table.services) {
    const [vip = '', protocol = '', port = ''] = key.split(' ')
    const number = protocolNumber(protocol as Protocol)
    const entry = { vip: Number(vip), port: Number(port), protocol: number, era: ERA }
    const local = [...table.dests.values()].some((dest) => dest.service === service.id && dest.local)
    maps.services.set(entry, serviceValue(service, rings.of(service.ring), local, clock))
  }
}

function writeDests(maps: LbMaps, table: Table): void {
  for (const [id, dest] of table.dests) {
    const { ifindex, service, generation, port, weight, effectiveWeight, upper, lower } = dest
    maps.dests.set(id, {
      ...{ ifindex, service, generation, port, weight, effectiveWeight, upper, lower },
      addr: addressToWords(dest.address),
      mac: macBytes(dest.mac),
      srcMac: macBytes(dest.srcMac),
      flags: bitsOf(abi.DestFlag, dest),
      forward: abi.Forward[dest.forward],
      sibling: dest.sibling === undefined ? 0 : 1 + dest.sibling,
    })
  }
}

function writeSettings(maps: LbMaps, table: Table, clock: TestClock): void {
  const states = Object.keys(abi.ConnState) as ConnStateName[]
  maps.settings.set(0, {
    hashSeed: HASH_SEED,
    timeoutTicks: states.map((name) => clock.ticks(table.timeoutsNs[name])),
    era: ERA,
    connBuckets: maps.conns.info.maxEntries,
    hz: clock.hz,
    peers: table.peers.size,
    rearmTicks: clock.ticks(table.rearmNs),
    fragmentTicks: clock.ticks(table.fragmentNs),
    lblcTicks: clock.ticks(table.lblcNs),
    answerTokens: table.answerTokens,
    ...probeSettings(table),
  })
}

/** The whole configuration of a table but for VIPs' addresses; conns and counters are {@link writeFlows}'s. */
export function writeConfiguration(maps: LbMaps, table: Table, rings: RingIndex, clock: TestClock): void {
  writeSettings(maps, table, clock)
  const interfaces = new InterfaceTable(maps.interfaces)
  for (const [ifindex, mac] of table.interfaces) {
    interfaces.set(ifindex, { mac: macBytes(mac), mode: abi.XdpMode.native, name: `if${ifindex}` })
  }
  for (const ifindex of table.txPorts) maps.txPorts.set(ifindex, LOOPBACK)
  for (const key of [...maps.peers.keys()]) maps.peers.delete(key)
  for (const mac of table.peers) maps.peers.set({ mac: macBytes(mac) }, 1)
  writeProbes(maps, table)
  writeVips(maps, table)
  writeDests(maps, table)
  rings.write(table)
  writeServices(maps, table, rings, clock)
}

const connValue = (key: string, conn: Conn, control: number, children: number, clock: TestClock): abi.Conn => ({
  key: encodeKey(key),
  dest: conn.dest,
  generation: conn.generation,
  expires: clock.tickAt(conn.expires),
  state: abi.ConnState[conn.state],
  flags: bitsOf(abi.ConnFlag, conn),
  seq: 1,
  mac: new Uint8Array(6),
  control,
  reverse: 0,
  children,
})

function writeConns(maps: LbMaps, table: Table, clock: TestClock): void {
  const entries = [...table.conns]
  const places = new Map<string, number>()
  for (const [key, conn] of entries.filter(([name]) => isTemplate(name))) {
    const children = entries.filter(([, child]) => child.live && child.control === key).length
    places.set(key, writeConn(maps, connValue(key, conn, 0, children, clock)))
  }
  for (const [key, conn] of entries.filter(([name]) => !isTemplate(name))) {
    const template = conn.control === undefined ? undefined : places.get(conn.control)
    const value = connValue(key, conn, template === undefined ? 0 : 1 + template, 0, clock)
    const dest = maps.dests.get(conn.dest)
    if (dest?.forward === abi.Forward.nat) writeNatConn(maps, value, dest)
    else writeConn(maps, value)
  }
}

/** Makes conns, cursors and fragments those of `table`, and all counters of its services and destinations zero. */
export function writeFlows(maps: LbMaps, table: Table, clock: TestClock): void {
  clearConns(maps)
  for (const key of [...maps.fragments.keys()]) maps.fragments.delete(key)
  writeConns(maps, table, clock)
  for (const { id } of table.services.values()) {
    maps.schedState.set(id, { cursor: table.cursors.get(id) ?? 0n, dest: 0, generation: 0, used: 0, modified: 0 })
  }
  for (const id of table.dests.keys()) {
    const { active, inactive, persistent, overloaded } = countsOf(table, id)
    const conns = (BigInt(active) << 32n) | BigInt(inactive)
    maps.destState.set(id, { conns, persistent, overloaded: overloaded ? 1 : 0, inSet: 0 })
  }
  maps.svcStats.zeroMany([...table.services.values()].map(({ id }) => id))
  maps.destStats.zeroMany(table.dests.keys())
}
