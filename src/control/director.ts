/** The director as a whole: attach, plan, apply, detach. Every call reads the maps; nothing is remembered between two. */
import type { Config } from '../config/schema.js'
import type { InstanceLocation } from '../dataplane/instance.js'
import { Instance, instancePins } from '../dataplane/instance.js'
import { readAttached, readLiveState } from '../dataplane/live-state.js'
import { VeerError } from '../errors.js'
import type { ProbeTarget } from '../health/protocol.js'
import type { PinDirectory } from '../loader/pin.js'
import { ensureBpffs } from '../system/bpffs.js'
import { requireCapabilities } from '../system/capabilities.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { namedInterfaces, readInterfaces } from '../system/interfaces.js'
import { withInstanceLock } from '../system/lock.js'
import type { NeighbourTarget } from '../system/neighbour-prober.js'
import { neighbourKey } from '../system/neighbour-prober.js'
import type { NetworkNamespace } from '../system/netns.js'
import { readRoutes } from '../system/routes.js'
import { applyReconciliation } from './apply.js'
import type { HealthOutcome, HealthWish } from './apply-health.js'
import { inSlices, openAndApply } from './apply-health.js'
import { requireNamespace } from './attached-namespace.js'
import { attachmentChanges, attachMissing, detachUnwanted, wantedLinks } from './attachments.js'
import { checkConnsSize } from './conns-size.js'
import type { HostRoutes } from './links.js'
import { viaOfReals } from './links.js'
import type { Neighbours, OpenNeighbours } from './neighbours.js'
import { knownMacs, probeNeighbours } from './neighbours.js'
import { NewAttachments } from './new-attachments.js'
import type { Plan } from './plan.js'
import { summarise } from './plan.js'
import { ensureProbePath, hasProbeRemains } from './probe-path.js'
import { ProbePathCheck } from './probe-path-check.js'
import { pathByMaps, planProbePath, settleProbePath, targetsByMaps } from './probe-path-step.js'
import type { Reconciliation } from './reconcile.js'
import { reconcile } from './reconcile.js'
import type { ReplyMechanism } from './reply-hooks.js'
import { removeHostTraces, removePinned } from './removal.js'
import { attachReplies, wantedReplyHooks } from './reply-hooks.js'
import type { Link, Via } from './target.js'
import { buildTarget } from './target.js'
import { writeMac } from './write-mac.js'
import { announceNewVips, bindVips, unbindVips, updateMulticastFilters } from './vip-presence.js'

export type { Plan } from './plan.js'

export interface DirectorOptions extends InstanceLocation {
  namespace: NetworkNamespace
  openNeighbours?: OpenNeighbours
  /** How long reals are asked for their MAC; default 1000. */
  resolveTimeoutMs?: number
  /** By what programs are attached at TC; default `auto`. */
  replyMechanism?: ReplyMechanism
}

export class Director {
  readonly #options: Required<DirectorOptions>
  readonly #probePathCheck = new ProbePathCheck()

