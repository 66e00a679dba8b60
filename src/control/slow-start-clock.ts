import type { Config } from '../config/schema.js'
import { STEPS } from './slow-start.js'

/** When the slow starts of each service go on by a step. Times are milliseconds of any clock that does not jump. */
export class SlowStartClock {
  readonly #due = new Map<string, { at: number; period: number }>()

  /** @param starting - names of all services in which a real is in its slow start; a new one has its first step ahead */
  follow(starting: readonly string[], config: Pick<Config, 'services'>, now: number): void {
    const names = new Set(starting)
    for (const { name, slowStart } of config.services) {
      if (!names.has(name) || slowStart === 0) this.#due.delete(name)
      else this.#due.set(name, { at: this.#due.get(name)?.at ?? now + slowStart / STEPS, period: slowStart / STEPS })
    }
    const known = new Set(config.services.map(({ name }) => name))
    for (const name of this.#due.keys()) if (!known.has(name)) this.#due.delete(name)
  }

  /** The services whose next step is due, each for one step; late ones are not made up for. */
  take(now: number): Set<string> {
    const due = [...this.#due].filter(([, { at }]) => at <= now)
    for (const [name, { period }] of due) this.#due.set(name, { at: now + period, period })
    return new Set(due.map(([name]) => name))
  }

  /** When {@link take} has something next. */
  get next(): number | undefined {
    return this.#due.size === 0 ? undefined : Math.min(...[...this.#due.values()].map(({ at }) => at))
  }
}
