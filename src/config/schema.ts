/**
 * The configuration file: one schema for validation, types, docs/config.schema.json and docs/config.md.
 * What it parses is what the file says; src/config/normalise.ts adds the defaults and checks what
 * concerns more than one value. Keys of features that do not work yet are not here but in later.ts.
 */
import ipaddr from 'ipaddr.js'
import { z } from 'zod'
import { parseAddress } from '../net/address.js'
import { DEFAULTS } from './defaults.js'
import { DURATION_PATTERN, parseDuration } from './duration.js'

/** The primes that IPVS's mh offers (CONFIG_IP_VS_MH_TAB_INDEX in net/netfilter/ipvs/Kconfig). */
export const TABLE_SIZES: readonly number[] = [251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071]

const MAX_TIMEOUT_SECONDS = 31 * 24 * 3600
const MAX_CONNS = 2 ** 26

/** Never the address of a VIP or a real: nobody can be reached by it through the director. */
const UNUSABLE_RANGES = new Map<string, string>([
  ['unspecified', 'the unspecified address'],
  ['broadcast', 'the broadcast address'],
  ['multicast', 'a multicast address'],
  ['loopback', 'a loopback address'],
])

const UNUSABLE_VIP_RANGES = new Map([...UNUSABLE_RANGES, ['linkLocal', 'a link-local address']])

const address = (unusable: ReadonlyMap<string, string>) =>
  z.string().transform((text, context) => {
    const canonical = parseAddress(text)
    const fault =
      canonical === undefined ? 'no IPv4 or IPv6 address' : unusable.get(ipaddr.parse(canonical).range())
    if (canonical !== undefined && fault === undefined) return canonical
    context.addIssue({ code: 'custom', message: `\`${text}\` is ${fault}` })
    return z.NEVER
  })

const wholeSeconds = z
  .union([z.int(), z.string().regex(DURATION_PATTERN, 'expected a duration such as `900s`, `5m` or `1h`')])
  .transform((value) => (typeof value === 'number' ? value : (parseDuration(value) ?? NaN) / 1000))
  .refine((seconds) => Number.isInteger(seconds), 'expected whole seconds')
  .refine(
    (seconds) => !Number.isInteger(seconds) || (seconds >= 1 && seconds <= MAX_TIMEOUT_SECONDS),
    `expected 1s to ${MAX_TIMEOUT_SECONDS / 3600}h`,
  )

const timeout = (description: string, seconds: number) =>
  wholeSeconds.optional().meta({ description, defaultNote: `${seconds}s` })

const port = z.int().min(1).max(65535)

// ---- interfaces ---------------------------------------------------------------------------------

const interfaceName = z
  .string()
  .min(1)
  .max(15, 'longer than the 15 characters that Linux allows in an interface name')
  .regex(/^(?!\.{1,2}$)[^\s/:]*$/, 'not the name of an interface')
  .meta({ description: 'Name of the network interface.' })

const interfaceObject = z
  .strictObject({
    name: interfaceName,
    xdp: z.enum(['native', 'generic', 'auto']).optional().meta({
      description:
        'Where XDP runs: `native` in the driver, `generic` in the stack (slower), `auto` in the driver if it can.',
      default: DEFAULTS.interface.xdp,
    }),
  })
  .meta({ id: 'Interface', description: 'An interface that the programs attach to.' })

export const interfaceSchema = z
  .union([interfaceName, interfaceObject])
  .transform((entry) => {
    const { name, xdp }: z.output<typeof interfaceObject> = typeof entry === 'string' ? { name: entry } : entry
    return { name, xdp: xdp ?? DEFAULTS.interface.xdp }
  })

// ---- schedulers ---------------------------------------------------------------------------------

/** Schedulers that work, by ipvsadm's names. */
export const SCHEDULERS = ['mh', 'rr', 'wrr', 'sh', 'dh'] as const

const hashPorts = z.boolean().default(DEFAULTS.scheduler.ports).meta({
  description: "Whether the client's port is part of the hash, as IPVS's flags mh-port and sh-port say.",
})

const mhObject = z
  .strictObject({
    name: z.literal('mh').meta({ description: 'Maglev: few flows move when a real comes or goes.' }),
    tableSize: z
      .literal(TABLE_SIZES)
      .default(DEFAULTS.scheduler.tableSize)
      .meta({ description: 'Slots of the ring: a prime, at least a hundred times the number of reals.' }),
    ports: hashPorts,
  })
  .meta({ id: 'SchedulerMh', description: 'Options of `mh`.' })

const shObject = z
  .strictObject({
    name: z.literal('sh').meta({ description: "Hash of the client's address over 256 buckets." }),
    ports: hashPorts,
  })
  .meta({ id: 'SchedulerSh', description: 'Options of `sh`.' })

const plainObject = z
  .strictObject({
    name: z.enum(['rr', 'wrr', 'dh']).meta({
      description: '`rr` in turn; `wrr` in turn by weight; `dh` hash of the VIP over 256 buckets.',
    }),
  })
  .meta({ id: 'SchedulerPlain', description: 'Schedulers without options.' })

const schedulerObject = z.discriminatedUnion('name', [mhObject, shObject, plainObject])

const scheduler = z
  .union([z.enum(SCHEDULERS), schedulerObject])
  .transform((value) => (typeof value === 'string' ? schedulerObject.parse({ name: value }) : value))

// ---- services -----------------------------------------------------------------------------------

const realObject = z
  .strictObject({
    address: address(UNUSABLE_RANGES).meta({ description: 'IPv4 or IPv6 address of the real.' }),
    port: port.optional().meta({
      description: 'Port that the real serves on. `dr` translates no ports.',
      defaultNote: "the service's port",
    }),
    weight: z.int().min(0).max(65535).optional().meta({
      description: 'Share of the new flows. 0 drains: known flows go on, new ones go elsewhere.',
      default: DEFAULTS.real.weight,
    }),
  })
  .meta({ id: 'Real', description: 'A real server of a service.' })

