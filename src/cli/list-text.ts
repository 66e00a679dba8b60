/** The service table in the shape of `ipvsadm -Ln`, which operators know. */
import type { ListedDestination, ListedService, ServiceList } from '../control/service-list.js'
import type { Counters } from '../maps/generated.js'
import { familyOf, formatEndpoint } from '../net/address.js'
import ipaddr from '../net/ipaddr.js'
import { columns } from './output.js'

/** ipvsadm's words for the forwarding methods. */
const FORWARD_WORDS: Readonly<Record<string, string>> = { dr: 'Route', nat: 'Masq' }

type Row = string[]

interface View {
  /** Headings behind the two address columns. */
  service: Row
  destination: Row
  serviceCells: (service: ListedService) => Row
  destinationCells: (service: ListedService, destination: ListedDestination) => Row
}

const TABLE: View = {
  service: ['Scheduler', 'Flags'],
  destination: ['Forward', 'Weight', 'ActiveConn', 'InActConn'],
  serviceCells: (service) => [service.scheduler, flagsOf(service)],
  destinationCells: ({ forward }, destination) => [
    destination.local ? 'Local' : (FORWARD_WORDS[forward] ?? forward),
    weightOf(destination),
    String(destination.activeConns),
    String(destination.inactiveConns),
  ],
}

/** The same with the health of reals, for lists in which somebody has one. */
const HEALTH_TABLE: View = {
  ...TABLE,
  destination: [...TABLE.destination, 'Health'],
  destinationCells: (service, destination) => [...TABLE.destinationCells(service, destination), healthText(destination)],
}

function healthText({ health, sorry }: ListedDestination): string {
  if (sorry) return 'sorry server'
  return health === 'unknown' ? '-' : health
}

const hasHealth = ({ services }: ServiceList): boolean =>
  services.some(({ destinations }) => destinations.some(({ health, sorry }) => sorry || health !== 'unknown'))

/** `persistent 300`, and the netmask where it is not the whole address. */
function flagsOf({ vip, persistence }: ListedService): string {
  if (persistence === null) return ''
  const { timeoutSeconds, netmask } = persistence
  const persistent = `persistent ${timeoutSeconds}`
  if (familyOf(vip) === 6) return netmask === 128 ? persistent : `${persistent} mask ${netmask}`
  return netmask === 32 ? persistent : `${persistent} mask ${ipaddr.IPv4.subnetMaskFromPrefixLength(netmask).toString()}`
}

const COUNTERS = ['Conns', 'InPkts', 'OutPkts', 'InBytes', 'OutBytes']
const RATES = ['CPS', 'InPPS', 'OutPPS', 'InBPS', 'OutBPS']

function counterCells({ conns, inPkts, outPkts, inBytes, outBytes }: Counters): Row {
  return [conns, inPkts, outPkts, inBytes, outBytes].map(String)
}

const countersView = (headings: Row): View => ({
  service: headings,
  destination: [],
  serviceCells: ({ counters }) => counterCells(counters),
  destinationCells: (_, { counters }) => counterCells(counters),
})

const VIEWS = { table: TABLE, stats: countersView(COUNTERS), rate: countersView(RATES) } as const

export type ListView = keyof typeof VIEWS

/** The weight of the configuration; in brackets what is in force, when that differs. */
function weightOf({ weight, effectiveWeight }: ListedDestination): string {
  return weight === effectiveWeight ? String(weight) : `${weight} (${effectiveWeight})`
}

export function formatList(list: ServiceList, view: ListView): string {
  const isTable = view === 'table' && hasHealth(list)
  const { service, destination, serviceCells, destinationCells } = isTable ? HEALTH_TABLE : VIEWS[view]
  const where = list.interfaces.map(({ name, mode }) => `${name} (${mode})`).join(', ')
  const rows: Row[] = [['Prot', 'LocalAddress:Port', ...service]]
  if (destination.length > 0) rows.push(['  ->', 'RemoteAddress:Port', ...destination])
  for (const each of list.services) {
    rows.push([each.protocol.toUpperCase(), formatEndpoint(each.vip, each.port), ...serviceCells(each)])
    for (const real of each.destinations) {
      rows.push(['  ->', formatEndpoint(real.address, real.port), ...destinationCells(each, real)])
    }
  }
  return `instance ${list.instance} on ${where}\n${columns(rows)}`
}
