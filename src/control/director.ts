/** The director as a whole: attach, plan, apply, detach. Every call reads the maps; nothing is remembered between two. */
import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Config } from '../config/schema.js'
import { connBuckets } from '../dataplane/conn-table.js'
import type { InstanceLocation } from '../dataplane/instance.js'
import { Instance, instancePins, linkPinName } from '../dataplane/instance.js'
import { readAttached, readLiveState } from '../dataplane/live-state.js'
import { VeerError } from '../errors.js'
import type { Link as BpfLink } from '../loader/link.js'
import { DestFlag, Limit } from '../maps/generated.js'
import { macBytes } from '../net/mac.js'
import { ensureBpffs } from '../system/bpffs.js'
import { requireCapabilities } from '../system/capabilities.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { interfaceFacts } from '../system/interfaces.js'
import { withInstanceLock } from '../system/lock.js'
import type { NeighbourTarget } from '../system/neighbour-prober.js'
import type { NetworkNamespace } from '../system/netns.js'
import { applyReconciliation } from './apply.js'
import { attachMissing, detachPinned, wantedLinks } from './attachments.js'
import type { Change } from './changes.js'
import { changesOf } from './changes.js'
import type { Disruption } from './disruption.js'
import { disruptionOf } from './disruption.js'
import { linksOfReals } from './links.js'
import type { Neighbours, OpenNeighbours } from './neighbours.js'
import { knownMacs, probeNeighbours } from './neighbours.js'
import type { Reconciliation } from './reconcile.js'
import { reconcile } from './reconcile.js'
import type { Link } from './target.js'
import { buildTarget } from './target.js'
import { announceNewVips, bindVips, unbindVips, updateMulticastFilters } from './vip-presence.js'

export interface DirectorOptions extends InstanceLocation {
  namespace: NetworkNamespace
  openNeighbours?: OpenNeighbours
  /** How long reals are asked for their MAC; default 1000. */
  resolveTimeoutMs?: number
}

/** What `plan` found, or `apply` and `attach` did. */
export interface Plan {
  changes: Change[]
  disruption: Disruption[]
  /** Reals that did not tell their MAC: they get no new flows. */
  unresolved: string[]
  /** MACs of the others, by address. */
  macs: Map<string, string>
}

export class Director {
  readonly #options: Required<DirectorOptions>

  constructor(options: DirectorOptions) {
    this.#options = { openNeighbours: probeNeighbours, resolveTimeoutMs: 1000, ...options }
  }

