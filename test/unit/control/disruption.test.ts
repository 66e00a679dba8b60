import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { movedShares, movedSlots } from '../../../src/control/disruption.js'

const ring = (text: string): string[] => Array.from(text)

describe('slots that move', () => {
  it.each([
    ['aabb', 'aabb', 0, 4],
    ['aabb', 'aacc', 2, 4],
    ['abab', 'baba', 4, 4],
    ['ab', 'aabb', 0, 4],
    ['aabb', 'ab', 0, 4],
    ['aabb', '', 4, 4],
  ])('from %s to %s are %i of %i', (before, after, slotsMoved, slots) => {
    expect(movedSlots(ring(before), ring(after))).toEqual({ slotsMoved, slots })
  })
})

describe('shares that move, where the order of slots does not matter', () => {
  it.each([
    ['abab', 'baba', 0, 4],
    ['ab', 'abc', 1, 3],
    ['abc', 'ab', 1, 3],
    ['aaab', 'abbb', 2, 4],
    ['ab', '', 2, 2],
  ])('from %s to %s are %i of %i', (before, after, slotsMoved, slots) => {
    expect(movedShares(ring(before), ring(after))).toEqual({ slotsMoved, slots })
  })

  it('are never more than slots', () => {
    const any = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 20 })
    fc.assert(
      fc.property(any, any, (before, after) => {
        const { slotsMoved, slots } = movedShares(before, after)
        expect(slotsMoved).toBeLessThanOrEqual(slots)
        expect(slotsMoved).toBeLessThanOrEqual(movedSlots(before, after).slotsMoved + Math.abs(before.length - after.length))
      }),
    )
  })
})
