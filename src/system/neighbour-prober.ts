/** Finds the MACs of the reals, and notices when they change. */
import { VeerError } from '../errors.js'
import type { InterfaceFacts } from './interfaces.js'
import { NeighbourLink, type NeighbourAnswer, type OpenPacketSocket } from './neighbour-link.js'
import { type NeighbourChange, NeighbourWatch, PERIOD_MS } from './neighbour-watch.js'
import type { NetworkNamespace } from './netns.js'

/** An address on the link of an attached interface. */
export interface NeighbourTarget {
  address: string
  ifindex: number
}

/** One text for each target: routers on different links may have the same link-local address. */
export const neighbourKey = ({ ifindex, address }: NeighbourTarget): string => `${ifindex} ${address}`

/** A target of {@link NeighbourProber.watch} has another MAC (`mac`), went silent (`lost`) or answers again (`found`). */
export interface NeighbourEvent extends NeighbourTarget {
  change: NeighbourChange
  /** The last MAC heard; undefined for a target that never answered. */
  mac: string | undefined
}

export interface NeighbourProberOptions {
  namespace: NetworkNamespace
  /** The attached interfaces. */
  interfaces: readonly InterfaceFacts[]
  /** Default: `native().openPacketSocket`. */
  openSocket?: OpenPacketSocket
}

/** resolve: everybody who has not answered is asked again after so long. */
const RETRY_MS = 200
/** A socket's receive buffer holds about 250 answers; more questions at once would lose some. */
const BURST = 100
const BURST_PAUSE_MS = 5
/** watch: with more targets than this allows in a period, the period grows. */
const MAX_QUESTIONS_PER_SECOND = 5000
const MIN_TICK_MS = 10

/**
 * Asks by ARP and neighbour solicitation on packet sockets of its own. The kernel's neighbour table is left alone:
 * it forgets, it trusts what it heard for up to a minute, and a packet that XDP forwards never refreshes it.
 */
export class NeighbourProber implements Disposable {
  readonly #links = new Map<number, NeighbourLink>()
  readonly #listeners = new Set<(answer: NeighbourAnswer) => void>()
  #watched = new Map<string, { target: NeighbourTarget; watch: NeighbourWatch }>()
  #onChange: (event: NeighbourEvent) => void = () => {}
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** Opens the sockets. Throws `LB_ERR_INTERFACE_UNUSABLE` for an interface that has no MAC. */
  constructor({ namespace, interfaces, openSocket }: NeighbourProberOptions) {
    try {
      for (const facts of interfaces) {
        const link = new NeighbourLink(namespace, withMac(facts), (answer) => this.#onAnswer(answer), openSocket)
        this.#links.set(facts.ifindex, link)
      }
    } catch (error) {
      this.close()
      throw error
    }
  }

  /**
   * Asks for all targets until each has answered or `timeoutMs` has passed. Returns the MACs by {@link neighbourKey};
   * who is not in the map did not answer.
   */
  async resolve(targets: readonly NeighbourTarget[], timeoutMs: number): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    const open = new Map(targets.map((target) => [neighbourKey(target), target]))
    const round = new Round()
    const listener = (answer: NeighbourAnswer): void => {
      if (!open.delete(neighbourKey(answer))) return
      found.set(neighbourKey(answer), answer.mac)
      if (open.size === 0) round.end()
    }
    this.#listeners.add(listener)
    try {
      const deadline = performance.now() + timeoutMs
      while (open.size > 0 && performance.now() < deadline && !this.#closed) {
        await this.#askAll([...open.values()])
        await round.wait(Math.min(RETRY_MS, deadline - performance.now()))
      }
    } finally {
      this.#listeners.delete(listener)
    }
    return found
  }

