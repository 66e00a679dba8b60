import { endianness } from 'node:os'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { IntLayout, Layout } from '../../../src/btf/layout.js'
import * as layouts from '../../../src/btf/layout.js'
import { Codec } from '../../../src/maps/codec.js'
import { connKeyCodec, destCodec, ringChunkCodec, serviceCodec } from '../../../src/maps/generated.js'

const { array, be16, be32, bytes, s16, struct, text, u16, u32, u64, u8 } = layouts

/** Independent of the codec: one DataView call per number, byte order spelled out. */
function oracle(layout: Layout, value: unknown, view: DataView, offset: number): void {
  switch (layout.kind) {
    case 'int':
      return oracleInt(layout, value as number | bigint, view, offset)
    case 'bool':
      return view.setUint8(offset, value === true ? 1 : 0)
    case 'text':
      return new TextEncoder().encode(value as string).forEach((byte, index) => view.setUint8(offset + index, byte))
    case 'bytes':
      return (value as Uint8Array).forEach((byte, index) => view.setUint8(offset + index, byte))
    case 'array':
      return (value as unknown[]).forEach((item, index) =>
        oracle(layout.element, item, view, offset + index * layout.element.size),
      )
    case 'struct':
      for (const field of layout.fields) {
        oracle(field.layout, (value as Record<string, unknown>)[field.name], view, offset + field.offset)
      }
  }
}

function oracleInt({ size, order }: IntLayout, value: number | bigint, view: DataView, offset: number): void {
  const little = order === 'little' || (order === 'native' && endianness() === 'LE')
  for (let index = 0; index < size; index++) {
    const byte = Number((BigInt(value) >> BigInt(8 * index)) & 0xffn)
    view.setUint8(offset + (little ? index : size - 1 - index), byte)
  }
}

const scalars: Layout[] = Object.values(layouts).filter(
  (value): value is IntLayout => typeof value === 'object' && value.kind === 'int',
)

const layoutArbitrary: fc.Arbitrary<Layout> = fc.letrec<{ layout: Layout }>((tie) => ({
  layout: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...scalars, layouts.bool),
    fc.integer({ min: 1, max: 12 }).map(text),
    fc.integer({ min: 1, max: 12 }).map(bytes),
    fc.tuple(tie('layout'), fc.integer({ min: 1, max: 5 })).map(([element, length]) => array(element, length)),
    fc.array(fc.tuple(fc.nat(3), tie('layout')), { minLength: 1, maxLength: 4 }).map(structOf),
  ),
})).layout

/** A struct with gaps before its members, so that no alignment is taken for granted. */
function structOf(members: [number, Layout][]): Layout {
  let offset = 0
  const fields: Record<string, [number, Layout]> = {}
  members.forEach(([gap, layout], index) => {
    fields[`m${index}`] = [offset + gap, layout]
    offset += gap + layout.size
  })
  return struct('random', offset, fields)
}

function valueArbitrary(layout: Layout): fc.Arbitrary<unknown> {
  switch (layout.kind) {
    case 'int': {
      const bits = BigInt(layout.size * 8)
      const [min, max] = layout.signed ? [-(1n << (bits - 1n)), (1n << (bits - 1n)) - 1n] : [0n, (1n << bits) - 1n]
      const value = fc.bigInt({ min, max })
      return layout.size === 8 ? value : value.map(Number)
    }
    case 'bool':
      return fc.boolean()
    case 'text':
      return fc.string({ maxLength: layout.size }).filter((value) => /^[\x20-\x7e]*$/.test(value))
    case 'bytes':
      return fc.uint8Array({ minLength: layout.size, maxLength: layout.size })
    case 'array':
      return fc.array(valueArbitrary(layout.element), { minLength: layout.length, maxLength: layout.length })
    case 'struct':
      return fc.record(
        Object.fromEntries(layout.fields.map((field) => [field.name, valueArbitrary(field.layout)])),
        { noNullPrototype: true },
      )
  }
}

