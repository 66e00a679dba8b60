/** The destinations that are checked, as the maps have them and the configuration checks them. */
import type { ActiveHealthConfig } from '../config/health-schema.js'
import type { Config, ServiceConfig } from '../config/schema.js'
import type { LiveDestination, LiveService, LiveState } from '../dataplane/live-state.js'
import type { ProbeTarget } from '../health/protocol.js'
import { DestFlag, Forward } from '../maps/generated.js'
import { destinationKey } from './destination-key.js'
import { healthOf } from './member-health.js'
import type { ProbedReal, SourceFacts } from './probe-sources.js'
import { sourcesOf } from './probe-sources.js'

/** A destination that is to be checked. */
interface Checked extends ProbedReal {
  service: string
  check: ActiveHealthConfig
  live: LiveService
  destination: LiveDestination
  /** On the director itself: not by way of the probes' namespace. */
  local: boolean
}

/** The reals of the maps that are probed from the probes' namespace. */
export function probedReals(config: Config, live: Pick<LiveState, 'services'>): ProbedReal[] {
  return checkedOf(config, live).filter(({ local }) => !local)
}

/** All that is checked; one that there is no address to probe from is left out. */
export function probeTargets(config: Config, live: Pick<LiveState, 'services'>, facts: SourceFacts): ProbeTarget[] {
  const all = checkedOf(config, live)
  const sources = sourcesOf(all.filter(({ local }) => !local), facts)
  return all.flatMap((checked) => {
    const source = sources.get(checked)?.address
    return source === undefined && !checked.local ? [] : [targetOf(checked, source)]
  })
}

function targetOf({ service, check, live, destination, local }: Checked, source: string | undefined): ProbeTarget {
  const { id, address, value } = destination
  const port = value.port === 0 ? live.key.port : value.port
  const vip = live.vip ?? address
  return {
    key: destinationKey(service, address, value.port),
    service,
    vip,
    address,
    port,
    destination: value.forward === Forward.dr && !local ? vip : address,
    destinationPort: check.port ?? port,
    source,
    destId: id,
    generation: value.generation,
    check,
    state: healthOf(value.flags),
  }
}

function checkedOf(config: Config, live: Pick<LiveState, 'services'>): Checked[] {
  const byName = new Map(config.services.map((service) => [service.name, service]))
  return live.services.flatMap((service) => {
    const configured = byName.get(service.value.name)
    return configured === undefined ? [] : checkedOfService(configured, service)
  })
}

function checkedOfService({ name, health, forward }: ServiceConfig, live: LiveService): Checked[] {
  if (health.kind === 'none') return []
  return live.destinations
    .filter(({ value }) => (value.flags & DestFlag.sorry) === 0)
    .map((destination) => ({
      service: name,
      address: destination.address,
      ifindex: destination.value.ifindex,
      nat: forward === 'nat',
      check: health,
      live,
      destination,
      local: (destination.value.flags & DestFlag.local) !== 0,
    }))
}
