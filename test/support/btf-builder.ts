/** Writes BTF blobs by hand, as Documentation/bpf/btf.rst lays them out, for tests of the reader. */

interface TypeOptions {
  /** `size` or `type`, the third word. */
  size?: number
  type?: number
  flag?: boolean
  /** vlen where there is no list (linkage of functions). */
  count?: number
  list?: readonly (readonly number[])[]
  extra?: readonly number[]
}

export class BtfBuilder {
  readonly #little: boolean
  readonly #words: number[] = []
  #strings = '\0'
  #types = 0

  constructor(littleEndian: boolean) {
    this.#little = littleEndian
  }

  /** Offset of a string. */
  name(text: string): number {
    if (text === '') return 0
    const offset = this.#strings.length
    this.#strings += `${text}\0`
    return offset
  }

  int(name: string, size: number, signed: boolean, bool = false): number {
    return this.add(`int ${name}`, 1, {
      size,
      extra: [((signed ? 1 : 0) << 24) | ((bool ? 4 : 0) << 24) | (size * 8)],
    })
  }

  /** `label`: anything, then the type's name after a space. Returns the type's id. */
  add(label: string, kind: number, options: TypeOptions): number {
    const { list = [], extra = [], flag = false, count = list.length } = options
    const name = this.name(label.split(' ')[1] ?? '')
    const info = ((flag ? 0x80000000 : 0) | (kind << 24) | count) >>> 0
    this.#words.push(name, info, options.size ?? options.type ?? 0, ...extra, ...list.flat())
    return ++this.#types
  }

  build(): Buffer {
    const strings = Buffer.from(this.#strings)
    const size = this.#words.length * 4
    const header = Buffer.alloc(24)
    const put = (target: Buffer, value: number, offset: number): void => {
      if (this.#little) target.writeUInt32LE(value >>> 0, offset)
      else target.writeUInt32BE(value >>> 0, offset)
    }
    if (this.#little) header.writeUInt16LE(0xeb9f, 0)
    else header.writeUInt16BE(0xeb9f, 0)
    header.writeUInt8(1, 2)
    ;[24, 0, size, size, strings.length].forEach((value, index) => put(header, value, 4 + index * 4))
    const types = Buffer.alloc(size)
    this.#words.forEach((word, index) => put(types, word, index * 4))
    return Buffer.concat([header, types, strings])
  }
}
