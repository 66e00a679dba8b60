/**
 * What a director must do with a frame: plain and slow, from the contract, sharing nothing with bpf/.
 * Every rule stands where the contract puts it in the order of decisions.
 */
import { addressFromBytes, familyOf } from '../../src/net/address.js'
import { EtherType, IpProtocol } from './packet/layer.js'
import { decideArp, decideSolicitation, isSolicitedGroup } from './oracle/answer.js'
import type { Addressed, Decision, Outcome, ToVip } from './oracle/decision.js'
import { decideFlow } from './oracle/flows.js'
import { decideLaterFragment, passFollowers } from './oracle/fragments.js'
import { destinationMac, IP, type Family } from './oracle/frame.js'
import { decideIcmp } from './oracle/icmp.js'
import { decideProbeAnswer } from './oracle/probes.js'
import { parseEthernet, parseIpv4, parseIpv6, parsePorts } from './oracle/parse.js'
import { connKey, type Table, type XdpAction } from './oracle/table.js'

export * from './oracle/table.js'
export type { Outcome } from './oracle/decision.js'

const TRANSPORTS = new Map<number, 'tcp' | 'udp'>([
  [IpProtocol.tcp, 'tcp'],
  [IpProtocol.udp, 'udp'],
])

/** A packet to a VIP whose IP headers are sound. */
function decideUpper(table: Table, to: ToVip): Decision {
  if (to.fragment?.first === false) return decideLaterFragment(table, to)
  if (to.protocol === (to.family === 4 ? IpProtocol.icmp4 : IpProtocol.icmp6)) return decideIcmp(table, to)
  const transport = TRANSPORTS.get(to.protocol)
  if (transport === undefined) return { verdict: 'passProtocol' }
  const ports = parsePorts(to.frame, transport, to)
  if (ports === undefined) return { verdict: 'dropMalformed' }
  const key = connKey({ ...ports, client: to.client, vip: to.vip.id, protocol: transport })
  return decideFlow(table, { ...to, ...ports, transport, key })
}

function decideForVip(table: Table, to: Addressed): Decision {
  const parsed = to.family === 4 ? parseIpv4(to.frame, to.l3) : parseIpv6(to.frame, to.l3)
  if ('verdict' in parsed) return parsed
  const decision = decideUpper(table, { ...to, ...parsed })
  if (decision.verdict.startsWith('pass')) passFollowers(table, { ...to, ...parsed })
  return decision
}

function decideIp(table: Table, frame: Uint8Array, l3: number, family: Family, ingress: number): Decision {
  const header = IP[family]
  const first = frame[l3] ?? 0
  const legible = frame.length >= l3 + header.length && first >> 4 === family && (family === 6 || (first & 15) >= 5)
  if (!legible) return { verdict: 'passIncomplete' }
  const addressAt = (offset: number): Uint8Array => frame.subarray(l3 + offset, l3 + offset + header.size)
  const our = table.interfaces.get(ingress)
  if (family === 6 && frame[l3 + 6] === IpProtocol.icmp6 && isSolicitedGroup(addressAt(header.dst))) {
    return decideSolicitation(frame, l3, our, table) ?? { verdict: 'passNotVip' }
  }
  const vipAddress = addressFromBytes(addressAt(header.dst))
  const vip = familyOf(vipAddress) === family ? table.vips.get(vipAddress) : undefined
  if (vip === undefined) return decideProbeAnswer(table, frame, ingress) ?? { verdict: 'passNotVip' }
  if (our === undefined || destinationMac(frame) !== our) return { verdict: 'passOtherHost' }
  const client = addressFromBytes(addressAt(header.src))
  return decideForVip(table, { frame, l3, family, ingress, client, vipAddress, vip, our })
}

function decide(table: Table, frame: Uint8Array, ingress: number): Decision {
  const { type, l3 } = parseEthernet(frame)
  switch (type) {
    case undefined:
      return { verdict: 'passIncomplete' }
    case EtherType.arp:
      return decideArp(frame, l3, table.interfaces.get(ingress), table)
    case EtherType.ipv4:
      return decideIp(table, frame, l3, 4, ingress)
    case EtherType.ipv6:
      return decideIp(table, frame, l3, 6, ingress)
    default:
      return { verdict: 'passNotIp' }
  }
}

function actionOf(decision: Decision, ingress: number): XdpAction {
  if (decision.verdict.startsWith('pass')) return 'pass'
  if (decision.verdict.startsWith('drop')) return 'drop'
  if (decision.verdict.startsWith('reply')) return 'tx'
  if (decision.out === 'host') return 'pass'
  return decision.out === ingress ? 'tx' : 'redirect'
}

/** What happens to `frame`, come in by interface `ingress`. Conns, cursors and counters of `table` move on. */
export function judge(frame: Uint8Array, ingress: number, table: Table): Outcome {
  const decision = decide(table, frame, ingress)
  return {
    verdict: decision.verdict,
    action: actionOf(decision, ingress),
    frame: decision.frame ?? frame,
  }
}
