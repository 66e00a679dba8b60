/** An explanation as a person reads it: decisions in order, the verdict, the packet before and after. */
import type { Decision, Explained } from '../control/explain.js'
import { formatEndpoint } from '../net/address.js'
import type { PacketSummary } from '../net/packet.js'
import { columns } from './output.js'
import { verdictMeaning } from './verdict-text.js'

export function formatExplained({ interface: name, decisions, verdict, before, after }: Explained): string {
  const asked = `${before.protocol} ${endpoints(before).join(' -> ')}${flagsOf(before)}, by ${name}`
  const steps = decisions.map((decision, index) => `${index + 1}. ${sentence(decision)}`)
  return [asked, ...steps, `verdict ${verdict} (${verdictMeaning(verdict)})`, ...packetLines(before, after)].join('\n')
}

const FORWARD_WORDS: Readonly<Record<string, string>> = {
  dr: 'direct routing: new MACs, TTL less one',
  nat: "destination address and port become the real's",
}

function sentence(decision: Decision): string {
  switch (decision.step) {
    case 'quoted':
      return 'an ICMP error: the packet that it quotes decides'
    case 'vip':
      return `${decision.vip} is a VIP`
    case 'conn':
      return `its conn is known: ${decision.state}, ${decision.expiresSeconds} s left`
    case 'no_conn':
      return 'no conn is known'
    case 'expired':
      return 'the conn is past its time, and no longer counts'
    case 'reused':
      return 'a SYN starts the conn over'
    case 'real_gone':
      return "the conn's real is not configured any more"
    case 'ping':
      return 'a gateway ping: no conn is made'
    case 'service':
      return `service ${decision.service}, ${decision.forward} (${FORWARD_WORDS[decision.forward] ?? ''})`
    case 'template':
      return `a persistence template of the client: ${decision.real}`
    case 'template_bad':
      return "the template's real is gone, down or quiesced, and gets no new conn"
    case 'no_template':
      return 'no persistence template of the client'
    case 'scheduled':
      return `scheduler ${decision.scheduler} chooses`
    case 'clash':
      return "nat: the choice's replies would belong to another conn; the next one is taken"
    case 'dest':
      return `real ${decision.real}, MAC ${decision.mac}`
  }
}

function packetLines(before: PacketSummary, after: PacketSummary | null): string[] {
  if (after === null) return []
  const was = cells(before)
  const is = cells(after)
  if (was.every(([, value], index) => value === is[index]?.[1])) return ['packet unchanged']
  const rows = was.map(([name, value], index) => {
    const next = is[index]?.[1] ?? ''
    return [name, value, value === next ? '' : `-> ${next}`]
  })
  return ['packet', columns(rows.map(([name = '', value = '', next = '']) => [`  ${name}`, value, next]))]
}

function cells(packet: PacketSummary): [string, string][] {
  const [source, destination] = endpoints(packet)
  return [
    ['source MAC', packet.sourceMac],
    ['destination MAC', packet.destinationMac],
    ['source', source],
    ['destination', destination],
    ['TTL', String(packet.ttl)],
    ['carries', `${packet.protocol}${flagsOf(packet)}`],
  ]
}

function endpoints({ source, destination, sourcePort, destinationPort }: PacketSummary): [string, string] {
  if (sourcePort === undefined || destinationPort === undefined) return [source, destination]
  return [formatEndpoint(source, sourcePort), formatEndpoint(destination, destinationPort)]
}

function flagsOf({ flags, type, code }: PacketSummary): string {
  if (type !== undefined) return ` type ${type} code ${code}`
  return flags === undefined ? '' : ` ${flags.join('|')}`
}