  /** Whether the instance has pins, that is, forwards. */
  get attached(): boolean {
    return Instance.exists(this.#options)
  }

  /** Loads, attaches, fills and pins; on failure nothing is left. Throws `LB_ERR_INSTANCE_ATTACHED` when there is one. */
  attach(config: Config): Promise<Plan> {
    return this.#locked(async () => {
      ensureBpffs(this.#options.bpffs)
      if (this.attached) {
        throw new VeerError('LB_ERR_INSTANCE_ATTACHED', `instance ${this.#options.name} is attached already`, {
          hint: 'change it with: veer apply -f FILE, or remove it with: veer detach',
        })
      }
      const netns = this.#options.namespace.inode()
      using instance = await Instance.load(this.#options, { maxConns: config.conns.max, netns })
      try {
        return await this.#apply(instance, config, (links) => instance.pin(links))
      } catch (error) {
        this.#removeHostTraces(instance)
        removeIfEmpty(dirname(instance.pins.path))
        throw error
      }
    })
  }

  /** Makes the live state equal to the configuration; on failure the old state goes on serving. */
  apply(config: Config): Promise<Plan> {
    return this.#locked(async () => {
      using instance = Instance.open(this.#options)
      this.#checkNamespace(instance)
      return await this.#apply(instance, config, (links) => {
        for (const [ifindex, link] of links) instance.pins.pin('links', linkPinName(ifindex), link)
      })
    })
  }

  /** What {@link apply} would do. */
  async plan(config: Config): Promise<Plan> {
    requireCapabilities()
    using instance = Instance.open(this.#options)
    this.#checkNamespace(instance)
    checkConnsSize(instance, config)
    const facts = this.#facts(config)
    using neighbours = this.#options.openNeighbours(this.#options.namespace, facts)
    const live = readAttached(instance.maps)
    const links = wantedLinks({ config, facts, live })
    const plan = await this.#reconcile(instance, config, facts, links, neighbours)
    return summary(instance, plan)
  }

  /** Replaces a program of another version over the same maps. Returns whether there was one. */
  upgrade(): Promise<boolean> {
    return this.#locked(async () => {
      using instance = Instance.open(this.#options)
      this.#checkNamespace(instance)
      return await instance.upgrade(this.#options.namespace.inode())
    })
  }

  /**
   * Writes a real's MAC to all its destinations. Returns false when one of them had none before, so that its rings
   * must be built anew.
   */
  updateMac({ address, ifindex }: NeighbourTarget, mac: string): Promise<boolean> {
    return this.#locked(() => {
      using instance = Instance.open(this.#options)
      const destinations = readLiveState(instance.maps)
        .services.flatMap((service) => service.destinations)
        .filter((each) => each.address === address && each.value.ifindex === ifindex)
      const known = destinations.filter(({ value }) => (value.flags & DestFlag.neighbour) !== 0)
      instance.maps.dests.setMany(known.map(({ id, value }) => [id, { ...value, mac: macBytes(mac) }]))
      return known.length === destinations.length
    })
  }

  /** Removes everything that the instance made. Throws `LB_ERR_INSTANCE_MISSING` when there is nothing. */
  detach(): Promise<void> {
    return this.#locked(() => {
      const pins = instancePins(this.#options)
      if (!this.attached && pins.list('links').length === 0) {
        throw new VeerError('LB_ERR_INSTANCE_MISSING', `instance ${this.#options.name} is not attached`, {
          hint: `nothing is pinned in ${pins.path}`,
        })
      }
      const links = pins.list('links').map((name) => pins.openLink(name))
      try {
        // An interface that has gone took its namespace's traces with it.
        const reachable = links.some((link) => link.info().ifindex !== 0)
        using instance = Instance.openReadable(this.#options)
        if (instance !== undefined && reachable) this.#checkNamespace(instance)
        if (instance !== undefined && reachable) this.#removeHostTraces(instance)
        for (const link of links) link.detach()
        pins.removeAll()
        removeIfEmpty(dirname(pins.path))
      } finally {
        for (const link of links) link.close()
      }
    })
  }

  #locked<T>(work: () => Promise<T> | T): Promise<T> {
    requireCapabilities()
    return withInstanceLock(this.#options.name, work)
  }

  #facts(config: Config): InterfaceFacts[] {
    return interfaceFacts(
      this.#options.namespace,
      config.interfaces.map(({ name }) => name),
    )
  }

  #checkNamespace(instance: Instance): void {
    const attachedIn = instance.maps.meta.get(0)?.netns
    if (attachedIn === this.#options.namespace.inode()) return
    throw new VeerError(
      'LB_ERR_NETNS_OTHER',
      `instance ${instance.name} was attached in another network namespace than ${this.#options.namespace}`,
      { hint: 'give the same --netns as at attach' },
    )
  }

  /** @param pinLinks - keeps the links of newly attached interfaces, the last step that can fail */
  async #apply(
    instance: Instance,
    config: Config,
    pinLinks: (links: ReadonlyMap<number, BpfLink>) => void,
  ): Promise<Plan> {
    const { namespace } = this.#options
    checkConnsSize(instance, config)
    const facts = this.#facts(config)
    const live = readAttached(instance.maps)
    const attached = new Map<number, BpfLink>()
    using neighbours = this.#options.openNeighbours(namespace, facts)
    try {
      const links = attachMissing(instance, { namespace, config, facts, live }, attached)
      const plan = await this.#reconcile(instance, config, facts, links, neighbours)
      const result = summary(instance, plan)
      namespace.run(() => applyReconciliation(instance.maps, plan))
      this.#settle(instance, plan, links, neighbours)
      pinLinks(attached)
      return result
    } finally {
      for (const link of attached.values()) link.close()
    }
  }

  async #reconcile(
    instance: Instance,
    config: Config,
    facts: readonly InterfaceFacts[],
    links: readonly Link[],
    neighbours: Neighbours,
  ): Promise<Reconciliation> {
    const linkByReal = linksOfReals(config, facts, links)
    const targets = [...linkByReal].map(([address, { ifindex }]) => ({ address, ifindex }))
    const resolved = await neighbours.resolve(targets, this.#options.resolveTimeoutMs)
    // Read after the wait: somebody may have written meanwhile.
    const live = readLiveState(instance.maps)
    const known = knownMacs(live)
    const target = buildTarget({
      config,
      hz: live.settings.hz,
      links,
      linkOf: (address) => ({ link: linkByReal.get(address) as Link, nextHop: address, local: false }),
      macOf: (address) => resolved.get(address) ?? known.get(`${linkByReal.get(address)?.ifindex} ${address}`),
    })
    return reconcile(live, target)
  }

  /** What follows the commit: presence of the VIPs on the links, interfaces that are no longer wanted. */
  #settle(instance: Instance, plan: Reconciliation, links: readonly Link[], neighbours: Neighbours): void {
    const { namespace } = this.#options
    const before = plan.live.vips
    const after = [...plan.target.vips.values()]
    const first = links[0]?.name ?? 'lo'
    unbindVips(before, plan.target.vips, namespace, first)
    bindVips(instance.maps, namespace, first)
    const flagged = before.map(({ address, value }) => ({ address, flags: value.flags }))
    updateMulticastFilters(flagged, after, links, namespace)
    for (const ifindex of plan.removeInterfaces) {
      const { name } = plan.live.interfaces.get(ifindex) as { name: string }
      updateMulticastFilters(flagged, [], [{ name } as Link], namespace)
      detachPinned(instance, ifindex)
    }
    announceNewVips(before, after, links, neighbours)
  }

  /** Addresses and multicast filters, as the maps tell of them. */
  #removeHostTraces(instance: Instance): void {
    const { vips, interfaces } = readLiveState(instance.maps)
    const links = [...interfaces].map(([ifindex, { name }]) => ({ name, ifindex }) as Link)
    const flagged = vips.map(({ address, value }) => ({ address, flags: value.flags }))
    unbindVips(vips, new Map(), this.#options.namespace, links[0]?.name ?? 'lo')
    updateMulticastFilters(flagged, [], links, this.#options.namespace)
  }
}

/** The directory that the instances of one BPF filesystem share. */
function removeIfEmpty(directory: string): void {
  if (existsSync(directory) && readdirSync(directory).length === 0) rmdirSync(directory)
}

function checkConnsSize(instance: Instance, config: Config): void {
  const { maxEntries } = instance.maps.conns.info
  if (maxEntries === connBuckets(config.conns.max)) return
  const size = maxEntries * Limit.connLoad
  throw new VeerError(
    'LB_ERR_CONNS_RESIZE',
    `conns.max is ${config.conns.max}, and the table in the kernel is for ${size}: its size is fixed while attached`,
    { hint: `keep max: ${size}, or detach and attach again, which ends all conns` },
  )
}

function summary(instance: Instance, plan: Reconciliation): Plan {
  const destinations = plan.services.flatMap(({ target }) => target.destinations)
  const unresolved = destinations.filter(({ mac }) => mac === undefined).map(({ address }) => address)
  return {
    changes: changesOf(plan),
    disruption: disruptionOf(instance.maps, plan),
    unresolved: [...new Set(unresolved)],
    macs: new Map(destinations.flatMap(({ address, mac }) => (mac === undefined ? [] : [[address, mac]]))),
  }
}
