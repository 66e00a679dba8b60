/** Frames of one host's interface, by a packet socket: what is on the wire, and ICMP echo without a ping command. */
import { expect } from 'vitest'
import type { LabHost } from '../../lab/host.js'
import type { Lab } from '../../lab/topology.js'
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

  send(frame: Uint8Array): void {
    this.#socket.send(frame)
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

/** Sends one echo request from the client; says whether the VIP has answered, with right checksums, within the time. */
export async function ping(lab: Lab, vip: string, timeout: number = DEADLINE.timeout): Promise<boolean> {
  const family = familyOf(vip)
  const { mac, addresses } = factsOf(lab.client, 'eth0')
  const src = addresses.find(({ address }) => familyOf(address) === family && !address.startsWith('fe80'))?.address ?? ''
  const toRouter = eth({ src: mac, dst: factsOf(lab.router, 'eth0').mac })
  const request =
    family === 4
      ? packet(toRouter, ipv4({ src, dst: vip }), icmp4Echo(), payload('are you there?'))
      : packet(toRouter, ipv6({ src, dst: vip }), icmp6Echo(), payload('are you there?'))
  using wire = new Wire(lab.client, 'eth0')
  wire.send(request.bytes())
  const { ip, icmp, reply } = ECHO[family]
  const isReply = (frame: Uint8Array): boolean =>
    layer(frame, ip)?.get('src') === vip && layer(frame, icmp)?.get('type') === reply && wrongChecksums(frame).length === 0
  const answered = (): boolean => wire.frames.some(isReply)
  await expect.poll(answered, { ...DEADLINE, timeout }).toBe(true).catch(() => undefined)
  return answered()
}
