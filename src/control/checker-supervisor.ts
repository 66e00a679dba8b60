/** Keeps one checker process alive. Without it nothing is lost but news: destinations keep their states. */
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Logger } from 'pino'
import { VeerError } from '../errors.js'
import type { Beat, FromChecker, HealthChange, ProbeTarget, ToChecker } from '../health/protocol.js'
import { targetChanges } from '../health/target-changes.js'

export interface CheckerOptions {
  /** Which checker this is, for the log. */
  name: string
  /** Starts it where its checks must run, with an IPC channel and stderr as a pipe. May throw. */
  start: () => ChildProcess
  onChanges: (changes: readonly HealthChange[]) => void
  log: Logger
  /** How often a sign of life is looked for; default 1000. */
  tickMs?: number
  /** The wait before the second start in a row; it doubles from start to start. Default 1000. */
  backOffMs?: number
}

/** Ticks without a word after which it is killed, and before its first word. */
const SILENT_TICKS = 10
const START_TICKS = 60
const MAX_BACK_OFF_MS = 30_000

export class CheckerSupervisor {
  readonly #options: Required<CheckerOptions>
  #targets: ReadonlyMap<string, ProbeTarget> = new Map()
  /** What the child has been told of them. */
  #told: ReadonlyMap<string, ProbeTarget> = new Map()
  #child: ChildProcess | undefined
  #startedAt = 0
  #silentTicks = 0
  #ticker: NodeJS.Timeout | undefined
  #restart: NodeJS.Timeout | undefined
  #backOffMs: number
  #beat: Beat | undefined
  #isReady = false
  #settle: () => void = () => {}
  /** Resolves when the checker has said for the first time that it is ready, or has ended before. */
  readonly settled: Promise<void>

  constructor(options: CheckerOptions) {
    this.#options = { tickMs: 1000, backOffMs: 1000, ...options }
    this.#backOffMs = this.#options.backOffMs
    this.settled = new Promise((resolve) => (this.#settle = resolve))
  }

  /** Whether it does its work: it has nothing to do, or has spoken lately. */
  get lives(): boolean {
    return this.#targets.size === 0 || (this.#isReady && this.#silentTicks < SILENT_TICKS)
  }

  /** What it said last of its work; undefined while there is none. */
  get beat(): Beat | undefined {
    return this.#beat
  }

  /** What is to be checked from now on. It runs while that is anything. */
  check(targets: readonly ProbeTarget[]): void {
    this.#targets = new Map(targets.map((target) => [target.key, target]))
    if (targets.length === 0) this.#end()
    else if (this.#child !== undefined) this.#tellTargets(this.#child)
    else if (this.#restart === undefined) this.#start()
  }

  /** Starts it anew at once. */
  restart(): void {
    if (this.#targets.size === 0) return
    this.#end()
    this.#start()
  }

  close(): void {
    this.#targets = new Map()
    this.#end()
  }

  #end(): void {
    const child = this.#child
    this.#forget()
    clearTimeout(this.#restart)
    this.#restart = undefined
    this.#backOffMs = this.#options.backOffMs
    // It holds nothing that would have to be given back.
    child?.kill('SIGKILL')
  }

  #forget(): void {
    clearInterval(this.#ticker)
    this.#child = undefined
    this.#told = new Map()
    this.#beat = undefined
    this.#isReady = false
  }

  #start(): void {
    const { name, start, log, tickMs } = this.#options
    this.#restart = undefined
    this.#startedAt = performance.now()
    this.#silentTicks = 0
    let child: ChildProcess
    try {
      child = start()
    } catch (error) {
      const hint = error instanceof VeerError ? { code: error.code, hint: error.hint } : { err: error }
      this.#startLater(`the checker cannot be started: ${error instanceof Error ? error.message : String(error)}`, hint)
      return
    }
    this.#child = child
    child.on('message', (message) => this.#onMessage(child, message as FromChecker))
    child.on('error', (error) => log.error({ checker: name, err: error }, 'the checker cannot be reached'))
    child.once('exit', (code, signal) => this.#onExit(child, code, signal))
    if (child.stderr !== null) {
      createInterface(child.stderr).on('line', (line) => log.error({ checker: name }, line))
    }
    this.#ticker = setInterval(() => this.#tick(child), tickMs)
    this.#tellTargets(child)
    log.debug({ checker: name, pid: child.pid }, 'started the checker')
  }

  /** Only what is news to it: ten thousand destinations are five megabytes, and any change of health comes back here. */
  #tellTargets(child: ChildProcess): void {
    const changes = targetChanges(this.#told, this.#targets)
    this.#told = this.#targets
    if (changes.changed.length === 0 && changes.removed.length === 0) return
    const message: ToChecker = { type: 'targets', ...changes }
    // One that ends just now cannot be told; its successor is.
    if (child.connected) child.send(message, () => {})
  }

  #onMessage(child: ChildProcess, message: FromChecker): void {
    // A last word of one that has been replaced.
    if (child !== this.#child) return
    this.#silentTicks = 0
    switch (message.type) {
      case 'ready':
        this.#isReady = true
        this.#settle()
        break
      case 'changes':
        this.#options.onChanges(message.changes)
        break
      case 'fault':
        this.#options.log.warn({ checker: this.#options.name, reason: message.reason }, 'the checker cannot check')
        break
      case 'beat':
        this.#beat = message
        break
    }
  }

  /** Counted in ticks and not by the clock: after a long stop of our own its messages wait behind the timer. */
  #tick(child: ChildProcess): void {
    this.#silentTicks++
    if (this.#silentTicks !== (this.#isReady ? SILENT_TICKS : START_TICKS)) return
    this.#options.log.warn({ checker: this.#options.name, pid: child.pid }, 'the checker says nothing any more; killing it')
    child.kill('SIGKILL')
  }

  #onExit(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    if (child !== this.#child) return
    this.#forget()
    if (performance.now() - this.#startedAt > MAX_BACK_OFF_MS) this.#backOffMs = this.#options.backOffMs
    this.#startLater('the checker has ended', { code, signal })
  }

  #startLater(what: string, why: object): void {
    const { name, log } = this.#options
    const waitMs = this.#backOffMs
    this.#backOffMs = Math.min(2 * waitMs, MAX_BACK_OFF_MS)
    this.#settle()
    log.warn({ checker: name, ...why, againInMs: waitMs }, `${what}; it is started again, and states stay as they are`)
    this.#restart = setTimeout(() => this.#start(), waitMs)
  }
}
