import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { CollectionSpec } from '../../src/loader/collection-spec.js'
import { Collection } from '../../src/loader/collection.js'
import { VerifierError } from '../../src/loader/verifier-error.js'
import { xdpLb } from '../../src/maps/generated.js'
import { loaderMaps, parseTestObject } from './objects.js'

const XDP_DROP = 1
const XDP_PASS = 2
const frame = Buffer.alloc(64)

describe('loading', () => {
  it('makes maps and programs as the object says', async () => {
    using collection = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
    expect(collection.maps.points.info).toMatchObject({ name: 'points', keySize: 8, maxEntries: 5000 })
    expect(collection.programs.note.run({ data: frame }).retval).toBe(XDP_PASS)
    expect(collection.programs.note.info()).toMatchObject({ name: 'note', type: 6 })
    expect((await collection.programs.dropAll.runAsync({ data: frame, repeat: 10 })).retval).toBe(XDP_DROP)
  })

  it('makes constants and map sizes what they were set to', async () => {
    const spec = parseTestObject('loader_maps')
    spec.constants.set('enabled', false)
    spec.map('points').maxEntries = 17
    using collection = await Collection.load(spec, loaderMaps)
    expect(collection.programs.note.run({ data: frame }).retval).toBe(XDP_DROP)
    expect(collection.maps.points.info.maxEntries).toBe(17)
  })

  it('takes live maps in place of its own', async () => {
    using first = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
    using second = await Collection.load(parseTestObject('loader_maps'), loaderMaps, { mapReplacements: first.maps })
    for (const name of ['points', 'cells', 'recent', 'hits', 'portsOut', 'tables'] as const) {
      expect(second.maps[name].id).toBe(first.maps[name].id)
    }
    second.programs.note.run({ data: frame })
    expect(first.maps.hits.sum(1)).toBe(1n)
  })

  it('refuses a live map that does not fit, saying how', async () => {
    const other = parseTestObject('loader_maps')
    other.map('points').maxEntries = 3
    using small = await Collection.load(other, loaderMaps)
    const { points } = small.maps
    const load = Collection.load(parseTestObject('loader_maps'), loaderMaps, { mapReplacements: { points } })
    await expect(load).rejects.toMatchObject({
      code: 'LB_ERR_MAP_INCOMPATIBLE',
      message:
        `cannot use the live map points (id ${points.id}) as points of loader_maps: ` +
        'it holds 3 elements, expected 5000',
    })
  })

  it('keeps the verifier log when asked to', async () => {
    using quiet = await Collection.load(parseTestObject('loader_maps'), loaderMaps)
    using verbose = await Collection.load(parseTestObject('loader_maps'), loaderMaps, { verbose: true })
    expect(quiet.programLog('note')).toBe('')
    expect(verbose.programLog('note')).toContain('processed')
  })

  it('names the map that the kernel does not make', async () => {
    const spec = parseTestObject('loader_maps')
    spec.map('points').maxEntries = 0xffff_ffff
    await expect(Collection.load(spec, loaderMaps)).rejects.toMatchObject({
      code: 'LB_ERR_OBJECT_LOAD',
      message: 'cannot load loader_maps: the kernel does not make the map points (hash, 4294967295 elements): E2BIG',
    })
  })

  it('knows the dataplane by its generated descriptor', async () => {
    const file = new URL('../../build/bpf/xdp_lb.o', import.meta.url)
    const spec = CollectionSpec.parse(readFileSync(file), 'xdp_lb')
    spec.map('conns').maxEntries = 1000
    using collection = await Collection.load(spec, xdpLb)
    expect(collection.maps.conns.info.maxEntries).toBe(1000)
    expect(collection.maps.dests.raw.readAll().length).toBe(65536 * 64)
  })
})

describe('a refused program', () => {
  it.each([
    ['bad_packet', 'EACCES', /invalid access to packet/],
    ['bad_loop', 'EINVAL', /infinite loop detected/],
    ['bad_null', 'EACCES', /invalid mem access 'map_value_or_null'/],
  ])('%s: the error has the program, the errno and the reason in one line', async (program, errno, reason) => {
    const spec = parseTestObject(`loader_${program}`)
    const error: unknown = await Collection.load(spec, { name: 'bad', maps: {}, programs: {} }).catch((e: unknown) => e)
    expect(error).toBeInstanceOf(VerifierError)
    expect(error).toMatchObject({ program, errno })
    expect((error as VerifierError).message).toMatch(reason)
    expect((error as VerifierError).message).not.toContain('\n')
    expect((error as VerifierError).fullLog).toContain('processed')
  })
})

describe('examples/loader.ts', () => {
  it('prints what it counted', () => {
    const root = fileURLToPath(new URL('../../', import.meta.url))
    const command = ['--import', 'tsx', 'examples/loader.ts']
    const output = execFileSync(process.execPath, command, { cwd: root, encoding: 'utf8' })
    expect(output.trim().split('\n')).toEqual([
      '64 bytes: pass',
      '999 bytes: pass',
      '1000 bytes: drop',
      'passed: 2 frames, 1063 bytes',
      'dropped: 1 frames, 1000 bytes',
    ])
  })
})
