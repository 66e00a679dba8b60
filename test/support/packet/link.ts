/** Ethernet II, VLAN tags, ARP. */
import { addressBytes } from '../../../src/net/address.js'
import { macBytes } from '../../../src/net/mac.js'
import { concat, u16 } from './bytes.js'
import { EtherType, type Layer } from './layer.js'

export const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff'
const UNKNOWN_MAC = '00:00:00:00:00:00'
const LOCAL_EXPERIMENT = 0x88b5

export interface EthFields {
  src: string
  dst: string
  /** Default: what the next layer is. */
  type?: number
}

/** An Ethernet II header. */
export function eth(fields: EthFields): Layer {
  return {
    name: 'eth',
    encode: (payload, { next }) =>
      concat(
        macBytes(fields.dst),
        macBytes(fields.src),
        u16(fields.type ?? next?.etherType ?? LOCAL_EXPERIMENT),
        payload,
      ),
  }
}

export interface VlanFields {
  priority?: number
  /** 0x8100 (default) or 0x88a8. */
  tpid?: number
  type?: number
}

/** An 802.1Q or 802.1ad tag. */
export function vlan(id: number, fields: VlanFields = {}): Layer {
  return {
    name: 'vlan',
    etherType: fields.tpid ?? EtherType.vlan,
    encode: (payload, { next }) =>
      concat(
        u16(((fields.priority ?? 0) << 13) | id),
        u16(fields.type ?? next?.etherType ?? LOCAL_EXPERIMENT),
        payload,
      ),
  }
}

export interface ArpFields {
  senderMac: string
  senderAddress: string
  targetMac?: string
  targetAddress: string
  operation?: number
  hardwareType?: number
  protocolType?: number
  hardwareLength?: number
  protocolLength?: number
}

function arp(operation: number, fields: ArpFields): Layer {
  return {
    name: 'arp',
    etherType: EtherType.arp,
    encode: (payload) =>
      concat(
        u16(fields.hardwareType ?? 1),
        u16(fields.protocolType ?? EtherType.ipv4),
        Uint8Array.of(fields.hardwareLength ?? 6, fields.protocolLength ?? 4),
        u16(fields.operation ?? operation),
        macBytes(fields.senderMac),
        addressBytes(fields.senderAddress),
        macBytes(fields.targetMac ?? UNKNOWN_MAC),
        addressBytes(fields.targetAddress),
        payload,
      ),
  }
}

/** An ARP request for Ethernet and IPv4 (RFC 826). */
export const arpRequest = (fields: ArpFields): Layer => arp(1, fields)

/** An ARP reply. */
export const arpReply = (fields: ArpFields): Layer => arp(2, fields)
