import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { native, type NativeObject, type NativeProgram } from '../../src/native.js'
import { TemporaryBpffs, VethNamespace, openTestObject, rejectionOf, thrownBy } from './support.js'

let object: NativeObject
let bpffs: TemporaryBpffs
let netns: VethNamespace
const programs: NativeProgram[] = []

beforeAll(async () => {
  object = openTestObject('addon_xdp')
  await object.load()
  bpffs = new TemporaryBpffs()
  netns = new VethNamespace('prog')
})
afterAll(() => {
  programs.forEach((program) => program.close())
  object.close()
  bpffs.remove()
  netns.remove()
})

function program(name: string): NativeProgram {
  const handle = object.program(name)
  programs.push(handle)
  return handle
}

/** struct xdp_md with the packet at its start and, after it, the interface it came in by. */
function xdpContext(length: number, ifindex: number): Buffer {
  const context = Buffer.alloc(24)
  context.writeUInt32LE(length, 4)
  context.writeUInt32LE(ifindex, 12)
  return context
}

describe('a program', () => {
  it('tells what the kernel knows of it', () => {
    const info = program('xdp_answer').info()
    const runs = object.map('runs')
    expect(info).toMatchObject({ type: 6, name: 'xdp_answer' })
    expect(info.tag).toMatch(/^[0-9a-f]{16}$/)
    expect(info.mapIds).toContain(runs.info().id)
    expect(info.translatedBytes).toBeGreaterThan(0)
    expect(info.verifiedInstructions).toBeGreaterThan(0)
    expect(program('xdp_other').info().mapIds).not.toContain(runs.info().id)
    runs.close()
  })

  it('is the same by id and by pin', () => {
    const original = program('xdp_other')
    original.pin(bpffs.path('p'))
    const { id } = original.info()
    const others = [native().programById(id), native().openPinnedProgram(bpffs.path('p'))]
    programs.push(...others)
    for (const other of others) expect(other.info()).toEqual(original.info())
    expect(thrownBy(() => native().openPinnedMap(bpffs.path('p'))).code).toBe('EINVAL')
    expect(thrownBy(() => native().programById(0xfffffff0)).code).toBe('ENOENT')
  })
})

describe('a test run', () => {
  it('returns the verdict and the packet', () => {
    const data = Buffer.from(Array.from({ length: 80 }, (_, i) => i))
    const result = program('xdp_answer').testRun({ data, repeat: 10 })
    expect(result.retval).toBe(2)
    expect(result.data).toEqual(data)
    expect(result.context).toHaveLength(0)
  })

  it('is the same off the event loop, also when the program is closed meanwhile', async () => {
    const handle = program('xdp_answer')
    const promise = handle.testRunAsync({ data: Buffer.alloc(60, 3) })
    handle.close()
    expect(await promise).toMatchObject({ retval: 2, data: Buffer.alloc(60, 3) })
  })

  it('passes the context, in the network namespace of the caller also from the thread pool', async () => {
    const ifindex = netns.ifindex('va')
    const options = { data: Buffer.alloc(60), context: xdpContext(60, ifindex) }
    const handle = program('xdp_other')
    expect(netns.enter(() => handle.testRun(options)).context.readUInt32LE(12)).toBe(ifindex)
    let promise = Promise.reject<{ context: Buffer }>(new Error('not started'))
    promise.catch(() => undefined)
    netns.enter(() => {
      promise = handle.testRunAsync(options)
    })
    expect((await promise).context.readUInt32LE(12)).toBe(ifindex)
  })

  it('fails with ENOSPC when the packet does not fit the room asked for', async () => {
    const options = { data: Buffer.alloc(60), dataOutSize: 20 }
    const error = thrownBy(() => program('xdp_other').testRun(options))
    expect(error).toMatchObject({ code: 'ENOSPC', syscall: 'bpf_prog_test_run_opts', object: 'xdp_other' })
    expect(await rejectionOf(program('xdp_other').testRunAsync(options))).toMatchObject({ code: 'ENOSPC' })
  })

  it('runs live frames, which return no packet', () => {
    const data = Buffer.alloc(60)
    const result = program('xdp_record').testRun({ data, repeat: 4, flags: 2, batchSize: 4 })
    expect(result.data).toHaveLength(0)
  })

  it('refuses what is no Uint8Array and no integer', () => {
    const handle = program('xdp_other')
    expect(() => handle.testRun({ data: 'x' as unknown as Uint8Array })).toThrow(TypeError)
    expect(() => handle.testRun({ data: Buffer.alloc(60), repeat: -1 })).toThrow(TypeError)
    expect(() => handle.testRun({ data: Buffer.alloc(60), dataOutSize: 2 ** 31 })).toThrow(RangeError)
  })
})

describe('a closed program', () => {
  it('throws EBADF from every member, and closes again quietly', () => {
    const handle = program('xdp_other')
    handle.close()
    handle.close()
    const uses = [
      () => handle.fd, () => handle.info(), () => handle.testRun({ data: Buffer.alloc(60) }),
      () => void handle.testRunAsync({ data: Buffer.alloc(60) }), () => handle.pin('/sys/fs/bpf/never'),
      () => native().createXdpLink(handle, 1, 0), () => native().createTcxLink(handle, 1, 'ingress'),
      () => native().attachClsact(handle, 1, 'ingress', 1, 1),
    ]
    for (const use of uses) expect(thrownBy(use).code).toBe('EBADF')
  })
})
