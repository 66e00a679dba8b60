/** A dataplane with the tables that the packet benchmarks use: 5 services, 100 destinations, mh rings of 16,381 slots. */
import { parseConfig } from '../src/config/parse.js'
import type { Config } from '../src/config/schema.js'
import { applyReconciliation } from '../src/control/apply.js'
import type { Reconciliation } from '../src/control/reconcile.js'
import { reconcile } from '../src/control/reconcile.js'
import type { Link } from '../src/control/target.js'
import { buildTarget } from '../src/control/target.js'
import type { LbMaps } from '../src/dataplane/lb-maps.js'
import { readLiveState } from '../src/dataplane/live-state.js'

export const VIP4 = '203.0.113.10'
export const VIP6 = '2001:db8:ffff::10'
export const DIRECTOR_MAC = '02:00:00:00:00:d0'
/** Of the interface that the reals are reached by, when it is another one. */
export const WAY_OUT_MAC = '02:00:00:00:00:d1'
export const REALS_PER_SERVICE = 20

const SERVICES = [
  { name: 'web4', vip: VIP4, port: 80, protocol: 'tcp', scheduler: 'mh' },
  { name: 'rr4', vip: VIP4, port: 81, protocol: 'tcp', scheduler: 'rr' },
  { name: 'dns4', vip: VIP4, port: 53, protocol: 'udp', scheduler: 'mh' },
  { name: 'web6', vip: VIP6, port: 80, protocol: 'tcp', scheduler: 'mh' },
  { name: 'dns6', vip: VIP6, port: 53, protocol: 'udp', scheduler: 'mh' },
] as const

export type ServiceName = (typeof SERVICES)[number]['name']

/** The addresses of a service's reals. */
export function realsOf(name: ServiceName): string[] {
  const service = SERVICES.findIndex((each) => each.name === name)
  const numbers = Array.from({ length: REALS_PER_SERVICE }, (_, index) => service * REALS_PER_SERVICE + index + 1)
  return numbers.map((number) => (SERVICES[service]?.vip === VIP6 ? `2001:db8:2::${number}` : `10.2.0.${number}`))
}

/** The MAC of a real: the last number of its address, which no two share. */
export function realMac(address: string): string {
  return `02:00:00:00:01:${Number(address.split(/[.:]/).at(-1)).toString(16).padStart(2, '0')}`
}

export const REAL_MACS: ReadonlySet<string> = new Set(SERVICES.flatMap(({ name }) => realsOf(name).map(realMac)))

/** Month-long timeouts: no conn runs out while it is measured. */
function benchConfig(): Config {
  const services = SERVICES.map((service) => {
    const scheduler = service.scheduler === 'mh' ? { name: 'mh', tableSize: 16381, ports: true } : service.scheduler
    return { ...service, scheduler, reals: realsOf(service.name) }
  })
  const file = { version: 1, interfaces: ['in'], timeouts: { tcp: '744h', tcpFin: '744h', udp: '744h' }, services }
  return configOf(JSON.stringify(file))
}

/** A configuration from the text of its file, which is right. */
export function configOf(text: string): Config {
  const { config, problems } = parseConfig(text)
  if (config !== undefined) return config
  throw new Error(`the benchmark's own file is refused: ${JSON.stringify(problems[0])}`)
}

/** What has to be done that the maps say what a configuration says; all reals are on one link. */
export function planFor(
  maps: LbMaps,
  config: Config,
  links: readonly Link[],
  wayOut: Link,
  macOf: (address: string) => string | undefined,
): Reconciliation {
  const live = readLiveState(maps)
  const { hz } = live.settings
  return reconcile(live, buildTarget({ config, hz, links, linkOf: (nextHop) => ({ link: wayOut, nextHop, local: false }), macOf }))
}

/** Where packets come in and where the reals are; the same interface: XDP_TX. */
export interface Ways {
  ingress: number
  egress: number
}

/** Fills all maps that control writes. Runs in the network namespace of the interfaces. */
export function fillTables(maps: LbMaps, { ingress, egress }: Ways): void {
  const links: Link[] = [{ name: 'in', ifindex: ingress, mac: DIRECTOR_MAC, mode: 'native' }]
  if (egress !== ingress) links.push({ name: 'out', ifindex: egress, mac: WAY_OUT_MAC, mode: 'native' })
  const wayOut = links.at(-1)
  if (wayOut !== undefined) applyReconciliation(maps, planFor(maps, benchConfig(), links, wayOut, realMac))
}
