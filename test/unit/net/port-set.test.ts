import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PortSet } from '../../../src/net/port-set.js'
import { formatPorts, intersectionOf, parsePorts, unionOf, withoutPorts } from '../../../src/net/port-set.js'

/** Few ports, so that ranges meet and overlap often. */
const port = fc.integer({ min: 0, max: 40 })
const text = fc
  .array(fc.tuple(port, port), { maxLength: 8 })
  .map((ranges) => ranges.map(([a, b]) => (a === b ? `${a}` : `${Math.min(a, b)}-${Math.max(a, b)}`)).join(','))

/** The oracle: one port after the other. */
function portsOf(set: PortSet): Set<number> {
  return new Set(set.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, index) => first + index)))
}

const sorted = (ports: Iterable<number>): number[] => [...ports].sort((a, b) => a - b)

describe('sets of ports', () => {
  it('are read and printed as the kernel does', () => {
    expect(formatPorts(parsePorts('8080,9000-9002,9003,61000-65535\n'))).toBe('8080,9000-9003,61000-65535')
    expect(formatPorts(parsePorts('\n'))).toBe('')
  })

  it('hold what was read, in ranges that neither overlap nor touch', () => {
    fc.assert(
      fc.property(text, (read) => {
        const set = parsePorts(read)
        const expected = read === '' ? [] : read.split(',').flatMap((range) => {
          const [first = 0, last = first] = range.split('-').map(Number)
          return Array.from({ length: last - first + 1 }, (_, index) => first + index)
        })
        expect(sorted(portsOf(set))).toEqual(sorted(new Set(expected)))
        for (const [index, { first }] of set.entries()) if (index > 0) expect(first).toBeGreaterThan(set[index - 1]!.last + 1)
        expect(parsePorts(formatPorts(set))).toEqual(set)
      }),
    )
  })

  it('are united, cut and intersected as sets are', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const [a, b] = [parsePorts(one), parsePorts(other)]
        const [inA, inB] = [portsOf(a), portsOf(b)]
        expect(sorted(portsOf(unionOf(a, b)))).toEqual(sorted(new Set([...inA, ...inB])))
        expect(sorted(portsOf(withoutPorts(a, b)))).toEqual(sorted([...inA].filter((each) => !inB.has(each))))
        expect(sorted(portsOf(intersectionOf(a, b)))).toEqual(sorted([...inA].filter((each) => inB.has(each))))
      }),
    )
  })
})
