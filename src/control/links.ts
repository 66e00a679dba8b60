/** The interfaces of a configuration, and by which of them each real is reached. */
import { membersOf } from '../config/members.js'
import type { Config, InterfaceConfig, ServiceConfig } from '../config/schema.js'
import type { LiveState } from '../dataplane/live-state.js'
import { VeerError } from '../errors.js'
import { XdpMode } from '../maps/generated.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { routeToReal } from '../system/interfaces.js'
import type { Route } from '../system/routes.js'
import type { Link, Via } from './target.js'

/** The facts of an interface that can carry the program; throws `LB_ERR_INTERFACE_UNUSABLE` when it has no MAC. */
export function linkOfFacts(facts: InterfaceFacts, mode: Link['mode']): Link {
  const { name, ifindex, mac } = facts
  if (mac !== undefined) return { name, ifindex, mac, mode }
  throw new VeerError('LB_ERR_INTERFACE_UNUSABLE', `interface ${name} has no MAC: it is no Ethernet link`, {
    hint: 'name an Ethernet interface',
  })
}

/** How an interface is attached now, or how it would be: native, unless the configuration says generic. */
export function modeOf(config: InterfaceConfig, ifindex: number, live: Pick<LiveState, 'interfaces'> | undefined): Link['mode'] {
  const now = live?.interfaces.get(ifindex)
  if (now !== undefined && !modeDiffers(config, now.mode)) return now.mode === XdpMode.native ? 'native' : 'generic'
  return config.xdp === 'generic' ? 'generic' : 'native'
}

/** Whether an attached interface must be attached anew to be what the configuration says. */
export function modeDiffers(config: InterfaceConfig, mode: number): boolean {
  return config.xdp !== 'auto' && XdpMode[config.xdp] !== mode
}

/** What the host knows of networks and routes. */
export interface HostRoutes {
  /** All interfaces of the host. */
  facts: readonly InterfaceFacts[]
  /** The routing table's answers; asked only for reals that are on no network of an attached interface. */
  routesTo: (addresses: readonly string[]) => ReadonlyMap<string, Route>
}

/**
 * How each real is reached. One whose address is the director's own is local. A real of `dr` must be on a network of an
 * attached interface, since its MAC is all that tells it; a real of `nat` may be behind a gateway.
 * Throws `LB_ERR_REAL_OFF_LINK`, naming all that cannot be reached.
 */
export function viaOfReals(config: Config, host: HostRoutes, links: readonly Link[]): Map<string, Via> {
  const found = new Map<string, Via>()
  const missing: Record<ForwardConfig, string[]> = { dr: [], nat: [] }
  const routed = new Map<string, string>()
  const own = ownAddresses(host.facts)
  const attached = host.facts.filter(({ ifindex }) => links.some((link) => link.ifindex === ifindex))
  for (const service of config.services) {
    const { name, forward } = service
    for (const { address } of membersOf(service)) {
      if (found.has(address)) continue
      const via = viaOwnNetwork(address, own, attached, links)
      if (via !== undefined) found.set(address, via)
      else if (forward === 'nat') routed.set(address, name)
      else missing.dr.push(`${address} of ${name}`)
    }
  }
  const routes = host.routesTo([...routed.keys()])
  for (const [address, name] of routed) {
    const via = viaRoute(address, routes.get(address), links)
    if (via !== undefined) found.set(address, via)
    else missing.nat.push(`${address} of ${name}`)
  }
  refuseMissing(missing, links)
  return found
}

type ForwardConfig = ServiceConfig['forward']

function ownAddresses(facts: readonly InterfaceFacts[]): Map<string, number> {
  return new Map(facts.flatMap(({ ifindex, addresses }) => addresses.map(({ address }) => [address, ifindex])))
}

function viaOwnNetwork(
  address: string,
  own: ReadonlyMap<string, number>,
  attached: readonly InterfaceFacts[],
  links: readonly Link[],
): Via | undefined {
  const ownIndex = own.get(address)
  const linkOf = (index: number | undefined): Link | undefined => links.find(({ ifindex }) => ifindex === index)
  const link = ownIndex === undefined ? linkOf(routeToReal(attached, address)?.ifindex) : (linkOf(ownIndex) ?? links[0])
  return link && { link, nextHop: address, local: ownIndex !== undefined }
}

function viaRoute(address: string, route: Route | undefined, links: readonly Link[]): Via | undefined {
  if (route === undefined) return undefined
  const link = route.local ? links[0] : links.find(({ name }) => name === route.device)
  return link && { link, nextHop: route.gateway ?? address, local: route.local }
}

function refuseMissing({ dr, nat }: Record<ForwardConfig, readonly string[]>, links: readonly Link[]): void {
  const names = links.map(({ name }) => name).join(', ')
  if (dr.length > 0) {
    throw new VeerError(
      'LB_ERR_REAL_OFF_LINK',
      `forwarding method dr cannot reach ${list(dr)}: on no network of ${names}`,
      { hint: 'correct the address, or attach the interface that the real is on' },
    )
  }
  if (nat.length > 0) {
    throw new VeerError(
      'LB_ERR_REAL_OFF_LINK',
      `forwarding method nat cannot reach ${list(nat)}: the host has no route there by ${names}`,
      { hint: 'correct the address, add a route (see ip route get ADDRESS), or attach the interface that it goes by' },
    )
  }
}

const SHOWN = 5

function list(items: readonly string[]): string {
  const more = items.length - SHOWN
  return items.slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
