import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VeerError } from '../../../src/errors.js'
import { parseElf } from '../../../src/btf/elf.js'
import { CollectionSpec } from '../../../src/loader/collection-spec.js'

const object = readFileSync(new URL('../../../build/bpf/test/loader_maps.o', import.meta.url))

describe('ELF', () => {
  it('reads the sections and symbols that clang writes', () => {
    const elf = parseElf(object, 'loader_maps')
    const rodata = elf.sections.find((section) => section.name === '.rodata')
    expect(elf.machine).toBe(247)
    expect(elf.sections.map((section) => section.name)).toContain('.BTF')
    const answer = elf.symbols.find((symbol) => symbol.name === 'answer')
    expect(answer).toMatchObject({ type: 'object', size: 4, global: true, section: rodata?.index })
    expect(rodata?.data.readUInt32LE(answer?.value)).toBe(42)
  })

  it.each([
    ['nothing', Buffer.alloc(0), 'it is not an ELF file'],
    ['text', Buffer.alloc(100, 'x'), 'it is not an ELF file'],
    ['ELF32', Buffer.concat([Buffer.from('7f454c4601', 'hex'), Buffer.alloc(60)]), 'it is not a 64-bit ELF file'],
    ['its header alone', object.subarray(0, 64), 'truncated or damaged'],
  ])('refuses %s', (_, bytes, reason) => {
    expect(() => parseElf(bytes, 'x')).toThrow(reason)
  })

  it('answers damage anywhere with an object or a VeerError, never with another exception', () => {
    const damage = fc.array(fc.tuple(fc.nat(object.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(damage, fc.integer({ min: 0, max: object.length }), (changes, length) => {
        const bytes = Buffer.from(object)
        for (const [offset, value] of changes) bytes[offset] = value
        try {
          CollectionSpec.parse(bytes.subarray(0, length), 'damaged')
        } catch (error) {
          expect(error).toBeInstanceOf(VeerError)
        }
        try {
          CollectionSpec.parse(bytes, 'damaged')
        } catch (error) {
          expect(error).toBeInstanceOf(VeerError)
        }
      }),
    )
  })
})
