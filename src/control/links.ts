/** The interfaces of a configuration, and which of them each real is on. */
import type { Config, InterfaceConfig } from '../config/schema.js'
import type { LiveState } from '../dataplane/live-state.js'
import { VeerError } from '../errors.js'
import { XdpMode } from '../maps/generated.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { routeToReal } from '../system/interfaces.js'
import type { Link } from './target.js'

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

/**
 * The link of every real. A real of `dr` must be on a network of an attached interface: its MAC is all that tells it.
 * Throws `LB_ERR_REAL_OFF_LINK`, naming all that are not.
 */
export function linksOfReals(
  config: Config,
  facts: readonly InterfaceFacts[],
  links: readonly Link[],
): Map<string, Link> {
  const found = new Map<string, Link>()
  const missing: string[] = []
  config.services.forEach(({ name, reals }) => {
    for (const { address } of reals) {
      if (found.has(address)) continue
      const route = routeToReal(facts, address)
      const link = links.find(({ ifindex }) => ifindex === route?.ifindex)
      if (link === undefined) missing.push(`${address} of ${name}`)
      else found.set(address, link)
    }
  })
  if (missing.length === 0) return found
  const names = links.map(({ name }) => name).join(', ')
  throw new VeerError(
    'LB_ERR_REAL_OFF_LINK',
    `forwarding method dr cannot reach ${list(missing)}: on no network of ${names}`,
    { hint: 'correct the address, or attach the interface that the real is on' },
  )
}

const SHOWN = 5

function list(items: readonly string[]): string {
  const more = items.length - SHOWN
  return items.slice(0, SHOWN).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
