/** `veer run`: keeps the live state equal to the file, and the reals' MACs right. The dataplane goes on without it. */
import { watch } from 'chokidar'
import type { Logger } from 'pino'
import { loadConfig } from '../config/load.js'
import type { Config } from '../config/schema.js'
import { errnoOf, VeerError } from '../errors.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { interfaceFacts, routeToReal } from '../system/interfaces.js'
import type { NeighbourEvent } from '../system/neighbour-prober.js'
import { NeighbourProber } from '../system/neighbour-prober.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { Director, Plan } from './director.js'

export interface DaemonOptions {
  director: Director
  namespace: NetworkNamespace
  file: string
  log: Logger
}

/** An editor writes a file in several steps; it is read when it has been still for so long. */
const STILL_MS = 100

export class Daemon {
  readonly #options: DaemonOptions
  #config: Config | undefined
  #prober: NeighbourProber | undefined
  #watcher: ReturnType<typeof watch> | undefined
  /** Everything that writes goes through here, one after the other. */
  #queue: Promise<void> = Promise.resolve()

  constructor(options: DaemonOptions) {
    this.#options = options
  }

  /** Attaches, or adopts what is attached, and starts watching. Throws when the first configuration cannot be applied. */
  async start(): Promise<void> {
    // First the watcher, so that an edit while we start is not missed.
    await this.#watchFile()
    const started = this.#queue.then(() => this.#attachOrAdopt())
    this.#queue = started.catch(() => undefined)
    await started
  }

  async #attachOrAdopt(): Promise<void> {
    const { director, file, log } = this.#options
    const config = loadConfig(file)
    if (director.attached) {
      if (await director.upgrade()) log.info('replaced the program by that of this version')
      this.#follow(config, await director.apply(config), 'adopted')
    } else {
      this.#follow(config, await director.attach(config), 'attached')
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
      this.#options.log.info({ reason }, 'reloading')
      const config = loadConfig(this.#options.file)
      this.#follow(config, await this.#options.director.apply(config), 'applied')
    })
  }

  /** Stops watching and waits for what is under way. The dataplane stays. */
  async stop(): Promise<void> {
    await this.#watcher?.close()
    this.#prober?.close()
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

  /** After a configuration has been applied: logs what was done and watches its reals from now on. */
  #follow(config: Config, plan: Plan, what: string): void {
    this.#report(plan, what)
    this.#watchNeighbours(config, plan.macs)
  }

  #report({ changes, unresolved }: Plan, what: string): void {
    const { log } = this.#options
    for (const { action, object, before, after } of changes) log.info({ action, object, before, after }, 'change')
    for (const address of unresolved) log.warn({ real: address }, 'real does not answer ARP or ND: it gets no traffic')
    log.info({ changes: changes.length }, what)
  }

  #watchNeighbours(config: Config, macs: ReadonlyMap<string, string>): void {
    const { namespace } = this.#options
    const facts = interfaceFacts(
      namespace,
      config.interfaces.map(({ name }) => name),
    )
    if (this.#prober === undefined || !sameInterfaces(this.#config, config)) {
      this.#prober?.close()
      this.#prober = new NeighbourProber({ namespace, interfaces: facts })
    }
    this.#config = config
    this.#prober.watch(neighbourTargets(config, facts, macs), (event) => this.#onNeighbour(event))
  }

  #onNeighbour({ address, ifindex, change, mac }: NeighbourEvent): void {
    const { director, log } = this.#options
    if (change === 'lost' || mac === undefined) {
      log.warn({ real: address, mac }, 'real does not answer ARP or ND any more; its last MAC stays in use')
      return
    }
    this.#enqueue(async () => {
      const known = await director.updateMac({ address, ifindex }, mac)
      log.info({ real: address, mac }, 'the MAC of a real is known')
      // A real that had no MAC had no slots in its rings either.
      if (!known && this.#config !== undefined) this.#follow(this.#config, await director.apply(this.#config), 'applied')
    })
  }
}

function sameInterfaces(a: Config | undefined, b: Config): boolean {
  return JSON.stringify(a?.interfaces) === JSON.stringify(b.interfaces)
}

type WatchTarget = Parameters<NeighbourProber['watch']>[0][number]

function neighbourTargets(
  config: Config,
  facts: readonly InterfaceFacts[],
  macs: ReadonlyMap<string, string>,
): WatchTarget[] {
  const addresses = new Set(config.services.flatMap(({ reals }) => reals.map(({ address }) => address)))
  return [...addresses].flatMap((address) => {
    const link = routeToReal(facts, address)
    const mac = macs.get(address)
    return link === undefined ? [] : [{ address, ifindex: link.ifindex, ...(mac === undefined ? {} : { mac }) }]
  })
}
