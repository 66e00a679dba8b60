/**
 * Objects to bytes and back, by {@link Layout}. A layout is compiled once to closures, so nothing is interpreted per
 * value.
 */
import { endianness } from 'node:os'
import type { ArrayLayout, IntLayout, Layout, StructLayout } from '../btf/layout.js'
import { camelCase, isPadding, u32 as u32Layout, u64 as u64Layout } from '../btf/layout.js'

const machineIsLittle = endianness() === 'LE'

type IntMethod = 'Int8' | 'UInt8' | `${'' | 'U'}Int${16 | 32}${'LE' | 'BE'}` | `Big${'' | 'U'}Int64${'LE' | 'BE'}`

type PutInt = (this: Buffer, value: number | bigint, offset: number) => number
type ReadInt = (this: Buffer, offset: number) => number | bigint

/** Buffer's reads and writes of integers by name. */
const intMethods = Buffer.prototype as Record<`write${IntMethod}`, PutInt> & Record<`read${IntMethod}`, ReadInt>

type Write = (value: never, target: Buffer, offset: number) => void
type Read = (source: Buffer, offset: number) => unknown

interface Compiled {
  write: Write
  read: Read
}

/** Turns values of `T` into the bytes of one C type, and back. Members that are padding are written as zero. */
export class Codec<T> {
  readonly layout: Layout
  /** Bytes of one value. */
  readonly size: number
  readonly #write: (value: T, target: Buffer, offset: number) => void
  readonly #read: (source: Buffer, offset: number) => T

  constructor(layout: Layout) {
    this.layout = layout
    this.size = layout.size
    const { write, read } = compile(layout)
    this.#write = write as (value: T, target: Buffer, offset: number) => void
    this.#read = read as (source: Buffer, offset: number) => T
  }

  /**
   * A value as bytes.
   *
   * @throws RangeError or TypeError naming the member, when a value does not fit its C type.
   */
  encode(value: T): Buffer {
    const target = Buffer.alloc(this.size)
    this.#write(value, target, 0)
    return target
  }

  /** Writes a value into `target` at `offset`; the bytes there must be zero, since padding is skipped. */
  encodeInto(value: T, target: Buffer, offset: number): void {
    this.#write(value, target, offset)
  }

  /** The value at `offset`. */
  decode(source: Buffer, offset = 0): T {
    return this.#read(source, offset)
  }
}

/** The key of arrays. */
export const u32Codec = new Codec<number>(u32Layout)

/** A plain 64-bit counter. */
export const u64Codec = new Codec<bigint>(u64Layout)

/** Where a member of a struct lies, in bytes, for those who read one without decoding the rest. */
export function offsetOf({ layout }: { layout: Layout }, name: string): number {
  const field = layout.kind === 'struct' && layout.fields.find((each) => each.name === name)
  if (!field) throw new Error(`there is no member ${name}`)
  return field.offset
}

/** Bytes as they are, for maps whose C type is not known. */
export function bytesCodec(size: number): Codec<Uint8Array> {
  return new Codec<Uint8Array>({ kind: 'bytes', size })
}

function compile(layout: Layout): Compiled {
  switch (layout.kind) {
    case 'int':
      return compileInt(layout)
    case 'bool':
      return {
        write: (value: boolean, target, offset) => {
          if (typeof value !== 'boolean') throw new TypeError(`${String(value)} is no boolean`)
          target.writeUInt8(value ? 1 : 0, offset)
        },
        read: (source, offset) => source.readUInt8(offset) !== 0,
      }
    case 'text':
      return compileText(layout.size)
    case 'bytes':
      return compileBytes(layout.size)
    case 'array':
      return isPlainU32(layout.element) ? compileU32Array(layout.length) : compileArray(layout)
    case 'struct':
      return compileStruct(layout)
  }
}

function compileInt(layout: IntLayout): Compiled {
  const { size, signed, order } = layout
  const suffix = order === 'little' || (order === 'native' && machineIsLittle) ? 'LE' : 'BE'
  const base = `${signed ? '' : 'U'}Int${size * 8}`
  const method = (size === 8 ? `Big${base}${suffix}` : size === 1 ? base : `${base}${suffix}`) as IntMethod
  const put = intMethods[`write${method}`]
  const read = intMethods[`read${method}`]
  const noun = size === 8 ? 'bigint' : 'number'
  const fits = size === 8 ? bigintCheck(signed) : numberCheck(size, signed)
  return {
    write: (value: number | bigint, target, offset) => {
      if (!fits(value)) throw new RangeError(`${value} is no ${noun} of type ${intName(layout)}`)
      put.call(target, value, offset)
    },
    read: (source, offset) => read.call(source, offset),
  }
}

