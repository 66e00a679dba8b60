import { describe, expect, it } from 'vitest'
import { Btf } from '../../../src/btf/btf.js'
import { be16, bytes, struct, text, u16, u32, u8 } from '../../../src/btf/layout.js'
import { camelCase, isPadding, layoutDifference, layoutOf } from '../../../src/btf/layout.js'
import { mapDefinitions } from '../../../src/btf/map-definition.js'
import { BtfBuilder } from '../../support/btf-builder.js'

describe.each([true, false])('BTF (little endian: %s)', (little) => {
  it('reads every kind', () => {
    const b = new BtfBuilder(little)
    const int = b.int('int', 4, true)
    const flag = b.int('_Bool', 1, false, true)
    b.add('ptr', 2, { type: int })
    b.add('array', 3, { extra: [int, int, 7] })
    b.add('struct s', 4, { size: 8, list: [[b.name('x'), int, 0], [b.name('y'), flag, 32]] })
    b.add('union u', 5, { size: 4, list: [[b.name('x'), int, 0]] })
    b.add('enum e', 6, { size: 4, flag: true, list: [[b.name('LOW'), -1]] })
    b.add('fwd f', 7, { flag: true })
    b.add('typedef t', 8, { type: int })
    b.add('func_proto', 13, { type: int, list: [[b.name('arg'), int]] })
    b.add('func main', 12, { type: 10, count: 1 })
    b.add('var v', 14, { type: int, extra: [1] })
    b.add('datasec .data', 15, { size: 4, list: [[12, 0, 4]] })
    b.add('float double', 16, { size: 8 })
    b.add('decl_tag tag', 17, { type: int, extra: [-1] })
    b.add('type_tag user', 18, { type: int })
    b.add('enum64 e64', 19, { size: 8, flag: true, list: [[b.name('BIG'), 1, 2], [b.name('MINUS'), -1, -1]] })
    const btf = Btf.parse(b.build(), little)
    expect(btf.types.slice(1)).toMatchObject([
      { kind: 'int', name: 'int', size: 4, signed: true, bool: false, bits: 32 },
      { kind: 'int', name: '_Bool', bool: true },
      { kind: 'ptr', type: 1 },
      { kind: 'array', element: 1, length: 7 },
      { kind: 'struct', name: 's', size: 8, members: [{ name: 'x', bitOffset: 0 }, { name: 'y', bitOffset: 32 }] },
      { kind: 'union', name: 'u', members: [{ name: 'x' }] },
      { kind: 'enum', name: 'e', values: [{ name: 'LOW', value: -1 }] },
      { kind: 'fwd', name: 'f', union: true },
      { kind: 'typedef', name: 't', type: 1 },
      { kind: 'func_proto', result: 1, parameters: [{ name: 'arg', type: 1 }] },
      { kind: 'func', name: 'main', type: 10, linkage: 1 },
      { kind: 'var', name: 'v', type: 1, linkage: 1 },
      { kind: 'datasec', name: '.data', vars: [{ type: 12, offset: 0, size: 4 }] },
      { kind: 'float', name: 'double', size: 8 },
      { kind: 'decl_tag', name: 'tag', component: -1 },
      { kind: 'type_tag', name: 'user' },
      { kind: 'enum64', values: [{ name: 'BIG', value: (2n << 32n) | 1n }, { name: 'MINUS', value: -1n }] },
    ])
  })

  it('takes byte order from the typedef, and text from char', () => {
    const b = new BtfBuilder(little)
    const short = b.int('unsigned short', 2, false)
    const char = b.int('char', 1, true)
    const byte = b.int('unsigned char', 1, false)
    const u16Id = b.add('typedef __u16', 8, { type: short })
    const be16Id = b.add('typedef __be16', 8, { type: u16Id })
    const nameId = b.add('array', 3, { extra: [char, short, 16] })
    const macId = b.add('array', 3, { extra: [byte, short, 6] })
    const constId = b.add('const', 10, { type: be16Id })
    const list = [
      [b.name('id'), u16Id, 0],
      [b.name('port'), constId, 16],
      [b.name('name'), nameId, 32],
      [b.name('mac'), macId, 160],
    ]
    const id = b.add('struct lb_x', 4, { size: 26, list })
    expect(layoutOf(Btf.parse(b.build(), little), id)).toEqual(
      struct('lb_x', 26, { id: [0, u16], port: [2, be16], name: [4, text(16)], mac: [20, bytes(6)] }),
    )
  })
})

