/** What the addon asks of the host: namespaces, interfaces, capabilities, locks. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { native } from '../../src/native.js'
import { VethNamespace, run, thrownBy } from './support.js'

let netns: VethNamespace
let directory: string

beforeAll(() => {
  netns = new VethNamespace('host')
  directory = mkdtempSync(join(tmpdir(), `vnat-${process.pid}-`))
})
afterAll(() => {
  netns.remove()
  rmSync(directory, { recursive: true })
})

const here = (): string => readlinkSync('/proc/thread-self/ns/net')

describe('withNetns', () => {
  it('runs the callback in the namespace, returns its value, and comes back', () => {
    const home = here()
    const inside = netns.enter(here)
    expect(inside).toBe(`net:[${statSync(netns.path).ino}]`)
    expect(inside).not.toBe(home)
    expect(here()).toBe(home)
  })

  it('keeps the mount namespace', () => {
    expect(netns.enter(() => readlinkSync('/proc/thread-self/ns/mnt'))).toBe(readlinkSync('/proc/thread-self/ns/mnt'))
  })

  it('comes back when the callback throws, with the very error', () => {
    const home = here()
    const error = new Error('inside')
    expect(thrownBy(() => netns.enter(() => { throw error }))).toBe(error)
    expect(here()).toBe(home)
  })

  it('may be nested', () => {
    const home = here()
    const inner = new VethNamespace('host2')
    try {
      netns.enter(() => {
        const outer = here()
        expect(inner.enter(here)).not.toBe(outer)
        expect(here()).toBe(outer)
      })
    } finally {
      inner.remove()
    }
    expect(here()).toBe(home)
  })

  it('refuses a callback that returns a promise', () => {
    const home = here()
    expect(() => netns.enter(async () => Promise.resolve())).toThrow(TypeError)
    expect(here()).toBe(home)
  })

  it('names the path when there is no such namespace', () => {
    const missing = thrownBy(() => native().withNetns('/run/netns/vnat-absent', here))
    expect(missing).toMatchObject({ code: 'ENOENT', syscall: 'open', object: '/run/netns/vnat-absent' })
    const wrongKind = thrownBy(() => native().withNetns('/proc/self/ns/mnt', here))
    expect(wrongKind).toMatchObject({ code: 'EINVAL', syscall: 'setns' })
  })
})

describe('an interface', () => {
  it('has an index by name and a name by index, in the current namespace', () => {
    const ifindex = netns.ifindex('va')
    expect(netns.enter(() => native().interfaceName(ifindex))).toBe('va')
    expect(thrownBy(() => native().interfaceIndex('va'))).toMatchObject({ code: 'ENODEV', object: 'va' })
    expect(thrownBy(() => netns.enter(() => native().interfaceName(9999))).code).toBe('ENXIO')
    expect(() => native().interfaceIndex('a-name-of-16-char')).toThrow(TypeError)
  })

  it('lets a multicast MAC in and out of its filter', () => {
    const mac = Buffer.from('333300000077', 'hex')
    const members = (): string => run('ip', '-n', netns.name, 'maddress', 'show', 'dev', 'va')
    netns.enter(() => native().setMulticastMac('va', mac, true))
    expect(members()).toContain('33:33:00:00:00:77')
    netns.enter(() => native().setMulticastMac('va', mac, false))
    expect(members()).not.toContain('33:33:00:00:00:77')
    expect(() => native().setMulticastMac('va', Buffer.alloc(5), true)).toThrow('expected 6 bytes, got 5')
  })

  it('has no XDP program at first', () => {
    const ifindex = netns.ifindex('va')
    expect(netns.enter(() => native().queryXdp(ifindex))).toEqual({ programId: 0, mode: 'none' })
    expect(thrownBy(() => netns.enter(() => native().queryXdp(9999))).code).toBe('ENODEV')
  })
})

describe('the host', () => {
  it('has versions, CPUs and capabilities', () => {
    expect(native().versions().libbpf).toMatch(/^1\.\d+$/)
    expect(native().versions().napi).toBe(8)
    expect(native().possibleCpus()).toBeGreaterThan(0)
    expect((native().effectiveCapabilities() >> 12n) & 1n).toBe(1n)
  })
})

describe('a lock file', () => {
  it('is held by one at a time, and free once closed', () => {
    const path = join(directory, 'lock')
    const lock = native().lockFile(path)
    expect(existsSync(path)).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    const held = thrownBy(() => native().lockFile(path))
    expect(held).toMatchObject({ code: 'EWOULDBLOCK', syscall: 'flock', object: path })
    lock.close()
    lock.close()
    native().lockFile(path).close()
  })

  it('may be removed by its holder, and still has no two holders', async () => {
    const script = fileURLToPath(new URL('take-turns.cjs', import.meta.url))
    const workerData = { path: join(directory, 'turns'), turns: 2000, shared: new SharedArrayBuffer(4) }
    const workers = Array.from({ length: 3 }, () => new Worker(script, { workerData }))
    const crowded = await Promise.all(workers.map(async (worker) => (await once(worker, 'message')) as [number]))
    expect(crowded).toEqual([[0], [0], [0]])
    expect(existsSync(workerData.path)).toBe(false)
  })

  it('names the path that cannot be made', () => {
    const path = join(directory, 'absent', 'lock')
    expect(thrownBy(() => native().lockFile(path))).toMatchObject({ code: 'ENOENT', object: path })
  })
})
