/** Configurations for the control plane's tests, and maps without a kernel that a reconciliation is applied to. */
import { parseConfig } from '../../../src/config/parse.js'
import type { Config, RealInput } from '../../../src/config/schema.js'
import type { Link, Target, Via } from '../../../src/control/target.js'
import { buildTarget } from '../../../src/control/target.js'
import type { Reconciliation } from '../../../src/control/reconcile.js'
import { reconcile } from '../../../src/control/reconcile.js'
import type { ServiceWrite, Writes } from '../../../src/control/writes.js'
import { sealed } from '../../../src/control/writes.js'
import { EMPTY_SETTINGS } from '../../../src/dataplane/instance.js'
import type { LiveDestination, LiveService, LiveState } from '../../../src/dataplane/live-state.js'
import { NO_RING, ringSlots } from '../../../src/dataplane/ring-store.js'
import type { Dest, Interface, Service, ServiceKey, Settings, Vip } from '../../../src/maps/generated.js'
import { DestFlag } from '../../../src/maps/generated.js'
import { addressFromWords, familyOf } from '../../../src/net/address.js'

export const HZ = 1000

export const LO: Link = { name: 'lo', ifindex: 1, mac: '02:00:00:00:00:01', mode: 'generic' }
export const ETH: Link = { name: 'eth1', ifindex: 2, mac: '02:00:00:00:00:02', mode: 'native' }

/** The MAC that every real of the tests has: its last two bytes are the address's last byte and family. */
export function macOf(address: string): string {
  const last = address.split(/[.:]/).at(-1) ?? '0'
  return `02:00:00:00:0${familyOf(address)}:${Number(last).toString(16).padStart(2, '0')}`
}

export function config(text: string): Config {
  const result = parseConfig(text)
  if (result.config === undefined) throw new Error(result.problems.map(({ message }) => message).join('\n'))
  return result.config
}

export interface ServiceFields {
  name?: string
  vip?: string
  port?: number | undefined
  protocol?: string
  scheduler?: string
  /** Addresses, address and weight, or as the file has them. */
  reals?: readonly (string | readonly [string, number] | RealInput)[] | undefined
  [key: string]: unknown
}

function isPair(real: NonNullable<ServiceFields['reals']>[number]): real is readonly [string, number] {
  return Array.isArray(real)
}

/** A configuration on `lo`; services are by default one named `web` with two reals. */
export function configOf(services: readonly ServiceFields[], rest: object = {}): Config {
  const full = services.map(({ reals = ['10.0.0.11', '10.0.0.12'], ...fields }) => ({
    name: 'web',
    vip: '203.0.113.10',
    port: 80,
    protocol: 'tcp',
    scheduler: 'rr',
    ...fields,
    reals: reals.map((real) => (isPair(real) ? { address: real[0], weight: real[1] } : real)),
  }))
  return config(JSON.stringify({ version: 1, interfaces: ['lo'], services: full, ...rest }))
}

export interface TargetOptions {
  /** Nothing, by default: no destination has a health. */
  live?: Pick<LiveState, 'services'>
  hz?: number
  links?: readonly Link[]
  linkOf?: (address: string) => Via
  macOf?: (address: string) => string | undefined
}

/** Reals that are on this link themselves. */
export const onLink =
  (link: Link) =>
  (address: string): Via => ({ link, nextHop: address, local: false })

export function targetOf(from: Config, options: TargetOptions = {}): Target {
  const links = options.links ?? [LO]
  return buildTarget({ config: from, live: { services: [] }, hz: HZ, links, linkOf: onLink(links[0] ?? LO), macOf, ...options })
}

/** What an operator or a packet can tell of the maps: nothing of ids, eras and indices. */
export function observe(live: LiveState, slotsOf: (service: Service) => Uint32Array): object {
  const { hashSeed: _, era: __, hz: ___, connBuckets: ____, ...settings } = live.settings
  const named = live.services.flatMap(({ value, destinations }) =>
    destinations.map((each) => [each.id, `${value.name} ${realText(each)}`] as const),
  )
  const services = live.services.map((service) => observeService(service, slotsOf(service.value), new Map(named)))
  const vips = live.vips.map(({ address, value: { flags, echo, up } }) => ({ address, flags, echo, up }))
  return {
    settings,
    peers: [...live.peers].sort(),
    pingSources: [...live.pingSources].sort(),
    interfaces: new Map(live.interfaces),
    txPorts: new Set(live.txPorts),
    vips: vips.sort((a, b) => a.address.localeCompare(b.address)),
    services: services.sort((a, b) => a.key.localeCompare(b.key)),
    orphans: live.orphans.length,
  }
}

const realText = ({ value }: LiveDestination): string => `${addressFromWords(value.addr)} ${value.port}`

function observeService(
  { vip, key, value, destinations }: LiveService,
  slots: Uint32Array,
  named: ReadonlyMap<number, string>,
) {
  const { id: _, ring: __, ringCrc: ___, ...entry } = value
  const names = new Map(destinations.map((destination) => [destination.id, realText(destination)]))
  const facts = destinations.map((destination) => {
    const { service: ____, generation: _____, sibling, ...rest } = destination.value
    return { real: realText(destination), ...rest, sibling: named.get(sibling - 1) }
  })
  return {
    key: `${vip} ${key.protocol} ${key.port}`,
    entry,
    ring: Array.from(slots, (id) => names.get(id)),
    destinations: facts.sort((a, b) => a.real.localeCompare(b.real)),
  }
}

const keyOf = ({ vip, port, protocol, era }: ServiceKey): string => JSON.stringify([vip, port, protocol, era])

