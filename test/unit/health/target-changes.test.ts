import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ProbeTarget } from '../../../src/health/protocol.js'
import { targetChanges } from '../../../src/health/target-changes.js'

const checks = [
  { kind: 'tcp', interval: 2000, port: undefined },
  { kind: 'http', interval: 2000, port: undefined },
]
const target = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd'),
  destId: fc.nat(1),
  state: fc.constantFrom('up', 'down'),
  check: fc.constantFrom(...checks).map((check) => ({ ...check })),
}) as fc.Arbitrary<unknown> as fc.Arbitrary<ProbeTarget>
const targets = fc.array(target).map((all) => new Map(all.map((each) => [each.key, each])))

describe('what has changed among targets', () => {
  it('makes of those before those after, and names nothing that is as it was', () => {
    fc.assert(
      fc.property(targets, targets, (before, after) => {
        const { changed, removed } = targetChanges(before, after)
        const kept = [...before].filter(([key]) => !removed.includes(key))
        expect(new Map([...kept, ...changed.map((each) => [each.key, each] as const)])).toEqual(after)
        for (const each of changed) expect(each).not.toEqual(before.get(each.key))
        for (const key of removed) expect([before.has(key), after.has(key)]).toEqual([true, false])
      }),
    )
  })
})
