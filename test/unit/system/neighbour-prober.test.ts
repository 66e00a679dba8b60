import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { arpFrame, parseArp, type ArpPacket } from '../../../src/net/arp.js'
import { unsolicitedAdvertisement } from '../../../src/net/ndp.js'
import { neighbourKey, NeighbourProber, type NeighbourEvent } from '../../../src/system/neighbour-prober.js'
import { NetworkNamespace } from '../../../src/system/netns.js'
import { interfaceFacts } from '../../support/interface-facts.js'

const DIRECTOR = '02:00:00:00:00:fe'
const REAL = '02:00:00:00:00:01'
const MOVED = '02:00:00:00:00:02'
const IFINDEX = 7
const target = { address: '10.0.0.11', ifindex: IFINDEX }

const facts = interfaceFacts({ ifindex: IFINDEX, mac: DIRECTOR })

/** A wire with ARP hosts on it: who has which address. */
class Wire {
  readonly hosts = new Map<string, string>()
  readonly asked: { at: number; packet: ArpPacket; to: string }[] = []
  closed = 0
  #receive = new Map<number, (frame: Uint8Array) => void>()

  readonly open = (_ifindex: number, protocol: number, onFrame: (frame: Uint8Array) => void) => {
    this.#receive.set(protocol, onFrame)
    return { send: (frame: Uint8Array) => this.#answer(frame), close: () => { this.closed++ } }
  }

  arrive(protocol: number, frame: Uint8Array): void {
    this.#receive.get(protocol)?.(frame)
  }

  #answer(frame: Uint8Array): void {
    const packet = parseArp(frame)
    if (packet === undefined) return
    const to = Buffer.from(frame.subarray(0, 6)).toString('hex').replace(/..(?=.)/g, '$&:')
    this.asked.push({ at: performance.now(), packet, to })
    const mac = this.hosts.get(packet.targetAddress)
    if (mac === undefined || (to !== mac && to !== 'ff:ff:ff:ff:ff:ff')) return
    queueMicrotask(() => this.arrive(0x0806, replyFrom(packet.targetAddress, mac)))
  }
}

function replyFrom(address: string, mac: string): Uint8Array {
  const targets = { targetMac: DIRECTOR, targetAddress: '10.0.0.1' }
  return arpFrame(DIRECTOR, { operation: 'reply', senderMac: mac, senderAddress: address, ...targets })
}

