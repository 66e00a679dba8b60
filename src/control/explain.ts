/** Why the dataplane would do what with a packet: JSON of `explain --json`. */
import { readTick } from '../dataplane/clock.js'
import { ConnNames } from '../dataplane/conn-names.js'
import { connStateOf } from '../dataplane/conn-reader.js'
import { openDryRun } from '../dataplane/explain.js'
import { InterfaceTable } from '../dataplane/interface-table.js'
import type { Instance } from '../dataplane/instance.js'
import { VeerError } from '../errors.js'
import type { Explanation } from '../maps/generated.js'
import { forwardNames, Limit, schedulerNames, Step, verdictNames } from '../maps/generated.js'
import { familyOf, formatEndpoint } from '../net/address.js'
import type { Endpoint } from '../net/endpoint.js'
import { macFromBytes } from '../net/mac.js'
import type { PacketFields, PacketSummary, TcpFlag } from '../net/packet.js'
import { buildPacket, readPacket } from '../net/packet.js'
import { pingOptions } from '../net/ping.js'
import type { NetworkNamespace } from '../system/netns.js'
import { requireNamespace } from './attached-namespace.js'

/** Of a sender that is nobody's: locally administered. */
const SENDER_MAC = '02:00:5e:00:00:01'

/** What hosts send with. */
const TTL = 64

/** The packet to ask about. */
export interface ExplainRequest {
  /** Of icmp: the port is the echo request's identifier. */
  from: Endpoint
  to: Endpoint
  protocol: PacketFields['protocol']
  flags: readonly TcpFlag[]
  /** A gateway ping, as `veer ping` sends it; of tcp only. */
  ping?: boolean | undefined
  /** Where it comes in; undefined: the first attached interface. */
  interface?: string | undefined
  /** undefined: a MAC that is nobody's. */
  fromMac?: string | undefined
}

/** One decision; the first word is `enum lb_step`'s name. */
export type Decision =
  | { step: 'vip'; vip: string }
  | { step: 'no_conn' | 'expired' | 'reused' | 'real_gone' | 'template_bad' | 'no_template' | 'clash' | 'quoted' | 'ping' }
  | { step: 'conn'; state: string; expiresSeconds: number }
  | { step: 'service'; service: string; scheduler: string; forward: string }
  | { step: 'template'; real: string }
  | { step: 'scheduled'; scheduler: string }
  | { step: 'dest'; real: string; mac: string }

export interface Explained {
  /** Where the packet came in. */
  interface: string
  /** In the order in which they were taken. */
  decisions: Decision[]
  /** As `veer stats` prints it, `drop_` included. */
  verdict: string
  before: PacketSummary
  /** As it would leave; null: it is dropped. */
  after: PacketSummary | null
}

/**
 * Runs the instance's program on a packet without changing anything.
 *
 * @throws VeerError `LB_ERR_INTERFACE_MISSING` when the interface is not attached, and what loading a program throws
 */
export async function explainPacket(
  instance: Instance,
  namespace: NetworkNamespace,
  request: ExplainRequest,
): Promise<Explained> {
  requireNamespace(instance, namespace)
  const { ifindex, name, mac } = interfaceOf(instance, request.interface)
  const frame = buildPacket({
    ...request,
    sourceMac: request.fromMac ?? SENDER_MAC,
    destinationMac: mac,
    source: request.from.address,
    destination: request.to.address,
    sourcePort: request.from.port,
    destinationPort: request.to.port,
    ttl: TTL,
    ...(request.ping === true && { options: pingOptions(familyOf(request.from.address), Limit.pingMagic) }),
  })
  using dryRun = await openDryRun(instance, namespace)
  const { verdict, output, explanation } = dryRun.run(frame, ifindex)
  const verdictName = verdictNames[verdict] ?? String(verdict)
  const before = readPacket(frame)
  if (before === undefined) throw new Error('the packet that was built cannot be read')
  return {
    interface: name,
    decisions: decisionsOf(explanation, instance),
    verdict: verdictName,
    before,
    after: verdictName.startsWith('drop_') ? null : (readPacket(output) ?? null),
  }
}

interface Way {
  ifindex: number
  name: string
  mac: string
}

function interfaceOf({ name: instance, maps }: Instance, wanted: string | undefined): Way {
  const attached = [...new InterfaceTable(maps.interfaces).entries()].sort(([a], [b]) => a - b)
  const found = attached.find(([, { name }]) => wanted === undefined || name === wanted)
  if (found !== undefined) return { ifindex: found[0], name: found[1].name, mac: macFromBytes(found[1].mac) }
  const names = attached.map(([, { name }]) => name).join(', ') || 'none'
  throw new VeerError('LB_ERR_INTERFACE_MISSING', `instance ${instance} is not attached to ${wanted ?? 'any interface'}`, {
    hint: `attached are: ${names}`,
  })
}

/** The steps that were taken, and those that were looked for in vain, in the order of the program. */
function decisionsOf(explanation: Explanation, { maps, clock }: Instance): Decision[] {
  const names = new ConnNames(maps)
  const took = (step: Step): boolean => (explanation.steps & step) !== 0
  const service = took(Step.service) ? names.service(explanation.service) : undefined
  const scheduler = schedulerNames[service?.scheduler ?? -1] ?? '?'
  const when = (condition: boolean, ...decisions: Decision[]): Decision[] => (condition ? decisions : [])
  const dest = maps.dests.get(explanation.dest)
  return [
    ...when(took(Step.quoted), { step: 'quoted' }),
    ...when(took(Step.vip), { step: 'vip', vip: names.vip(explanation.vip) }),
    ...when(took(Step.conn), {
      step: 'conn',
      state: connStateOf(explanation.connState),
      expiresSeconds: took(Step.expired) ? 0 : names.secondsLeft(explanation.connExpires, readTick(clock)),
    }),
    ...when(took(Step.service) && !took(Step.conn), { step: 'no_conn' }),
    ...when(took(Step.expired), { step: 'expired' }),
    ...when(took(Step.reused), { step: 'reused' }),
    ...when(took(Step.realGone), { step: 'real_gone' }),
    ...when(took(Step.ping), { step: 'ping' }),
    ...(service === undefined
      ? []
      : [{ step: 'service', service: service.name, scheduler, forward: forwardNames[service.forward] ?? '?' } as const]),
    ...when(took(Step.template), { step: 'template', real: realAt(names, explanation.templateDest) }),
    ...when(took(Step.templateBad), { step: 'template_bad' }),
    ...when((service?.persistenceTicks ?? 0) > 0 && !took(Step.template), { step: 'no_template' }),
    ...when(took(Step.scheduled), { step: 'scheduled', scheduler }),
    ...when(took(Step.clash), { step: 'clash' }),
    ...when(took(Step.dest), {
      step: 'dest',
      real: realAt(names, explanation.dest),
      mac: dest === undefined ? '' : macFromBytes(dest.mac),
    }),
  ]
}

/** Port 0: the port that the packet came for. */
function realAt(names: ConnNames, id: number): string {
  const { address, port } = names.dest(id)
  return port === 0 ? address : formatEndpoint(address, port)
}
