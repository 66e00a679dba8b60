/** Follows the MACs of the next hops of all reals, and writes those that change into the maps. */
import type { Logger } from 'pino'
import type { Config } from '../config/schema.js'
import { interfaceFacts } from '../system/interfaces.js'
import type { NeighbourEvent } from '../system/neighbour-prober.js'
import { neighbourKey, NeighbourProber } from '../system/neighbour-prober.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { Director, Plan } from './director.js'

export interface NeighbourFollowerOptions {
  director: Director
  namespace: NetworkNamespace
  log: Logger
  /** Does the work when nobody else writes. */
  enqueue: (work: () => Promise<void>) => void
  /** A real that had no MAC has one: what depends on that must be applied anew. */
  onFirstMac: () => Promise<void>
}

export class NeighbourFollower {
  readonly #options: NeighbourFollowerOptions
  #interfaces: Config['interfaces'] = []
  #prober: NeighbourProber | undefined

  constructor(options: NeighbourFollowerOptions) {
    this.#options = options
  }

  /** Follows these reals from now on. */
  follow(config: Config, reals: Plan['reals']): void {
    const { namespace } = this.#options
    const names = config.interfaces.map(({ name }) => name)
    const facts = interfaceFacts(namespace, names)
    if (this.#prober === undefined || JSON.stringify(this.#interfaces) !== JSON.stringify(config.interfaces)) {
      this.#prober?.close()
      this.#prober = new NeighbourProber({ namespace, interfaces: facts })
    }
    this.#interfaces = config.interfaces
    const hops = nextHops(reals)
    this.#prober.watch(hops.map(({ target }) => target), (event) => this.#onNeighbour(event, hops))
  }

  close(): void {
    this.#prober?.close()
  }

  #onNeighbour(event: NeighbourEvent, hops: readonly NextHop[]): void {
    const { director, log, enqueue, onFirstMac } = this.#options
    const { address, ifindex, change, mac } = event
    const hop = hops.find(({ target }) => neighbourKey(target) === neighbourKey(event))
    if (hop === undefined) return
    const who = hop.reals.has(address) ? 'real' : 'gateway'
    if (change === 'lost' || mac === undefined) {
      log.warn({ [who]: address, mac }, `${who} does not answer ARP or ND any more; its last MAC stays in use`)
      return
    }
    enqueue(async () => {
      const known = await director.updateMac(hop.reals, ifindex, mac)
      log.info({ [who]: address, mac }, `the MAC of a ${who} is known`)
      // A real that had no MAC had no slots in its rings either.
      if (!known) await onFirstMac()
    })
  }
}

/** A neighbour that packets to reals go to: the real itself, or a gateway. */
interface NextHop {
  target: Parameters<NeighbourProber['watch']>[0][number]
  reals: ReadonlySet<string>
}

function nextHops(reals: Plan['reals']): NextHop[] {
  const hops = new Map<string, NextHop & { reals: Set<string> }>()
  for (const [real, { link, nextHop, local, mac }] of reals) {
    if (local) continue
    const target = { address: nextHop, ifindex: link.ifindex, ...(mac === undefined ? {} : { mac }) }
    const hop = hops.get(neighbourKey(target)) ?? { target, reals: new Set() }
    hops.set(neighbourKey(target), hop)
    hop.reals.add(real)
  }
  return [...hops.values()]
}
