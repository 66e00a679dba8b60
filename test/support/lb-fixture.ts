/**
 * The real program under BPF_PROG_TEST_RUN, with maps that say what a {@link Table} says. Nothing is attached and no
 * packet leaves; the frame comes in by the loopback interface, and a redirect is only a verdict.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { measureHz, readTick } from '../../src/dataplane/clock.js'
import { VipTable } from '../../src/dataplane/vip-table.js'
import { addressFromWords, addressToWords } from '../../src/net/address.js'
import { macBytes } from '../../src/net/mac.js'
import { Collection } from '../../src/loader/collection.js'
import { CollectionSpec } from '../../src/loader/collection-spec.js'
import * as abi from '../../src/maps/generated.js'
import { clearConns, readConns, writeConn } from './conn-writer.js'
import { IpProtocol } from './packet/layer.js'
import { connKey } from './oracle.js'
import type { Conn, ConnStateName, Counters, Protocol, Service, Table, VerdictName, XdpAction } from './oracle.js'

const OBJECT = fileURLToPath(new URL('../../build/bpf/xdp_lb.o', import.meta.url))
/** Most of a load is the kernel clearing memory, and each test loads anew. */
const SIZES = { conns: 820, dests: 8192, dest_stats: 8192, svc_stats: 256, cursors: 256, rings: 256 }
/** Any device will do behind an entry of tx_ports: a test run sends nothing. */
const LOOPBACK = 1
const ACTIONS: readonly XdpAction[] = ['aborted', 'drop', 'pass', 'tx', 'redirect']
const PROTOCOL_NUMBER = { tcp: IpProtocol.tcp, udp: IpProtocol.udp } as const

/** The configuration in force is in this era; the other one holds nothing. */
export const ERA = 1

type Maps = Collection<typeof abi.xdpLb>['maps']

export interface RunResult {
  verdict: VerdictName
  action: XdpAction
  frame: Uint8Array
}

const nameOf = <T extends Record<string, number>>(values: T, value: number): keyof T => {
  const found = Object.entries(values).find(([, number]) => number === value)
  if (found === undefined) throw new Error(`no enumerator is ${value}`)
  return found[0]
}

const flags = (bits: Record<string, number>, set: Record<string, boolean>): number =>
  Object.entries(set).reduce((all, [name, isSet]) => (isSet ? all | (bits[name] ?? 0) : all), 0)

function writeVips(maps: Maps, table: Table): void {
  for (const [address, vip] of table.vips) {
    const addr = addressToWords(address)
    new VipTable(maps.vipBuckets).add({ address, id: vip.id })
    maps.vips.set(vip.id, {
      addr,
      flags: flags(abi.VipFlag, { announce: vip.announce }),
      echo: abi.Echo[vip.echo],
      up: vip.up ? 1 : 0,
    })
  }
}

function makeRing(maps: Maps, ring: number[]): ReturnType<Maps['rings']['createInner']> {
  const chunks = Math.max(Math.ceil(ring.length / abi.Limit.ringChunk), 1)
  const inner = maps.rings.createInner({ name: 'ring', maxEntries: chunks })
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const start = chunk * abi.Limit.ringChunk
    const slot = Array.from({ length: abi.Limit.ringChunk }, (_, offset) => ring[start + offset] ?? 0)
    inner.set(chunk, { slot })
  }
  return inner
}

/** All rings at once: each update by itself would wait for an RCU grace period. */
function writeRings(maps: Maps, table: Table): void {
  const rings = [...table.services.values()].map(({ id, ring }) => [id, makeRing(maps, ring)] as const)
  maps.rings.setMany(rings)
  for (const [, ring] of rings) ring.close()
}

const serviceValue = (service: Service): abi.Service => ({
  id: service.id,
  ring: service.id,
  ringSize: service.ring.length,
  scheduler: abi.Scheduler[service.scheduler],
  forward: abi.Forward.dr,
  flags: flags(abi.ServiceFlag, { sloppy: service.sloppy, ports: service.ports }),
  ringDigest: 0n,
  ringCrc: 0,
  tableSize: 0,
  name: 'test',
})

function writeServices(maps: Maps, table: Table): void {
  for (const [key, service] of table.services) {
    const [vip = '', protocol = '', port = ''] = key.split(' ')
    const number = PROTOCOL_NUMBER[protocol as Protocol]
    maps.services.set({ vip: Number(vip), port: Number(port), protocol: number, era: ERA }, serviceValue(service))
  }
}

function writeDests(maps: Maps, table: Table): void {
  for (const [id, dest] of table.dests) {
    maps.dests.set(id, {
      addr: addressToWords(dest.address),
      mac: macBytes(dest.mac),
      srcMac: macBytes(dest.srcMac),
      ifindex: dest.ifindex,
      service: dest.service,
      generation: dest.generation,
      port: dest.port,
      flags: flags(abi.DestFlag, { live: dest.live, neighbour: dest.neighbour }),
      weight: 1,
      effectiveWeight: 1,
    })
  }
}

function encodeConnKey(key: string): abi.ConnKey {
  const [protocol, client = '', clientPort, vip, port] = key.split(' ')
  return {
    client: addressToWords(client),
    vip: Number(vip),
    protocol: PROTOCOL_NUMBER[protocol as Protocol],
    clientPort: Number(clientPort),
    port: Number(port),
  }
}

const decodeConnKey = (key: abi.ConnKey): string =>
  connKey({ ...key, client: addressFromWords(key.client), protocol: key.protocol === IpProtocol.tcp ? 'tcp' : 'udp' })

