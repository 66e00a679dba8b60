/** When a destination goes up and down: results of checks in, states out. Pure. */
import { DEFAULTS } from '../config/defaults.js'
import type { HealthState } from './protocol.js'

const { maxDamping } = DEFAULTS.health

/** Of a check; the configuration's meaning. */
export interface RiseFallRule {
  rise: number
  fall: number
  /** Milliseconds. */
  damping: number
}

export interface Transition {
  state: 'up' | 'down'
  /** Results in a row that led to it. */
  inARow: number
}

export class RiseFall {
  #state: HealthState
  /** Equal results in a row, up to the last one. */
  #inARow = 0
  #lastOk: boolean | undefined
  /** `rise` counts so many times after the last time that it went down. */
  #dampingFactor = 1
  /** When it last came up from down. */
  #cameUpAt = -Infinity

  constructor(state: HealthState) {
    this.#state = state
  }

  get state(): HealthState {
    return this.#state
  }

  /** Equal results in a row, up to the last one. */
  get inARow(): number {
    return this.#inARow
  }

  /** Whether one more failure would make it go down. */
  nextFailureDecides({ fall }: RiseFallRule): boolean {
    if (this.#state === 'unknown') return true
    return this.#state === 'up' && (this.#lastOk === false ? this.#inARow : 0) + 1 >= fall
  }

  /** Forgets the results so far, since they are of another check; the state stays. */
  forgetResults(): void {
    this.#inARow = 0
    this.#lastOk = undefined
  }

  /** Takes the result of a check, at a time in milliseconds; the transition that it makes. */
  take(ok: boolean, rule: RiseFallRule, now: number): Transition | undefined {
    this.#inARow = ok === this.#lastOk ? this.#inARow + 1 : 1
    this.#lastOk = ok
    const state = ok ? 'up' : 'down'
    if (state === this.#state || this.#inARow < this.#needed(ok, rule)) return undefined
    if (this.#state === 'up') this.#damp(rule, now)
    if (this.#state === 'down') this.#cameUpAt = now
    this.#state = state
    return { state, inARow: this.#inARow }
  }

  /** Results in a row that make a transition; the first result of all decides alone. */
  #needed(ok: boolean, { rise, fall, damping }: RiseFallRule): number {
    if (this.#state === 'unknown') return 1
    if (!ok) return fall
    return damping === 0 ? rise : rise * this.#dampingFactor
  }

  #damp({ damping }: RiseFallRule, now: number): void {
    const flaps = now - this.#cameUpAt < damping
    this.#dampingFactor = flaps ? Math.min(this.#dampingFactor * 2, maxDamping) : 1
  }
}
