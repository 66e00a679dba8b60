/** Datagrams to a service manager, as a socket of another program receives them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { native } from '../../src/native.js'
import { ServiceManager } from '../../src/system/service-manager.js'
import { thrownBy } from './support.js'

/** Prints each datagram as a line of hex, after a line that says that it is bound. */
const RECEIVER = `
import os, socket, sys
name = os.fsencode(sys.argv[1])
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(b"\\0" + name[1:] if name[:1] == b"@" else name)
print("bound", flush=True)
while True:
    print(receiver.recv(65536).hex(), flush=True)
`

/** sizeof(sockaddr_un.sun_path). */
const ROOM = 108

describe('notifyService', () => {
  let directory: string
  let receivers: ChildProcess[]

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'vnat-notify-'))
    receivers = []
  })
  afterEach(() => {
    for (const receiver of receivers) receiver.kill('SIGKILL')
    rmSync(directory, { recursive: true })
  })

  /** Reads the next datagrams of a socket. */
  async function receive(name: string): Promise<(count: number) => Promise<string[]>> {
    const receiver = spawn('/usr/bin/python3', ['-c', RECEIVER, name], { stdio: ['ignore', 'pipe', 'inherit'] })
    receivers.push(receiver)
    let text = ''
    const lines = async (count: number): Promise<string[]> => {
      while (text.split('\n').length <= count) text += String(((await once(receiver.stdout, 'data')) as [Buffer])[0])
      return text.split('\n').slice(0, count)
    }
    expect(await lines(1)).toEqual(['bound'])
    return async (count) => (await lines(count + 1)).slice(1).map((hex) => Buffer.from(hex, 'hex').toString())
  }

  it.each([
    { what: 'a path', name: (base: string) => join(base, 'notify') },
    { what: 'the longest path', name: (base: string) => join(base, 'n'.repeat(ROOM - 2 - base.length)) },
    { what: 'an abstract name', name: (base: string) => `@${base}` },
    { what: 'the longest abstract name', name: (base: string) => `@${base}`.padEnd(ROOM, 'n') },
  ])('reaches a socket at $what', async ({ name }) => {
    const socket = name(directory)
    const datagrams = await receive(socket)
    native().notifyService(socket, 'READY=1\nSTATUS=läuft')
    native().notifyService(socket, 'WATCHDOG=1')
    expect(await datagrams(2)).toEqual(['READY=1\nSTATUS=läuft', 'WATCHDOG=1'])
  })

  it('is what a service manager hears', async () => {
    const socket = `@${directory}`
    const datagrams = await receive(socket)
    const manager = new ServiceManager({ environment: { NOTIFY_SOCKET: socket } })
    manager.ready('running')
    manager.stopping()
    expect(await datagrams(2)).toEqual(['READY=1\nSTATUS=running', 'STOPPING=1'])
  })

  it.each([
    { what: 'a path that fills its room without a NUL', socket: `/${'n'.repeat(ROOM - 1)}` },
    { what: 'an abstract name that exceeds its room', socket: `@${'n'.repeat(ROOM)}` },
  ])('refuses $what', ({ socket }) => {
    expect(() => native().notifyService(socket, 'READY=1')).toThrow(RangeError)
  })

  it.each(['', '/', '@', 'notify', 'vsock:2:1234', '/run/a\0b'])('refuses %j, which names no socket', (socket) => {
    expect(() => native().notifyService(socket, 'READY=1')).toThrow(TypeError)
  })

  it('tells what failed, on what', () => {
    const socket = join(directory, 'nobody')
    const error = thrownBy(() => native().notifyService(socket, 'READY=1'))
    expect(error).toMatchObject({ code: 'ENOENT', syscall: 'sendto', object: socket })
  })

  it('does not wait for a manager that reads nothing', async () => {
    const socket = `@${directory}`
    await receive(socket)
    receivers[0]?.kill('SIGSTOP')
    const flood = (): void => {
      for (;;) native().notifyService(socket, 'WATCHDOG=1')
    }
    expect(thrownBy(flood)).toMatchObject({ code: 'EAGAIN' })
  })
})
