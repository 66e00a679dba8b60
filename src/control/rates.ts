import type { Counters } from '../maps/generated.js'
import { formatEndpoint } from '../net/address.js'
import type { ListedService, ServiceList } from './service-list.js'

/** The later list with counters per second instead of counters; what was not there before starts at zero. */
export function ratesBetween(before: ServiceList, after: ServiceList, seconds: number): ServiceList {
  const old = new Map(before.services.map((service) => [keyOf(service), service]))
  return {
    ...after,
    services: after.services.map((service) => {
      const earlier = old.get(keyOf(service))
      const reals = new Map(earlier?.destinations.map((each) => [formatEndpoint(each.address, each.port), each.counters]))
      return {
        ...service,
        counters: rate(earlier?.counters, service.counters, seconds),
        destinations: service.destinations.map((each) => ({
          ...each,
          counters: rate(reals.get(formatEndpoint(each.address, each.port)), each.counters, seconds),
        })),
      }
    }),
  }
}

const keyOf = ({ vip, port, protocol }: ListedService): string => `${protocol} ${formatEndpoint(vip, port)}`

/** Counters that went back belong to a new owner of the id: they count from zero. */
function rate(before: Counters | undefined, after: Counters, seconds: number): Counters {
  const perSecond = (name: keyof Counters): bigint => {
    const from = before?.[name] ?? 0n
    const grown = after[name] >= from ? after[name] - from : after[name]
    return BigInt(Math.round(Number(grown) / seconds))
  }
  return {
    conns: perSecond('conns'),
    inPkts: perSecond('inPkts'),
    inBytes: perSecond('inBytes'),
    outPkts: perSecond('outPkts'),
    outBytes: perSecond('outBytes'),
  }
}
