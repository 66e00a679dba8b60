/** `veer run`: keeps the live state equal to the file, to the reals' MACs and to their health. The dataplane goes on without it. */
import { watch } from 'chokidar'
import type { Logger } from 'pino'
import { loadConfig } from '../config/load.js'
import type { Config } from '../config/schema.js'
import type { InstanceLocation } from '../dataplane/instance.js'
import { errnoOf, VeerError } from '../errors.js'
import type { ProbeTarget } from '../health/protocol.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { ServiceManager } from '../system/service-manager.js'
import type { Director, Plan } from './director.js'
import { HealthFollower } from './health-follower.js'
import { NeighbourFollower } from './neighbour-follower.js'

export interface DaemonOptions {
  director: Director
  location: InstanceLocation
  namespace: NetworkNamespace
  file: string
  log: Logger
  manager: ServiceManager
}

/** An editor writes a file in several steps; it is read when it has been still for so long. */
const STILL_MS = 100

export class Daemon {
  readonly #options: DaemonOptions
  readonly #neighbours: NeighbourFollower
  readonly #health: HealthFollower
  #config: Config | undefined
  #watcher: ReturnType<typeof watch> | undefined
  #watchdog: NodeJS.Timeout | undefined
  #status = 'starting'
  /** Everything that writes goes through here, one after the other. */
  #queue: Promise<void> = Promise.resolve()

  constructor(options: DaemonOptions) {
    this.#options = options
    const enqueue = (work: () => Promise<void>): void => this.#enqueue(work)
    this.#neighbours = new NeighbourFollower({ ...options, enqueue, onFirstMac: () => this.#applyAgain() })
    this.#health = new HealthFollower({ ...options, enqueue, onTargets: (targets) => this.#tellStatus(targets) })
  }

  /**
   * Attaches, or adopts what is attached, and starts watching. Throws when the first configuration cannot be applied;
   * resolves when the checkers work.
   */
  async start(): Promise<void> {
    // First the watcher, so that an edit while we start is not missed.
    await this.#watchFile()
    const started = this.#queue.then(() => this.#attachOrAdopt())
    this.#queue = started.catch(() => undefined)
    await started
    await this.#health.settled()
    const { manager } = this.#options
    manager.ready(this.#status)
    if (manager.watchdogMs !== undefined) this.#watchdog = setInterval(() => this.#tellAlive(), manager.watchdogMs / 2)
  }

  async #attachOrAdopt(): Promise<void> {
    const { director, file, log } = this.#options
    const config = loadConfig(file)
    if (director.attached) {
      if (await director.upgrade()) log.info('replaced the program by that of this version')
      await this.#follow(config, await director.apply(config), 'adopted')
    } else {
      await this.#follow(config, await director.attach(config), 'attached')
    }
  }

  async #watchFile(): Promise<void> {
    const stability = { stabilityThreshold: STILL_MS, pollInterval: 20 }
    const watcher = watch(this.#options.file, { ignoreInitial: true, awaitWriteFinish: stability })
    this.#watcher = watcher
    watcher.on('all', () => this.reload('the file has changed'))
    await new Promise<void>((resolve) => watcher.once('ready', resolve))
  }

  /** Reads the file again and applies it. What is wrong is logged; the old configuration goes on. */
  reload(reason: string): void {
    this.#enqueue(async () => {
      const { manager, log, file, director } = this.#options
      log.info({ reason }, 'reloading')
      manager.reloading()
      try {
        const config = loadConfig(file)
        await this.#follow(config, await director.apply(config), 'applied')
      } finally {
        manager.ready(this.#status)
      }
    })
  }

  /** Stops watching and waits for what is under way. The dataplane stays, and so does the path of the probes. */
  async stop(): Promise<void> {
    this.#options.manager.stopping()
    clearInterval(this.#watchdog)
    await this.#watcher?.close()
    this.#neighbours.close()
    this.#health.close()
    await this.#queue
  }

  #enqueue(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(work).catch((error: unknown) => this.#logError(error))
  }

  #logError(error: unknown): void {
    const { log } = this.#options
    if (error instanceof VeerError) log.error({ code: error.code, hint: error.hint }, error.message)
    else log.error({ err: error, errno: errnoOf(error) }, 'unexpected error')
  }

  /** After a configuration has been applied: logs what was done and follows its reals from now on. */
  async #follow(config: Config, plan: Plan, what: string): Promise<void> {
    this.#config = config
    this.#report(plan, what)
    this.#neighbours.follow(config, plan.reals)
    await this.#health.follow(config)
  }

  async #applyAgain(): Promise<void> {
    const config = this.#config
    if (config !== undefined) await this.#follow(config, await this.#options.director.apply(config), 'applied')
  }

  #report({ changes, unresolved, warnings }: Plan, what: string): void {
    const { log } = this.#options
    for (const { action, object, before, after } of changes) log.info({ action, object, before, after }, 'change')
    for (const address of unresolved) log.warn({ real: address }, 'real does not answer ARP or ND: it gets no traffic')
    for (const warning of warnings) log.warn(warning)
    log.info({ changes: changes.length }, what)
  }

  #tellAlive(): void {
    if (this.#health.live) this.#options.manager.alive()
  }

  #tellStatus(targets: Iterable<ProbeTarget>): void {
    const checked = [...targets]
    const down = checked.filter(({ state }) => state === 'down').length
    const services = `${this.#config?.services.length ?? 0} services`
    this.#status = checked.length === 0 ? services : `${services}; ${down} of ${checked.length} checked reals down`
    this.#options.manager.status(this.#status)
  }
}
