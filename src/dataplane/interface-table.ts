/** The interfaces that are attached, as the dataplane looks them up; bpf/lib/interface.h reads what is written here. */
import type { BpfMap } from '../maps/bpf-map.js'
import type { Interface, InterfaceSlot } from '../maps/generated.js'
import { Limit } from '../maps/generated.js'

const NO_INTERFACE: Interface = { mac: new Uint8Array(6), mode: 0, name: '' }

/** A table over `interfaces`, shaped like a JavaScript `Map`: each interface lies in the first free entry from its own place on. */
export class InterfaceTable {
  readonly #map: BpfMap<number, InterfaceSlot>

  constructor(map: BpfMap<number, InterfaceSlot>) {
    this.#map = map
  }

  /** By ifindex. */
  *entries(): Generator<[ifindex: number, value: Interface]> {
    for (const slot of this.#map.values()) if (slot.ifindex !== 0) yield [slot.ifindex, slot.interface]
  }

  get(ifindex: number): Interface | undefined {
    return this.#find(ifindex, ifindex)?.slot.interface
  }

  /** Adds or replaces. Throws a `RangeError` when there is no room, which is for more than may be configured. */
  set(ifindex: number, value: Interface): void {
    const place = this.#find(ifindex, ifindex) ?? this.#find(0, ifindex)
    if (place === undefined) throw new RangeError(`interfaces has no room for interface ${ifindex}`)
    // A new one is complete before it counts, whatever the order in which the kernel copies bytes.
    if (place.slot.ifindex === 0) this.#map.set(place.at, { ifindex: 0, interface: value })
    this.#map.set(place.at, { ifindex, interface: value })
  }

  /** Takes an interface out; one that is not there is no error. */
  delete(ifindex: number): void {
    const place = this.#find(ifindex, ifindex)
    if (place !== undefined) this.#map.set(place.at, { ifindex: 0, interface: NO_INTERFACE })
  }

  /** The first entry of the interface `wanted`, 0: that is free, from the own place of the interface `from` on. */
  #find(wanted: number, from: number): { at: number; slot: InterfaceSlot } | undefined {
    const slots = [...this.#map.values()].map((slot, at) => ({ at, slot }))
    const home = from % Limit.interfaceSlots
    return [...slots.slice(home), ...slots.slice(0, home)].find(({ slot }) => slot.ifindex === wanted)
  }
}
