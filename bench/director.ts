/** A dataplane with the tables that all benchmarks use: 5 services, 100 destinations, mh rings of 16,381 slots. */
import type { SchedulerConfig } from '../src/config/schema.js'
import type { LbMaps } from '../src/dataplane/lb-maps.js'
import { packRing, ringCrc, storeRings } from '../src/dataplane/ring-store.js'
import { ConnState, DestFlag, Echo, Forward, Scheduler, ServiceFlag, VipFlag, XdpMode } from '../src/maps/generated.js'
import { addressToWords, familyOf } from '../src/net/address.js'
import { macBytes } from '../src/net/mac.js'
import { buildRing } from '../src/scheduler/ring.js'

export const VIP4 = '203.0.113.10'
export const VIP6 = '2001:db8:ffff::10'
export const DIRECTOR_MAC = '02:00:00:00:00:d0'
/** Of the interface that the reals are reached by, when it is another one. */
export const WAY_OUT_MAC = '02:00:00:00:00:d1'
export const REALS_PER_SERVICE = 20

const MH: SchedulerConfig = { name: 'mh', tableSize: 16381, ports: true }

interface BenchService {
  name: string
  vip: string
  port: number
  protocol: 'tcp' | 'udp'
  scheduler: SchedulerConfig
}

export const SERVICES: readonly BenchService[] = [
  { name: 'web4', vip: VIP4, port: 80, protocol: 'tcp', scheduler: MH },
  { name: 'rr4', vip: VIP4, port: 81, protocol: 'tcp', scheduler: { name: 'rr' } },
  { name: 'dns4', vip: VIP4, port: 53, protocol: 'udp', scheduler: MH },
  { name: 'web6', vip: VIP6, port: 80, protocol: 'tcp', scheduler: MH },
  { name: 'dns6', vip: VIP6, port: 53, protocol: 'udp', scheduler: MH },
]

/** Where packets come in and where the reals are; the same interface: XDP_TX. */
export interface Ways {
  ingress: number
  egress: number
}

/** The address of a destination, by its id. */
export function realAddress(id: number): string {
  const family = familyOf(SERVICES[Math.floor(id / REALS_PER_SERVICE)]?.vip ?? VIP4)
  return family === 4 ? `10.2.0.${id + 1}` : `2001:db8:2::${(id + 1).toString(16)}`
}

/** The MAC of a destination, by its id. */
export function realMac(id: number): string {
  return `02:00:00:00:01:${id.toString(16).padStart(2, '0')}`
}

/** Fills all maps that control writes. */
export function fillTables(maps: LbMaps, ways: Ways): void {
  fillInterfaces(maps, ways)
  fillVips(maps)
  SERVICES.forEach((service, id) => addService(maps, ways, service, id))
  maps.settings.set(0, { timeoutNs: timeouts(), era: 0 })
}

function fillInterfaces(maps: LbMaps, { ingress, egress }: Ways): void {
  maps.interfaces.set(ingress, { mac: macBytes(DIRECTOR_MAC), mode: XdpMode.native, name: 'in' })
  if (egress === ingress) return
  maps.interfaces.set(egress, { mac: macBytes(WAY_OUT_MAC), mode: XdpMode.native, name: 'out' })
  maps.txPorts.set(egress, egress)
}

function fillVips(maps: LbMaps): void {
  for (const [id, address] of [VIP4, VIP6].entries()) {
    const addr = addressToWords(address)
    maps.vips.set(id, { addr, flags: VipFlag.announce, echo: Echo.replyIfUp, up: 1 })
    maps.vipIds.set(addr, { id, family: familyOf(address) })
  }
}

function addService(maps: LbMaps, { ingress, egress }: Ways, service: BenchService, id: number): void {
  const first = id * REALS_PER_SERVICE
  const ids = Array.from({ length: REALS_PER_SERVICE }, (_, index) => first + index)
  for (const dest of ids) {
    maps.dests.set(dest, {
      addr: addressToWords(realAddress(dest)),
      mac: macBytes(realMac(dest)),
      srcMac: macBytes(egress === ingress ? DIRECTOR_MAC : WAY_OUT_MAC),
      ifindex: egress,
      service: id,
      generation: 1,
      port: service.port,
      flags: DestFlag.live | DestFlag.neighbour,
      weight: 1,
      effectiveWeight: 1,
    })
  }
  const reals = ids.map((dest) => ({ address: realAddress(dest), port: service.port, weight: 1 }))
  const ring = buildRing(service.scheduler, reals).map((index) => first + index)
  const packed = packRing(ring)
  storeRings(maps, [{ index: id, packed }])
  const vip = service.vip === VIP4 ? 0 : 1
  const { scheduler } = service
  maps.services.set(
    { vip, port: service.port, protocol: service.protocol === 'tcp' ? 6 : 17, era: 0 },
    {
      id,
      ring: id,
      ringSize: ring.length,
      scheduler: Scheduler[scheduler.name],
      forward: Forward.dr,
      flags: scheduler.name === 'mh' && scheduler.ports ? ServiceFlag.ports : 0,
      ringDigest: 0n,
      ringCrc: ringCrc(packed),
      tableSize: ring.length,
      name: service.name,
    },
  )
}

/** An hour for every state: no conn runs out while it is measured. */
function timeouts(): bigint[] {
  return Object.values(ConnState).map(() => 3_600_000_000_000n)
}
