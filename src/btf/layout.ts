/**
 * How a C type lies in memory, as plain data: what codecs are compiled from, what code is generated from,
 * and what an object's BTF is compared with at load.
 */
import { VeerError } from '../errors.js'
import type { Btf, BtfComposite, BtfMember } from './btf.js'

/** `big` and `little` come from the typedefs `__be16`…`__le64`; all else is in the machine's own order. */
export type ByteOrder = 'native' | 'big' | 'little'

export interface IntLayout {
  kind: 'int'
  size: number
  signed: boolean
  order: ByteOrder
}

export interface BoolLayout {
  kind: 'bool'
  size: 1
}

/** `char[N]`: text that ends at the first NUL, or fills all N bytes. */
export interface TextLayout {
  kind: 'text'
  size: number
}

/** `__u8[N]`, and unions, whose bytes only their user can tell apart. */
export interface BytesLayout {
  kind: 'bytes'
  size: number
}

export interface ArrayLayout {
  kind: 'array'
  size: number
  length: number
  element: Layout
}

export interface Field {
  /** The member's name in C. */
  name: string
  offset: number
  layout: Layout
}

export interface StructLayout {
  kind: 'struct'
  /** The struct's name in C; '' when anonymous. */
  name: string
  size: number
  fields: readonly Field[]
}

export type Layout = IntLayout | BoolLayout | TextLayout | BytesLayout | ArrayLayout | StructLayout

const int = (size: number, signed: boolean, order: ByteOrder = 'native'): IntLayout => ({
  kind: 'int',
  size,
  signed,
  order,
})

export const u8 = int(1, false)
export const u16 = int(2, false)
export const u32 = int(4, false)
export const u64 = int(8, false)
export const s8 = int(1, true)
export const s16 = int(2, true)
export const s32 = int(4, true)
export const s64 = int(8, true)
export const be16 = int(2, false, 'big')
export const be32 = int(4, false, 'big')
export const be64 = int(8, false, 'big')
export const le16 = int(2, false, 'little')
export const le32 = int(4, false, 'little')
export const le64 = int(8, false, 'little')
export const bool: BoolLayout = { kind: 'bool', size: 1 }

/** `char[size]`. */
export const text = (size: number): TextLayout => ({ kind: 'text', size })

/** `__u8[size]`. */
export const bytes = (size: number): BytesLayout => ({ kind: 'bytes', size })

/** `element[length]`. */
export const array = (element: Layout, length: number): ArrayLayout => ({
  kind: 'array',
  size: element.size * length,
  length,
  element,
})

/** A struct whose members are given as name: [offset in bytes, layout], in C's names and order. */
export function struct(name: string, size: number, fields: Record<string, readonly [number, Layout]>): StructLayout {
  const list = Object.entries(fields).map(([field, [offset, layout]]) => ({ name: field, offset, layout }))
  return { kind: 'struct', name, size, fields: list }
}

/** Whether a member is padding by its name: such members are not shown, and written as zero. */
export function isPadding(name: string): boolean {
  return /^_*pad\d*$/.test(name)
}

/** `in_pkts` → `inPkts`. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

/**
 * The layout of a type of `btf`.
 *
 * @throws VeerError `LB_ERR_BTF_UNSUPPORTED` for what has no layout here: bit fields, floats, functions.
 */
export function layoutOf(btf: Btf, id: number): Layout {
  const type = btf.resolve(id)
  switch (type.kind) {
    case 'int':
      return type.bool ? bool : int(type.size, type.signed, orderOf(btf, id))
    case 'enum':
    case 'enum64':
      return int(type.size, type.signed)
    case 'ptr':
      return u64
    case 'array':
      return arrayLayout(btf, type.element, type.length)
    case 'union':
      return bytes(type.size)
    case 'struct':
      return structLayout(btf, type)
    default:
      throw unsupported('name' in type && type.name !== '' ? `${type.kind} ${type.name}` : type.kind)
  }
}

function structLayout(btf: Btf, type: BtfComposite): StructLayout {
  const fields = type.members.map((member) => ({
    name: member.name,
    offset: byteOffset(type, member),
    layout: layoutOf(btf, member.type),
  }))
  return { kind: 'struct', name: type.name, size: type.size, fields }
}

function byteOffset(type: BtfComposite, member: BtfMember): number {
  if (member.bitSize !== 0 || member.bitOffset % 8 !== 0) {
    throw unsupported(`bit field ${member.name} of struct ${type.name}`)
  }
  return member.bitOffset / 8
}

function arrayLayout(btf: Btf, element: number, length: number): Layout {
  const type = btf.resolve(element)
  if (type.kind === 'int' && type.name === 'char') return text(length)
  const layout = layoutOf(btf, element)
  return layout.kind === 'int' && layout.size === 1 && !layout.signed ? bytes(length) : array(layout, length)
}

/** Byte order is written in the typedef's name, which BTF keeps. */
function orderOf(btf: Btf, id: number): ByteOrder {
  for (let type = btf.type(id); type.kind !== 'int' && 'type' in type; type = btf.type(type.type)) {
    if (type.kind !== 'typedef') continue
    if (/^__be(16|32|64)$/.test(type.name)) return 'big'
    if (/^__le(16|32|64)$/.test(type.name)) return 'little'
  }
  return 'native'
}

function unsupported(what: string): VeerError {
  return new VeerError('LB_ERR_BTF_UNSUPPORTED', `cannot give a layout to ${what}`, {
    hint: 'use integers, arrays and structs of whole bytes in map keys, values and constants',
  })
}

/** The first difference between two layouts as a sentence, or undefined when memory looks the same through both. */
export function layoutDifference(expected: Layout, actual: Layout, path: string): string | undefined {
  if (expected.kind !== actual.kind) return `${path} is ${actual.kind}, expected ${expected.kind}`
  if (expected.size !== actual.size) return `${path} has ${actual.size} bytes, expected ${expected.size}`
  if (expected.kind === 'int' && actual.kind === 'int') {
    if (expected.order !== actual.order) return `${path} is in ${actual.order} byte order, expected ${expected.order}`
    return expected.signed === actual.signed ? undefined : `${path} is ${actual.signed ? '' : 'un'}signed`
  }
  if (expected.kind === 'array' && actual.kind === 'array') {
    return layoutDifference(expected.element, actual.element, `${path}[]`)
  }
  if (expected.kind === 'struct' && actual.kind === 'struct') return structDifference(expected, actual, path)
  return undefined
}

function structDifference(expected: StructLayout, actual: StructLayout, path: string): string | undefined {
  for (const [index, field] of expected.fields.entries()) {
    const other = actual.fields[index]
    if (other === undefined) return `${path} has no member ${field.name}`
    if (other.name !== field.name) return `${path} has ${other.name} where ${field.name} is expected`
    if (other.offset !== field.offset) return `${path}.${field.name} is at ${other.offset}, expected ${field.offset}`
    const difference = layoutDifference(field.layout, other.layout, `${path}.${field.name}`)
    if (difference !== undefined) return difference
  }
  const extra = actual.fields[expected.fields.length]
  return extra === undefined ? undefined : `${path} has the unexpected member ${extra.name}`
}