describe('the neighbour prober', () => {
  let wire: Wire
  let prober: NeighbourProber

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
    wire = new Wire()
    prober = new NeighbourProber({ namespace: NetworkNamespace.current(), interfaces: [facts], openSocket: wire.open })
  })

  afterEach(() => {
    prober.close()
    vi.useRealTimers()
  })

  /** Watches the target, believed to be at REAL, and collects what is reported. */
  function watched(): NeighbourEvent[] {
    const events: NeighbourEvent[] = []
    prober.watch([{ ...target, mac: REAL }], (event) => events.push(event))
    return events
  }

  it('resolve returns as soon as everybody has answered', async () => {
    wire.hosts.set(target.address, REAL)
    await expect(prober.resolve([target], 1000)).resolves.toEqual(new Map([[neighbourKey(target), REAL]]))
    expect(wire.asked).toHaveLength(1)
  })

  it('resolve asks the silent again every 200 ms, from our address in their prefix, and gives up in time', async () => {
    wire.hosts.set(target.address, REAL)
    const resolved = prober.resolve([target, { address: '10.0.0.12', ifindex: IFINDEX }], 500)
    await vi.advanceTimersByTimeAsync(500)
    await expect(resolved).resolves.toEqual(new Map([[neighbourKey(target), REAL]]))
    const silent = wire.asked.filter(({ packet }) => packet.targetAddress === '10.0.0.12')
    expect(silent).toHaveLength(3)
    expect(silent[0]?.packet.senderAddress).toBe('10.0.0.1')
  })

  it.each([
    ['of nobody', '00:00:00:00:00:00'],
    ['of a group', '03:00:00:00:00:01'],
    ['of everybody', 'ff:ff:ff:ff:ff:ff'],
  ])('an answer with the MAC %s is not believed', async (_title, mac) => {
    const resolved = prober.resolve([target], 100)
    await vi.advanceTimersByTimeAsync(1)
    wire.arrive(0x0806, replyFrom(target.address, mac))
    await vi.advanceTimersByTimeAsync(100)
    await expect(resolved).resolves.toEqual(new Map())
  })

  it('resolves thousands in bursts with pauses', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => ({
      address: `10.0.${index >> 8}.${index & 255}`,
      ifindex: IFINDEX,
    }))
    for (const { address } of many) wire.hosts.set(address, REAL)
    const resolved = prober.resolve(many, 2000)
    await vi.advanceTimersByTimeAsync(2000)
    expect((await resolved).size).toBe(1000)
    const at = wire.asked.map((question) => question.at)
    for (const start of new Set(at)) expect(at.filter((time) => time === start).length).toBeLessThanOrEqual(100)
    expect(at).toHaveLength(1000)
  })

  it('a real that moved to another MAC is reported within a second', async () => {
    wire.hosts.set(target.address, REAL)
    const events = watched()
    await vi.advanceTimersByTimeAsync(2000)
    expect(events).toEqual([])
    expect(new Set(wire.asked.map(({ to }) => to))).toEqual(new Set([REAL]))
    wire.hosts.set(target.address, MOVED)
    await vi.advanceTimersByTimeAsync(999)
    expect(events).toEqual([{ ...target, change: 'mac', mac: MOVED }])
  })

  it('gratuitous ARP is believed at once', async () => {
    wire.hosts.set(target.address, REAL)
    const events = watched()
    await vi.advanceTimersByTimeAsync(10)
    wire.arrive(0x0806, replyFrom(target.address, MOVED))
    expect(events).toEqual([{ ...target, change: 'mac', mac: MOVED }])
  })

  it('an unsolicited advertisement is believed at once', () => {
    const events: NeighbourEvent[] = []
    const real = { address: '2001:db8::11', ifindex: IFINDEX }
    prober.watch([real], (event) => events.push(event))
    wire.arrive(0x86dd, unsolicitedAdvertisement(MOVED, real.address))
    expect(events).toEqual([{ ...real, change: 'mac', mac: MOVED }])
  })

  it('a silent real is reported lost once, with its last MAC, and found when it is back', async () => {
    const events = watched()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(events).toEqual([{ ...target, change: 'lost', mac: REAL }])
    wire.hosts.set(target.address, REAL)
    await vi.advanceTimersByTimeAsync(1000)
    expect(events[1]).toEqual({ ...target, change: 'found', mac: REAL })
  })

  it('watching other targets forgets the old and keeps what is known of those that stay', async () => {
    wire.hosts.set(target.address, REAL)
    watched()
    await vi.advanceTimersByTimeAsync(1000)
    const events: NeighbourEvent[] = []
    prober.watch([target, { address: '10.0.0.12', ifindex: IFINDEX }], (event) => events.push(event))
    await vi.advanceTimersByTimeAsync(1000)
    expect(events).toEqual([])
    prober.watch([], () => {})
    const asked = wire.asked.length
    await vi.advanceTimersByTimeAsync(5000)
    expect(wire.asked).toHaveLength(asked)
  })

  it('asks no more than 5000 questions a second, however many targets', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({
      address: `10.0.${index >> 8}.${index & 255}`,
      ifindex: IFINDEX,
      mac: REAL,
    }))
    for (const { address } of many) wire.hosts.set(address, REAL)
    prober.watch(many, () => {})
    await vi.advanceTimersByTimeAsync(2000)
    expect(wire.asked.length).toBeGreaterThan(9000)
    expect(wire.asked.length).toBeLessThanOrEqual(10_100)
  })

  it('announces each address as its own', () => {
    prober.announce(['10.0.0.100', '10.0.0.101'], IFINDEX)
    expect(wire.asked.map(({ packet }) => [packet.senderAddress, packet.targetAddress, packet.senderMac])).toEqual([
      ['10.0.0.100', '10.0.0.100', DIRECTOR],
      ['10.0.0.101', '10.0.0.101', DIRECTOR],
    ])
  })

  it('close closes both sockets and stops asking', async () => {
    watched()
    prober.close()
    await vi.advanceTimersByTimeAsync(5000)
    expect(wire.closed).toBe(2)
    expect(wire.asked).toEqual([])
  })

  it('refuses a target on a link that it does not serve', () => {
    expect(() => prober.watch([{ address: '10.0.0.11', ifindex: 99 }], () => {})).toThrow(/99/)
  })

  it('refuses an interface without a MAC', () => {
    const interfaces = [{ ...facts, mac: undefined }]
    const make = () => new NeighbourProber({ namespace: NetworkNamespace.current(), interfaces, openSocket: wire.open })
    expect(make).toThrow(expect.objectContaining({ code: 'LB_ERR_INTERFACE_UNUSABLE' }))
  })
})
