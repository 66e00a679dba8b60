import type { BtfMember, BtfReference, BtfType } from './btf.js'
import { ByteReader } from './elf.js'

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

/** The types of a BTF blob by id; throws RangeError where it is damaged. */
export function readTypes(file: ByteReader): BtfType[] {
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
