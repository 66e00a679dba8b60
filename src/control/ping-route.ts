/** Where gateway pings go and by which way: out of what the user said, the maps, and the host's interfaces. */
import type { Instance } from '../dataplane/instance.js'
import { PROTOCOL_NUMBERS } from '../dataplane/lb-maps.js'
import { readLiveState } from '../dataplane/live-state.js'
import { VeerError } from '../errors.js'
import { addressFromWords, familyOf, formatEndpoint, inNetwork, parseAddress } from '../net/address.js'
import { parseEndpointPattern } from '../net/endpoint.js'
import { macFromBytes, parseMac } from '../net/mac.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { interfaceFacts, routeToReal } from '../system/interfaces.js'
import { neighbourKey, NeighbourProber } from '../system/neighbour-prober.js'
import type { NetworkNamespace } from '../system/netns.js'

export interface PingRequest {
  /** Addresses on networks of attached interfaces, or MACs. */
  directors: readonly string[]
  /** A service of this instance, or VIP:PORT. */
  service: string
  /** undefined: the address of the way out. */
  source?: string | undefined
}

/** What is asked for. */
export interface PingService {
  /** null: a VIP and port that were given as such. */
  name: string | null
  vip: string
  port: number
}

/** The way to one director. */
export interface PingRoute {
  /** As it was given. */
  director: string
  /** undefined: nobody answers ARP or ND for it. */
  mac: string | undefined
  ifindex: number
  /** Of that interface. */
  sourceMac: string
  source: string
}

const RESOLVE_MS = 1000

/** Throws `LB_ERR_SERVICE_UNKNOWN` or `LB_ERR_PING_SERVICE`. */
export function pingService(instance: Instance, text: string): PingService {
  const endpoint = text.includes('/') ? undefined : parseEndpointPattern(text)
  if (endpoint !== undefined) return { name: null, vip: endpoint.address, port: portOf(text, endpoint.port) }
  const found = readLiveState(instance.maps).services.find(({ value }) => value.name === text)
  if (found?.vip === undefined) {
    throw new VeerError('LB_ERR_SERVICE_UNKNOWN', `there is no service ${text} in instance ${instance.name}`, {
      hint: 'see veer list, or give VIP:PORT',
    })
  }
  if (found.key.protocol !== PROTOCOL_NUMBERS.tcp) {
    throw new VeerError('LB_ERR_PING_SERVICE', `service ${text} cannot be pinged: a gateway ping is TCP`, {
      hint: 'ping a tcp service of the same VIP',
    })
  }
  return { name: text, vip: found.vip, port: portOf(text, found.key.port) }
}

function portOf(text: string, port: number | undefined): number {
  if (port !== undefined && port !== 0) return port
  throw new VeerError('LB_ERR_PING_SERVICE', `${text} cannot be pinged: it says no port`, { hint: 'give VIP:PORT' })
}

/** The ways to all directors. Throws `LB_ERR_PING_SOURCE`, `LB_ERR_PING_DIRECTOR`. */
export async function pingRoutes(
  instance: Instance,
  namespace: NetworkNamespace,
  { directors, source }: PingRequest,
  { vip }: PingService,
): Promise<PingRoute[]> {
  const { interfaces } = readLiveState(instance.maps)
  const names = [...interfaces.values()].map(({ name }) => name)
  const facts = interfaceFacts(namespace, names)
  const sources = usableSources(instance, vip, source)
  const ways = directors.map((director) => {
    const way = wayTo(director, facts, sources)
    const { mac } = interfaces.get(way.ifindex) ?? {}
    return { ...way, director, sourceMac: mac === undefined ? '' : macFromBytes(mac) }
  })
  const asked = ways.flatMap(({ director, ifindex, mac }) => (mac === undefined ? [{ address: addressOf(director), ifindex }] : []))
  using neighbours = new NeighbourProber({ namespace, interfaces: facts })
  const macs = await neighbours.resolve(asked, RESOLVE_MS)
  return ways.map(({ mac, ...way }) => {
    const key = neighbourKey({ address: mac ?? addressOf(way.director), ifindex: way.ifindex })
    return { ...way, mac: mac ?? macs.get(key) }
  })
}

