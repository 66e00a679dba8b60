/** What must hold between values (spec section 4); each rule looks only at what is there. */
import { Limit } from '../maps/generated.js'
import { familyOf, formatEndpoint } from '../net/address.js'
import type { Draft, DraftService } from './draft.js'
import { SERVICE_DEFAULTS } from './normalise.js'
import type { Fault, ProblemCode } from './problem.js'
import type { RealInput } from './schema.js'

type Path = readonly (string | number)[]

/** Every way in which the values of a file contradict each other. */
export function brokenRules(draft: Draft): Fault[] {
  const services = draft.services.map((service) => ({ ...SERVICE_DEFAULTS, ...draft.defaults, ...service }))
  return [
    ...limits(draft),
    ...interfacesOnce(draft),
    ...namesOnce(services),
    ...servicesOnce(services),
    ...vipsAgree(services),
    ...vipsAreNoReals(services),
    ...services.flatMap((service, index) => [
      ...realsOnce(service, index),
      ...realsMatch(service, index),
      ...ringHoldsReals(service, index),
    ]),
  ]
}

/** A service under the defaults. */
type Settled = DraftService

function fault(path: Path, code: ProblemCode, message: string): Fault {
  return { path, code, message }
}

function label(services: readonly Settled[], index: number): string {
  const name = services[index]?.name
  return name === undefined ? `services[${index}]` : `service \`${name}\``
}

/** Calls `onRepeat` for each item whose key an earlier one had; undefined keys are passed over. */
function repeats<T>(
  items: readonly T[],
  keyOf: (item: T) => string | undefined,
  onRepeat: (item: T, index: number, first: number) => Fault,
): Fault[] {
  const firstOf = new Map<string, number>()
  return items.flatMap((item, index) => {
    const key = keyOf(item)
    if (key === undefined) return []
    const first = firstOf.get(key)
    if (first !== undefined) return [onRepeat(item, index, first)]
    firstOf.set(key, index)
    return []
  })
}

function limits({ interfaces, services }: Draft): Fault[] {
  const vips = new Set(services.flatMap(({ vip }) => vip ?? []))
  const reals = services.reduce((sum, service) => sum + (service.reals?.length ?? 0), 0)
  const counts: [string, string, number, number][] = [
    ['interfaces', 'interfaces', interfaces.length, Limit.maxInterfaces],
    ['services', 'services', services.length, Limit.maxServices],
    ['services', 'VIPs', vips.size, Limit.maxVips],
    ['services', 'reals in all services together', reals, Limit.maxDests],
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
  const keyOf = ({ vip, port, protocol }: Settled) =>
    vip === undefined || port === undefined || protocol === undefined
      ? undefined
      : `${formatEndpoint(vip, port)} ${protocol}`
  return repeats(services, keyOf, (service, index, first) =>
    fault(['services', index], 'duplicate_service', `${keyOf(service) ?? ''} is ${label(services, first)} already`),
  )
}

/** announce and echo belong to the VIP, not to one of its services. */
function vipsAgree(services: readonly Settled[]): Fault[] {
  return (['announce', 'echo'] as const).flatMap((key) => {
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
  return services.flatMap(({ reals = [] }, index) =>
    reals.flatMap((real, position) => {
      const owner = real === undefined ? undefined : ownerOf.get(real.address)
      if (real === undefined || owner === undefined) return []
      const message = `${real.address} is the VIP of ${label(services, owner)}`
      return [fault(['services', index, 'reals', position], 'vip_is_real', message)]
    }),
  )
}

function realsOnce({ reals = [], port }: Settled, index: number): Fault[] {
  const keyOf = (real: RealInput | undefined) => {
    const realPort = real?.port ?? port
    return real === undefined || realPort === undefined ? undefined : formatEndpoint(real.address, realPort)
  }
  return repeats(reals, keyOf, (real, position, first) =>
    fault(['services', index, 'reals', position], 'duplicate_real', `${keyOf(real) ?? ''} is reals[${first}] already`),
  )
}

function realsMatch({ vip, port, forward, reals = [] }: Settled, index: number): Fault[] {
  return reals.flatMap((real, position) => {
    const faults: Fault[] = []
    const path = ['services', index, 'reals', position]
    if (real !== undefined && vip !== undefined && familyOf(real.address) !== familyOf(vip)) {
      const message = `${real.address} is IPv${familyOf(real.address)}, but the VIP ${vip} is IPv${familyOf(vip)}`
      faults.push(fault(path, 'mixed_families', message))
    }
    if (real?.port !== undefined && port !== undefined && forward === 'dr' && real.port !== port) {
      const message = `${real.port} is not the service's port ${port}, and dr translates no ports`
      faults.push(fault([...path, 'port'], 'port_translated', message))
    }
    return faults
  })
}

/** A table smaller than the list of reals leaves some without a slot. */
function ringHoldsReals({ scheduler, reals = [] }: Settled, index: number): Fault[] {
  if (typeof scheduler !== 'object' || scheduler.name !== 'mh' || reals.length <= scheduler.tableSize) return []
  const message = `${reals.length} reals, but the ring has ${scheduler.tableSize} slots; use a larger tableSize`
  return [fault(['services', index, 'reals'], 'too_many', message)]
}