const readCounters = (counters: abi.Counters | undefined): Counters => ({
  conns: Number(counters?.conns),
  inPkts: Number(counters?.inPkts),
  inBytes: Number(counters?.inBytes),
})

const NS_PER_SECOND = 1_000_000_000n
/** Dead for longer than any grace. */
const LONG_DEAD = -1_000_000

/** Translates between the oracle's clock (process.hrtime, ns) and that of the dataplane (ticks). */
class Clock {
  readonly #nsPerTick: bigint
  readonly hz: number
  /** One moment by both; the same tick is the same time whenever it is read. */
  readonly #tick: number
  readonly #ns = process.hrtime.bigint()

  constructor(hz: number, tick: number) {
    this.hz = hz
    this.#nsPerTick = (NS_PER_SECOND * BigInt(abi.Limit.tickJiffies)) / BigInt(hz)
    this.#tick = tick
  }

  ticks(ns: bigint): number {
    return Number(ns / this.#nsPerTick)
  }

  tickAt(ns: bigint): number {
    return this.#tick + Math.max(LONG_DEAD, this.ticks(ns - this.#ns))
  }

  nsAt(tick: number): bigint {
    return this.#ns + BigInt((tick - this.#tick) | 0) * this.#nsPerTick
  }
}

/** The same in all fixtures of a process; measuring takes a while. */
let hz: number | undefined

export class LbFixture implements Disposable {
  readonly collection: Collection<typeof abi.xdpLb>
  readonly #clock: Clock
  #verdicts: Map<number, bigint>

  private constructor(collection: Collection<typeof abi.xdpLb>, clock: Clock) {
    this.collection = collection
    this.#clock = clock
    this.#verdicts = new Map(this.maps.verdicts.sums())
  }

  /** Loads the object anew and writes `table` to its maps. */
  static async open(table: Table): Promise<LbFixture> {
    const spec = CollectionSpec.parse(readFileSync(OBJECT), 'xdp_lb')
    for (const [map, entries] of Object.entries(SIZES)) spec.map(map).maxEntries = entries
    const collection = await Collection.load(spec, abi.xdpLb)
    hz ??= await measureHz(collection.programs.lbClock)
    const fixture = new LbFixture(collection, new Clock(hz, readTick(collection.programs.lbClock)))
    fixture.#write(table)
    return fixture
  }

  get maps(): Maps {
    return this.collection.maps
  }

  #write(table: Table): void {
    const { maps } = this
    const states = Object.keys(abi.ConnState) as ConnStateName[]
    maps.settings.set(0, {
      hashSeed: 0x0123_4567_89ab_cdefn,
      timeoutTicks: states.map((name) => this.#clock.ticks(table.timeoutsNs[name])),
      era: ERA,
      connBuckets: maps.conns.info.maxEntries,
      hz: this.#clock.hz,
    })
    for (const [ifindex, mac] of table.interfaces) {
      maps.interfaces.set(ifindex, { mac: macBytes(mac), mode: abi.XdpMode.native, name: `if${ifindex}` })
    }
    for (const ifindex of table.txPorts) maps.txPorts.set(ifindex, LOOPBACK)
    writeVips(maps, table)
    writeDests(maps, table)
    writeRings(maps, table)
    writeServices(maps, table)
    this.writeFlows(table)
  }

  /** Makes conns and cursors those of `table` and all counters of its services and destinations zero. */
  writeFlows(table: Table): void {
    const { maps } = this
    clearConns(maps)
    for (const [key, { expires, ...conn }] of table.conns) {
      writeConn(maps, {
        ...conn,
        key: encodeConnKey(key),
        state: abi.ConnState[conn.state],
        expires: this.#clock.tickAt(expires) >>> 0,
        mac: new Uint8Array(6),
      })
    }
    const services = [...table.services.values()].map((service) => service.id)
    for (const id of services) maps.cursors.set(id, table.cursors.get(id) ?? 0n)
    maps.svcStats.zeroMany(services)
    maps.destStats.zeroMany(table.dests.keys())
  }

  /** One frame through the program. Throws unless exactly one verdict was counted, once. */
  run(frame: Uint8Array): RunResult {
    const { retval, data } = this.collection.programs.xdpLb.run({ data: frame })
    const after = new Map(this.maps.verdicts.sums())
    const counted = [...after].filter(([index, count]) => count !== this.#verdicts.get(index))
    const [index, count] = counted[0] ?? [-1, 0n]
    if (counted.length !== 1 || count !== (this.#verdicts.get(index) ?? 0n) + 1n) {
      throw new Error(
        `one frame was counted as ${counted.map(([number]) => abi.verdictNames[number]).join(', ') || 'nothing'}`,
      )
    }
    this.#verdicts = after
    return { verdict: nameOf(abi.Verdict, index), action: ACTIONS[retval] ?? 'aborted', frame: Uint8Array.from(data) }
  }

  /** All conns by the oracle's key. */
  conns(): Map<string, Conn> {
    const entries = readConns(this.maps).map(({ key, dest, generation, state, expires }) => {
      const conn = { dest, generation, state: nameOf(abi.ConnState, state), expires: this.#clock.nsAt(expires) }
      return [decodeConnKey(key), conn] as const
    })
    return new Map<string, Conn>(entries)
  }

  /** The dataplane's clock now. */
  tick(): number {
    return readTick(this.collection.programs.lbClock)
  }

  cursor(service: number): bigint | undefined {
    return this.maps.cursors.get(service)
  }

  serviceCounters(service: number): Counters {
    return readCounters(this.maps.svcStats.sum(service))
  }

  destCounters(dest: number): Counters {
    return readCounters(this.maps.destStats.sum(dest))
  }

  [Symbol.dispose](): void {
    this.collection.close()
  }
}
