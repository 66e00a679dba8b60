/** Questions and answers about neighbours on one interface. */
import { macFromBytes } from '../net/mac.js'
import { familyOf } from '../net/address.js'
import { arpAnnouncement, arpRequest, ETHERTYPE_ARP, parseArp } from '../net/arp.js'
import {
  ADVERTISEMENTS_ONLY,
  ETHERTYPE_IPV6,
  neighbourSolicitation,
  parseNeighbourAdvertisement,
  unsolicitedAdvertisement,
} from '../net/ndp.js'
import { errnoOf } from '../errors.js'
import { native, type NativePacketSocket } from '../native.js'
import type { SocketFilterInstruction } from '../net/socket-filter.js'
import { type InterfaceFacts, sourceAddressFor } from './interfaces.js'
import type { NetworkNamespace } from './netns.js'

/** Somebody on the link said that `address` is at `mac`. */
export interface NeighbourAnswer {
  ifindex: number
  address: string
  mac: string
  /** False: a proxy or an anycast member speaks, which is no reason to leave a MAC that still answers. */
  override: boolean
}

/** `native().openPacketSocket`, or a stand-in for tests. */
export type OpenPacketSocket = (
  ifindex: number,
  protocol: number,
  onFrame: (frame: Uint8Array) => void,
  filter?: readonly SocketFilterInstruction[],
) => NativePacketSocket

/** Errors of a link that is down, gone or has a full queue: the question counts as not answered and is asked again. */
const NOT_SENT: readonly (string | undefined)[] = ['ENETDOWN', 'ENOBUFS', 'EAGAIN', 'ENXIO', 'ENODEV', 'ENETUNREACH']

/** Not zero, and not a group (IEEE 802: lowest bit of the first byte). */
function isStation(mac: string): boolean {
  return mac !== '00:00:00:00:00:00' && (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0
}

/** Two packet sockets, one per family, opened in the interface's namespace. */
export class NeighbourLink implements Disposable {
  readonly #facts: InterfaceFacts
  readonly #mac: string
  readonly #onAnswer: (answer: NeighbourAnswer) => void
  readonly #arp: NativePacketSocket
  readonly #ndp: NativePacketSocket

  constructor(
    namespace: NetworkNamespace,
    facts: InterfaceFacts & { mac: string },
    onAnswer: (answer: NeighbourAnswer) => void,
    open: OpenPacketSocket = (...args) => native().openPacketSocket(...args),
  ) {
    this.#facts = facts
    this.#mac = facts.mac
    this.#onAnswer = onAnswer
    this.#arp = namespace.run(() => open(facts.ifindex, ETHERTYPE_ARP, (frame) => this.#onArp(frame)))
    try {
      this.#ndp = namespace.run(() =>
        open(facts.ifindex, ETHERTYPE_IPV6, (frame) => this.#onIpv6(frame), ADVERTISEMENTS_ONLY),
      )
    } catch (error) {
      this.#arp.close()
      throw error
    }
  }

  /** Asks who has `target`: the station at `mac` alone, or without it everybody. */
  ask(target: string, mac?: string): void {
    const source = sourceAddressFor(this.#facts, target)
    const to = mac === undefined ? {} : { destinationMac: mac }
    if (familyOf(target) === 4) {
      send(this.#arp, arpRequest({ senderMac: this.#mac, senderAddress: source, targetAddress: target, ...to }))
    } else {
      send(this.#ndp, neighbourSolicitation({ sourceMac: this.#mac, sourceAddress: source, target, ...to }))
    }
  }

  /** Tells everybody that `address` is at this interface: gratuitous ARP, or an unsolicited advertisement. */
  announce(address: string): void {
    if (familyOf(address) === 4) send(this.#arp, arpAnnouncement(this.#mac, address))
    else send(this.#ndp, unsolicitedAdvertisement(this.#mac, address))
  }

  close(): void {
    this.#arp.close()
    this.#ndp.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Requests tell where their sender is as well as replies do (RFC 826), and gratuitous ARP comes as either. */
  #onArp(frame: Uint8Array): void {
    const arp = parseArp(frame)
    if (arp !== undefined) this.#answer(arp.senderAddress, arp.senderMac, true)
  }

  #onIpv6(frame: Uint8Array): void {
    const advertisement = parseNeighbourAdvertisement(frame)
    if (advertisement === undefined) return
    const mac = advertisement.mac ?? macFromBytes(frame.subarray(6, 12))
    this.#answer(advertisement.target, mac, advertisement.override)
  }

  #answer(address: string, mac: string, override: boolean): void {
    if (!isStation(mac)) return
    this.#onAnswer({ ifindex: this.#facts.ifindex, address, mac, override })
  }
}

function send(socket: NativePacketSocket, frame: Uint8Array): void {
  try {
    socket.send(frame)
  } catch (error) {
    if (!NOT_SENT.includes(errnoOf(error))) throw error
  }
}
