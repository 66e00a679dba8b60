/** What a packet socket must hear of gateway pings. */
import { ETHERTYPE_IPV6 } from './ndp.js'
import { ETHERTYPE_IPV4 } from './packet.js'
import {
  ipField,
  JUMP,
  JUMP_IF_AT_LEAST,
  JUMP_IF_EQUAL,
  JUMP_IF_GREATER,
  LOAD_BYTE,
  LOAD_HALF,
  LOAD_HALF_INDEXED,
  LOAD_IPV4_LENGTH,
  RETURN,
  type SocketFilterInstruction,
  WHOLE_FRAME,
} from './socket-filter.js'

const ETHER_TYPE = 12
const ICMP = 1
const TCP = 6
const ICMPV6 = 58
const IPV6_BYTES = 40
/** Of the destination port in the TCP header. */
const PORT = 2

/** TCP to the ports from `first` to `last`, and all ICMP: what answers others never wakes us. */
export function pingAnswersOnly(first: number, last: number): readonly SocketFilterInstruction[] {
  return [
    [LOAD_HALF, 0, 0, ETHER_TYPE],
    [JUMP_IF_EQUAL, 0, 6, ETHERTYPE_IPV4],
    [LOAD_BYTE, 0, 0, ipField(9)],
    [JUMP_IF_EQUAL, 11, 0, ICMP],
    [JUMP_IF_EQUAL, 0, 11, TCP],
    [LOAD_IPV4_LENGTH, 0, 0, ipField(0)],
    [LOAD_HALF_INDEXED, 0, 0, ipField(PORT)],
    [JUMP, 0, 0, 5],
    [JUMP_IF_EQUAL, 0, 7, ETHERTYPE_IPV6],
    [LOAD_BYTE, 0, 0, ipField(6)],
    [JUMP_IF_EQUAL, 4, 0, ICMPV6],
    [JUMP_IF_EQUAL, 0, 4, TCP],
    [LOAD_HALF, 0, 0, ipField(IPV6_BYTES + PORT)],
    [JUMP_IF_AT_LEAST, 0, 2, first],
    [JUMP_IF_GREATER, 1, 0, last],
    [RETURN, 0, 0, WHOLE_FRAME],
    [RETURN, 0, 0, 0],
  ]
}
