/** ARP for IPv4 over Ethernet (RFC 826), as whole frames: built and parsed, never sent here. */
import { addressBytes, addressFromBytes } from './address.js'
import { macBytes, macFromBytes } from './mac.js'

/** EtherType, host order. */
export const ETHERTYPE_ARP = 0x0806

/** The 14 bytes before the payload: two MACs and the EtherType. */
export const ETHERNET_HEADER_BYTES = 14

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff'

const UNKNOWN_MAC = '00:00:00:00:00:00'
const ARP_BYTES = 28
const REQUEST = 1
const REPLY = 2

/** Hardware type Ethernet, protocol IPv4, address lengths 6 and 4: all that we speak. */
const ETHERNET_IPV4 = Uint8Array.of(0, 1, 0x08, 0, 6, 4)

/** What an ARP packet says. */
export interface ArpPacket {
  operation: 'request' | 'reply'
  senderMac: string
  senderAddress: string
  targetMac: string
  targetAddress: string
}

/** The Ethernet header of a frame that we send. `etherType` in host order. */
export function ethernetHeader(destinationMac: string, sourceMac: string, etherType: number): Uint8Array {
  return Uint8Array.of(...macBytes(destinationMac), ...macBytes(sourceMac), etherType >> 8, etherType & 0xff)
}

/** A whole frame that carries `packet` from its sender to `destinationMac`. */
export function arpFrame(destinationMac: string, packet: ArpPacket): Uint8Array {
  return Uint8Array.of(
    ...ethernetHeader(destinationMac, packet.senderMac, ETHERTYPE_ARP),
    ...ETHERNET_IPV4,
    0,
    packet.operation === 'request' ? REQUEST : REPLY,
    ...macBytes(packet.senderMac),
    ...addressBytes(packet.senderAddress),
    ...macBytes(packet.targetMac),
    ...addressBytes(packet.targetAddress),
  )
}

export interface ArpRequest {
  senderMac: string
  /** `0.0.0.0` asks without claiming an address (an ARP probe, RFC 5227 section 1.1). */
  senderAddress: string
  targetAddress: string
  /** Asks one station only, to see whether it still has the address; default: broadcast. */
  destinationMac?: string
}

/** "Who has `targetAddress`?" */
export function arpRequest(request: ArpRequest): Uint8Array {
  const { senderMac, senderAddress, targetAddress, destinationMac = BROADCAST_MAC } = request
  return arpFrame(destinationMac, {
    operation: 'request',
    senderMac,
    senderAddress,
    targetMac: UNKNOWN_MAC,
    targetAddress,
  })
}

/** "I have `address`": gratuitous ARP in the form that RFC 5227 section 3 prefers, a broadcast request about oneself. */
export function arpAnnouncement(mac: string, address: string): Uint8Array {
  return arpRequest({ senderMac: mac, senderAddress: address, targetAddress: address })
}

/** The ARP packet in a frame, or undefined when it is no ARP for IPv4 over Ethernet, or cut short. */
export function parseArp(frame: Uint8Array): ArpPacket | undefined {
  if (frame.length < ETHERNET_HEADER_BYTES + ARP_BYTES) return undefined
  if (frame[12] !== ETHERTYPE_ARP >> 8 || frame[13] !== (ETHERTYPE_ARP & 0xff)) return undefined
  const arp = frame.subarray(ETHERNET_HEADER_BYTES)
  if (ETHERNET_IPV4.some((byte, index) => arp[index] !== byte) || arp[6] !== 0) return undefined
  if (arp[7] !== REQUEST && arp[7] !== REPLY) return undefined
  return {
    operation: arp[7] === REQUEST ? 'request' : 'reply',
    senderMac: macFromBytes(arp.subarray(8, 14)),
    senderAddress: addressFromBytes(arp.subarray(14, 18)),
    targetMac: macFromBytes(arp.subarray(18, 24)),
    targetAddress: addressFromBytes(arp.subarray(24, 28)),
  }
}
