/**
 * Keys and values of features that are specified but do not work yet. They are refused as not supported, so that
 * nobody believes them to be in force, and not as unknown, so that nobody looks for a typing error.
 */

/** Where in the file a map stands. */
export type Place = 'file' | 'interface' | 'timeouts' | 'conns' | 'service' | 'scheduler' | 'persistence' | 'real'

const LATER_KEYS: Partial<Record<Place, ReadonlySet<string>>> = {
  file: new Set(['api']),
  timeouts: new Set(['sctp']),
  service: new Set(['fullnat', 'tunnel']),
  real: new Set(['forward', 'tunnel']),
}

const LATER_VALUES: Partial<Record<Place, ReadonlyMap<string, ReadonlySet<unknown>>>> = {
  service: new Map<string, ReadonlySet<unknown>>([
    ['forward', new Set(['tunnel', 'fullnat'])],
    ['protocol', new Set(['sctp'])],
  ]),
}

/** Which kind of map the value at `path` is. */
export function placeOf(path: readonly PropertyKey[]): Place {
  const [first, , third] = path
  if (path.includes('scheduler')) return 'scheduler'
  if (path.includes('persistence')) return 'persistence'
  if (first === 'services') return third === 'reals' ? 'real' : 'service'
  if (first === 'defaults') return 'service'
  if (first === 'interfaces') return 'interface'
  return first === 'timeouts' || first === 'conns' ? first : 'file'
}

/** Whether `key` in the map at `path` belongs to a later version. */
export function isLaterKey(path: readonly PropertyKey[], key: string): boolean {
  return LATER_KEYS[placeOf(path)]?.has(key) === true
}

/** Whether `value` at `path` belongs to a later version. */
export function isLaterValue(path: readonly PropertyKey[], value: unknown): boolean {
  const key = path.at(-1)
  const values = LATER_VALUES[placeOf(path.slice(0, -1))]
  return typeof key === 'string' && values?.get(key)?.has(value) === true
}