  constructor(options: DirectorOptions) {
    this.#options = { openNeighbours: probeNeighbours, resolveTimeoutMs: 1000, replyMechanism: 'auto', ...options }
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
        return await this.#apply(instance, config, (attached) => instance.pin(attached.pins))
      } catch (error) {
        const { namespace, name } = this.#options
        removeHostTraces(instance, namespace)
        await removePinned(instance.pins, namespace, name)
        throw error
      }
    })
  }

  /** Makes the live state equal to the configuration; on failure the old state goes on serving. */
  apply(config: Config): Promise<Plan> {
    return this.#locked(async () => {
      using instance = this.#open()
      return await this.#apply(instance, config, (attached) => attached.pinTo(instance.pins))
    })
  }

  /** What {@link apply} would do. */
  async plan(config: Config): Promise<Plan> {
    requireCapabilities()
    using instance = this.#open()
    checkConnsSize(instance, config)
    const { namespace } = this.#options
    const host = this.#readHost(config)
    using neighbours = this.#options.openNeighbours(namespace, host.attached)
    const attachments = { namespace, config, facts: host.attached, live: readAttached(instance.maps) }
    const links = wantedLinks(attachments)
    const plan = await this.#reconcile(instance, config, { ...host, links }, neighbours)
    const probes = await planProbePath(instance, namespace, { config, links, facts: host.attached, target: plan.target })
    return summarise(instance, namespace, plan, [...attachmentChanges(instance, attachments), ...probes.changes])
  }

  /** Replaces programs of another version over the same maps. Returns whether there was one. */
  upgrade(): Promise<boolean> {
    return this.#locked(async () => {
      using instance = this.#open()
      return await instance.upgrade(this.#options.namespace)
    })
  }

  /**
   * Writes the MAC of a next hop to all destinations of the reals that are reached by it. Returns false when one of them
   * had none before, so that its rings must be built anew.
   */
  updateMac(reals: ReadonlySet<string>, ifindex: number, mac: string): Promise<boolean> {
    return this.#locked(() => {
      using instance = Instance.open(this.#options)
      return writeMac(instance.maps, reals, { ifindex, mac })
    })
  }

  /** Writes states of health, by destinationKey(), and what follows from them, and nothing else. */
  applyHealth(config: Config, changes: ReadonlyMap<string, 'up' | 'down'>): Promise<HealthOutcome> {
    return this.#changeHealth(config, { changes, advance: new Set() })
  }

  /** Takes the slow starts of these services on by a step, of all services by default; see SlowStartClock. */
  stepSlowStart(config: Config, services?: ReadonlySet<string>): Promise<HealthOutcome> {
    return this.#changeHealth(config, { changes: new Map(), advance: services })
  }

  #changeHealth(config: Config, wish: HealthWish): Promise<HealthOutcome> {
    return inSlices(wish, (left) => this.#locked(() => openAndApply(this.#options, config, left)))
  }

  /** Removes everything that the instance made. Throws `LB_ERR_INSTANCE_MISSING` when there is nothing. */
  detach(): Promise<void> {
    return this.#locked(async () => {
      const { namespace, name } = this.#options
      const pins = instancePins(this.#options)
      if (!this.attached && pins.list('links').length === 0 && !hasProbeRemains(name, namespace)) {
        throw new VeerError('LB_ERR_INSTANCE_MISSING', `instance ${name} is not attached`, {
          hint: `nothing is pinned in ${pins.path}`,
        })
      }
      // An interface that has gone took its namespace's traces with it.
      const reachable = pins.list('links').some((link) => isOnInterface(pins, link))
      using instance = Instance.openReadable(this.#options)
      if (instance !== undefined && reachable) requireNamespace(instance, namespace)
      if (instance !== undefined && reachable) removeHostTraces(instance, namespace)
      await removePinned(pins, namespace, name)
    })
  }

  /**
   * Puts back what is missing or wrong of the path that probes take, if the configuration wants one. Returns what was
   * wrong, a phrase for each piece.
   */
  async mendProbePath(config: Config): Promise<string[]> {
    if (await this.#probePathIsRight(config)) return []
    return this.#locked(async () => {
      using instance = this.#open()
      const path = pathByMaps(instance, config, this.#readHost(config).attached)
      return await ensureProbePath(instance, this.#options.namespace, path)
    })
  }

  async #probePathIsRight(config: Config): Promise<boolean> {
    using instance = this.#open()
    return await this.#probePathCheck.isRight(instance, this.#options.namespace, config)
  }

  /** The destinations to be checked, as they are now. */
  probeTargets(config: Config): ProbeTarget[] {
    using instance = Instance.open(this.#options)
    return targetsByMaps(instance, config, this.#readHost(config).attached)
  }

  /** The instance, which must be of this namespace. */
  #open(): Instance {
    const instance = Instance.open(this.#options)
    try {
      requireNamespace(instance, this.#options.namespace)
      return instance
    } catch (error) {
      instance.close()
      throw error
    }
  }

  #locked<T>(work: () => Promise<T> | T): Promise<T> {
    requireCapabilities()
    return withInstanceLock(this.#options.name, work)
  }

  #readHost(config: Config): Host {
    const { namespace } = this.#options
    const facts = readInterfaces(namespace)
    const names = config.interfaces.map(({ name }) => name)
    return {
      facts,
      routesTo: (addresses) => readRoutes(namespace, addresses),
      attached: namedInterfaces(facts, namespace, names),
    }
  }

  /** @param pin - keeps what was attached; after it nothing fails */
  async #apply(instance: Instance, config: Config, pin: (attached: NewAttachments) => void): Promise<Plan> {
    const { namespace, replyMechanism } = this.#options
    checkConnsSize(instance, config)
    const host = this.#readHost(config)
    using attached = new NewAttachments(namespace)
    using neighbours = this.#options.openNeighbours(namespace, host.attached)
    const attachments = { namespace, config, facts: host.attached, live: readAttached(instance.maps) }
    const changes = attachmentChanges(instance, attachments)
    const links = attachMissing(instance, attachments, attached)
    const plan = await this.#reconcile(instance, config, { ...host, links }, neighbours)
    const probes = await planProbePath(instance, namespace, { config, links, facts: host.attached, target: plan.target })
    const result = summarise(instance, namespace, plan, [...changes, ...probes.changes])
    const replies = wantedReplyHooks(config, host.attached)
    namespace.run(() => {
      // Before the first request goes to a real of nat.
      attachReplies(instance, replies, attached, replyMechanism)
      applyReconciliation(instance.maps, plan)
    })
    this.#settle(instance, plan, links, neighbours)
    namespace.run(() => detachUnwanted(instance, plan.removeInterfaces, replies))
    pin(attached)
    attached.settle()
    result.warnings.push(...(await settleProbePath(instance, namespace, probes)))
    return result
  }

  async #reconcile(
    instance: Instance,
    config: Config,
    host: HostRoutes & { links: readonly Link[] },
    neighbours: Neighbours,
  ): Promise<Reconciliation> {
    const { links } = host
    const viaByReal = viaOfReals(config, host, links)
    const targets = [...viaByReal.values()].filter(({ local }) => !local).map(nextHopOf)
    const unique = new Map(targets.map((target) => [neighbourKey(target), target]))
    const resolved = await neighbours.resolve([...unique.values()], this.#options.resolveTimeoutMs)
    // Read after the wait: somebody may have written meanwhile.
    const live = readLiveState(instance.maps)
    const known = knownMacs(live, (address) => viaByReal.get(address))
    const target = buildTarget({
      config,
      live,
      hz: live.settings.hz,
      links,
      linkOf: (address) => viaByReal.get(address) as Via,
      macOf: (address, ifindex) => {
        const key = neighbourKey({ address, ifindex })
        return resolved.get(key) ?? known.get(key)
      },
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
    bindVips(instance.maps, plan.vips, namespace, first)
    const flagged = before.map(({ address, value }) => ({ address, flags: value.flags }))
    updateMulticastFilters(flagged, after, links, namespace)
    for (const ifindex of plan.removeInterfaces) {
      const { name } = plan.live.interfaces.get(ifindex) as { name: string }
      updateMulticastFilters(flagged, [], [{ name } as Link], namespace)
    }
    announceNewVips(before, after, links, neighbours)
  }
}

/** All interfaces and the routes of the host, and the interfaces of the configuration. */
type Host = HostRoutes & { attached: InterfaceFacts[] }

const nextHopOf = ({ nextHop, link }: Via): NeighbourTarget => ({ address: nextHop, ifindex: link.ifindex })

function isOnInterface(pins: PinDirectory, name: string): boolean {
  using link = pins.openLink(name)
  return link.info().ifindex !== 0
}
