import type { MapDefinition } from '../btf/map-definition.js'
import { VeerError } from '../errors.js'

/** A map before it exists: as declared in C, but for its size, which may still be changed. */
export class MapSpec {
  readonly definition: MapDefinition
  #maxEntries: number

  constructor(definition: MapDefinition) {
    this.definition = definition
    this.#maxEntries = definition.maxEntries
  }

  get name(): string {
    return this.definition.name
  }

  /** How many elements the map may hold; ring buffers: bytes. */
  get maxEntries(): number {
    return this.#maxEntries
  }

  set maxEntries(count: number) {
    if (!Number.isInteger(count) || count < 1 || count > 0xffff_ffff) {
      throw new VeerError('LB_ERR_MAP_SIZE', `cannot make the map ${this.name} hold ${count} elements`, {
        hint: 'give a whole number from 1 to 4294967295',
      })
    }
    this.#maxEntries = count
  }

  /** Whether the size is another than in C. */
  get resized(): boolean {
    return this.#maxEntries !== this.definition.maxEntries
  }
}
