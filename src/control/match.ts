/** Which of what the maps hold is which of what the configuration wants. */
import type { ServiceConfig } from '../config/schema.js'
import { PROTOCOL_NUMBERS } from '../dataplane/lb-maps.js'
import type { LiveDestination, LiveService, LiveState } from '../dataplane/live-state.js'
import { Forward } from '../maps/generated.js'

const keyText = (vip: string | undefined, protocol: number, port: number): string => `${vip} ${protocol} ${port}`

const keyOfConfig = ({ vip, protocol, port }: ServiceConfig): string => keyText(vip, PROTOCOL_NUMBERS[protocol], port)

/** Services by VIP, port and protocol. */
export function byServiceKey(services: readonly ServiceConfig[]): (live: LiveService) => ServiceConfig | undefined {
  const byKey = new Map(services.map((service) => [keyOfConfig(service), service]))
  return ({ vip, key }) => byKey.get(keyText(vip, key.protocol, key.port))
}

/** The live self of each service. VIP, port and protocol say which it is; after an edit of those the name does. */
export function matchServices(
  live: Pick<LiveState, 'services'>,
  services: readonly ServiceConfig[],
): (LiveService | undefined)[] {
  const byKey = new Map(live.services.map((each) => [keyText(each.vip, each.key.protocol, each.key.port), each]))
  const exact = services.map((service) => byKey.get(keyOfConfig(service)))
  const taken = new Set(exact)
  const byName = new Map(live.services.filter((each) => !taken.has(each)).map((each) => [each.value.name, each]))
  return services.map(({ name }, index) => exact[index] ?? byName.get(name))
}

/**
 * The live self of a service, unless it is another one to its flows: the conns of another VIP, port, protocol or
 * forwarding method are not its own, so it and its destinations get new ids, and nothing is known of their health.
 */
export function sameService(live: LiveService | undefined, config: ServiceConfig): LiveService | undefined {
  const same =
    live?.vip === config.vip &&
    live.key.port === config.port &&
    live.key.protocol === PROTOCOL_NUMBERS[config.protocol] &&
    live.value.forward === Forward[config.forward]
  return same ? live : undefined
}

/** The live self of each destination. Mostly the two lists have the same order. */
export function matchDestinations(
  destinations: readonly { address: string; port: number }[],
  known: readonly LiveDestination[],
): (LiveDestination | undefined)[] {
  return destinations.map((wanted, index) => {
    const isSame = (each: LiveDestination | undefined): boolean =>
      each !== undefined && each.value.port === wanted.port && each.address === wanted.address
    const likely = known[index]
    return isSame(likely) ? likely : known.find(isSame)
  })
}
