/** What has changed among the destinations to be checked. Pure. */
import { isDeepStrictEqual } from 'node:util'
import type { ProbeTarget } from './protocol.js'

export interface TargetChanges {
  /** Those that are new or not as they were. */
  changed: ProbeTarget[]
  /** The keys of those that are not checked any more. */
  removed: string[]
}

export function targetChanges(before: ReadonlyMap<string, ProbeTarget>, after: ReadonlyMap<string, ProbeTarget>): TargetChanges {
  return {
    changed: [...after.values()].filter((target) => !isSame(target, before.get(target.key))),
    removed: [...before.keys()].filter((key) => !after.has(key)),
  }
}

/** As long as the configuration is the same the check is the same object, and nothing has to be looked at twice. */
function isSame(target: ProbeTarget, before: ProbeTarget | undefined): boolean {
  if (before === undefined) return false
  const { check, ...rest } = target
  const isEqual = (Object.keys(rest) as (keyof typeof rest)[]).every((field) => target[field] === before[field])
  return isEqual && (check === before.check || isDeepStrictEqual(check, before.check))
}
