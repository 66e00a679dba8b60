import { Btf } from '../btf/btf.js'
import { parseElf } from '../btf/elf.js'
import { mapDefinitions } from '../btf/map-definition.js'
import type { ProgramDefinition } from '../btf/programs.js'
import { programDefinitions } from '../btf/programs.js'
import { VeerError } from '../errors.js'
import { Constants } from './constants.js'
import { MapSpec } from './map-spec.js'

/** What a program may be attached to, by its section's name (libbpf: Program Types and ELF Sections). */
export type ProgramType = 'xdp' | 'tc' | 'socket' | 'other'

/** A program before it is loaded. */
export interface ProgramSpec extends ProgramDefinition {
  type: ProgramType
}

/**
 * The blueprint of a {@link Collection}: what an object file says, plus what was changed since.
 * Reading it makes no system call and needs no privileges.
 */
export class CollectionSpec {
  readonly name: string
  /** The object file. */
  readonly bytes: Uint8Array
  readonly btf: Btf
  readonly maps: ReadonlyMap<string, MapSpec>
  readonly programs: ReadonlyMap<string, ProgramSpec>
  readonly constants: Constants

  private constructor(bytes: Uint8Array, name: string) {
    const elf = parseElf(bytes, name)
    const section = elf.sections.find((candidate) => candidate.name === '.BTF')
    if (section === undefined) {
      throw new VeerError('LB_ERR_BTF_MISSING', `the BPF object ${name} has no BTF`, { hint: 'build it with clang -g' })
    }
    this.name = name
    this.bytes = bytes
    this.btf = Btf.parse(section.data, elf.littleEndian)
    this.maps = new Map(mapDefinitions(this.btf).map((map) => [map.name, new MapSpec(map)]))
    this.programs = new Map(
      programDefinitions(elf).map((program) => [program.name, { ...program, type: programType(program.section) }]),
    )
    this.constants = new Constants(name, elf, this.btf)
  }

  /**
   * Reads an object file as clang makes it (`-target bpf -g`).
   *
   * @param name - What messages call the object; also its name for libbpf, which starts the names of its data maps.
   * @throws VeerError `LB_ERR_OBJECT_INVALID`, `LB_ERR_BTF_MISSING`, `LB_ERR_BTF_INVALID` or `LB_ERR_MAP_UNDEFINED`.
   */
  static parse(bytes: Uint8Array, name: string): CollectionSpec {
    return new CollectionSpec(bytes, name)
  }

  /**
   * The spec of one map, for example to change its size.
   *
   * @throws VeerError `LB_ERR_MAP_UNKNOWN` when the object does not declare it.
   */
  map(name: string): MapSpec {
    const map = this.maps.get(name)
    if (map !== undefined) return map
    throw new VeerError('LB_ERR_MAP_UNKNOWN', `the object ${this.name} has no map ${name}`, {
      hint: `it has: ${[...this.maps.keys()].join(', ') || 'none'}`,
    })
  }
}

function programType(section: string): ProgramType {
  const kind = section.split(/[./]/)[0] ?? ''
  if (kind === 'xdp' || kind === 'socket') return kind
  return kind === 'tc' || kind === 'tcx' || kind === 'classifier' ? 'tc' : 'other'
}
