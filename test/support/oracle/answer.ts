/** What the director answers itself: ARP, neighbour solicitations, echo. */
import { addressBytes, addressFromBytes, familyOf } from '../../../src/net/address.js'
import { macBytes, macFromBytes } from '../../../src/net/mac.js'
import {
  arpReply,
  BROADCAST_MAC,
  eth,
  ipv6,
  linkLayerOption,
  ndAdvertisement,
  packet,
  type Layer,
} from '../packet/build.js'
import { concat, readU16 } from '../packet/bytes.js'
import { EtherType, IpProtocol } from '../packet/layer.js'
import type { Decision } from './decision.js'
import { destinationMac, sourceMac, withWord } from './frame.js'
import type { Table, Vip } from './table.js'

/** The VIP that we announce under this address. */
function announced(table: Table, address: string, family: 4 | 6): Vip | undefined {
  const vip = familyOf(address) === family ? table.vips.get(address) : undefined
  return vip?.announce === true ? vip : undefined
}

/** The link-layer header of an answer: back to the asker, VLAN tags as they came. */
function answerHeader(frame: Uint8Array, l3: number, our: string, to: string = sourceMac(frame)): Uint8Array {
  return concat(macBytes(to), macBytes(our), frame.subarray(12, l3))
}

/** The bytes of layers behind the link-layer header. */
function network(...layers: (Layer | Layer[])[]): Uint8Array {
  return packet(eth({ src: BROADCAST_MAC, dst: BROADCAST_MAC }), ...layers)
    .bytes()
    .subarray(14)
}

const ARP_LENGTH = 28
const ETHERNET_IPV4 = Uint8Array.of(0, 1, EtherType.ipv4 >> 8, EtherType.ipv4 & 0xff, 6, 4)
const ARP_REQUEST = 1

export function decideArp(frame: Uint8Array, l3: number, our: string | undefined, table: Table): Decision {
  const arp = frame.subarray(l3, l3 + ARP_LENGTH)
  const understood = arp.length === ARP_LENGTH && Buffer.compare(arp.subarray(0, 6), ETHERNET_IPV4) === 0
  if (!understood || readU16(arp, 6) !== ARP_REQUEST) return { verdict: 'passNotIp' }
  const sender = addressFromBytes(arp.subarray(14, 18))
  const target = addressFromBytes(arp.subarray(24, 28))
  if (sender === target || announced(table, target, 4) === undefined) return { verdict: 'passNotIp' }
  const to = destinationMac(frame)
  if (our === undefined || (to !== BROADCAST_MAC && to !== our)) return { verdict: 'passOtherHost' }
  const reply = arpReply({
    senderMac: our,
    senderAddress: target,
    targetMac: macFromBytes(arp.subarray(8, 14)),
    targetAddress: sender,
  })
  const rest = frame.subarray(l3 + ARP_LENGTH)
  return { verdict: 'replyArp', frame: concat(answerHeader(frame, l3, our), network(reply), rest) }
}

const ALL_NODES = 'ff02::1'
const ALL_NODES_MAC = '33:33:00:00:00:01'
const UNSPECIFIED = '::'
const SOLICITED_NODE_PREFIX = addressBytes('ff02::1:ff00:0').subarray(0, 13)
const SOLICITATION_LENGTH = 24

/** Whether an address is a solicited-node group (RFC 4291 section 2.7.1). */
export function isSolicitedGroup(address: Uint8Array): boolean {
  return Buffer.compare(address.subarray(0, 13), SOLICITED_NODE_PREFIX) === 0
}

/**
 * An IPv6 packet whose first next header is ICMPv6: the advertisement that it asks for, or undefined when it is
 * no proper solicitation for a VIP that we announce.
 */
export function decideSolicitation(
  frame: Uint8Array,
  l3: number,
  our: string | undefined,
  table: Table,
): Decision | undefined {
  const icmp = l3 + 40
  const length = readU16(frame, l3 + 4)
  const whole = length >= SOLICITATION_LENGTH && icmp + length <= frame.length
  if (!whole || frame[l3 + 7] !== 255 || frame[icmp] !== 135 || frame[icmp + 1] !== 0) return undefined
  const targetBytes = frame.slice(icmp + 8, icmp + 24)
  const target = addressFromBytes(targetBytes)
  const destination = frame.subarray(l3 + 24, l3 + 40)
  const group = concat(SOLICITED_NODE_PREFIX, targetBytes.subarray(13))
  const asked = Buffer.compare(destination, targetBytes) === 0 || Buffer.compare(destination, group) === 0
  if (!asked || announced(table, target, 6) === undefined) return undefined
  if (our === undefined) return { verdict: 'passOtherHost' }
  const asker = addressFromBytes(frame.subarray(l3 + 8, l3 + 24))
  const probing = asker === UNSPECIFIED
  const answer = network(
    ipv6({ src: target, dst: probing ? ALL_NODES : asker, hopLimit: 255 }),
    ndAdvertisement({
      target,
      flags: probing ? ['override'] : ['solicited', 'override'],
      options: linkLayerOption(2, our),
    }),
  )
  const header = probing ? answerHeader(frame, l3, our, ALL_NODES_MAC) : answerHeader(frame, l3, our)
  return { verdict: 'replyNd', frame: concat(header, answer) }
}

const REPLY_TTL = 64

/** An echo request to a VIP whose policy is to answer. */
function echoReply(frame: Uint8Array, l3: number, l4: number, family: 4 | 6): Uint8Array {
  const replyType = family === 4 ? 0 : 129
  const addresses = family === 4 ? { at: 12, length: 4 } : { at: 8, length: 16 }
  let reply = withWord(frame, l4, replyType << 8, l4 + 2)
  if (family === 4) reply = withWord(reply, l3 + 8, (REPLY_TTL << 8) | IpProtocol.icmp4, l3 + 10)
  else reply[l3 + 7] = REPLY_TTL
  const [src, dst] = [l3 + addresses.at, l3 + addresses.at + addresses.length]
  reply.set(frame.subarray(dst, dst + addresses.length), src)
  reply.set(frame.subarray(src, src + addresses.length), dst)
  reply.set(frame.subarray(6, 12), 0)
  reply.set(frame.subarray(0, 6), 6)
  return reply
}

/** An echo request to a VIP, answered by its policy. */
export function decideEcho(frame: Uint8Array, l3: number, l4: number, family: 4 | 6, vip: Vip): Decision {
  if (vip.echo === 'pass') return { verdict: 'passIcmp' }
  const silent = vip.echo === 'drop' || (vip.echo === 'replyIfUp' && !vip.up)
  if (silent) return { verdict: 'dropEcho' }
  return { verdict: 'replyEcho', frame: echoReply(frame, l3, l4, family) }
}
