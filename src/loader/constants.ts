import type { Btf } from '../btf/btf.js'
import type { Elf, ElfSection } from '../btf/elf.js'
import type { Layout } from '../btf/layout.js'
import { layoutOf } from '../btf/layout.js'
import { VeerError } from '../errors.js'
import { Codec } from '../maps/codec.js'

interface Constant {
  name: string
  offset: number
  layout: Layout
  codec: Codec<unknown>
}

/**
 * The global constants of an object (`const volatile` variables, section `.rodata`), which the verifier treats as
 * known values. They may be set until the object is loaded.
 */
export class Constants {
  readonly #object: string
  readonly #constants: ReadonlyMap<string, Constant>
  readonly #data: Buffer
  #changed = false

  constructor(object: string, elf: Elf, btf: Btf) {
    this.#object = object
    const section = elf.sections.find((candidate) => candidate.name === '.rodata')
    this.#data = Buffer.from(section?.data ?? [])
    this.#constants = section === undefined ? new Map() : constantsOf(elf, btf, section)
  }

  /** Names in the order of their declaration. */
  names(): string[] {
    return [...this.#constants.keys()]
  }

  /** The value as set, or as initialised in C: number, bigint (64 bits), boolean, string, bytes, array or object. */
  get(name: string): unknown {
    const constant = this.find(name)
    return constant.codec.decode(this.#data, constant.offset)
  }

  /**
   * Sets a constant. Structs are objects with camelCase members.
   *
   * @throws VeerError `LB_ERR_CONSTANT_UNKNOWN` for a name that the object does not have,
   *   `LB_ERR_CONSTANT_VALUE` for a value that does not fit the C type.
   */
  set(name: string, value: unknown): this {
    const constant = this.find(name)
    let bytes: Buffer
    try {
      bytes = constant.codec.encode(value)
    } catch (cause) {
      const message = `cannot set the constant ${name} of ${this.#object}: ${(cause as Error).message}`
      throw new VeerError('LB_ERR_CONSTANT_VALUE', message, { hint: 'give a value that fits its C type', cause })
    }
    bytes.copy(this.#data, constant.offset)
    this.#changed = true
    return this
  }

  /** The whole section as it will be loaded, or undefined when nothing was set. */
  changedSection(): Buffer | undefined {
    return this.#changed ? this.#data : undefined
  }

  private find(name: string): Constant {
    const constant = this.#constants.get(name)
    if (constant !== undefined) return constant
    const names = this.names().join(', ') || 'none'
    throw new VeerError('LB_ERR_CONSTANT_UNKNOWN', `the object ${this.#object} has no constant ${name}`, {
      hint: `it has: ${names}`,
    })
  }
}

/** BTF knows the types; offsets are filled in by the linker only, so they come from the symbols. */
function constantsOf(elf: Elf, btf: Btf, section: ElfSection): Map<string, Constant> {
  const offsets = new Map(
    elf.symbols
      .filter((symbol) => symbol.section === section.index && symbol.type === 'object')
      .map((symbol) => [symbol.name, symbol.value]),
  )
  const result = new Map<string, Constant>()
  for (const { type } of btf.find('datasec', section.name)?.vars ?? []) {
    const variable = btf.type(type)
    const offset = variable.kind === 'var' ? offsets.get(variable.name) : undefined
    if (variable.kind !== 'var' || offset === undefined) continue
    const layout = layoutOf(btf, variable.type)
    result.set(variable.name, { name: variable.name, offset, layout, codec: new Codec(layout) })
  }
  return result
}
