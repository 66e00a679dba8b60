/** One check under way: its deadline, its steps, and that it ends once. */
import type { Deadline } from './deadlines.js'
import { deadlines } from './deadlines.js'
import { durationText } from './duration-text.js'
import { checkFault } from './fault.js'
import type { CheckResult, ProbeTarget } from './protocol.js'

export interface CheckOptions {
  /** Local port to leave by, with the target's `source`; the system chooses when it is not given. */
  sourcePort?: number
  /** Hears of each step when it begins, and what came of it; milliseconds since the check began. */
  onStep?: (step: string, detail: string, atMs: number) => void
  /** Ends the check at once, as an error. */
  signal?: AbortSignal
}

/** What a check holds and has to give back. */
export interface Held {
  /** Gives it back. `answered`: the real said all that it had to say, and is given time to close its side first. */
  release(answered: boolean, released: () => void): void
}

export class CheckRun {
  readonly target: ProbeTarget
  readonly sourcePort: number
  readonly timeoutMs: number
  readonly #options: CheckOptions
  readonly #startedAt = performance.now()
  readonly #resolve: (result: CheckResult) => void
  readonly #reject: (error: unknown) => void
  readonly #deadline: Deadline
  #step = ''
  #late: () => void = () => this.fail('')
  #held: Held | undefined
  #answered = false
  #ended = false

  constructor(
    target: ProbeTarget,
    options: CheckOptions,
    resolve: (result: CheckResult) => void,
    reject: (error: unknown) => void,
  ) {
    this.target = target
    this.sourcePort = options.sourcePort ?? 0
    this.timeoutMs = target.check.timeout
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    this.#deadline = deadlines.after(this.timeoutMs, () => this.#late())
    options.signal?.addEventListener('abort', this.#abort)
  }

  /** Whether all is said; events that come now mean nothing any more. */
  get ended(): boolean {
    return this.#ended
  }

  /** The step that the check is at. */
  get step(): string {
    return this.#step
  }

  /** The timeout as text. */
  get patience(): string {
    return durationText(this.timeoutMs)
  }

  /** Begins a step. `late` says what it means that the time is up in it: a reason, or what to do. */
  begin(step: string, detail: string, late: string | (() => void)): void {
    this.#step = step
    this.#late = typeof late === 'string' ? () => this.fail(late) : late
    this.note(detail)
  }

  /** Something to tell about the step. */
  note(detail: string): void {
    this.#options.onStep?.(this.#step, detail, performance.now() - this.#startedAt)
  }

  /** Whether somebody listens to {@link note}. */
  get watched(): boolean {
    return this.#options.onStep !== undefined
  }

  hold(held: Held): void {
    this.#held = held
  }

  /** From now on the real is given time to close its side first. */
  answered(): void {
    this.#answered = true
  }

  succeed(): void {
    this.#conclude(true, '')
  }

  /** `reason` in a user's words. */
  fail(reason: string): void {
    this.#conclude(false, reason)
  }

  /** The check could not be made. */
  fault(cause: unknown): void {
    this.#end(() => this.#reject(checkFault(this.target, this.sourcePort, cause)))
  }

  #conclude(ok: boolean, reason: string): void {
    if (this.#ended) return
    this.note(ok ? 'ok' : reason)
    const result = { ok, step: this.#step, reason, tookMs: performance.now() - this.#startedAt }
    this.#end(() => this.#resolve(result))
  }

  #end(settle: () => void): void {
    if (this.#ended) return
    this.#ended = true
    deadlines.clear(this.#deadline)
    this.#options.signal?.removeEventListener('abort', this.#abort)
    if (this.#held === undefined) settle()
    else this.#held.release(this.#answered, settle)
  }

  readonly #abort = (): void => {
    const reason: unknown = this.#options.signal?.reason
    this.#end(() => this.#reject(reason))
  }
}
