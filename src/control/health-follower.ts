/** Keeps the health of destinations in the maps as the checkers find it, and the path of their probes whole. */
import type { Logger } from 'pino'
import type { Config } from '../config/schema.js'
import type { InstanceLocation } from '../dataplane/instance.js'
import type { HealthChange, ProbeTarget } from '../health/protocol.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { HealthOutcome } from './apply-health.js'
import { Checkers } from './checkers.js'
import type { Director } from './director.js'
import { logHealthChanges, logOutages, logQuorums } from './health-log.js'
import { SlowStartClock } from './slow-start-clock.js'

export interface HealthFollowerOptions {
  director: Director
  location: InstanceLocation
  namespace: NetworkNamespace
  log: Logger
  /** Does the work when nobody else writes, and logs what it throws. */
  enqueue: (work: () => Promise<void>) => void
  /** Hears of the destinations that are checked whenever one has changed. */
  onTargets: (targets: Iterable<ProbeTarget>) => void
}

/** How often the path is looked at. */
const MEND_MS = 2000
/** What could not be written is tried again after so long. */
const RETRY_MS = 1000

export class HealthFollower {
  readonly #options: HealthFollowerOptions
  readonly #checkers: Checkers
  readonly #clock = new SlowStartClock()
  #config: Config | undefined
  /** As the maps have them, by key. */
  #targets: ReadonlyMap<string, ProbeTarget> = new Map()
  /** News that are not in the maps yet, by key. */
  #news = new Map<string, HealthChange>()
  #isQueued = false
  #slowStart: NodeJS.Timeout | undefined
  #mending: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined

  constructor(options: HealthFollowerOptions) {
    const { location, namespace, log } = options
    this.#options = options
    this.#checkers = new Checkers({ location, namespace, log, onChanges: (changes) => this.#onChanges(changes) })
  }

  /** Whether every checker does its work. */
  get live(): boolean {
    return this.#checkers.live
  }

  /** Resolves when the checkers are ready, or have failed to be. */
  settled(): Promise<void> {
    return this.#checkers.settled()
  }

  /** After a configuration has been applied: checks its destinations from now on. */
  async follow(config: Config): Promise<void> {
    this.#config = config
    this.#mending ??= setTimeout(() => this.#options.enqueue(() => this.#mend()), MEND_MS)
    await this.#mendNow(config)
    this.#retarget(config)
    // Changes nothing, and tells where slow starts are that somebody else began.
    this.#steer(config, await this.#options.director.applyHealth(config, new Map()))
  }

  close(): void {
    for (const timer of [this.#slowStart, this.#mending, this.#retry]) clearTimeout(timer)
    this.#config = undefined
    this.#checkers.close()
  }

  #onChanges(changes: readonly HealthChange[]): void {
    for (const change of changes) this.#news.set(change.key, change)
    this.#queueNews()
  }

  /** All news that come while others write are written at once. */
  #queueNews(): void {
    if (this.#isQueued) return
    this.#isQueued = true
    this.#options.enqueue(() => this.#writeNews())
  }

  async #writeNews(): Promise<void> {
    this.#isQueued = false
    const config = this.#config
    const news = this.#news
    if (config === undefined || news.size === 0) return
    this.#news = new Map()
    try {
      const states = new Map([...news].map(([key, { state }]) => [key, state]))
      const outcome = await this.#options.director.applyHealth(config, states)
      logHealthChanges(this.#options.log, news.values(), this.#targets)
      this.#afterChange(config, outcome)
    } catch (error) {
      this.#news = new Map([...news, ...this.#news])
      clearTimeout(this.#retry)
      this.#retry = setTimeout(() => this.#queueNews(), RETRY_MS)
      throw error
    }
  }

  #afterChange(config: Config, outcome: HealthOutcome): void {
    const { log } = this.#options
    const before = this.#targets
    this.#retarget(config)
    logOutages(log, before.values(), this.#targets.values())
    logQuorums(log, config, outcome.changes)
    this.#steer(config, outcome)
  }

  /** Ids and generations may have changed. */
  #retarget(config: Config): void {
    const targets = this.#options.director.probeTargets(config)
    this.#targets = new Map(targets.map((target) => [target.key, target]))
    this.#checkers.check(targets, config.probe.maxInFlight)
    this.#options.onTargets(targets)
  }

  /** Plans the next step of slow starts. */
  #steer(config: Config, { starting }: HealthOutcome): void {
    this.#clock.follow(starting, config, performance.now())
    clearTimeout(this.#slowStart)
    const { next } = this.#clock
    if (next === undefined) return
    this.#slowStart = setTimeout(() => this.#options.enqueue(() => this.#step()), next - performance.now())
  }

  async #step(): Promise<void> {
    const config = this.#config
    if (config === undefined) return
    const services = this.#clock.take(performance.now())
    this.#steer(config, await this.#options.director.stepSlowStart(config, services))
  }

  async #mend(): Promise<void> {
    const config = this.#config
    if (config === undefined) return
    try {
      if (await this.#mendNow(config)) this.#retarget(config)
    } finally {
      this.#mending = setTimeout(() => this.#options.enqueue(() => this.#mend()), MEND_MS)
    }
  }

  /** Returns whether anything had to be mended. */
  async #mendNow(config: Config): Promise<boolean> {
    const { director, log } = this.#options
    const mended = await director.mendProbePath(config)
    for (const piece of mended) log.warn({ piece }, 'mended the path of probes')
    if (mended.length > 0) this.#checkers.followNamespace()
    return mended.length > 0
  }
}
