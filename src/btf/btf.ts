/**
 * BTF, the kernel's type format: Documentation/bpf/btf.rst, include/uapi/linux/btf.h. Pure reader.
 */
import { VeerError } from '../errors.js'
import { readTypes } from './btf-reader.js'
import { ByteReader } from './elf.js'

export interface BtfMember {
  name: string
  type: number
  bitOffset: number
  /** 0 unless the member is a bit field. */
  bitSize: number
}

export interface BtfInt {
  kind: 'int'
  name: string
  size: number
  signed: boolean
  bool: boolean
  bits: number
}

export interface BtfArray {
  kind: 'array'
  element: number
  index: number
  length: number
}

export interface BtfComposite {
  kind: 'struct' | 'union'
  name: string
  size: number
  members: BtfMember[]
}

/** `values` are numbers for BTF_KIND_ENUM and bigints for BTF_KIND_ENUM64. */
export interface BtfEnum {
  kind: 'enum' | 'enum64'
  name: string
  size: number
  signed: boolean
  values: { name: string; value: number | bigint }[]
}

/** What only refers to another type; anonymous kinds have the name ''. */
export interface BtfReference {
  kind: 'ptr' | 'typedef' | 'volatile' | 'const' | 'restrict' | 'type_tag'
  name: string
  type: number
}

export interface BtfVar {
  kind: 'var' | 'func'
  name: string
  type: number
  /** 0 static, 1 global, 2 extern. */
  linkage: number
}

export interface BtfDatasec {
  kind: 'datasec'
  name: string
  size: number
  vars: { type: number; offset: number; size: number }[]
}

export interface BtfFuncProto {
  kind: 'func_proto'
  result: number
  parameters: { name: string; type: number }[]
}

export interface BtfForward {
  kind: 'fwd'
  name: string
  union: boolean
}

export interface BtfFloat {
  kind: 'float'
  name: string
  size: number
}

export interface BtfDeclTag {
  kind: 'decl_tag'
  name: string
  type: number
  /** Member or parameter that is tagged; -1: the whole type. */
  component: number
}

export type BtfType =
  | { kind: 'void' }
  | BtfInt
  | BtfArray
  | BtfComposite
  | BtfEnum
  | BtfReference
  | BtfVar
  | BtfDatasec
  | BtfFuncProto
  | BtfForward
  | BtfFloat
  | BtfDeclTag

/** The members of the union `T` that may be of kind `K`. */
type OfKind<T, K> = T extends { kind: infer Kinds } ? (K extends Kinds ? T : never) : never

/** All types of one BTF blob; a type's id is its place in {@link Btf.types}, 0 being void. */
export class Btf {
  readonly types: readonly BtfType[]

  constructor(types: readonly BtfType[]) {
    this.types = types
  }

  /**
   * Reads the content of a `.BTF` section.
   *
   * @throws VeerError `LB_ERR_BTF_INVALID` when it is damaged or of an unknown version.
   */
  static parse(bytes: Buffer, littleEndian: boolean): Btf {
    try {
      return new Btf(readTypes(new ByteReader(bytes, littleEndian)))
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause
      throw new VeerError('LB_ERR_BTF_INVALID', `cannot read BTF: ${cause.message}`, {
        hint: 'build the object again with clang -g',
        cause,
      })
    }
  }

  /** The type with this id. */
  type(id: number): BtfType {
    const type = this.types[id]
    if (type === undefined) throw new VeerError('LB_ERR_BTF_INVALID', `cannot read BTF: there is no type ${id}`)
    return type
  }

  /** The type behind typedefs, qualifiers and type tags; a forward declaration becomes its definition. */
  resolve(id: number): BtfType {
    let type = this.type(id)
    for (let depth = 0; 'type' in type && isTransparent(type.kind); depth++) {
      if (depth > 64) throw new VeerError('LB_ERR_BTF_INVALID', `cannot read BTF: type ${id} refers to itself`)
      type = this.type(type.type)
    }
    return type.kind === 'fwd' ? (this.find(type.union ? 'union' : 'struct', type.name) ?? type) : type
  }

  /** The first type of a kind with this name. */
  find<K extends BtfType['kind']>(kind: K, name: string): OfKind<BtfType, K> | undefined {
    const found = this.types.find((type) => type.kind === kind && 'name' in type && type.name === name)
    return found as OfKind<BtfType, K> | undefined
  }
}

function isTransparent(kind: BtfType['kind']): boolean {
  return kind === 'typedef' || kind === 'const' || kind === 'volatile' || kind === 'restrict' || kind === 'type_tag'
}
