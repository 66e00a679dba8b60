import { afterEach, describe, expect, it } from 'vitest'

import { native, type NativeObject } from '../../src/native.js'
import { mapType, openTestObject, rejectionOf, thrownBy, u32, u64 } from './support.js'

const closers: { close(): void }[] = []
function open(name = 'addon_xdp'): NativeObject {
  return keep(openTestObject(name))
}
function keep<T extends { close(): void }>(handle: T): T {
  closers.push(handle)
  return handle
}

afterEach(() => closers.splice(0).forEach((handle) => handle.close()))

describe('an object before load', () => {
  it('lists maps and programs in the order of the ELF file', () => {
    const object = open()
    expect(object.mapNames()).toEqual(['runs', 'records', 'addon_xd.rodata'])
    expect(object.programNames()).toEqual(['xdp_answer', 'xdp_other', 'xdp_record', 'tc_pass'])
  })

  it('refuses an ELF file that is none', () => {
    const error = thrownBy(() => native().openObject(Buffer.alloc(64, 1), 'junk'))
    expect(error).toMatchObject({ syscall: 'bpf_object__open_mem', object: 'junk' })
  })

  it('has no map or program fd yet, and none of an unknown name', () => {
    const object = open()
    expect(thrownBy(() => object.map('runs')).code).toBe('EINVAL')
    expect(thrownBy(() => object.program('xdp_answer')).code).toBe('EINVAL')
    expect(thrownBy(() => object.map('absent'))).toMatchObject({ code: 'ENOENT', object: 'addon_xdp/absent' })
    expect(thrownBy(() => object.program('absent')).code).toBe('ENOENT')
  })

  it('takes an initial value of exactly the section length', () => {
    const object = open()
    expect(object.mapInitialValue('.rodata')).toEqual(u32(2))
    const error = thrownBy(() => object.setMapInitialValue('.rodata', Buffer.alloc(5)))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toContain('expected 4 bytes, got 5')
    expect(thrownBy(() => object.mapInitialValue('runs')).code).toBe('EINVAL')
  })
})

describe('load', () => {
  it('applies the initial value, the number of entries, the reused map and what not to load', async () => {
    const ring = { type: mapType.ringbuf, name: 'records', keySize: 0, valueSize: 0, maxEntries: 4096 }
    const live = keep(native().createMap(ring))
    const object = open()
    object.setMapInitialValue('.rodata', u32(1))
    object.setMapMaxEntries('runs', 99)
    object.reuseMap('records', live)
    object.setProgramAutoload('tc_pass', false)
    await object.load()
    const runs = keep(object.map('runs'))
    expect(runs.info()).toMatchObject({ name: 'runs', maxEntries: 99, keySize: 4, valueSize: 8 })
    expect(runs.info().btfValueTypeId).toBeGreaterThan(0)
    expect(keep(object.map('records')).info().id).toBe(live.info().id)
    expect(keep(object.program('xdp_answer')).testRun({ data: Buffer.alloc(64) }).retval).toBe(1)
    expect(runs.lookup(u32(0))).toEqual(u64(1n))
    expect(thrownBy(() => object.program('tc_pass')).code).toBe('EINVAL')
  })

  it('gives handles with descriptors of their own, which outlive the object', async () => {
    const object = open()
    await object.load()
    const map = keep(object.map('runs'))
    const other = keep(object.map('runs'))
    expect(map.fd).not.toBe(other.fd)
    object.close()
    expect(map.nextKey(undefined)).toBeUndefined()
  })

  it('rejects with the program and the whole log when the verifier refuses', async () => {
    const error = await rejectionOf(open('addon_refused').load())
    expect(error).toMatchObject({ code: 'EACCES', syscall: 'bpf_object__load', object: 'addon_refused' })
    expect(error.program).toBe('xdp_unchecked')
    expect(error.verifierLog).toContain('invalid access to packet')
    expect(error.verifierLog).toContain('processed')
  })

  it('names the refused program also when every program was asked for a log', async () => {
    const error = await rejectionOf(open('addon_refused').load({ logLevel: 1 }))
    expect(error.program).toBe('xdp_unchecked')
  })

  it('carries no log when something other than the verifier failed', async () => {
    const object = open()
    object.setMapMaxEntries('runs', 0)
    const error = await rejectionOf(object.load())
    expect(error.code).toBe('EINVAL')
    expect(error).not.toHaveProperty('program')
  })

  it('keeps the logs when asked for, else none', async () => {
    const logged = open()
    await logged.load({ logLevel: 1 })
    expect(logged.programLog('xdp_answer')).toContain('processed')
    const silent = open()
    await silent.load()
    expect(silent.programLog('xdp_answer')).toBe('')
  })

  it('does not block the event loop, and refuses other use meanwhile', async () => {
    const object = open()
    const order: string[] = []
    const load = object.load().then(() => order.push('loaded'))
    expect(thrownBy(() => object.mapNames()).code).toBe('EBUSY')
    expect(thrownBy(() => void object.load()).code).toBe('EBUSY')
    await Promise.resolve().then(() => order.push('microtask'))
    await load
    expect(order).toEqual(['microtask', 'loaded'])
    expect(object.mapNames()).toHaveLength(3)
  })

  it('rejects with ECANCELED when the object is closed meanwhile', async () => {
    const object = open()
    const load = object.load()
    object.close()
    expect((await rejectionOf(load)).code).toBe('ECANCELED')
    expect(thrownBy(() => object.map('runs')).code).toBe('EBADF')
  })
})

describe('a closed object', () => {
  it('throws EBADF from every member, and closes again quietly', () => {
    const object = open()
    const live = keep(native().createMap({ type: mapType.hash, name: 'live', keySize: 4, valueSize: 8, maxEntries: 1 }))
    object.close()
    object.close()
    const uses = [
      () => object.mapNames(), () => object.programNames(), () => object.setMapMaxEntries('runs', 1),
      () => object.setMapInitialValue('.rodata', u32(0)), () => object.mapInitialValue('.rodata'),
      () => object.reuseMap('runs', live), () => object.setProgramAutoload('xdp_answer', false),
      () => void object.load(), () => object.map('runs'), () => object.program('xdp_answer'),
      () => object.programLog('xdp_answer'),
    ]
    for (const use of uses) expect(thrownBy(use).code).toBe('EBADF')
  })
})

describe("libbpf's messages", () => {
  it('reach the logger from the thread that loads, and none once it is unset', async () => {
    const lines: [number, string][] = []
    native().setLogger((level, message) => lines.push([level, message]))
    await rejectionOf(open('addon_refused').load())
    native().setLogger(undefined)
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines.some(([level, text]) => level === 0 && text.includes("prog 'xdp_unchecked'"))).toBe(true)
    expect(lines.every(([, text]) => !text.endsWith('\n'))).toBe(true)
    const count = lines.length
    await open().load()
    await new Promise((resolve) => setImmediate(resolve))
    expect(lines).toHaveLength(count)
  })
})
