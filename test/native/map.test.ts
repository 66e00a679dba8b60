import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { native, type NativeMap } from '../../src/native.js'
import { TemporaryBpffs, mapType, thrownBy, u32, u32Range, u64 } from './support.js'

const opened: NativeMap[] = []
function create(type: number, options: { maxEntries?: number; valueSize?: number; flags?: number } = {}): NativeMap {
  const map = native().createMap({ type, name: 'sample', keySize: 4, valueSize: 8, maxEntries: 8, ...options })
  opened.push(map)
  return map
}

/** All keys by batches of `count`, and how many batches it took. */
function dump(map: NativeMap, count: number): { keys: number[]; batches: number } {
  const keys: number[] = []
  let batches = 0
  let cursor: Buffer | undefined
  do {
    const batch = map.lookupBatch(cursor, count)
    for (let i = 0; i < batch.count; i++) keys.push(batch.keys.readUInt32LE(i * 4))
    cursor = batch.cursor
    batches++
  } while (cursor !== undefined)
  return { keys, batches }
}

afterAll(() => opened.forEach((map) => map.close()))

describe.each([
  ['hash', mapType.hash],
  ['LRU hash', mapType.lruHash],
])('a %s map', (_, type) => {
  it('gives back what was written, and undefined or false for a key that is absent', () => {
    const map = create(type)
    map.update(u32(7), u64(70n), 0)
    expect(map.lookup(u32(7))).toEqual(u64(70n))
    expect(map.lookup(u32(8))).toBeUndefined()
    expect(map.nextKey(undefined)).toEqual(u32(7))
    expect(map.nextKey(u32(7))).toBeUndefined()
    expect(map.delete(u32(7))).toBe(true)
    expect(map.delete(u32(7))).toBe(false)
  })
})

describe('a hash map', () => {
  it('throws an error with code, errno, syscall and object', () => {
    const map = create(mapType.hash)
    map.update(u32(1), u64(1n), 0)
    const error = thrownBy(() => map.update(u32(1), u64(2n), 1))
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ code: 'EEXIST', errno: 17, syscall: 'bpf_map_update_elem', object: 'sample' })
    expect(error.message).toBe('bpf_map_update_elem on map sample: File exists (EEXIST)')
  })

  it('is read in several batches when it has more than fit in one', () => {
    const map = create(mapType.hash, { maxEntries: 1000 })
    expect(map.updateBatch(u32Range(1000), Buffer.alloc(8000), 1000, 0)).toBe(1000)
    const { keys, batches } = dump(map, 64)
    expect(batches).toBeGreaterThan(10)
    expect(keys.sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
  })

  it('is read whole with room for one element, although its buckets hold more', () => {
    const map = create(mapType.hash, { maxEntries: 64 })
    map.updateBatch(u32Range(64), Buffer.alloc(512), 64, 0)
    expect(dump(map, 1).keys).toHaveLength(64)
  })

  it('is read off the event loop, also when closed meanwhile', async () => {
    const map = create(mapType.hash, { maxEntries: 100 })
    map.updateBatch(u32Range(100), Buffer.alloc(800, 5), 100, 0)
    const promise = map.lookupBatchAsync(undefined, 200)
    map.close()
    const batch = await promise
    expect(batch).toMatchObject({ count: 100, cursor: undefined })
    expect(batch.values).toEqual(Buffer.alloc(800, 5))
  })

  it('says how many elements of a batch were written before it was full', () => {
    const map = create(mapType.hash, { maxEntries: 4 })
    const error = thrownBy(() => map.updateBatch(u32Range(6), Buffer.alloc(48), 6, 0))
    expect(error).toMatchObject({ code: 'E2BIG', done: 4 })
  })

  it('deletes a batch', () => {
    const map = create(mapType.hash)
    map.updateBatch(u32Range(5), Buffer.alloc(40), 5, 0)
    expect(map.deleteBatch(u32Range(3), 3)).toBe(3)
    expect(dump(map, 16).keys.sort()).toEqual([3, 4])
  })

  it('refuses writes once frozen', () => {
    const map = create(mapType.hash)
    map.freeze()
    expect(thrownBy(() => map.update(u32(1), u64(1n), 0)).code).toBe('EPERM')
  })
})

describe('an array map', () => {
  it('has every element from the start, in order', () => {
    const map = create(mapType.array)
    expect(map.lookup(u32(3))).toEqual(u64(0n))
    expect(dump(map, 3)).toEqual({ keys: [0, 1, 2, 3, 4, 5, 6, 7], batches: 3 })
    expect(thrownBy(() => map.update(u32(8), u64(1n), 0)).code).toBe('E2BIG')
  })
})

describe('a per-CPU array', () => {
  it('has a value per possible CPU, each padded to 8 bytes', () => {
    const map = create(mapType.percpuArray, { valueSize: 12 })
    expect(map.valueBytes).toBe(16 * native().possibleCpus())
    const value = Buffer.alloc(map.valueBytes)
    for (let cpu = 0; cpu < native().possibleCpus(); cpu++) value.writeUInt32LE(cpu + 1, cpu * 16)
    map.update(u32(2), value, 0)
    expect(map.lookup(u32(2))).toEqual(value)
    expect(map.lookupBatch(undefined, 8).values).toHaveLength(8 * map.valueBytes)
    expect(() => map.update(u32(2), Buffer.alloc(12), 0)).toThrow(TypeError)
  })
})

