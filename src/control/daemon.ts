/** `veer run`: keeps the live state equal to the file, and the reals' MACs right. The dataplane goes on without it. */
import { watch } from 'chokidar'
import type { Logger } from 'pino'
import { loadConfig } from '../config/load.js'
import type { Config } from '../config/schema.js'
import { errnoOf, VeerError } from '../errors.js'
import { interfaceFacts } from '../system/interfaces.js'
import type { NeighbourEvent } from '../system/neighbour-prober.js'
import { neighbourKey, NeighbourProber } from '../system/neighbour-prober.js'
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
    this.#watchNeighbours(config, plan.reals)
  }

  #report({ changes, unresolved, warnings }: Plan, what: string): void {
    const { log } = this.#options
    for (const { action, object, before, after } of changes) log.info({ action, object, before, after }, 'change')
    for (const address of unresolved) log.warn({ real: address }, 'real does not answer ARP or ND: it gets no traffic')
    for (const warning of warnings) log.warn(warning)
    log.info({ changes: changes.length }, what)
  }

  #watchNeighbours(config: Config, reals: Plan['reals']): void {
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
    const hops = nextHops(reals)
    this.#prober.watch(hops.map(({ target }) => target), (event) => this.#onNeighbour(event, hops))
  }

  #onNeighbour(event: NeighbourEvent, hops: readonly NextHop[]): void {
    const { director, log } = this.#options
    const { address, ifindex, change, mac } = event
    const hop = hops.find(({ target }) => neighbourKey(target) === neighbourKey(event))
    if (hop === undefined) return
    const who = hop.reals.has(address) ? 'real' : 'gateway'
    if (change === 'lost' || mac === undefined) {
      log.warn({ [who]: address, mac }, `${who} does not answer ARP or ND any more; its last MAC stays in use`)
      return
    }
    this.#enqueue(async () => {
      const known = await director.updateMac(hop.reals, ifindex, mac)
      log.info({ [who]: address, mac }, `the MAC of a ${who} is known`)
      // A real that had no MAC had no slots in its rings either.
      if (!known && this.#config !== undefined) this.#follow(this.#config, await director.apply(this.#config), 'applied')
    })
  }
}

function sameInterfaces(a: Config | undefined, b: Config): boolean {
  return JSON.stringify(a?.interfaces) === JSON.stringify(b.interfaces)
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
