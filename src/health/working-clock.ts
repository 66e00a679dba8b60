/** A clock that stands still while the process does. */

/** A tick that comes this much after the one before, in milliseconds, counts as no more than this. */
export const LONGEST_TICK_MS = 100

/**
 * Milliseconds in which this process could work. While it is stopped, or waits for a CPU, answers wait unread and no
 * check begins: that time is no real's fault, and what was to begin in it need not begin all at once afterwards.
 */
export class WorkingClock {
  #now = 0
  #seenAt: number
  #lost = 0

  /** Times are those of one monotonic clock, in milliseconds. */
  constructor(seenAt: number) {
    this.#seenAt = seenAt
  }

  /** As of the last tick. */
  get now(): number {
    return this.#now
  }

  /** To be called every few milliseconds. */
  tick(seenAt: number): void {
    const passed = Math.max(0, seenAt - this.#seenAt)
    const counted = Math.min(passed, LONGEST_TICK_MS)
    this.#now += counted
    this.#lost += passed - counted
    this.#seenAt = seenAt
  }

  /** The milliseconds that have not been counted since the last call. */
  takeLost(): number {
    const lost = this.#lost
    this.#lost = 0
    return lost
  }
}
