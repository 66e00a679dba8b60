import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Collection } from '../../src/loader/collection.js'
import { native } from '../../src/native.js'
import { loaderMaps, parseTestObject } from './objects.js'

let shared: Collection<typeof loaderMaps>

beforeAll(async () => {
  shared = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
})

afterAll(() => shared.close())

describe('a hash map', () => {
  beforeEach(() => shared.maps.points.deleteMany([...shared.maps.points.keys()]))

  it('behaves like a Map', () => {
    const { points } = shared.maps
    const key = { x: 1, y: -1 }
    expect(points.get(key)).toBeUndefined()
    expect(points.delete(key)).toBe(false)
    points.set(key, 5n).set({ x: 2, y: 0 }, 6n)
    expect(points.has(key)).toBe(true)
    expect(points.get(key)).toBe(5n)
    expect([...points].sort(([a], [b]) => a.x - b.x)).toEqual([[key, 5n], [{ x: 2, y: 0 }, 6n]])
    expect(points.delete(key)).toBe(true)
    expect([...points.keys()]).toEqual([{ x: 2, y: 0 }])
    expect([...points.values()]).toEqual([6n])
  })

  it('inserts only what is not there', () => {
    const { points } = shared.maps
    expect(points.insert({ x: 1, y: 1 }, 1n)).toBe(true)
    expect(points.insert({ x: 1, y: 1 }, 2n)).toBe(false)
    expect(points.get({ x: 1, y: 1 })).toBe(1n)
  })

  it('takes and gives thousands of elements', async () => {
    const { points } = shared.maps
    const all = Array.from({ length: 5000 }, (_, x) => [{ x, y: -x }, BigInt(x)] as const)
    points.setMany(all)
    const byX = (entries: Iterable<readonly [{ x: number }, bigint]>): [number, bigint][] =>
      [...entries].map(([{ x }, value]): [number, bigint] => [x, value]).sort(([a], [b]) => a - b)
    expect(byX(points)).toEqual(byX(all))
    const seen: [{ x: number; y: number }, bigint][] = []
    for await (const entry of points.entriesAsync()) seen.push(entry)
    expect(byX(seen)).toEqual(byX(all))
  })

  it('may lose elements while it is read', () => {
    const { points } = shared.maps
    points.setMany(Array.from({ length: 3000 }, (_, x) => [{ x, y: 0 }, 0n] as const))
    let seen = 0
    for (const key of points.keys()) {
      points.delete(key)
      seen++
    }
    expect(seen).toBe(3000)
    expect([...points]).toEqual([])
  })

  it('deletes many keys, there or not', () => {
    const { points } = shared.maps
    points.setMany(Array.from({ length: 10 }, (_, x) => [{ x, y: 0 }, 0n] as const))
    points.deleteMany([{ x: 1, y: 0 }, { x: 99, y: 0 }, { x: 2, y: 0 }])
    expect([...points.keys()].map(({ x }) => x).sort()).toEqual([0, 3, 4, 5, 6, 7, 8, 9])
    points.deleteMany([])
  })

  it('throws when it is full', () => {
    const { points } = shared.maps
    const tooMany = Array.from({ length: 5001 }, (_, x) => [{ x, y: 0 }, 0n] as const)
    expect(() => points.setMany(tooMany)).toThrow(expect.objectContaining({ code: 'E2BIG' }))
  })
})

describe('an array', () => {
  it('gives all values in one buffer, in order', () => {
    const { cells } = shared.maps
    cells.setMany(Array.from({ length: 20000 }, (_, index) => [index, index * 3] as const))
    const all = cells.raw.readAll()
    expect(all.length).toBe(80000)
    expect(Array.from({ length: 20000 }, (_, index) => all.readUInt32LE(index * 4))).toEqual(
      Array.from({ length: 20000 }, (_, index) => index * 3),
    )
    expect(cells.get(20000)).toBeUndefined()
    expect([...cells.entries()].length).toBe(20000)
  })

  it('is the only kind that readAll takes', () => {
    expect(() => shared.maps.points.raw.readAll()).toThrow('points is no array')
  })
})

describe('a devmap, which has no batch operations', () => {
  it('is written and read one by one', () => {
    const { portsOut } = shared.maps
    portsOut.setMany([[1, 1], [7, 1]])
    expect([...portsOut].map(([key]) => key).sort()).toEqual([1, 7])
    portsOut.deleteMany([1, 5, 7])
    expect([...portsOut]).toEqual([])
  })
})

describe('an LRU map', () => {
  it('is read in batches too', () => {
    shared.maps.recent.setMany([[1, 10], [2, 20]])
    expect([...shared.maps.recent].sort()).toEqual([[1, 10], [2, 20]])
  })
})

describe('a per-CPU map', () => {
  it('has a value for every possible CPU, and their sum', () => {
    const { hits } = shared.maps
    expect(hits.cpus).toBe(native().possibleCpus())
    hits.fill(2, 5n)
    expect(hits.get(2)).toEqual(new Array(hits.cpus).fill(5n))
    expect(hits.sum(2)).toBe(5n * BigInt(hits.cpus))
    expect(new Map(hits.sums()).get(2)).toBe(hits.sum(2))
    hits.zeroMany([2])
    expect(hits.sum(2)).toBe(0n)
    expect(hits.sum(4)).toBeUndefined()
    expect(() => hits.set(2, [])).toThrow('0 values given')
  })

  it('counts where the program runs', () => {
    const before = shared.maps.hits.sum(1)!
    shared.programs.note.run({ data: Buffer.alloc(64), repeat: 3 })
    expect(shared.maps.hits.sum(1)).toBe(before + 3n)
  })
})

describe('a map of maps', () => {
  it('holds inner maps of any size, and gives them back', () => {
    const { tables } = shared.maps
    using small = tables.createInner({ name: 'small', maxEntries: 2 })
    using large = tables.createInner({ name: 'large', maxEntries: 500 })
    large.set(499, 7)
    tables.set(0, small)
    tables.set(0, large)
    expect(tables.getId(0)).toBe(large.id)
    using found = tables.get(0)
    expect(found?.get(499)).toBe(7)
    expect(tables.delete(0)).toBe(true)
    expect(tables.get(0)).toBeUndefined()
  })

  it('takes many at once', () => {
    const { tables } = shared.maps
    const inner = Array.from({ length: 64 }, (_, n) => tables.createInner({ name: `t${n}`, maxEntries: n + 1 }))
    tables.setMany(inner.map((map, index) => [index, map] as const))
    expect([...tables.ids()]).toEqual(inner.map((map, index) => [index, map.id]))
    for (const map of inner) map.close()
    tables.deleteMany(inner.keys())
    expect([...tables.ids()]).toEqual([])
  })
})

describe('a ring buffer', () => {
  it('gives records in order, decoded', async () => {
    const { events } = shared.maps
    const records: { x: number; y: number }[] = []
    let done: (() => void) | undefined
    const two = new Promise<void>((resolve) => (done = resolve))
    using _subscription = events.subscribe((record) => {
      records.push(record)
      if (records.at(-1)?.x === 70) done?.()
    })
    shared.programs.note.run({ data: Buffer.alloc(60) })
    shared.programs.note.run({ data: Buffer.alloc(70) })
    await two
    expect(records.slice(-2)).toEqual([{ x: 60, y: 42 }, { x: 70, y: 42 }])
  })
})

describe('a closed map', () => {
  it('throws on use, and may be closed again', async () => {
    const { maps } = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
    for (const map of Object.values(maps)) {
      map.close()
      map.close()
    }
    expect(() => maps.cells.get(0)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  })
})
