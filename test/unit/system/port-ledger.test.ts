import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PortSet } from '../../../src/net/port-set.js'
import { formatPorts, parsePorts } from '../../../src/net/port-set.js'
import type { PortLedger } from '../../../src/system/port-ledger.js'
import { release, reserve } from '../../../src/system/port-ledger.js'

const NAMES = ['a', 'b', 'c'] as const
const range = fc
  .tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 30 }))
  .map(([one, other]): PortSet => [{ first: Math.min(one, other), last: Math.max(one, other) }])
const step = fc.record({ name: fc.constantFrom(...NAMES), wanted: fc.option(range, { nil: undefined }) })
const users = fc.array(range, { maxLength: 3 }).map((sets) => sets.flat().map((each) => formatPorts([each])).join(','))

const apply = (ledger: PortLedger, { name, wanted }: { name: string; wanted: PortSet | undefined }): PortLedger =>
  wanted === undefined ? release(ledger, name) : reserve(ledger, name, wanted)

describe('the list of reserved ports', () => {
  it("holds the administrator's ports and those that instances want, whoever comes and goes", () => {
    fc.assert(
      fc.property(users, fc.array(step, { maxLength: 12 }), (own, steps) => {
        const start: PortLedger = { reserved: parsePorts(own), reservations: new Map() }
        const wanted = new Map<string, PortSet>()
        let ledger = start
        for (const each of steps) {
          ledger = apply(ledger, each)
          if (each.wanted === undefined) wanted.delete(each.name)
          else wanted.set(each.name, each.wanted)
          const all = [own, ...[...wanted.values()].map(formatPorts)].join(',')
          expect(ledger.reserved).toEqual(parsePorts(all))
        }
        for (const name of NAMES) ledger = release(ledger, name)
        expect(ledger).toEqual(start)
      }),
    )
  })

  it('gives back what the administrator took off the list and put back only as far as it was missing', () => {
    const reserved = reserve({ reserved: parsePorts('8080,61000-61010'), reservations: new Map() }, 'a', parsePorts('61000-65535'))
    const cut = reserve({ ...reserved, reserved: parsePorts('8080') }, 'a', parsePorts('61000-65535'))
    expect(formatPorts(cut.reserved)).toBe('8080,61000-65535')
    expect(formatPorts(release(cut, 'a').reserved)).toBe('8080')
  })

  it('is as it was after the same reservation twice', () => {
    const once = reserve({ reserved: [], reservations: new Map() }, 'a', parsePorts('61000-65535'))
    expect(reserve(once, 'a', parsePorts('61000-65535'))).toEqual(once)
  })
})
