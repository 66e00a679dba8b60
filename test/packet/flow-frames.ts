/** Frames about conns that are in the table at the moment, for fast-check: by chance alone hardly a frame would be. */
import fc from 'fast-check'
import { isTemplate, type Table } from '../support/oracle.js'
import { vipAddress } from '../support/oracle/replies.js'
import { eth, fragment, ipv4, ipv6, packet, tcp, udp, type Layer } from '../support/packet/build.js'
import type { TcpFlagName } from '../support/packet/transport.js'
import { CLIENT, icmpError, NOT_A_VIP, OTHER_CLIENT, OUR_MAC, quoteOf, REAL_MACS, ROUTER_MAC, type Family, type Transport } from './world.js'

/** Makes a frame about a conn of the table; undefined when there is none that it could be about. */
export type FlowFrame = (table: Table) => Uint8Array | undefined

/** The ends of a packet. */
interface Ends {
  src: string
  dst: string
  sport: number
  dport: number
}

interface KnownFlow {
  family: Family
  protocol: Transport
  /** What the client sends, and what its real answers. */
  request: Ends
  answer: Ends
  realMac: string
}

const details = fc.record({
  which: fc.nat(),
  flags: fc.constantFrom<TcpFlagName[]>(['ack'], ['ack'], ['syn'], ['syn', 'ack'], ['fin', 'ack'], ['rst']),
  ttl: fc.constantFrom<number[]>(64, 64, 64, 64, 255, 2, 1, 0),
  /** A whole packet, or the first or a later fragment of one. */
  part: fc.constantFrom('whole', 'whole', 'whole', 'whole', 'first', 'later'),
  identification: fc.nat(1),
  quoted: fc.constantFrom(8, 20, Infinity),
  fromRouter: fc.boolean(),
})
type Details = typeof details extends fc.Arbitrary<infer T> ? T : never

/** Others are of changed frames: where the network has them is not known. */
const isKnownClient = (address: string): boolean =>
  [CLIENT, OTHER_CLIENT].some((client) => client[4] === address || client[6] === address)

function flowsOf(table: Table, only: 'any' | 'answered'): KnownFlow[] {
  return [...table.conns].flatMap(([key, conn]): KnownFlow[] => {
    const [protocol, client = '', clientPort, vipId, port] = key.split(' ')
    const dest = table.dests.get(conn.dest)
    const vip = vipAddress(table, Number(vipId))
    if (isTemplate(key) || dest === undefined || vip === '' || (protocol !== 'tcp' && protocol !== 'udp')) return []
    if (only === 'answered' && (dest.forward !== 'nat' || !isKnownClient(client))) return []
    const ends = { sport: Number(clientPort), dport: Number(port) }
    return [
      {
        family: client.includes(':') ? 6 : 4,
        protocol,
        request: { src: client, dst: vip, ...ends },
        answer: { src: dest.address, dst: client, sport: dest.port || ends.dport, dport: ends.sport },
        realMac: REAL_MACS[conn.dest % REAL_MACS.length] ?? dest.mac,
      },
    ]
  })
}

const upperLayer = (protocol: Transport, { sport, dport }: Ends, { flags, part }: Details): Layer =>
  protocol === 'tcp' ? tcp({ sport, dport, flags }) : udp({ sport, dport, ...(part === 'whole' ? {} : { length: 900 }) })

function ipLayers(family: Family, protocol: Transport, { src, dst }: Ends, { ttl, part, identification }: Details): Layer[] {
  const offset = part === 'later' ? 9 : 0
  const more = part === 'first'
  const number = protocol === 'tcp' ? 6 : 17
  if (family === 4) {
    return [ipv4({ src, dst, ttl, id: identification, flags: more ? 1 : 0, fragmentOffset: offset, protocol: number })]
  }
  const header = ipv6({ src, dst, hopLimit: ttl })
  return part === 'whole' ? [header] : [header, fragment({ id: identification, more, offset, nextHeader: number })]
}

function frameOf({ family, protocol }: KnownFlow, ends: Ends, srcMac: string, chosen: Details): Uint8Array {
  const link = eth({ src: srcMac, dst: OUR_MAC })
  return packet(link, ...ipLayers(family, protocol, ends, chosen), upperLayer(protocol, ends, chosen)).bytes()
}

/** An error about a packet with these ends, sent to where that came from. */
function errorAbout(flow: KnownFlow, ends: Ends, src: string, srcMac: string, chosen: Details): Uint8Array {
  const { family } = flow
  const about = frameOf(flow, ends, srcMac, { ...chosen, part: 'whole', ttl: 63 })
  const quoted = quoteOf(about, (family === 4 ? 20 : 40) + chosen.quoted)
  return icmpError({ family, type: family === 4 ? 3 : 1, code: 1, ttl: chosen.ttl, src, dst: ends.src, srcMac, quoted }).bytes()
}

function chooser(only: 'any' | 'answered', make: (flow: KnownFlow, chosen: Details) => Uint8Array): fc.Arbitrary<FlowFrame> {
  return details.map((chosen) => (table) => {
    const flows = flowsOf(table, only)
    const flow = flows[chosen.which % flows.length]
    return flow && make(flow, chosen)
  })
}

/** From the client's side: its next packet, or an error about what it was answered. */
export const clientFlowFrame: fc.Arbitrary<FlowFrame> = fc.oneof(
  { weight: 3, arbitrary: chooser('any', (flow, chosen) => frameOf(flow, flow.request, ROUTER_MAC, chosen)) },
  {
    weight: 1,
    arbitrary: chooser('any', (flow, chosen) => {
      const { src, dst, sport, dport } = flow.request
      const reply = { src: dst, dst: src, sport: dport, dport: sport }
      return errorAbout(flow, reply, chosen.fromRouter ? NOT_A_VIP[flow.family] : src, ROUTER_MAC, chosen)
    }),
  },
)

/** From the side of a real of nat: its answer, or an error about what it was asked. */
export const realFlowFrame: fc.Arbitrary<FlowFrame> = fc.oneof(
  { weight: 3, arbitrary: chooser('answered', (flow, chosen) => frameOf(flow, flow.answer, flow.realMac, chosen)) },
  {
    weight: 1,
    arbitrary: chooser('answered', (flow, chosen) => {
      const { src, dst, sport, dport } = flow.answer
      const asked = { src: dst, dst: src, sport: dport, dport: sport }
      return errorAbout(flow, asked, chosen.fromRouter ? NOT_A_VIP[flow.family] : src, flow.realMac, chosen)
    }),
  },
)
