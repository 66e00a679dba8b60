/** What every layer of a built packet is. */

/** The addresses that a transport checksum covers. */
export interface AddressPair {
  src: string
  dst: string
}

/** What a layer may know of the others while it is encoded. */
export interface Surroundings {
  /** The layer that follows, if any. */
  next: Layer | undefined
  /** Of the nearest IP header outside. */
  addresses: AddressPair | undefined
}

export interface Layer {
  readonly name: string
  /** How an Ethernet header or a VLAN tag names this layer. */
  readonly etherType?: number
  /** How an IP header names this layer. */
  readonly ipProtocol?: number
  /** IP layers only. */
  readonly addresses?: AddressPair
  /** This layer followed by `payload`, the encoded layers inside it. */
  encode(payload: Uint8Array, around: Surroundings): Uint8Array
}

/** EtherTypes (IEEE registry). */
export const EtherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  ipv6: 0x86dd,
  serviceVlan: 0x88a8,
} as const

/** Protocol and next header numbers (IANA registry). */
export const IpProtocol = {
  hopByHop: 0,
  icmp4: 1,
  tcp: 6,
  udp: 17,
  routing: 43,
  fragment: 44,
  gre: 47,
  ah: 51,
  icmp6: 58,
  none: 59,
  destinationOptions: 60,
  experiment: 253,
} as const
