/** Deadlines of checks: one timer for all of them. */
import { WorkingClock } from './working-clock.js'

const TICK_MS = 10

/** What is to happen at a time, unless it is cleared before. */
export interface Deadline {
  run: (() => void) | undefined
}

/** By ticks of {@link TICK_MS}; the time in which the process did not run does not count. */
export class Deadlines {
  readonly #due = new Map<number, Deadline[]>()
  #clock = new WorkingClock(0)
  #tick = 0
  #timer: NodeJS.Timeout | undefined

  /** Calls `run` when `ms` have passed, never earlier. */
  after(ms: number, run: () => void): Deadline {
    if (this.#timer === undefined) this.#start()
    const deadline: Deadline = { run }
    const tick = this.#tick + 1 + Math.ceil(ms / TICK_MS)
    const due = this.#due.get(tick)
    if (due === undefined) this.#due.set(tick, [deadline])
    else due.push(deadline)
    return deadline
  }

  clear(deadline: Deadline): void {
    deadline.run = undefined
  }

  #start(): void {
    this.#clock = new WorkingClock(performance.now())
    this.#tick = 0
    // Timers run before the sockets are read, immediates after: an answer that has come is in time.
    this.#timer = setInterval(() => setImmediate(() => this.#advance()), TICK_MS)
  }

  #advance(): void {
    this.#clock.tick(performance.now())
    const last = Math.floor(this.#clock.now / TICK_MS)
    while (this.#tick < last && this.#due.size > 0) {
      this.#tick++
      const due = this.#due.get(this.#tick) ?? []
      this.#due.delete(this.#tick)
      for (const { run } of due) run?.()
    }
    if (this.#due.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}

/** Of all checks of this process. */
export const deadlines = new Deadlines()
