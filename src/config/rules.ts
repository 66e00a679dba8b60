/** What must hold between values (spec section 4). */
import { Limit } from '../maps/generated.js'
import { formatEndpoint } from '../net/address.js'
import type { Draft } from './draft.js'
import { groupsAgree } from './group-rules.js'
import { SERVICE_DEFAULTS } from './normalise.js'
import type { Fault } from './problem.js'
import { fault, label, portOf, repeats, type Settled } from './rule.js'
import { serviceFaults } from './service-rules.js'

/** Every way in which the values of a file contradict each other. */
export function brokenRules(draft: Draft): Fault[] {
  const services = draft.services.map((service) => ({ ...SERVICE_DEFAULTS, ...draft.defaults, ...service }))
  return [
    ...limits(draft),
    ...interfacesOnce(draft),
    ...peersOnce(draft),
    ...sourcesOnce(draft),
    ...namesOnce(services),
    ...servicesOnce(services),
    ...vipsAgree(services),
    ...vipsAreNoReals(services),
    ...groupsAgree(services),
    ...services.flatMap(serviceFaults),
  ]
}

function limits({ interfaces, peers, sources, services, defaults }: Draft): Fault[] {
  const vips = new Set(services.flatMap(({ vip }) => vip ?? []))
  const sorry = services.filter(({ sorryServer = defaults.sorryServer }) => sorryServer !== undefined && sorryServer !== false)
  const reals = services.reduce((sum, service) => sum + (service.reals?.length ?? 0), sorry.length)
  const counts: [string, string, number, number][] = [
    ['interfaces', 'interfaces', interfaces.length, Limit.maxInterfaces],
    ['peers', 'peers', peers.length, Limit.maxPeers],
    ['ping', 'networks of ping sources', sources.length, Limit.maxPingSources],
    ['services', 'services', services.length, Limit.maxServices],
    ['services', 'VIPs', vips.size, Limit.maxVips],
    ['services', 'reals and sorry servers of all services together', reals, Limit.maxDests],
  ]
  return counts
    .filter(([, , count, most]) => count > most)
    .map(([key, what, count, most]) => fault([key], 'too_many', `${count} ${what}, but the maps hold ${most}`))
}

function interfacesOnce({ interfaces }: Draft): Fault[] {
  return repeats(
    interfaces,
    (item) => item?.name,
    (item, index, first) =>
      fault(['interfaces', index], 'duplicate_interface', `${item?.name ?? ''} is interfaces[${first}] already`),
  )
}

function peersOnce({ peers }: Draft): Fault[] {
  return repeats(
    peers,
    (mac) => mac,
    (mac, index, first) => fault(['peers', index], 'duplicate_peer', `${mac ?? ''} is peers[${first}] already`),
  )
}

function sourcesOnce({ sources }: Draft): Fault[] {
  return repeats(
    sources,
    (network) => network,
    (network, index, first) =>
      fault(['ping', 'sources', index], 'duplicate_source', `${network ?? ''} is ping.sources[${first}] already`),
  )
}

function namesOnce(services: readonly Settled[]): Fault[] {
  return repeats(
    services,
    ({ name }) => name,
    ({ name }, index, first) =>
      fault(
        ['services', index, 'name'],
        'duplicate_name',
        `\`${name ?? ''}\` is the name of services[${first}] already`,
      ),
  )
}

function servicesOnce(services: readonly Settled[]): Fault[] {
  const keyOf = (service: Settled) => {
    const { vip, protocol } = service
    const port = portOf(service)
    if (vip === undefined || port === undefined || protocol === undefined) return undefined
    return protocol === 'icmp' ? `${vip} icmp` : `${formatEndpoint(vip, port)} ${protocol}`
  }
  return repeats(services, keyOf, (service, index, first) =>
    fault(['services', index], 'duplicate_service', `${keyOf(service) ?? ''} is ${label(services, first)} already`),
  )
}

/** These belong to the VIP, not to one of its services. */
function vipsAgree(services: readonly Settled[]): Fault[] {
  return (['announce', 'echo', 'unmatched'] as const).flatMap((key) => {
    const firstOf = new Map<string, number>()
    return services.flatMap((service, index) => {
      const { vip, [key]: value } = service
      if (vip === undefined || value === undefined) return []
      const first = firstOf.get(vip) ?? index
      firstOf.set(vip, first)
      const other = services[first]?.[key]
      if (other === value) return []
      const message =
        `${label(services, index)} says ${value}, but ${label(services, first)} says ${other ?? ''}, ` +
        `and both are on the VIP ${vip}`
      return [fault(['services', index, key], 'vip_disagreement', message)]
    })
  })
}

function vipsAreNoReals(services: readonly Settled[]): Fault[] {
  const ownerOf = new Map<string, number>()
  services.forEach(({ vip }, index) => vip !== undefined && !ownerOf.has(vip) && ownerOf.set(vip, index))
  return services.flatMap(({ reals = [], sorryServer }, index) => {
    const members = reals.map((real, position) => [real, ['reals', position]] as const)
    const sorry = sorryServer === undefined || sorryServer === false ? [] : [[sorryServer, ['sorryServer']] as const]
    return [...members, ...sorry].flatMap(([member, path]) => {
      const owner = member === undefined ? undefined : ownerOf.get(member.address)
      if (member === undefined || owner === undefined) return []
      const message = `${member.address} is the VIP of ${label(services, owner)}`
      return [fault(['services', index, ...path], 'vip_is_real', message)]
    })
  })
}
