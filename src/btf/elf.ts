/**
 * The few parts of an ELF64 file that a BPF object needs: sections and symbols.
 * Layout by the System V ABI, chapters "Object Files" and "Symbol Table". Pure; nothing is executed or mapped.
 */
import { VeerError } from '../errors.js'

export interface ElfSection {
  index: number
  name: string
  /** `sh_type`, e.g. 1 PROGBITS, 8 NOBITS. */
  type: number
  /** `sh_flags`, e.g. 4 EXECINSTR. */
  flags: number
  /** The section's bytes, a view into the file; empty for NOBITS. */
  data: Buffer
  /** Bytes in memory: those of `data`, or for NOBITS (.bss) what the program gets as zeroes. */
  size: number
}

export interface ElfSymbol {
  name: string
  /** Offset in its section. */
  value: number
  size: number
  /** Index of its section; 0 when undefined. */
  section: number
  type: 'none' | 'object' | 'function' | 'section' | 'other'
  global: boolean
}

export interface Elf {
  littleEndian: boolean
  machine: number
  sections: ElfSection[]
  symbols: ElfSymbol[]
}

const SHT_SYMTAB = 2
const SHT_NOBITS = 8
const SECTION_HEADER = 64
const SYMBOL = 24
const SYMBOL_TYPES = ['none', 'object', 'function', 'section'] as const

/** Reads numbers of one byte order; every read past the end is an error, so a truncated file is found. */
export class ByteReader {
  readonly bytes: Buffer
  readonly littleEndian: boolean

  constructor(bytes: Buffer, littleEndian: boolean) {
    this.bytes = bytes
    this.littleEndian = littleEndian
  }

  u8(offset: number): number {
    return this.bytes.readUInt8(offset)
  }

  u16(offset: number): number {
    return this.littleEndian ? this.bytes.readUInt16LE(offset) : this.bytes.readUInt16BE(offset)
  }

  u32(offset: number): number {
    return this.littleEndian ? this.bytes.readUInt32LE(offset) : this.bytes.readUInt32BE(offset)
  }

  s32(offset: number): number {
    return this.u32(offset) | 0
  }

  /** A 64-bit offset or size. Above 2^53 it is no longer exact, and past the end of any file. */
  u64(offset: number): number {
    return Number(this.littleEndian ? this.bytes.readBigUInt64LE(offset) : this.bytes.readBigUInt64BE(offset))
  }

  /** A NUL-terminated string. */
  text(offset: number): string {
    const end = this.bytes.indexOf(0, offset)
    if (offset >= this.bytes.length || end < 0) throw new RangeError(`no string at offset ${offset}`)
    return this.bytes.toString('utf8', offset, end)
  }

  /** `size` bytes at `offset`, as a view. */
  slice(offset: number, size: number): Buffer {
    if (offset + size > this.bytes.length) throw new RangeError(`${size} bytes at ${offset} end past the file`)
    return this.bytes.subarray(offset, offset + size)
  }
}

/**
 * Reads sections and symbols of an ELF64 file of either byte order.
 *
 * @param name - What messages call the file.
 * @throws VeerError `LB_ERR_OBJECT_INVALID` when it is no ELF64 file, or a truncated one.
 */
export function parseElf(bytes: Uint8Array, name: string): Elf {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46) throw invalid(name, 'it is not an ELF file')
  if (file[4] !== 2) throw invalid(name, 'it is not a 64-bit ELF file')
  try {
    return readElf(new ByteReader(file, file[5] === 1))
  } catch (cause) {
    if (cause instanceof RangeError) throw invalid(name, `it is truncated or damaged (${cause.message})`, cause)
    throw cause
  }
}

function invalid(name: string, why: string, cause?: unknown): VeerError {
  return new VeerError('LB_ERR_OBJECT_INVALID', `cannot read the BPF object ${name}: ${why}`, {
    hint: 'build it again with clang -target bpf -g',
    cause,
  })
}

function readElf(file: ByteReader): Elf {
  const tableOffset = file.u64(40)
  const count = file.u16(60)
  const headers = Array.from({ length: count }, (_, index) => readHeader(file, tableOffset + index * SECTION_HEADER))
  const names = headers[file.u16(62)]
  if (names === undefined) throw new RangeError('no table of section names')
  const nameTable = new ByteReader(file.slice(names.offset, names.size), file.littleEndian)
  const sections = headers.map((header, index) => ({
    index,
    name: header.type === 0 ? '' : nameTable.text(header.name),
    type: header.type,
    flags: header.flags,
    size: header.size,
    data: file.slice(header.offset, header.type === SHT_NOBITS || header.type === 0 ? 0 : header.size),
  }))
  const table = headers.find((header) => header.type === SHT_SYMTAB)
  const symbols = table === undefined ? [] : readSymbols(file, table, sections[table.link]?.data)
  return { littleEndian: file.littleEndian, machine: file.u16(18), sections, symbols }
}

interface SectionHeader {
  name: number
  type: number
  flags: number
  offset: number
  size: number
  link: number
}

function readHeader(file: ByteReader, at: number): SectionHeader {
  return {
    name: file.u32(at),
    type: file.u32(at + 4),
    flags: file.u64(at + 8),
    offset: file.u64(at + 24),
    size: file.u64(at + 32),
    link: file.u32(at + 40),
  }
}

function readSymbols(file: ByteReader, table: SectionHeader, strings: Buffer = Buffer.alloc(0)): ElfSymbol[] {
  const reader = new ByteReader(file.slice(table.offset, table.size), file.littleEndian)
  const names = new ByteReader(strings, file.littleEndian)
  return Array.from({ length: Math.floor(reader.bytes.length / SYMBOL) }, (_, index) => {
    const at = index * SYMBOL
    const info = reader.u8(at + 4)
    return {
      name: names.text(reader.u32(at)),
      type: SYMBOL_TYPES[info & 0xf] ?? 'other',
      global: info >> 4 !== 0,
      section: reader.u16(at + 6),
      value: reader.u64(at + 8),
      size: reader.u64(at + 16),
    }
  })
}