describe('a codec', () => {
  const layoutAndValue = layoutArbitrary.chain((layout) => fc.tuple(fc.constant(layout), valueArbitrary(layout)))

  it('writes every layout as a DataView does', () => {
    fc.assert(
      fc.property(layoutAndValue, ([layout, value]) => {
        const expected = new DataView(new ArrayBuffer(layout.size))
        oracle(layout, value, expected, 0)
        expect(new Codec(layout).encode(value).toString('hex')).toBe(Buffer.from(expected.buffer).toString('hex'))
      }),
    )
  })

  it('reads back what it wrote, at any offset', () => {
    fc.assert(
      fc.property(layoutAndValue, fc.nat(9), ([layout, value], offset) => {
        const codec = new Codec(layout)
        const target = Buffer.alloc(layout.size + offset + 3)
        codec.encodeInto(value, target, offset)
        expect(codec.decode(target, offset)).toStrictEqual(value)
        expect(target.subarray(0, offset).every((byte) => byte === 0)).toBe(true)
        expect(target.subarray(offset + layout.size).every((byte) => byte === 0)).toBe(true)
      }),
    )
  })

  it.each<[string, Layout, unknown]>([
    ['a number too large', u16, 65536],
    ['a negative number', u8, -1],
    ['a fraction', u32, 1.5],
    ['undefined', u32, undefined],
    ['a number for 64 bits', u64, 5],
    ['a bigint for 32 bits', u32, 5n],
    ['too large a bigint', u64, 1n << 64n],
    ['a number below the range', s16, -32769],
    ['text that is too long', text(3), 'four'],
    ['bytes of another length', bytes(6), new Uint8Array(5)],
    ['too few elements', array(be16, 3), [1, 2]],
    ['too few ring slots', array(u32, 64), [1]],
    ['a ring slot out of range', array(u32, 1), [-1]],
    ['a number for a boolean', layouts.bool, 1],
  ])('refuses %s', (_, layout, value) => {
    expect(() => new Codec(layout).encode(value)).toThrow()
  })

  it('names the member that a value does not fit', () => {
    const inner = struct('inner', 4, { dest_port: [0, be16] })
    const codec = new Codec(struct('outer', 4, { server: [0, inner] }))
    expect(() => codec.encode({ server: { destPort: 70000 } })).toThrow(
      'server: destPort: 70000 is no number of type be16',
    )
  })

  it('leaves padding out, and writes it as zero', () => {
    const codec = new Codec(struct('padded', 8, { a: [0, u8], pad: [1, bytes(3)], b: [4, u16], pad2: [6, bytes(2)] }))
    const written = Buffer.concat([Buffer.of(1, 0, 0, 0), new Codec(u16).encode(2), Buffer.alloc(2)])
    expect(codec.encode({ a: 1, b: 2 })).toEqual(written)
    expect(codec.decode(Buffer.alloc(8, 0xff))).toEqual({ a: 255, b: 65535 })
  })

  it('reads text that fills its array, without a NUL', () => {
    expect(new Codec(text(3)).decode(Buffer.from('abcdef'))).toBe('abc')
  })
})

describe('the generated codecs', () => {
  const addr = { word: [0, 0, 0xffff, 0x0a000001] }

  it('put addresses and ports in network order', () => {
    const bytesOfKey = connKeyCodec.encode({ client: addr, vip: 1, protocol: 6, kind: 0, clientPort: 0x1234, port: 80 })
    expect(bytesOfKey.subarray(0, 16).toString('hex')).toBe('00000000000000000000ffff0a000001')
    expect(bytesOfKey.subarray(20).toString('hex')).toBe('12340050')
  })

  it('have the sizes that abi.h asserts', () => {
    expect([serviceCodec.size, destCodec.size, connKeyCodec.size]).toEqual([112, 64, 24])
  })

  it('round-trip a chunk of a ring', () => {
    const slot = Array.from({ length: 64 }, (_, index) => index * 1000)
    expect(ringChunkCodec.decode(ringChunkCodec.encode({ slot }))).toEqual({ slot })
    expect(new Codec(array(be32, 2)).encode([1, 2]).toString('hex')).toBe('0000000100000002')
  })
})
