/** Descriptors are given back: by close, by the collector, by a worker that ends, by exit. */
import { once } from 'node:events'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { native } from '../../src/native.js'
import { VethNamespace, mapType, openFds, openTestObject, rejectionOf } from './support.js'

const script = fileURLToPath(new URL('open-everything.cjs', import.meta.url))
const addon = fileURLToPath(new URL('../../build/Release/veer.node', import.meta.url))
let netns: VethNamespace

beforeAll(() => {
  netns = new VethNamespace('life')
})
afterAll(() => netns.remove())

/** Runs Node in the namespace, where the interface lo is its own. */
function node(args: string[], env: Record<string, string> = {}): SpawnSyncReturns<string> {
  return spawnSync('ip', ['netns', 'exec', netns.name, process.execPath, ...args], {
    encoding: 'utf8', env: { ...process.env, ...env },
  })
}

async function useEverything(ifindex: number): Promise<void> {
  const object = openTestObject('addon_xdp')
  await object.load({ logLevel: 1 })
  const program = object.program('xdp_record')
  const records = object.map('records')
  const ring = native().openRingBuffer(records, () => undefined)
  const map = native().createMap({ type: mapType.hash, name: 'leak', keySize: 4, valueSize: 4, maxEntries: 1 })
  const link = netns.enter(() => native().createXdpLink(program, ifindex, 2))
  const socket = netns.enter(() => native().openPacketSocket(ifindex, 0x88b5, () => undefined))
  await program.testRunAsync({ data: Buffer.alloc(60) })
  await map.lookupBatchAsync(undefined, 1)
  const byId = native().mapById(map.info().id)
  for (const handle of [link, socket, ring, byId, map, records, program, object]) handle.close()
  const refused = openTestObject('addon_refused')
  await rejectionOf(refused.load())
  refused.close()
}

describe('after everything is closed', () => {
  it('as many descriptors are open as before', async () => {
    const ifindex = netns.ifindex('va')
    await useEverything(ifindex)
    const before = openFds()
    for (let i = 0; i < 5; i++) await useEverything(ifindex)
    expect(openFds()).toBe(before)
  })
})

describe('the garbage collector', () => {
  it('closes what was forgotten', () => {
    const result = node(['--expose-gc', '--eval', `
      const native = require(${JSON.stringify(addon)})
      const fds = () => require('node:fs').readdirSync('/proc/self/fd').length
      const before = fds()
      const make = () => native.createMap({ type: 1, name: 'gc', keySize: 4, valueSize: 4, maxEntries: 1 }) && 0
      for (let i = 0; i < 50; i++) make()
      const during = fds()
      setImmediate(() => { gc(); setImmediate(() => console.log(during - before, fds() - before < 5)) })
    `])
    expect(result.stdout.trim()).toBe('50 true')
  })

  it('spares an open ring buffer, which keeps the event loop alive until closed', () => {
    const result = node(['--expose-gc', '--eval', `
      const native = require(${JSON.stringify(addon)})
      const map = native.createMap({ type: 27, name: 'ring', keySize: 0, valueSize: 0, maxEntries: 4096 })
      const ring = native.openRingBuffer(map, () => undefined)
      setTimeout(() => { gc(); ring.close(); map.close(); console.log('closed') }, 20).unref()
    `])
    expect(result).toMatchObject({ status: 0, signal: null, stdout: 'closed\n' })
  })
})

describe('a process', () => {
  it.each(['exit', 'load'])('exits cleanly with everything open (%s)', (ending) => {
    const result = node([script], { ENDING: ending })
    expect(result).toMatchObject({ status: 0, signal: null, stderr: '' })
    expect(netns.enter(() => native().queryXdp(native().interfaceIndex('lo'))).programId).toBe(0)
  })

  it('dies of what a listener throws, as of any uncaught exception', () => {
    const result = node(['--eval', `
      const native = require(${JSON.stringify(addon)})
      process.on('uncaughtException', (error) => { console.log(error.message); process.exit(3) })
      const open = (link, onFrame) => native.openPacketSocket(native.interfaceIndex(link), 0x88b5, onFrame)
      open('vb', () => { throw new Error('mine') })
      open('va', () => undefined).send(Buffer.from('ffffffffffff02000000000188b5'.padEnd(120, '0'), 'hex'))
    `])
    expect(result).toMatchObject({ status: 3, stdout: 'mine\n' })
  })
})

describe('a worker thread', () => {
  /** A worker in this process; lo is the machine's, so it is started from within the namespace. */
  async function start(ending: string): Promise<Worker> {
    const worker = netns.enter(() => new Worker(script, { env: { ...process.env, ENDING: ending } }))
    if (ending === 'stay') await once(worker, 'message')
    return worker
  }

  it('that is terminated gives back every descriptor', async () => {
    await (await start('stay')).terminate()
    const before = openFds()
    for (let i = 0; i < 3; i++) await (await start('stay')).terminate()
    expect(openFds()).toBe(before)
  })

  it.each(['exit', 'load'])('that leaves with everything open (%s) leaves no descriptor', async (ending) => {
    const leave = async (): Promise<void> => {
      const [code] = (await once(await start(ending), 'exit')) as [number]
      expect(code).toBe(0)
    }
    await leave()
    const before = openFds()
    for (let i = 0; i < 3; i++) await leave()
    expect(openFds()).toBe(before)
  })
})
