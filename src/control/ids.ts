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

  /** Throws `RangeError` when all are used; the configuration's limits are checked before. */
  take(): number {
    while (this.#used.has(this.#next)) this.#next++
    if (this.#next >= this.#size) throw new RangeError(`all ${this.#size} ids of ${this.#what} are in use`)
    this.#used.add(this.#next)
    return this.#next++
  }
}
