/** What arrives on the event loop: ring buffer records and frames of a packet socket. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

import { native } from '../../src/native.js'
import type { NativeMap, NativeObject, NativePacketSocket, NativeProgram } from '../../src/native.js'
import { ADVERTISEMENTS_ONLY, ETHERTYPE_IPV6, neighbourSolicitation, unsolicitedAdvertisement } from '../../src/net/ndp.js'
import type { SocketFilterInstruction } from '../../src/net/socket-filter.js'
import { VethNamespace, mapType, openTestObject, run, thrownBy } from './support.js'

const closers: { close(): void }[] = []
function keep<T extends { close(): void }>(handle: T): T {
  closers.push(handle)
  return handle
}
afterEach(() => closers.splice(0).forEach((handle) => handle.close()))

/** Collects events; `until(n)` resolves once there are n. */
class Inbox {
  readonly events: Buffer[] = []
  #waiting: { count: number; resolve: () => void } | undefined

  readonly put = (event: Buffer): void => {
    this.events.push(event)
    if (this.#waiting && this.events.length >= this.#waiting.count) this.#waiting.resolve()
  }

  async until(count: number): Promise<Buffer[]> {
    if (this.events.length < count) await new Promise<void>((resolve) => (this.#waiting = { count, resolve }))
    return this.events
  }
}

/** Gives the event loop several turns, so that whatever is ready has happened. */
async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('a ring buffer', () => {
  let object: NativeObject
  let records: NativeMap
  let program: NativeProgram

  beforeAll(async () => {
    object = openTestObject('addon_xdp')
    await object.load()
    records = object.map('records')
    program = object.program('xdp_record')
  })
  afterAll(() => [records, program, object].forEach((handle) => handle.close()))

  it('delivers each record in order, as a copy', async () => {
    const inbox = new Inbox()
    keep(native().openRingBuffer(records, inbox.put))
    for (const length of [60, 61, 62]) program.testRun({ data: Buffer.alloc(length) })
    const lengths = (await inbox.until(3)).map((record) => record.readUInt32LE())
    expect(lengths).toEqual([60, 61, 62])
    program.testRun({ data: Buffer.alloc(99) })
    expect((await inbox.until(4)).map((record) => record.readUInt32LE())).toEqual([60, 61, 62, 99])
  })

  it('may be closed by its own listener, and is silent from then on', async () => {
    const inbox = new Inbox()
    const ring = keep(native().openRingBuffer(records, (record) => {
      ring.close()
      inbox.put(record)
    }))
    for (let i = 0; i < 3; i++) program.testRun({ data: Buffer.alloc(60) })
    await inbox.until(1)
    await settle()
    expect(inbox.events).toHaveLength(1)
    ring.close()
  })

  it('runs promise callbacks of a listener before the next record', async () => {
    const order: string[] = []
    const inbox = new Inbox()
    keep(native().openRingBuffer(records, (record) => {
      const length = record.readUInt32LE()
      void Promise.resolve().then(() => order.push(`after ${length}`))
      order.push(`record ${length}`)
      inbox.put(record)
    }))
    program.testRun({ data: Buffer.alloc(60) })
    program.testRun({ data: Buffer.alloc(61) })
    await inbox.until(2)
    await settle()
    expect(order).toEqual(['record 60', 'after 60', 'record 61', 'after 61'])
  })

  it('needs a map of its type', () => {
    const hash = keep(native().createMap({ type: mapType.hash, name: 'h', keySize: 4, valueSize: 4, maxEntries: 1 }))
    expect(thrownBy(() => native().openRingBuffer(hash, () => undefined)).code).toBe('EINVAL')
    hash.close()
    expect(thrownBy(() => native().openRingBuffer(hash, () => undefined)).code).toBe('EBADF')
  })
})

describe('a packet socket', () => {
  const etherType = 0x88b5
  let netns: VethNamespace

  beforeAll(() => {
    netns = new VethNamespace('pkt')
  })
  afterAll(() => netns.remove())

  function open(
    link: string, onFrame: (frame: Buffer) => void, protocol = etherType, filter?: readonly SocketFilterInstruction[],
  ): NativePacketSocket {
    const ifindex = netns.ifindex(link)
    return keep(netns.enter(() => native().openPacketSocket(ifindex, protocol, onFrame, filter)))
  }
  function frame(text: string): Buffer {
    const header = Buffer.from('ffffffffffff02000000000188b5', 'hex')
    return Buffer.concat([header, Buffer.from(text.padEnd(46))])
  }

  it('hears what the peer sends, whole and not what itself sends', async () => {
    const heardByA = new Inbox()
    const heardByB = new Inbox()
    const a = open('va', heardByA.put)
    const b = open('vb', heardByB.put)
    a.send(frame('from a'))
    expect(await heardByB.until(1)).toEqual([frame('from a')])
    b.send(frame('from b'))
    expect(await heardByA.until(1)).toEqual([frame('from b')])
    await settle()
    expect(heardByA.events).toHaveLength(1)
    expect(heardByB.events).toHaveLength(1)
  })

  it('of all protocols hears what the peer sends, and not what goes out', async () => {
    const inbox = new Inbox()
    const put = (heard: Buffer): void => {
      if (heard.readUInt16BE(12) === etherType) inbox.put(heard)
    }
    const everything = 0x0003
    open('va', put, everything)
    const a = open('va', () => undefined)
    const b = open('vb', () => undefined)
    // By another socket: the kernel itself spares a socket its own frames.
    a.send(frame('out'))
    b.send(frame('in'))
    expect(await inbox.until(1)).toEqual([frame('in')])
  })

  it('with a filter hears only what passes it', async () => {
    const inbox = new Inbox()
    const startsWithA: SocketFilterInstruction[] = [[0x30, 0, 0, 14], [0x15, 0, 1, 0x61], [0x06, 0, 0, 0xffff_ffff], [0x06, 0, 0, 0]]
    open('va', inbox.put, etherType, startsWithA)
    const b = open('vb', () => undefined)
    for (const text of ['able', 'baker', 'all']) b.send(frame(text))
    expect(await inbox.until(2)).toEqual([frame('able'), frame('all')])
  })

  it('with the filter for neighbour advertisements hears no other IPv6', async () => {
    const inbox = new Inbox()
    open('va', inbox.put, ETHERTYPE_IPV6, ADVERTISEMENTS_ONLY)
    const b = open('vb', () => undefined)
    const sourceMac = '02:00:00:00:00:02'
    const advertisement = unsolicitedAdvertisement(sourceMac, '2001:db8::2')
    const udp = Uint8Array.from(advertisement)
    udp[20] = 17
    b.send(neighbourSolicitation({ sourceMac, sourceAddress: '2001:db8::2', target: '2001:db8::1' }))
    b.send(udp)
    b.send(advertisement.subarray(0, 54))
    b.send(advertisement)
    expect(await inbox.until(1)).toEqual([Buffer.from(advertisement)])
  })

  it('does not open with a filter that is none', () => {
    expect(thrownBy(() => open('va', () => undefined, etherType, [[0x30, 0, 0, 0]]))).toMatchObject({ code: 'EINVAL', object: 'va' })
    expect(() => open('va', () => undefined, etherType, [[0x10000, 0, 0, 0]])).toThrow(RangeError)
    expect(() => open('va', () => undefined, etherType, 'drop' as never)).toThrow(TypeError)
  })

  it('hears again after the link was down', async () => {
    const inbox = new Inbox()
    const a = open('va', () => undefined)
    open('vb', inbox.put)
    run('ip', '-n', netns.name, 'link', 'set', 'vb', 'down')
    await settle()
    run('ip', '-n', netns.name, 'link', 'set', 'vb', 'up')
    a.send(frame('again'))
    expect(await inbox.until(1)).toEqual([frame('again')])
  })

  it('may be closed by its own listener', async () => {
    const inbox = new Inbox()
    const a = open('va', () => undefined)
    const b = open('vb', (heard) => {
      b.close()
      inbox.put(heard)
    })
    for (const text of ['one', 'two', 'three']) a.send(frame(text))
    await inbox.until(1)
    await settle()
    expect(inbox.events).toEqual([frame('one')])
    expect(thrownBy(() => b.send(frame('x'))).code).toBe('EBADF')
  })

  it('does not open on an interface that is absent, and sends no frame without a header', () => {
    expect(thrownBy(() => native().openPacketSocket(0x7ffffff0, etherType, () => undefined)).code).toBe('ENODEV')
    expect(() => native().openPacketSocket(1, 0, () => undefined)).toThrow(RangeError)
    const a = open('va', () => undefined)
    expect(thrownBy(() => a.send(Buffer.alloc(4)))).toMatchObject({ code: 'EINVAL', syscall: 'send', object: 'va' })
  })
})