describe('an array of maps', () => {
  it('takes the fd of an inner map and answers with its id', () => {
    const inner = create(mapType.array)
    const outer = native().createMap({
      type: mapType.arrayOfMaps, name: 'outer', keySize: 4, valueSize: 4, maxEntries: 2, innerMap: inner,
    })
    opened.push(outer)
    inner.update(u32(1), u64(11n), 0)
    outer.update(u32(0), u32(inner.fd), 0)
    const id = outer.lookup(u32(0))?.readUInt32LE() ?? 0
    expect(id).toBe(inner.info().id)
    const again = native().mapById(id)
    opened.push(again)
    expect(again.lookup(u32(1))).toEqual(u64(11n))
    expect(outer.lookup(u32(1))).toBeUndefined()
  })
})

describe('lengths', () => {
  const wrong: [string, (map: NativeMap) => unknown, string][] = [
    ['lookup key', (map) => map.lookup(Buffer.alloc(3)), 'key: expected 4 bytes, got 3'],
    ['update key', (map) => map.update(Buffer.alloc(5), u64(0n), 0), 'key: expected 4 bytes, got 5'],
    ['update value', (map) => map.update(u32(0), u32(0), 0), 'value: expected 8 bytes, got 4'],
    ['delete key', (map) => map.delete(Buffer.alloc(0)), 'key: expected 4 bytes, got 0'],
    ['nextKey key', (map) => map.nextKey(u64(0n)), 'key: expected 4 bytes, got 8'],
    ['cursor', (map) => map.lookupBatch(Buffer.alloc(1), 4), 'cursor: expected 4 bytes, got 1'],
    ['batch keys', (map) => map.updateBatch(u32Range(2), Buffer.alloc(24), 3, 0), 'keys: expected 12 bytes, got 8'],
    ['batch values', (map) => map.updateBatch(u32Range(3), u64(0n), 3, 0), 'values: expected 24 bytes, got 8'],
    ['deleted keys', (map) => map.deleteBatch(u32(0), 2), 'keys: expected 8 bytes, got 4'],
  ]
  it.each(wrong)('of a wrong %s throw a TypeError naming both', (_, call, message) => {
    const error = thrownBy(() => call(create(mapType.hash)))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toBe(`map sample: ${message}`)
  })

  it.each([0, -1, 1.5, Number.NaN, 2 ** 31, 2 ** 32])('refuse a batch count of %d', (count) => {
    expect(() => create(mapType.hash).lookupBatch(undefined, count)).toThrow(/count: /)
  })

  it('refuse what is not a Uint8Array', () => {
    const map = create(mapType.hash)
    for (const key of ['abcd', new Uint32Array(1), [1, 2, 3, 4], undefined, {}]) {
      expect(() => map.lookup(key as Uint8Array)).toThrow(TypeError)
    }
  })
})

describe('a pinned map', () => {
  let bpffs: TemporaryBpffs
  beforeAll(() => { bpffs = new TemporaryBpffs() })
  afterAll(() => bpffs.remove())

  it('is the same map when opened again, and no program or link', () => {
    const map = create(mapType.hash)
    map.pin(bpffs.path('m'))
    const again = native().openPinnedMap(bpffs.path('m'))
    opened.push(again)
    expect(again.info()).toEqual(map.info())
    expect(thrownBy(() => native().openPinnedProgram(bpffs.path('m'))).code).toBe('EINVAL')
    expect(thrownBy(() => native().openPinnedLink(bpffs.path('m'))).code).toBe('EINVAL')
    expect(thrownBy(() => map.pin(bpffs.path('m')))).toMatchObject({ code: 'EEXIST', object: bpffs.path('m') })
  })

  it('that does not exist throws ENOENT with the path', () => {
    const path = bpffs.path('absent')
    expect(thrownBy(() => native().openPinnedMap(path))).toMatchObject({ code: 'ENOENT', object: path })
  })
})

describe('a closed map', () => {
  it('throws EBADF from every member, and closes again quietly', () => {
    const map = create(mapType.hash)
    map.close()
    map.close()
    const uses = [
      () => map.fd, () => map.valueBytes, () => map.info(), () => map.lookup(u32(0)),
      () => map.update(u32(0), u64(0n), 0), () => map.delete(u32(0)), () => map.nextKey(undefined),
      () => map.lookupBatch(undefined, 1), () => map.updateBatch(u32(0), u64(0n), 1, 0),
      () => map.deleteBatch(u32(0), 1), () => map.freeze(), () => map.pin('/sys/fs/bpf/never'),
      () => void map.lookupBatchAsync(undefined, 1),
    ]
    for (const use of uses) expect(thrownBy(use).code).toBe('EBADF')
  })

  it('cannot be made or borrowed by JavaScript', () => {
    const map = create(mapType.hash)
    const Constructor = map.constructor as new () => NativeMap
    expect(() => new Constructor()).toThrow('Illegal constructor')
    const imposter = Object.create(Object.getPrototypeOf(map) as object) as NativeMap
    expect(() => imposter.info()).toThrow()
    const options = { type: 12, name: 'o', keySize: 4, valueSize: 4, maxEntries: 1, innerMap: imposter }
    expect(() => native().createMap(options)).toThrow(TypeError)
  })
})
