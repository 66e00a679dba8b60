import { VeerError } from '../errors.js'

/** Ids that index the maps: the lowest free one is given out next. */
export class IdPool {
  readonly #used: Set<number>
  readonly #size: number
  readonly #what: string
  #next = 0

  /** @param what - plural, for the error when all are used: "destinations" */
  constructor(what: string, size: number, used: Iterable<number>) {
    this.#what = what
    this.#size = size
    this.#used = new Set(used)
  }

  /**
   * Throws `LB_ERR_IDS_USED_UP` when all are used. A configuration fits by itself, config/ has checked that; but what it
   * replaces keeps its ids until it is in force.
   */
  take(): number {
    while (this.#used.has(this.#next)) this.#next++
    if (this.#next >= this.#size) {
      throw new VeerError('LB_ERR_IDS_USED_UP', `old and new ${this.#what} together are more than ${this.#size}`, {
        hint: 'apply the change in two steps, removing first',
      })
    }
    this.#used.add(this.#next)
    return this.#next++
  }
}
