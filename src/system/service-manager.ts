/** What systemd is told of a service (sd_notify(3)); without a service manager nothing is said. */
import { errnoOf } from '../errors.js'
import { native } from '../native.js'

/** A manager whose queue is full is told again after so long. */
const RETRY_MS = 50

export interface ServiceManagerOptions {
  /** Default: this process's. The variables of the protocol are taken out, so that no child speaks in our name. */
  environment?: NodeJS.ProcessEnv
  /** Called when the manager cannot be reached, once until it can be again. What was to be said is lost. */
  onFailure?: (error: unknown) => void
  /** Default: the addon. */
  notify?: (socket: string, message: string) => void
}

export class ServiceManager {
  /** How often {@link alive} must be heard, in milliseconds; undefined: nobody waits for it. */
  readonly watchdogMs: number | undefined
  readonly #socket: string | undefined
  readonly #notify: (socket: string, message: string) => void
  readonly #onFailure: (error: unknown) => void
  /** What could not be said yet, in order. */
  #unsaid: string[] = []
  #retry: NodeJS.Timeout | undefined
  #reachable = true
  #over = false

  constructor(options: ServiceManagerOptions = {}) {
    const { environment = process.env, onFailure = () => {}, notify = addonNotify } = options
    this.#socket = environment['NOTIFY_SOCKET']
    this.watchdogMs = watchdogOf(environment)
    this.#notify = notify
    this.#onFailure = onFailure
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) Reflect.deleteProperty(environment, name)
  }

  /** The service does what it is for. Also ends {@link reloading}. */
  ready(status: string): void {
    this.#say(`READY=1\n${statusLine(status)}`)
  }

  /** The configuration is read again; {@link ready} follows. */
  reloading(): void {
    // hrtime is CLOCK_MONOTONIC, which is what systemd compares with.
    this.#say(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`)
  }

  /** One line for `systemctl status`. */
  status(status: string): void {
    this.#say(statusLine(status))
  }

  /** The watchdog may wait anew. */
  alive(): void {
    this.#say('WATCHDOG=1')
  }

  /** The service is about to end. Nothing is said after it. */
  stopping(): void {
    this.#say('STOPPING=1')
    clearTimeout(this.#retry)
    this.#over = true
  }

  #say(message: string): void {
    if (this.#socket === undefined || this.#over) return
    this.#unsaid.push(message)
    // What is waiting already goes first, by the timer.
    if (this.#retry === undefined) this.#sayAll(this.#socket)
  }

  #sayAll(socket: string): void {
    this.#retry = undefined
    try {
      for (let message = this.#unsaid[0]; message !== undefined; message = this.#unsaid[0]) {
        this.#notify(socket, message)
        this.#unsaid.shift()
        this.#reachable = true
      }
    } catch (error) {
      if (errnoOf(error) === 'EAGAIN') {
        this.#retry = setTimeout(() => this.#sayAll(socket), RETRY_MS).unref()
        return
      }
      this.#unsaid = []
      if (this.#reachable) this.#onFailure(error)
      this.#reachable = false
    }
  }
}

const addonNotify = (socket: string, message: string): void => native().notifyService(socket, message)

/** A line of its own ends an assignment. */
const statusLine = (status: string): string => `STATUS=${status.replaceAll('\n', ' ')}`

/** WATCHDOG_PID names whom the watchdog is for: a shell that started us may have passed on its own. */
function watchdogOf({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  const microseconds = Number(WATCHDOG_USEC)
  const isForUs = WATCHDOG_PID === undefined || Number(WATCHDOG_PID) === process.pid
  return isForUs && Number.isFinite(microseconds) && microseconds > 0 ? microseconds / 1000 : undefined
}