describe('damaged BTF', () => {
  it.each([0, 3, 10, 24, 30, 40])('cut off after %i bytes is an error of one line', (length) => {
    const b = new BtfBuilder(true)
    b.int('int', 4, true)
    expect(() => Btf.parse(b.build().subarray(0, length), true)).toThrow(/^cannot read BTF: [^\n]*$/)
  })

  it('says so when a type refers to itself', () => {
    const b = new BtfBuilder(true)
    b.add('typedef t', 8, { type: 1 })
    expect(() => Btf.parse(b.build(), true).resolve(1)).toThrow('refers to itself')
  })

  it('has no layout for bit fields', () => {
    const b = new BtfBuilder(true)
    const int = b.int('int', 4, true)
    const id = b.add('struct s', 4, { size: 4, flag: true, list: [[b.name('x'), int, (3 << 24) | 0]] })
    expect(() => layoutOf(Btf.parse(b.build(), true), id)).toThrow('bit field x of struct s')
  })
})

describe('map declarations', () => {
  it('are read from the members that __uint and __type make', () => {
    const b = new BtfBuilder(true)
    const int = b.int('unsigned int', 4, false)
    const uint = (n: number) => b.add('ptr', 2, { type: b.add('array', 3, { extra: [int, int, n] }) })
    const key = b.add('ptr', 2, { type: int })
    const sizes = [['type', uint(1)], ['max_entries', uint(99)], ['map_flags', uint(128)]] as const
    const members = [...sizes, ['key', key], ['value', key]] as const
    const map = b.add('struct', 4, { size: 40, list: members.map(([name, type], i) => [b.name(name), type, i * 64]) })
    const variable = b.add('var m', 14, { type: map, extra: [1] })
    b.add('datasec .maps', 15, { list: [[variable, 0, 40]] })
    expect(mapDefinitions(Btf.parse(b.build(), true))).toMatchObject([
      { name: 'm', type: 1, maxEntries: 99, flags: 128, keySize: 4, valueSize: 4, key: u32, value: u32 },
    ])
  })
})

describe('names', () => {
  it.each([['in_pkts', 'inPkts'], ['id', 'id'], ['ring_crc32', 'ringCrc32']])('%s becomes %s', (c, ts) => {
    expect(camelCase(c)).toBe(ts)
  })

  it.each([
    ['pad', true],
    ['pad2', true],
    ['__pad', true],
    ['padding_of_x', false],
    ['paddle', false],
  ])('%s is padding: %s', (name, is) => {
    expect(isPadding(name)).toBe(is)
  })
})

describe('the difference of two layouts', () => {
  const base = struct('s', 4, { a: [0, u16], b: [2, u8] })
  it.each([
    ['none', base, undefined],
    ['a size', struct('s', 8, { a: [0, u16], b: [2, u8] }), 's has 8 bytes, expected 4'],
    ['byte order', struct('s', 4, { a: [0, be16], b: [2, u8] }), 's.a is in big byte order, expected native'],
    ['an offset', struct('s', 4, { a: [0, u16], b: [3, u8] }), 's.b is at 3, expected 2'],
    ['a name', struct('s', 4, { a: [0, u16], c: [2, u8] }), 's has c where b is expected'],
    ['one missing', struct('s', 4, { a: [0, u16] }), 's has no member b'],
    ['one more', struct('s', 4, { a: [0, u16], b: [2, u8], c: [3, u8] }), 's has the unexpected member c'],
    ['a kind', u32, 's is int, expected struct'],
  ])('%s', (_, other, sentence) => {
    expect(layoutDifference(base, other, 's')).toBe(sentence)
  })
})
