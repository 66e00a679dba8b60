/** What the rules between values have in common. */
import type { DraftService } from './draft.js'
import type { Fault, ProblemCode } from './problem.js'

type Path = readonly (string | number)[]

/** A service under the defaults; each rule looks only at what is there. */
export type Settled = DraftService

export function fault(path: Path, code: ProblemCode, message: string): Fault {
  return { path, code, message }
}

/** A service as messages call it. */
export function label(services: readonly Settled[], index: number): string {
  const name = services[index]?.name
  return name === undefined ? `services[${index}]` : `service \`${name}\``
}

/** The port that a service is looked up by; undefined when it is not known. */
export function portOf({ protocol, port }: Settled): number | undefined {
  return protocol === 'icmp' ? 0 : port
}

/** Calls `onRepeat` for each item whose key an earlier one had; undefined keys are passed over. */
export function repeats<T>(
  items: readonly T[],
  keyOf: (item: T) => string | undefined,
  onRepeat: (item: T, index: number, first: number) => Fault,
): Fault[] {
  const firstOf = new Map<string, number>()
  return items.flatMap((item, index) => {
    const key = keyOf(item)
    if (key === undefined) return []
    const first = firstOf.get(key)
    if (first !== undefined) return [onRepeat(item, index, first)]
    firstOf.set(key, index)
    return []
  })
}
