/**
 * BTF, the kernel's type format: Documentation/bpf/btf.rst, include/uapi/linux/btf.h. Pure reader.
 */
import { VeerError } from '../errors.js'
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

const MAGIC = 0xeb9f
const REFERENCES: Readonly<Record<number, BtfReference['kind']>> = {
  2: 'ptr',
  8: 'typedef',
  9: 'volatile',
  10: 'const',
  11: 'restrict',
  18: 'type_tag',
}
/** Bytes per element of what follows `struct btf_type`, and bytes that follow once. */
const TRAILER: Readonly<Record<number, { each: number; once: number }>> = {
  1: { each: 0, once: 4 },
  3: { each: 0, once: 12 },
  4: { each: 12, once: 0 },
  5: { each: 12, once: 0 },
  6: { each: 8, once: 0 },
  13: { each: 8, once: 0 },
  14: { each: 0, once: 4 },
  15: { each: 12, once: 0 },
  17: { each: 0, once: 4 },
  19: { each: 12, once: 0 },
}

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

  /** The type behind typedefs, const, volatile, restrict and type tags; a forward declaration becomes its definition. */
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

function readTypes(file: ByteReader): BtfType[] {
  if (file.u16(0) !== MAGIC) throw new RangeError('wrong magic number')
  if (file.u8(2) !== 1) throw new RangeError(`unknown version ${file.u8(2)}`)
  const header = file.u32(4)
  const section = file.slice(header + file.u32(8), file.u32(12))
  const types = new ByteReader(section, file.littleEndian)
  const strings = new ByteReader(file.slice(header + file.u32(16), file.u32(20)), file.littleEndian)
  const result: BtfType[] = [{ kind: 'void' }]
  for (let at = 0; at < section.length; ) {
    const info = types.u32(at + 4)
    const kind = (info >>> 24) & 0x1f
    const length = info & 0xffff
    result.push(readType(types, strings, at, kind, length, info >>> 31 === 1))
    const trailer = TRAILER[kind]
    at += 12 + (trailer === undefined ? 0 : trailer.once + trailer.each * length)
  }
  return result
}

function readType(
  types: ByteReader,
  strings: ByteReader,
  at: number,
  kind: number,
  length: number,
  flag: boolean,
): BtfType {
  const name = strings.text(types.u32(at))
  const sizeOrType = types.u32(at + 8)
  const more = at + 12
  const list = <T>(size: number, read: (at: number) => T): T[] =>
    Array.from({ length }, (_, index) => read(more + index * size))
  const reference = REFERENCES[kind]
  if (reference !== undefined) return { kind: reference, name, type: sizeOrType }
  switch (kind) {
    case 1:
      return { kind: 'int', name, size: sizeOrType, ...intEncoding(types.u32(more)) }
    case 3:
      return { kind: 'array', element: types.u32(more), index: types.u32(more + 4), length: types.u32(more + 8) }
    case 4:
    case 5: {
      const members = list(12, (member) => readMember(types, strings, member, flag))
      return { kind: kind === 4 ? 'struct' : 'union', name, size: sizeOrType, members }
    }
    case 6: {
      const value = (item: number): number => (flag ? types.s32(item + 4) : types.u32(item + 4))
      const values = list(8, (item) => ({ name: strings.text(types.u32(item)), value: value(item) }))
      return { kind: 'enum', name, size: sizeOrType, signed: flag, values }
    }
    case 7:
      return { kind: 'fwd', name, union: flag }
    case 12:
      return { kind: 'func', name, type: sizeOrType, linkage: length }
    case 13: {
      const parameters = list(8, (item) => ({ name: strings.text(types.u32(item)), type: types.u32(item + 4) }))
      return { kind: 'func_proto', result: sizeOrType, parameters }
    }
    case 14:
      return { kind: 'var', name, type: sizeOrType, linkage: types.u32(more) }
    case 15: {
      const vars = list(12, (v) => ({ type: types.u32(v), offset: types.u32(v + 4), size: types.u32(v + 8) }))
      return { kind: 'datasec', name, size: sizeOrType, vars }
    }
    case 16:
      return { kind: 'float', name, size: sizeOrType }
    case 17:
      return { kind: 'decl_tag', name, type: sizeOrType, component: types.s32(more) }
    case 19: {
      const values = list(12, (item) => ({ name: strings.text(types.u32(item)), value: readEnum64(types, item, flag) }))
      return { kind: 'enum64', name, size: sizeOrType, signed: flag, values }
    }
    default:
      throw new RangeError(`unknown kind ${kind}`)
  }
}

function intEncoding(word: number): { signed: boolean; bool: boolean; bits: number } {
  const encoding = (word >>> 24) & 0xf
  return { signed: (encoding & 1) !== 0, bool: (encoding & 4) !== 0, bits: word & 0xff }
}

function readMember(types: ByteReader, strings: ByteReader, at: number, bitFields: boolean): BtfMember {
  const offset = types.u32(at + 8)
  return {
    name: strings.text(types.u32(at)),
    type: types.u32(at + 4),
    bitOffset: bitFields ? offset & 0xffffff : offset,
    bitSize: bitFields ? offset >>> 24 : 0,
  }
}

function readEnum64(types: ByteReader, at: number, signed: boolean): bigint {
  const value = (BigInt(types.u32(at + 8)) << 32n) | BigInt(types.u32(at + 4))
  return signed ? BigInt.asIntN(64, value) : value
}