interface Source {
  address: string
  ifindex: number
}

/** Addresses that pings to the VIP may leave from. */
function usableSources(instance: Instance, vip: string, wanted: string | undefined): Source[] {
  const all = [...instance.maps.probeSources.entries()]
    .map(([key, { ifindex }]) => ({ address: addressFromWords(key), ifindex }))
    .filter(({ address }) => familyOf(address) === familyOf(vip))
  const usable = wanted === undefined ? all : all.filter(({ address }) => address === parseAddress(wanted))
  if (usable.length > 0) return usable
  const known = all.map(({ address }) => address).join(', ')
  const what = wanted === undefined ? `no address of the family of ${vip}` : `${wanted} is none of its addresses`
  throw new VeerError('LB_ERR_PING_SOURCE', `cannot ping from the namespace of the probes: ${what}`, {
    hint:
      known === ''
        ? `an attached interface needs an IPv${familyOf(vip)} address, and the file \`ping:\` or a health check`
        : `there are: ${known}`,
  })
}

function addressOf(director: string): string {
  const address = parseAddress(director)
  if (address !== undefined) return address
  throw new VeerError('LB_ERR_PING_DIRECTOR', `${director} is no address and no MAC`, {
    hint: 'give the address of a director on an attached network, or its MAC',
  })
}

type Way = Omit<PingRoute, 'director' | 'sourceMac'>

function wayTo(director: string, facts: readonly InterfaceFacts[], sources: readonly Source[]): Way {
  const mac = parseMac(director)
  const link = mac === undefined ? linkTo(addressOf(director), facts) : linkOf(sources, director)
  const own = sources.filter(({ ifindex }) => ifindex === link)
  const [first] = mac === undefined ? inNetworkOf(director, own, facts) : own
  if (first === undefined) {
    throw new VeerError('LB_ERR_PING_SOURCE', `no probe leaves from the interface that leads to ${director}`, {
      hint: `there are: ${sources.map(({ address }) => address).join(', ')}; give one as --source`,
    })
  }
  return { mac, ifindex: link, source: first.address }
}

function linkTo(address: string, facts: readonly InterfaceFacts[]): number {
  const link = routeToReal(facts, address)
  if (link !== undefined) return link.ifindex
  throw new VeerError('LB_ERR_PING_DIRECTOR', `the director ${address} is on no network of an attached interface`, {
    hint: `attached are ${facts.map(({ name }) => name).join(', ')}; a director behind a router cannot be pinged`,
  })
}

/** A MAC does not say on which link it is. */
function linkOf(sources: readonly Source[], director: string): number {
  const [first, ...others] = new Set(sources.map(({ ifindex }) => ifindex))
  if (first !== undefined && others.length === 0) return first
  throw new VeerError('LB_ERR_PING_DIRECTOR', `several interfaces could lead to ${director}`, {
    hint: `name one by its address: --source ${sources.map(({ address }) => address).join(' or ')}`,
  })
}

/** Those in a network with the director first. */
function inNetworkOf(director: string, own: readonly Source[], facts: readonly InterfaceFacts[]): Source[] {
  const networks = facts.flatMap(({ addresses }) => addresses).filter((each) => inNetwork(director, each.address, each.prefixLength))
  const isNear = ({ address }: Source): boolean => networks.some((network) => inNetwork(address, network.address, network.prefixLength))
  return [...own.filter(isNear), ...own.filter((source) => !isNear(source))]
}

/** `web (10.0.0.100:80)`. */
export function pingServiceText({ name, vip, port }: PingService): string {
  const endpoint = formatEndpoint(vip, port)
  return name === null ? endpoint : `${name} (${endpoint})`
}
