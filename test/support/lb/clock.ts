/** Translates between the oracle's clock (process.hrtime, nanoseconds) and that of the dataplane (ticks). */
import { Limit } from '../../../src/maps/generated.js'

const NS_PER_SECOND = 1_000_000_000n
/** Dead for longer than any grace. */
const LONG_DEAD = -1_000_000

export class TestClock {
  readonly #nsPerTick: bigint
  readonly hz: number
  /** One moment by both; the same tick is the same time whenever it is read. */
  readonly #tick: number
  readonly #ns = process.hrtime.bigint()

  constructor(hz: number, tick: number) {
    this.hz = hz
    this.#nsPerTick = (NS_PER_SECOND * BigInt(Limit.tickJiffies)) / BigInt(hz)
    this.#tick = tick
  }

  ticks(ns: bigint): number {
    return Number(ns / this.#nsPerTick)
  }

  /** As u32. */
  tickAt(ns: bigint): number {
    return (this.#tick + Math.max(LONG_DEAD, this.ticks(ns - this.#ns))) >>> 0
  }

  nsAt(tick: number): bigint {
    return this.#ns + BigInt((tick - this.#tick) | 0) * this.#nsPerTick
  }
}
