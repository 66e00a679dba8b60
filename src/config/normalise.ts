import { DEFAULTS, TIMEOUTS } from './defaults.js'
import { inCanonicalOrder } from './order.js'
import { portRange } from './probe-schema.js'
import type {
  Config,
  DefaultsInput,
  FileInput,
  ProbeConfig,
  SchedulerConfig,
  ServiceConfig,
  ServiceInput,
  TimeoutsConfig,
} from './schema.js'

/** What a service says that neither it nor `defaults` says; `sloppy` follows the scheduler. */
export const SERVICE_DEFAULTS = {
  ...DEFAULTS.service,
  scheduler: { name: DEFAULTS.service.scheduler, ...DEFAULTS.scheduler },
  health: { kind: 'none' },
} as const satisfies DefaultsInput

/** The configuration that a file means, when its values are right one by one and together. */
export function normalise(file: FileInput): Config {
  return freeze<Config>({
    version: file.version,
    interfaces: file.interfaces,
    peers: file.peers ?? [],
    timeouts: timeoutsOf(file),
    conns: complete(DEFAULTS.conns, file.conns),
    probe: probeOf(file),
    ping: file.ping ?? { sources: [] },
    services: file.services.map((service) => normaliseService({ ...file.defaults, ...service })),
  })
}

function timeoutsOf({ timeouts }: FileInput): TimeoutsConfig {
  const preset = timeouts?.preset ?? DEFAULTS.timeouts.preset
  return { ...complete(TIMEOUTS[preset], timeouts), preset }
}

function probeOf({ probe }: FileInput): ProbeConfig {
  const { maxInFlight, ports } = DEFAULTS.probe
  return { maxInFlight: probe?.maxInFlight ?? maxInFlight, ...(probe?.ports ?? portRange.parse(ports)) }
}

function normaliseService(given: ServiceInput): ServiceConfig {
  const service = complete(SERVICE_DEFAULTS, given)
  // ICMP has no ports, and its service takes every query.
  const port = given.port ?? 0
  const reals = given.reals.map((real) => complete({ port, ...DEFAULTS.real }, real))
  return {
    ...service,
    port,
    sloppy: service.sloppy ?? isHash(service.scheduler),
    sorryServer: service.sorryServer && complete({ port }, service.sorryServer),
    reals: inCanonicalOrder(reals),
  }
}

/** Hash schedulers choose the same real on every director, so a flow that another began can go on here. */
export function isHash({ name }: SchedulerConfig): boolean {
  return name === 'mh' || name === 'sh' || name === 'dh'
}

type Completed<D, G> = Omit<G, keyof D> & { [K in keyof D & keyof G]-?: Exclude<G[K], undefined> }

/** `given`, and the defaults of what it does not say. */
function complete<D extends object, G extends object>(defaults: D, given: G | undefined): Completed<D, G> {
  return { ...defaults, ...given } as unknown as Completed<D, G>
}

function freeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.values(value).forEach(freeze)
  return Object.freeze(value)
}