export const realSchema = z
  .union([address(UNUSABLE_RANGES), realObject])
  .transform((entry) => (typeof entry === 'string' ? { address: entry } : entry))

/** The service keys that `defaults` may hold. */
const serviceDefaults = {
  protocol: z.enum(['tcp', 'udp']).optional().meta({
    description: 'Transport protocol.',
    default: DEFAULTS.service.protocol,
  }),
  forward: z.enum(['dr']).optional().meta({
    description: 'Forwarding method: `dr` rewrites the MAC addresses; the real answers the client directly.',
    default: DEFAULTS.service.forward,
  }),
  scheduler: scheduler.optional().meta({
    description: 'How a new flow gets its real: a name, or a map of name and options.',
    defaultNote: DEFAULTS.service.scheduler,
  }),
  sloppy: z.boolean().optional().meta({
    description:
      'Whether TCP without SYN that has no conn is scheduled, so that flows survive a change of director. ' +
      'Otherwise it is passed to the host.',
    defaultNote: 'true for mh, sh and dh; false for rr and wrr',
  }),
  announce: z.enum(['dataplane', 'bind', 'none']).optional().meta({
    description:
      'Who answers ARP and ND for the VIP: `dataplane` the XDP program, `bind` the host, which gets the address, ' +
      '`none` nobody. Services that share a VIP must agree.',
    default: DEFAULTS.service.announce,
  }),
  echo: z.enum(['reply', 'reply-if-up', 'pass', 'drop']).optional().meta({
    description:
      'What happens to an ICMP echo request to the VIP; `reply-if-up` answers while a service of the VIP has a ' +
      'usable real. Services that share a VIP must agree.',
    default: DEFAULTS.service.echo,
  }),
}

export const serviceSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z0-9-]{1,63}$/, 'expected 1 to 63 of the characters a-z, 0-9 and `-`')
      .meta({ description: 'Unique name: 1 to 63 of a-z, 0-9 and `-`.' }),
    vip: address(UNUSABLE_VIP_RANGES).meta({ description: 'Virtual IP address that clients connect to.' }),
    port: port.meta({ description: 'Port that clients connect to.' }),
    ...serviceDefaults,
    reals: z.array(realSchema).meta({ description: 'Real servers: addresses, or maps.' }),
  })
  .meta({ id: 'Service', description: 'A virtual service: VIP, port and protocol, and its reals.' })

export const defaultsSchema = z.strictObject(serviceDefaults).meta({
  id: 'Defaults',
  description: 'Values for all services that do not say otherwise.',
})

// ---- the file -----------------------------------------------------------------------------------

const timeoutsSchema = z
  .strictObject({
    tcp: timeout('Idle time after which an established TCP conn is dead.', DEFAULTS.timeouts.tcp),
    tcpFin: timeout('The same after a FIN.', DEFAULTS.timeouts.tcpFin),
    udp: timeout('Idle time after which a UDP conn is dead.', DEFAULTS.timeouts.udp),
  })
  .meta({ id: 'Timeouts', description: 'Conn timeouts, as `ipvsadm --set` has them.' })

const connsSchema = z
  .strictObject({
    max: z.int().min(1).max(MAX_CONNS).optional().meta({
      description: 'Size of the conn table; about 115 bytes of kernel memory each. Changing it needs a new attach.',
      default: DEFAULTS.conns.max,
    }),
  })
  .meta({ id: 'Conns', description: 'The conn table.' })

export const fileSchema = z
  .strictObject({
    version: z.literal(1).meta({ description: 'Version of this file format.' }),
    interfaces: z.array(interfaceSchema).min(1).meta({ description: 'Where the programs attach: names, or maps.' }),
    defaults: defaultsSchema.optional(),
    timeouts: timeoutsSchema.optional(),
    conns: connsSchema.optional(),
    services: z.array(serviceSchema).meta({ description: 'The virtual services.' }),
  })
  .meta({ id: 'Config', title: 'veer configuration', description: 'The configuration file of veer.' })

// ---- types --------------------------------------------------------------------------------------

type Complete<T> = { readonly [K in keyof T]-?: Exclude<T[K], undefined> }

/** The file as the schema parses it: short forms expanded, nothing defaulted across values. */
export type FileInput = z.output<typeof fileSchema>
export type ServiceInput = z.output<typeof serviceSchema>
export type DefaultsInput = z.output<typeof defaultsSchema>
export type RealInput = z.output<typeof realSchema>

/** An interface that the programs attach to. */
export type InterfaceConfig = Readonly<z.output<typeof interfaceSchema>>

/** A scheduler with all its options. */
export type SchedulerConfig = Readonly<z.output<typeof scheduler>>

/** A real; `address` canonical, `port` in host order. */
export type RealConfig = Complete<z.output<typeof realObject>>

/** A virtual service; `vip` canonical, `port` in host order, `reals` in canonical order (address, port). */
export type ServiceConfig = Complete<Omit<ServiceInput, 'reals'>> & { readonly reals: readonly RealConfig[] }

/** Conn timeouts in seconds. */
export type TimeoutsConfig = Complete<z.output<typeof timeoutsSchema>>

/** The normalised configuration: every value is there, canonical and checked. It is never changed. */
export interface Config {
  readonly version: 1
  readonly interfaces: readonly InterfaceConfig[]
  readonly timeouts: TimeoutsConfig
  readonly conns: Complete<z.output<typeof connsSchema>>
  readonly services: readonly ServiceConfig[]
}