/** Buffer's own writes turn undefined into 0 and cut fractions off. */
function numberCheck(size: number, signed: boolean): (value: number | bigint) => boolean {
  const span = 2 ** (size * 8)
  const min = signed ? -span / 2 : 0
  const max = signed ? span / 2 - 1 : span - 1
  return (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max
}

function bigintCheck(signed: boolean): (value: number | bigint) => boolean {
  const cut = (value: bigint): bigint => (signed ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value))
  return (value) => typeof value === 'bigint' && cut(value) === value
}

/** `u16`, `be32`. */
function intName({ size, signed, order }: IntLayout): string {
  const prefix = order === 'big' ? 'be' : order === 'little' ? 'le' : signed ? 's' : 'u'
  return `${prefix}${size * 8}`
}

function compileText(size: number): Compiled {
  return {
    write: (value: string, target, offset) => {
      const length = Buffer.byteLength(value)
      if (length > size) throw new RangeError(`"${value}" is longer than ${size} bytes`)
      target.write(value, offset, size)
    },
    read: (source, offset) => {
      const end = source.indexOf(0, offset)
      return source.toString('utf8', offset, end < 0 || end > offset + size ? offset + size : end)
    },
  }
}

function compileBytes(size: number): Compiled {
  return {
    write: (value: Uint8Array, target, offset) => {
      if (value.length !== size) throw new RangeError(`${value.length} bytes given, ${size} expected`)
      target.set(value, offset)
    },
    read: (source, offset) => {
      const result = new Uint8Array(size)
      for (let index = 0; index < size; index++) result[index] = source[offset + index] as number
      return result
    },
  }
}

function isPlainU32(layout: Layout): boolean {
  return layout.kind === 'int' && layout.size === 4 && !layout.signed && layout.order === 'native'
}

/** Ring slots come by the million: one view per array instead of a call per slot where the address is aligned. */
function compileU32Array(length: number): Compiled {
  const slow = compileArray({ kind: 'array', size: length * 4, length, element: u32Layout })
  return {
    write: (value: readonly number[], target, offset) => {
      const at = target.byteOffset + offset
      if (at % 4 !== 0 || value.length !== length) {
        slow.write(value as never, target, offset)
        return
      }
      const view = new Uint32Array(target.buffer, at, length)
      for (let index = 0; index < length; index++) {
        const number = value[index] as number
        if (number >>> 0 !== number) throw new RangeError(`${number} at index ${index} is no number of type u32`)
        view[index] = number
      }
    },
    read: (source, offset) => {
      const at = source.byteOffset + offset
      return at % 4 === 0 ? Array.from(new Uint32Array(source.buffer, at, length)) : slow.read(source, offset)
    },
  }
}

function compileArray({ element, length }: ArrayLayout): Compiled {
  const { write, read } = compile(element)
  return {
    write: (value: readonly never[], target, offset) => {
      if (value.length !== length) throw new RangeError(`${value.length} elements given, ${length} expected`)
      for (let index = 0; index < length; index++) write(value[index] as never, target, offset + index * element.size)
    },
    read: (source, offset) => {
      const result = new Array<unknown>(length)
      for (let index = 0; index < length; index++) result[index] = read(source, offset + index * element.size)
      return result
    },
  }
}

function compileStruct(layout: StructLayout): Compiled {
  const members = layout.fields
    .filter((field) => !isPadding(field.name))
    .map((field) => ({ name: camelCase(field.name), offset: field.offset, ...compile(field.layout) }))
  return {
    write: (value: Record<string, never>, target, offset) => {
      let current = ''
      try {
        for (const member of members) {
          current = member.name
          member.write(value[member.name] as never, target, offset + member.offset)
        }
      } catch (error) {
        throw prefixed(error as Error, current)
      }
    },
    read: (source, offset) => {
      const result: Record<string, unknown> = {}
      for (const member of members) result[member.name] = member.read(source, offset + member.offset)
      return result
    },
  }
}

/** The same error, its message saying which member it is about. */
function prefixed(error: Error, member: string): Error {
  error.message = `${member}: ${error.message}`
  return error
}
