import { describe, expect, it } from 'vitest'
import { InterfaceTable } from '../../../src/dataplane/interface-table.js'
import type { BpfMap } from '../../../src/maps/bpf-map.js'
import type { Interface, InterfaceSlot } from '../../../src/maps/generated.js'
import { Limit } from '../../../src/maps/generated.js'

/** `interfaces` as plain JavaScript: like the kernel's, it hands out copies. */
function plainSlots(slots: InterfaceSlot[] = []): BpfMap<number, InterfaceSlot> {
  const free = { ifindex: 0, interface: { mac: new Uint8Array(6), mode: 0, name: '' } }
  while (slots.length < Limit.interfaceSlots) slots.push(structuredClone(free))
  return {
    values: () => structuredClone(slots).values(),
    set: (at: number, slot: InterfaceSlot) => (slots[at] = structuredClone(slot)),
  } as unknown as BpfMap<number, InterfaceSlot>
}

const value = (number: number): Interface => ({ mac: Uint8Array.of(2, 0, 0, 0, 0, number), mode: 0, name: `if${number}` })

describe('the table of interfaces', () => {
  it('gives back what was put in and not taken out', () => {
    const table = new InterfaceTable(plainSlots())
    table.set(7, value(7))
    table.set(9, value(9))
    table.set(7, value(8))
    table.delete(11)
    expect(new Map(table.entries())).toEqual(new Map([[7, value(8)], [9, value(9)]]))
    expect([table.get(7), table.get(11)]).toEqual([value(8), undefined])
    table.delete(7)
    expect([...table.entries()]).toEqual([[9, value(9)]])
  })

  it('has each interface at its own place, or when that is taken at the next free one', () => {
    const slots: InterfaceSlot[] = []
    const table = new InterfaceTable(plainSlots(slots))
    const last = Limit.interfaceSlots - 1
    const [first, second, third] = [last, 2 * Limit.interfaceSlots - 1, 3 * Limit.interfaceSlots - 1]
    for (const ifindex of [first, second, third]) table.set(ifindex, value(1))
    expect([last, 0, 1].map((at) => slots[at]?.ifindex)).toEqual([first, second, third])
    table.delete(second)
    expect(table.get(third)).toEqual(value(1))
    table.set(third, value(2))
    expect([last, 0, 1].map((at) => slots[at]?.ifindex)).toEqual([first, 0, third])
  })

  it('holds as many as may be configured twice over, wherever they belong, and says when it is full', () => {
    const table = new InterfaceTable(plainSlots())
    const all = Array.from({ length: Limit.interfaceSlots }, (_, index) => 1 + 128 * index)
    expect(all.length).toBeGreaterThanOrEqual(2 * Limit.maxInterfaces)
    for (const ifindex of all) table.set(ifindex, value(1))
    expect(new Set(new Map(table.entries()).keys())).toEqual(new Set(all))
    expect(() => table.set(2, value(1))).toThrow(RangeError)
  })
})
