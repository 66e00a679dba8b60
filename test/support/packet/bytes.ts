/** Byte strings in network order: the few operations that the packet support needs. */

/** All of `parts`, one after the other. */
export function concat(...parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

/** `value` in 2 bytes, network order. */
export function u16(value: number): Uint8Array {
  return Uint8Array.of((value >>> 8) & 0xff, value & 0xff)
}

/** `value` in 4 bytes, network order. */
export function u32(value: number): Uint8Array {
  return concat(u16(value >>> 16), u16(value & 0xffff))
}

/** The 2 bytes at `offset`; bytes past the end count as zero. */
export function readU16(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0)
}

/** The 4 bytes at `offset`; bytes past the end count as zero. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset) * 0x10000 + readU16(bytes, offset + 2)
}

/** `bytes`, followed by as many zero bytes as make the length a multiple of `unit`. */
export function padTo(bytes: Uint8Array, unit: number): Uint8Array {
  return concat(bytes, new Uint8Array((unit - (bytes.length % unit)) % unit))
}

/** Lower-case hex digits, no separators. */
export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

/** 16 bytes a line with their offset; bytes that differ from `other` (or have no counterpart) stand in brackets. */
export function hexDump(bytes: Uint8Array, other?: Uint8Array): string {
  const lines: string[] = []
  for (let start = 0; start < bytes.length; start += 16) {
    const cells = [...bytes.subarray(start, start + 16)].map((byte, index) => {
      const text = byte.toString(16).padStart(2, '0')
      return other === undefined || other[start + index] === byte ? ` ${text} ` : `[${text}]`
    })
    lines.push(`  ${start.toString(16).padStart(4, '0')} ${cells.join('')}`)
  }
  return lines.join('\n')
}
