/** Deadlines of checks: one timer for all of them. */
import { WorkingClock } from './working-clock.js'

const TICK_MS = 10

/** A power of two: ten seconds, which most timeouts are below. */
const SLOTS = 1024

/**
 * What is to happen at a tick, unless it is cleared before. A link in the ring of its slot, and gone from it when it is
 * cleared: thousands in a second that stayed until their time would grow old, and old garbage waits for long.
 */
export class Deadline {
  readonly tick: number
  readonly run: () => void
  before: Deadline = this
  after: Deadline = this

  constructor(tick: number, run: () => void) {
    this.tick = tick
    this.run = run
  }

  /** Whether it is among others, or with a slot's head. */
  get linked(): boolean {
    return this.after !== this
  }

  link(head: Deadline): void {
    this.before = head.before
    this.after = head
    head.before.after = this
    head.before = this
  }

  unlink(): void {
    this.before.after = this.after
    this.after.before = this.before
    this.before = this.after = this
  }
}

/**
 * By ticks of {@link TICK_MS}; the time in which the process did not run does not count. A wheel of slots, as Varghese and
 * Lauck have it: a slot has the deadlines of its tick in this turn of the wheel, and of the same in later ones.
 */
export class Deadlines {
  readonly #slots = Array.from({ length: SLOTS }, () => new Deadline(0, () => undefined))
  #size = 0
  #clock = new WorkingClock(0)
  #tick = 0
  #timer: NodeJS.Timeout | undefined

  /** Calls `run` when `ms` have passed, never earlier. */
  after(ms: number, run: () => void): Deadline {
    if (this.#timer === undefined) this.#start()
    // The last tick may be long ago when there was much to do since.
    this.#clock.tick(performance.now())
    const deadline = new Deadline(Math.max(this.#tick + 1, Math.ceil((this.#clock.now + ms) / TICK_MS)), run)
    deadline.link(this.#slot(deadline.tick))
    this.#size++
    return deadline
  }

  clear(deadline: Deadline): void {
    if (!deadline.linked) return
    deadline.unlink()
    this.#size--
  }

  #slot(tick: number): Deadline {
    const slot = this.#slots[tick % SLOTS]
    if (slot === undefined) throw new RangeError(`tick ${tick}`)
    return slot
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
    while (this.#tick < last && this.#size > 0) this.#expire(++this.#tick)
    if (this.#size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #expire(tick: number): void {
    for (const each of this.#dueAt(tick)) {
      // One that ran before it has cleared it.
      if (!each.linked) continue
      this.clear(each)
      each.run()
    }
  }

  #dueAt(tick: number): Deadline[] {
    const head = this.#slot(tick)
    const due: Deadline[] = []
    for (let each = head.after; each !== head; each = each.after) {
      if (each.tick === tick) due.push(each)
    }
    return due
  }
}

/** Of all checks of this process. */
export const deadlines = new Deadlines()
