/** When to ask one watched neighbour, and what its answers mean. Pure: time comes in, decisions go out. */

/** A target is asked once per period. */
export const PERIOD_MS = 400
/** After a question to the known MAC alone, everybody is asked when no answer came for so long. */
export const UNICAST_PATIENCE_MS = 200
/** No answer for so long: lost. */
export const LOST_AFTER_MS = 3000

/** What changed about a neighbour. */
export type NeighbourChange = 'mac' | 'lost' | 'found'

/** Whom to ask now: the known MAC, everybody, or nobody yet. */
export type Question = { to: 'station'; mac: string } | { to: 'all' } | undefined

/** The state of one watched neighbour. All times are milliseconds of one monotonic clock. */
export class NeighbourWatch {
  #mac: string | undefined
  #lost = false
  #answeredAt: number
  #periodAt: number
  #unicastAt: number | undefined

  /** The first question is due at `firstAt`; `now` starts the wait for the first answer. */
  constructor(now: number, firstAt: number, mac?: string) {
    this.#mac = mac
    this.#answeredAt = now
    this.#periodAt = firstAt
  }

  /** The last MAC heard; it stays when the neighbour is lost. */
  get mac(): string | undefined {
    return this.#mac
  }

  get lost(): boolean {
    return this.#lost
  }

  /** When {@link question} next has something to say. */
  get dueAt(): number {
    const secondAt = this.#unicastAt === undefined ? Infinity : this.#unicastAt + UNICAST_PATIENCE_MS
    return Math.min(this.#periodAt, secondAt)
  }

  /** The question that is due at `now`, and schedules the next. */
  question(now: number, periodMs: number): Question {
    if (now < this.dueAt) return undefined
    const unanswered = this.#unicastAt !== undefined
    this.#unicastAt = undefined
    if (now >= this.#periodAt) this.#periodAt = now + periodMs
    // A neighbour that is silent already is asked where everybody hears it.
    if (this.#mac === undefined || this.#lost || unanswered || this.#silentFor(now) > 2 * periodMs) return { to: 'all' }
    this.#unicastAt = now
    return { to: 'station', mac: this.#mac }
  }

  /** Takes an answer; tells what it changed. Without `override` a MAC that still answers is kept. */
  answer(now: number, mac: string, override: boolean): NeighbourChange | undefined {
    const known = this.#mac
    const settled = known !== undefined && !this.#lost && this.#unicastAt === undefined
    if (mac !== known && !override && settled) return undefined
    const wasLost = this.#lost
    this.#mac = mac
    this.#lost = false
    this.#answeredAt = now
    this.#unicastAt = undefined
    if (mac !== known) return 'mac'
    return wasLost ? 'found' : undefined
  }

  /** `lost` once, when no answer came for {@link LOST_AFTER_MS}. */
  checkLost(now: number): 'lost' | undefined {
    if (this.#lost || this.#silentFor(now) < LOST_AFTER_MS) return undefined
    this.#lost = true
    return 'lost'
  }

  #silentFor(now: number): number {
    return now - this.#answeredAt
  }
}
