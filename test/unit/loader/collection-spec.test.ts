import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { VeerError } from '../../../src/errors.js'
import { CollectionSpec } from '../../../src/loader/collection-spec.js'
import { checkDescriptor, liveMapDifference } from '../../../src/loader/compare.js'
import { missingFeature } from '../../../src/loader/features.js'
import { u32Codec, u64Codec } from '../../../src/maps/codec.js'
import { plainMap } from '../../../src/maps/descriptor.js'
import { MapType } from '../../../src/maps/map-type.js'

const parse = (): CollectionSpec =>
  CollectionSpec.parse(readFileSync(new URL('../../../build/bpf/test/loader_maps.o', import.meta.url)), 'loader_maps')

const codeOf = (action: () => unknown): string | undefined => {
  try {
    action()
  } catch (error) {
    return error instanceof VeerError ? error.code : String(error)
  }
  return undefined
}

describe('a spec', () => {
  it('knows maps with types and sizes, before any of them exists', () => {
    const spec = parse()
    expect([...spec.maps.keys()].sort()).toEqual(['cells', 'events', 'hits', 'points', 'ports_out', 'recent', 'tables'])
    const points = { type: MapType.hash, keySize: 8, valueSize: 8, maxEntries: 5000 }
    expect(spec.map('points').definition).toMatchObject(points)
    expect(spec.map('tables').definition.inner).toMatchObject({ type: MapType.array, maxEntries: 1, flags: 0x1000 })
  })

  it('knows programs and their types', () => {
    const programs = [...parse().programs.values()].map(({ name, section, type }) => [name, section, type])
    expect(programs.sort()).toEqual([
      ['constants', 'tc', 'tc'],
      ['drop_all', 'xdp.frags', 'xdp'],
      ['note', 'xdp.frags', 'xdp'],
      ['redirect', 'xdp', 'xdp'],
    ])
  })

  it('changes the size of a map, but not to nonsense', () => {
    const points = parse().map('points')
    points.maxEntries = 7
    expect([points.maxEntries, points.resized]).toEqual([7, true])
    for (const size of [0, -1, 1.5, 2 ** 32]) expect(codeOf(() => (points.maxEntries = size))).toBe('LB_ERR_MAP_SIZE')
  })

  it('names the maps there are when asked for another', () => {
    expect(() => parse().map('pointz')).toThrow('the object loader_maps has no map pointz')
  })
})

describe('constants', () => {
  it('have the values that C gave them', () => {
    const { constants } = parse()
    expect(['answer', 'below', 'enabled', 'big', 'ports'].map((name) => constants.get(name))).toEqual([
      42, -7, true, 1n << 40n, [1, 2, 3],
    ])
    expect(constants.get('limits')).toEqual({ bytes: 5n, port: 0, mac: new Uint8Array(6), name: 'none' })
    expect(constants.changedSection()).toBeUndefined()
  })

  it.each([
    ['answer', 7],
    ['below', -32768],
    ['enabled', false],
    ['big', 3n],
    ['ports', [80, 443, 65535]],
    ['limits', { bytes: 9n, port: 80, mac: Uint8Array.of(1, 2, 3, 4, 5, 6), name: 'eight888' }],
  ])('%s is set, and its neighbours are not', (name, value) => {
    const { constants } = parse()
    constants.set(name, value)
    expect(constants.get(name)).toEqual(value)
    const fresh = parse().constants
    for (const other of constants.names().filter((each) => each !== name)) {
      expect(constants.get(other)).toEqual(fresh.get(other))
    }
  })

  it.each([
    ['nobody', 1, 'LB_ERR_CONSTANT_UNKNOWN'],
    ['answer', -1, 'LB_ERR_CONSTANT_VALUE'],
    ['answer', '7', 'LB_ERR_CONSTANT_VALUE'],
    ['answer', 2 ** 32, 'LB_ERR_CONSTANT_VALUE'],
    ['big', 3, 'LB_ERR_CONSTANT_VALUE'],
    ['enabled', 1, 'LB_ERR_CONSTANT_VALUE'],
    ['ports', [1, 2], 'LB_ERR_CONSTANT_VALUE'],
    ['limits', { bytes: 1n }, 'LB_ERR_CONSTANT_VALUE'],
  ])('%s = %o is refused', (name, value, code) => {
    expect(codeOf(() => parse().constants.set(name, value))).toBe(code)
  })

  it('say what does not fit', () => {
    expect(() => parse().constants.set('answer', -1)).toThrow(
      'cannot set the constant answer of loader_maps: -1 is no number of type u32',
    )
  })
})

describe('a descriptor', () => {
  const describeCells = (type: number, value: typeof u32Codec | typeof u64Codec, flags = 0) => ({
    name: 'loader_maps',
    maps: { cells: plainMap<number, unknown>({ name: 'cells', type, flags }, u32Codec, value as never) },
    programs: {},
  })

  it.each([
    ['as the object', describeCells(MapType.array, u32Codec), undefined],
    ['another type', describeCells(MapType.hash, u32Codec), 'map cells is of type array, not hash'],
    ['another value', describeCells(MapType.array, u64Codec), 'cells value has 4 bytes, expected 8'],
    ['other flags', describeCells(MapType.array, u32Codec, 128), 'map cells has flags 0x0, not 0x80'],
    [
      'a missing program',
      { name: 'x', maps: {}, programs: { p: { name: 'gone', section: 'xdp' } } },
      'there is no program gone',
    ],
    [
      'a program elsewhere',
      { name: 'x', maps: {}, programs: { p: { name: 'note', section: 'xdp' } } },
      'program note is in xdp.frags, not xdp',
    ],
  ])('with %s', (_, descriptor, difference) => {
    const check = (): void => checkDescriptor(parse(), descriptor)
    if (difference === undefined) expect(check).not.toThrow()
    else expect(check).toThrow(`the object loader_maps is not what this code was built for: ${difference}`)
  })
})

describe('a live map', () => {
  const expected = { name: 'm', type: MapType.hash, keySize: 4, valueSize: 8, maxEntries: 10, flags: 0 }
  const info = { ...expected, id: 1, btfId: 0, btfKeyTypeId: 0, btfValueTypeId: 0 }
  it.each([
    [{}, undefined],
    [{ type: MapType.lruHash }, 'its type is lruHash, expected hash'],
    [{ keySize: 8 }, 'its keys have 8 bytes, expected 4'],
    [{ valueSize: 4 }, 'its values have 4 bytes, expected 8'],
    [{ maxEntries: 11 }, 'it holds 11 elements, expected 10'],
    [{ flags: 1 }, 'its flags are 0x1, expected 0x0'],
  ])('%o', (change, sentence) => {
    expect(liveMapDifference(expected, { ...info, ...change })).toBe(sentence)
  })

  it('may be read-only to programs if it is a devmap, as the kernel makes them', () => {
    const devmap = { ...expected, type: MapType.devmapHash }
    expect(liveMapDifference(devmap, { ...info, type: MapType.devmapHash, flags: 0x80 })).toBeUndefined()
  })
})

describe('a missing feature', () => {
  it.each([
    ['5.15.0-91-generic', 'this kernel (5.15.0-91-generic) has no TCX links'],
    ['6.5.0', 'this kernel (6.5.0) has no TCX links'],
    ['6.6.1', undefined],
    ['7.0.0', undefined],
  ])('on %s', (kernel, message) => {
    expect(missingFeature('TCX links', undefined, kernel)?.message).toBe(message)
  })
})
