/** A director that probes its reals: who is who, and the frames that go out and come back. */
import type { Probe, Table } from '../support/oracle.js'
import type { Packet } from '../support/packet/build.js'
import {
  destId,
  destOf,
  FAMILIES,
  INGRESS,
  OTHER_INTERFACE,
  OUR_MAC,
  PORT,
  quoteOf,
  icmpError,
  realAddress,
  REAL_MACS,
  request,
  VIP,
  world,
  type Family,
  type RequestFields,
  type Transport,
} from './world.js'

/** Source ports of probes. */
export const FIRST = 61000
export const COUNT = 16
export const LAST = FIRST + COUNT - 1

/** The director's own address, which probes leave from. */
export const SOURCE = { 4: '10.0.0.1', 6: '2001:db8:10::1' } as const
/** In the probes' namespace, and of the host's end of the way to it. */
export const INNER_MAC = '02:00:00:00:00:50'
export const OUTER_MAC = '02:00:00:00:00:51'
/** Another director that is pinged. */
export const PEER_MAC = '02:00:00:00:00:60'

/** The probe of a real by its VIP. */
export const probeOf = (family: Family, protocol: Transport, real = 0, fields: Partial<Probe> = {}): Probe => ({
  ...{ kind: 'real', dst: VIP[family], port: PORT, protocol, ifindex: 0, mac: '00:00:00:00:00:00' },
  ...{ dest: destId(family, protocol, real), generation: 7 },
  ...fields,
})

/** A ping of a VIP of another director. */
export const pingOf = (family: Family, fields: Partial<Probe> = {}): Probe => ({
  ...probeOf(family, 'tcp', 0, { dest: 0, generation: 0 }),
  ...{ kind: 'ping', ifindex: OTHER_INTERFACE, mac: PEER_MAC },
  ...fields,
})

/** The world with a way to probe, and nothing under way. */
export const probingWorld = (change: (table: Table) => void = () => undefined): Table =>
  world((table) => {
    table.txPorts.add(INGRESS)
    const sources = new Set(FAMILIES.map((family) => SOURCE[family]))
    table.probes = { first: FIRST, count: COUNT, mac: INNER_MAC, underWay: new Map(), sources, hasPort: true }
    change(table)
  })

/** The same with a probe under way by the first port. */
export const underWay = (probe: Probe, change: (table: Table) => void = () => undefined): Table =>
  probingWorld((table) => {
    table.probes.underWay.set(FIRST, probe)
    change(table)
  })

/** A probe as its socket sends it: by default to the VIP, by the first port. */
export const sent = (family: Family, protocol: Transport, fields: RequestFields = {}): Packet =>
  request(family, protocol, { src: SOURCE[family], sport: FIRST, srcMac: INNER_MAC, dstMac: OUTER_MAC, ...fields })

/** The same as it leaves for a real of dr: its MAC, and nothing else. */
export const left = (family: Family, protocol: Transport, real: number, fields: RequestFields = {}): Packet =>
  sent(family, protocol, { srcMac: OUR_MAC, dstMac: REAL_MACS[real] ?? INNER_MAC, ...fields })

/** What a real answers to a probe by its VIP; `dport` by default the first port. */
export const answered = (family: Family, protocol: Transport, fields: RequestFields = {}): Packet =>
  request(family, protocol, {
    ...{ src: VIP[family], dst: SOURCE[family], sport: PORT, dport: FIRST },
    ...{ srcMac: REAL_MACS[0], dstMac: OUR_MAC, flags: ['syn', 'ack'] },
    ...fields,
  })

/** An ICMP error (port unreachable) to the address of the probes, about a packet that has left. */
export function refused(family: Family, about: Packet | Uint8Array, fields: { dst?: string; dstMac?: string; type?: number } = {}): Packet {
  const bytes = about instanceof Uint8Array ? about : about.bytes()
  const type = fields.type ?? (family === 4 ? 3 : 1)
  const code = family === 4 ? 3 : 4
  const quoted = quoteOf(bytes, (family === 4 ? 20 : 40) + 8)
  const ends = { src: realAddress(family, 0), dst: fields.dst ?? SOURCE[family], srcMac: REAL_MACS[0] }
  return icmpError({ family, type, code, ...ends, quoted, ...(fields.dstMac === undefined ? {} : { dstMac: fields.dstMac }) })
}

/** Makes all reals of a service those of nat, on the VIP's port. */
export function natOf(table: Table, family: Family, protocol: Transport): void {
  for (const real of REAL_MACS.keys()) Object.assign(destOf(table, family, protocol, real), { forward: 'nat' })
}