  /**
   * Watches these targets from now on instead of those before, and reports what changes. A target that was watched
   * already goes on with what is known of it; `mac` is what a new one is believed to have.
   */
  watch(targets: readonly (NeighbourTarget & { mac?: string })[], onChange: (event: NeighbourEvent) => void): void {
    const before = this.#watched
    const now = performance.now()
    const spread = this.#periodMs(targets.length) / Math.max(1, targets.length)
    this.#watched = new Map(
      targets.map(({ address, ifindex, mac }, index) => {
        // Found out here and not in the timer, where nobody could catch it.
        this.#link(ifindex)
        const target = { address, ifindex }
        const watch = before.get(neighbourKey(target))?.watch ?? new NeighbourWatch(now, now + index * spread, mac)
        return [neighbourKey(target), { target, watch }]
      }),
    )
    this.#onChange = onChange
    this.#schedule()
  }

  /** Tells all hosts on a link that these addresses are here now. */
  announce(addresses: readonly string[], ifindex: number): void {
    const link = this.#link(ifindex)
    for (const address of addresses) link.announce(address)
  }

  /** Stops watching and closes the sockets; a running resolve ends with what it has. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watched.clear()
    for (const link of this.#links.values()) link.close()
    this.#links.clear()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #link(ifindex: number): NeighbourLink {
    const link = this.#links.get(ifindex)
    if (link === undefined) throw new Error(`interface ${ifindex} is not one of this prober's`)
    return link
  }

  async #askAll(targets: readonly NeighbourTarget[]): Promise<void> {
    for (let index = 0; index < targets.length; index += BURST) {
      if (index > 0) await new Promise((resolve) => setTimeout(resolve, BURST_PAUSE_MS))
      // close() may have come in the pause.
      if (this.#closed) return
      for (const target of targets.slice(index, index + BURST)) this.#link(target.ifindex).ask(target.address)
    }
  }

  #onAnswer(answer: NeighbourAnswer): void {
    for (const listener of this.#listeners) listener(answer)
    const watched = this.#watched.get(neighbourKey(answer))
    if (watched === undefined) return
    this.#report(watched, watched.watch.answer(performance.now(), answer.mac, answer.override))
  }

  #report({ target, watch }: { target: NeighbourTarget; watch: NeighbourWatch }, change?: NeighbourChange): void {
    if (change !== undefined) this.#onChange({ ...target, change, mac: watch.mac })
  }

  #periodMs(targets: number): number {
    return Math.max(PERIOD_MS, (targets * 1000) / MAX_QUESTIONS_PER_SECOND)
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#watched.size === 0 || this.#closed) return
    let dueAt = Infinity
    for (const { watch } of this.#watched.values()) dueAt = Math.min(dueAt, watch.dueAt)
    this.#timer = setTimeout(() => this.#tick(), Math.max(MIN_TICK_MS, dueAt - performance.now()))
  }

  #tick(): void {
    const now = performance.now()
    const periodMs = this.#periodMs(this.#watched.size)
    for (const watched of this.#watched.values()) {
      const question = watched.watch.question(now, periodMs)
      if (question === undefined) continue
      this.#report(watched, watched.watch.checkLost(now))
      // The report may have ended the watching.
      if (this.#closed) return
      const { address, ifindex } = watched.target
      this.#link(ifindex).ask(address, question.to === 'station' ? question.mac : undefined)
    }
    this.#schedule()
  }
}

/** The wait between two rounds of questions, cut short when all have answered. */
class Round {
  #wake: (() => void) | undefined
  #over = false

  end(): void {
    this.#over = true
    this.#wake?.()
  }

  async wait(ms: number): Promise<void> {
    if (this.#over || ms <= 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = undefined
  }
}

function withMac(facts: InterfaceFacts): InterfaceFacts & { mac: string } {
  const { mac } = facts
  if (mac !== undefined) return { ...facts, mac }
  throw new VeerError('LB_ERR_INTERFACE_UNUSABLE', `interface ${facts.name} has no MAC: it is no Ethernet link`, {
    hint: 'name an Ethernet interface',
  })
}
