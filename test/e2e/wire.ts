/** Frames of one host's interface, by a packet socket: what is on the wire, and ICMP echo without a ping command. */
import { errnoOf } from '../../src/errors.js'
import { expect } from 'vitest'
import type { LabHost } from '../../lab/host.js'
import { familyOf } from '../../src/net/address.js'
import { native, type NativePacketSocket } from '../../src/native.js'
import { interfaceFacts, type InterfaceFacts } from '../../src/system/interfaces.js'
import { NetworkNamespace } from '../../src/system/netns.js'
import { eth, icmp4Echo, icmp6Echo, ipv4, ipv6, packet, payload } from '../support/packet/build.js'
import { dissect, type FieldValue } from '../support/packet/dissect.js'
import { wrongChecksums } from '../support/packet/verify.js'
import { DEADLINE } from './support.js'

/** ETH_P_ALL of linux/if_ether.h. */
const ALL_PROTOCOLS = 0x0003

export function factsOf(host: LabHost, device: string): InterfaceFacts & { mac: string } {
  const [facts] = interfaceFacts(NetworkNamespace.open(host.netns), [device])
  if (facts?.mac === undefined) throw new Error(`${device} of ${host.netns} has no MAC`)
  return { ...facts, mac: facts.mac }
}

export class Wire implements Disposable {
  /** All that came or went since this was opened. */
  readonly frames: Uint8Array[] = []
  readonly #socket: NativePacketSocket

  constructor(host: LabHost, device: string) {
    const { ifindex } = factsOf(host, device)
    this.#socket = NetworkNamespace.open(host.netns).run(() =>
      native().openPacketSocket(ifindex, ALL_PROTOCOLS, (frame) => this.frames.push(frame)),
    )
  }

  /** Waits while the device's queue is full. */
  send(frame: Uint8Array): void {
    for (;;) {
      try {
        this.#socket.send(frame)
        return
      } catch (error) {
        if (errnoOf(error) !== 'ENOBUFS') throw error
      }
    }
  }

  [Symbol.dispose](): void {
    this.#socket.close()
  }
}

/** The fields of one layer of a frame. */
export function layer(frame: Uint8Array, name: string): ReadonlyMap<string, FieldValue> | undefined {
  return dissect(frame).find((each) => each.name === name)?.fields
}

const ECHO = { 4: { ip: 'ipv4', icmp: 'icmp4', reply: 0 }, 6: { ip: 'ipv6', icmp: 'icmp6', reply: 129 } } as const

/** A lab or network, as far as the way from its client goes. */
export interface WayOut {
  client: LabHost
  router: LabHost
}

export interface EchoOptions {
  /** The identifier of the query. */
  id?: number
  /** Milliseconds to wait for the answer. */
  timeout?: number
}

/** Sends one echo request from the client; the VIP's reply with right checksums, or undefined when none came in time. */
export async function echoReply({ client, router }: WayOut, vip: string, options: EchoOptions = {}): Promise<Uint8Array | undefined> {
  const { id = 1, timeout = DEADLINE.timeout } = options
  const family = familyOf(vip)
  const { mac, addresses } = factsOf(client, 'eth0')
  const src = addresses.find(({ address }) => familyOf(address) === family && !address.startsWith('fe80'))?.address ?? ''
  const toRouter = eth({ src: mac, dst: factsOf(router, 'eth0').mac })
  const request =
    family === 4
      ? packet(toRouter, ipv4({ src, dst: vip }), icmp4Echo({ id }), payload('are you there?'))
      : packet(toRouter, ipv6({ src, dst: vip }), icmp6Echo({ id }), payload('are you there?'))
  using wire = new Wire(client, 'eth0')
  wire.send(request.bytes())
  const { ip, icmp, reply } = ECHO[family]
  const isReply = (frame: Uint8Array): boolean =>
    layer(frame, ip)?.get('src') === vip && layer(frame, icmp)?.get('type') === reply && wrongChecksums(frame).length === 0
  const answer = (): Uint8Array | undefined => wire.frames.find(isReply)
  await expect.poll(answer, { ...DEADLINE, timeout }).toBeDefined().catch(() => undefined)
  return answer()
}

/** Whether the VIP answers an echo request within the time. */
export async function ping(way: WayOut, vip: string, timeout: number = DEADLINE.timeout): Promise<boolean> {
  return (await echoReply(way, vip, { timeout })) !== undefined
}