/** Every map that a reconciliation writes, as plain JavaScript. */
export class PlainMaps {
  settings: Settings = { ...EMPTY_SETTINGS, hashSeed: 1n, era: 0, connBuckets: 8, hz: HZ, ...targetOf(configOf([])).settings }
  readonly interfaces = new Map<number, Interface>()
  readonly txPorts = new Set<number>()
  readonly peers = new Set<string>()
  readonly pingSources = new Set<string>()
  /** vip_buckets: ids by address. */
  readonly vipIds = new Map<string, number>()
  readonly vips = new Map<number, Vip>()
  readonly services = new Map<string, { key: ServiceKey; value: Service }>()
  readonly dests = new Map<number, Dest>()
  /** Of each ring the id of its map, and its slots. */
  readonly rings = new Map<number, { id: number; packed: Buffer }>()
  #nextRingId = 1

  /** As readLiveState() reads the kernel's. */
  live(): LiveState {
    const vips = [...this.vipIds].map(([address, id]) => ({ id, address, value: this.vips.get(id) as Vip }))
    const inUse = this.destinations()
    const all = [...this.services.values()]
    const ours = all.filter(({ key }) => key.era === this.settings.era)
    const ids = new Set(ours.map(({ value }) => value.id))
    return {
      settings: this.settings,
      interfaces: new Map(this.interfaces),
      txPorts: new Set(this.txPorts),
      peers: new Set(this.peers),
      pingSources: new Set(this.pingSources),
      vips,
      services: ours.map(({ key, value }) => ({
        key,
        value,
        vip: vips.find(({ id }) => id === key.vip)?.address,
        ringId: value.ringSize === 0 ? NO_RING : this.rings.get(value.ring)?.id,
        destinations: inUse.filter((each) => each.value.service === value.id),
      })),
      staleKeys: all.filter(({ key }) => key.era !== this.settings.era).map(({ key }) => key),
      orphans: inUse.filter(({ value }) => !ids.has(value.service)),
      ringIndices: new Set(this.rings.keys()),
      generationOf: (id) => this.dests.get(id)?.generation ?? 0,
    }
  }

  destinations(): LiveDestination[] {
    const all = [...this.dests].map(([id, value]) => ({ id, address: addressFromWords(value.addr), value }))
    return all.filter(({ value }) => (value.flags & DestFlag.live) !== 0).sort((a, b) => a.id - b.id)
  }

  reconcile(target: Target): Reconciliation {
    return reconcile(this.live(), target)
  }

  /** The steps of apply.ts, of which the first `steps` are done before somebody pulls the plug. */
  apply(plan: Writes, steps = Infinity): void {
    const era = plan.live.settings.era ^ 1
    const all = [
      () => this.#writeInterfaces(plan),
      () => plan.writePeers.forEach((mac) => this.peers.add(mac)),
      () => plan.writePingSources.forEach((network) => this.pingSources.add(network)),
      () => plan.writeDests.forEach(([id, value]) => this.dests.set(id, value)),
      () => plan.services.forEach(({ ring }) => ring && this.putRing(ring.index, ring.packed)),
      () => this.#addVips(plan),
      () => plan.live.staleKeys.forEach((key) => this.services.delete(keyOf(key))),
      () => plan.services.forEach((step) => this.#setService({ ...step.key, era }, this.#sealed(step))),
      () => (this.settings = { ...this.settings, ...plan.settings, era }),
      () => plan.retireDests.forEach(([id, value]) => this.dests.set(id, value)),
      () => plan.vips.forEach(({ id, value }) => this.vips.set(id, value)),
      () => plan.removePeers.forEach((mac) => this.peers.delete(mac)),
      () => plan.removePingSources.forEach((network) => this.pingSources.delete(network)),
      () => this.#removeInterfaces(plan),
      () => plan.live.services.forEach(({ key }) => this.services.delete(keyOf(key))),
      () => plan.removeVips.forEach(({ address }) => this.vipIds.delete(address)),
      () => plan.removeRings.forEach((index) => this.rings.delete(index)),
    ]
    for (const step of all.slice(0, steps)) step()
  }

  static readonly STEPS = 17

  /** In a map of its own, as the kernel does. */
  putRing(index: number, packed: Buffer): void {
    this.rings.set(index, { id: this.#nextRingId++, packed })
  }

  #sealed(step: ServiceWrite): Service {
    return sealed(step, step.ring && this.rings.get(step.ring.index)?.id)
  }

  #setService(key: ServiceKey, value: Service): void {
    this.services.set(keyOf(key), { key, value })
  }

  #writeInterfaces(plan: Writes): void {
    for (const [ifindex, value] of plan.writeInterfaces) {
      this.interfaces.set(ifindex, value)
      this.txPorts.add(ifindex)
    }
  }

  #removeInterfaces(plan: Writes): void {
    for (const ifindex of plan.removeInterfaces) {
      this.interfaces.delete(ifindex)
      this.txPorts.delete(ifindex)
    }
  }

  #addVips(plan: Writes): void {
    for (const vip of plan.vips.filter(({ live }) => live === undefined)) {
      this.vips.set(vip.id, vip.value)
      this.vipIds.set(vip.address, vip.id)
    }
  }

  /** Reconciles with a configuration and applies it whole. */
  become(from: Config, options?: TargetOptions): Reconciliation {
    const plan = this.reconcile(targetOf(from, { live: this.live(), ...options }))
    this.apply(plan)
    return plan
  }

  observe(): object {
    return observe(this.live(), ({ ring, ringSize }) => {
      return ringSlots(this.rings.get(ring)?.packed ?? Buffer.alloc(0), ringSize)
    })
  }
}
