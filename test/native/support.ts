/** What the tests of the addon share: namespaces, a bpffs, objects, and errors as values. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { native, type NativeError, type NativeObject } from '../../src/native.js'

export const mapType = { hash: 1, array: 2, percpuArray: 6, lruHash: 9, lpmTrie: 11, arrayOfMaps: 12, ringbuf: 27 }

/** Runs a command; what it prints to stderr is part of the error when it fails. */
export function run(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Opens build/bpf/test/NAME.o. */
export function openTestObject(name: string): NativeObject {
  const path = fileURLToPath(new URL(`../../build/bpf/test/${name}.o`, import.meta.url))
  if (!existsSync(path)) throw new Error(`${path} is missing: run scripts/build-bpf`)
  return native().openObject(readFileSync(path), name)
}

/**
 * A network namespace of this process with a veth pair `va` and `vb`, both up. Their indexes
 * are such as the machine's own interfaces do not have: a call in the wrong namespace fails.
 */
export class VethNamespace {
  readonly name: string
  readonly path: string

  constructor(suffix: string) {
    this.name = `vnat-${process.pid}-${suffix}`
    this.path = `/run/netns/${this.name}`
    run('ip', 'netns', 'add', this.name)
    const peer = ['peer', 'name', 'vb', 'index', '700002']
    run('ip', '-n', this.name, 'link', 'add', 'va', 'index', '700001', 'type', 'veth', ...peer)
    for (const link of ['va', 'vb']) run('ip', '-n', this.name, 'link', 'set', link, 'up')
  }

  enter<T>(callback: () => T): T {
    return native().withNetns(this.path, callback)
  }

  ifindex(link: string): number {
    return this.enter(() => native().interfaceIndex(link))
  }

  remove(): void {
    run('ip', 'netns', 'del', this.name)
  }
}

/** A bpffs in a temporary directory. */
export class TemporaryBpffs {
  readonly directory = mkdtempSync(join(tmpdir(), `vnat-${process.pid}-`))

  constructor() {
    run('mount', '-t', 'bpf', 'bpf', this.directory)
  }

  path(name: string): string {
    return join(this.directory, name)
  }

  remove(): void {
    run('umount', this.directory)
    rmdirSync(this.directory)
  }
}

/** What `callback` throws; an error if it throws nothing. */
export function thrownBy(callback: () => unknown): NativeError {
  try {
    callback()
  } catch (error) {
    return error as NativeError
  }
  throw new Error('expected a throw')
}

/** What `promise` rejects with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<NativeError> {
  return promise.then(
    () => {
      throw new Error('expected a rejection')
    },
    (error: unknown) => error as NativeError,
  )
}

/** Native byte order, as the kernel reads keys of arrays and fds of inner maps. */
export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(value)
  return bytes
}

/** Keys 0 to count-1, packed. */
export function u32Range(count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => u32(i)))
}

/** Open descriptors by what they refer to: BPF objects, sockets and locks would show here. */
export function openFds(): number {
  return readdirSync('/proc/self/fd').length
}
