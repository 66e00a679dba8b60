/** A dataplane with the tables that the packet benchmarks use: 10 services, 152 destinations, mh rings of 16,381 slots. */
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
/** That reals of nat listen on. */
export const REAL_PORT = 8080

interface BenchService {
  name: string
  vip: string
  port: number
  protocol: 'tcp' | 'udp'
  scheduler: 'mh' | 'rr' | 'wlc'
  reals: number
  forward?: 'nat'
}

const SERVICES = [
  { name: 'web4', vip: VIP4, port: 80, protocol: 'tcp', scheduler: 'mh', reals: 20 },
  { name: 'rr4', vip: VIP4, port: 81, protocol: 'tcp', scheduler: 'rr', reals: 20 },
  { name: 'dns4', vip: VIP4, port: 53, protocol: 'udp', scheduler: 'mh', reals: 20 },
  { name: 'web6', vip: VIP6, port: 80, protocol: 'tcp', scheduler: 'mh', reals: 20 },
  { name: 'dns6', vip: VIP6, port: 53, protocol: 'udp', scheduler: 'mh', reals: 20 },
  { name: 'wlc4', vip: VIP4, port: 82, protocol: 'tcp', scheduler: 'wlc', reals: 10 },
  { name: 'nat4', vip: VIP4, port: 83, protocol: 'tcp', scheduler: 'mh', reals: 20, forward: 'nat' },
  { name: 'nat6', vip: VIP6, port: 83, protocol: 'tcp', scheduler: 'mh', reals: 20, forward: 'nat' },
  { name: 'single4', vip: VIP4, port: 84, protocol: 'tcp', scheduler: 'mh', reals: 1, forward: 'nat' },
  { name: 'single6', vip: VIP6, port: 84, protocol: 'tcp', scheduler: 'mh', reals: 1, forward: 'nat' },
] as const satisfies readonly BenchService[]

const MOST_REALS = 20

export type ServiceName = (typeof SERVICES)[number]['name']

/** The addresses of a service's reals. */
export function realsOf(name: ServiceName): string[] {
  const index = SERVICES.findIndex((each) => each.name === name)
  const service = SERVICES[index]
  const numbers = Array.from({ length: service?.reals ?? 0 }, (_, real) => index * MOST_REALS + real + 1)
  return numbers.map((number) => (service?.vip === VIP6 ? `2001:db8:2::${number}` : `10.2.0.${number}`))
}

/** The MAC of a real: the last number of its address, which no two share. */
export function realMac(address: string): string {
  return `02:00:00:00:01:${Number(address.split(/[.:]/).at(-1)).toString(16).padStart(2, '0')}`
}

/** The addresses of all reals by their MACs. */
export const REALS: ReadonlyMap<string, string> = new Map(
  SERVICES.flatMap(({ name }) => realsOf(name).map((address) => [realMac(address), address])),
)

/** Month-long timeouts: no conn runs out while it is measured. */
function benchConfig(): Config {
  const services = SERVICES.map((service) => {
    const scheduler = service.scheduler === 'mh' ? { name: 'mh', tableSize: 16381, ports: true } : service.scheduler
    const port = 'forward' in service ? REAL_PORT : service.port
    return { ...service, scheduler, reals: realsOf(service.name).map((address) => ({ address, port })) }
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
  return reconcile(live, buildTarget({ config, live, hz, links, linkOf: (nextHop) => ({ link: wayOut, nextHop, local: false }), macOf }))
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
