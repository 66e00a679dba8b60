/**
 * The configuration file: one schema for validation, types, docs/config.schema.json and docs/config.md.
 * What it parses is what the file says; src/config/normalise.ts adds the defaults, and src/config/rules.ts checks what
 * concerns more than one value. Keys of features that do not work yet are not here but in later.ts.
 */
import { z } from 'zod'
import { DEFAULTS, TIMEOUTS } from './defaults.js'
import type { PortRange } from './probe-schema.js'
import { pingSchema, probeSchema } from './probe-schema.js'
import type { schedulerSchema } from './scheduler-schema.js'
import { defaultsSchema, type realObject, type realSchema, serviceSchema } from './service-schema.js'
import { hostMac, wholeSeconds } from './values.js'

const MAX_CONNS = 2 ** 26

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
    reply: z.boolean().optional().meta({
      description: 'Whether replies of `nat` reals come in or go out here; without it they are not translated.',
      default: DEFAULTS.interface.reply,
    }),
  })
  .meta({ id: 'Interface', description: 'An interface that the programs attach to.' })

export const interfaceSchema = z
  .union([interfaceName, interfaceObject])
  .transform((entry) => {
    const { name, xdp, reply }: z.output<typeof interfaceObject> = typeof entry === 'string' ? { name: entry } : entry
    return { name, xdp: xdp ?? DEFAULTS.interface.xdp, reply: reply ?? DEFAULTS.interface.reply }
  })

const timeout = (description: string, key: keyof typeof TIMEOUTS.ipvs) => {
  const { ipvs, datacenter } = TIMEOUTS
  const note = ipvs[key] === datacenter[key] ? '' : `; datacenter: ${datacenter[key]}s`
  return wholeSeconds.optional().meta({ description, defaultNote: `${ipvs[key]}s${note}` })
}

const timeoutsSchema = z
  .strictObject({
    preset: z.enum(['ipvs', 'datacenter']).optional().meta({
      description:
        "Timeouts of all states: `ipvs` those of IPVS, `datacenter` DPVS's, which are short. The other keys come " +
        'before it.',
      default: DEFAULTS.timeouts.preset,
    }),
    tcp: timeout('Idle time after which an established TCP conn is dead.', 'tcp'),
    tcpFin: timeout('The same after a FIN.', 'tcpFin'),
    udp: timeout('Idle time after which a UDP conn is dead.', 'udp'),
    icmp: timeout('Idle time after which a conn of ICMP queries is dead.', 'icmp'),
  })
  .meta({ id: 'Timeouts', description: 'Conn timeouts, as `ipvsadm --set` has them.' })

const connsSchema = z
  .strictObject({
    max: z.int().min(1).max(MAX_CONNS).optional().meta({
      description: 'Size of the conn table; about 130 bytes of kernel memory each. Changing it needs a new attach.',
      default: DEFAULTS.conns.max,
    }),
  })
  .meta({ id: 'Conns', description: 'The conn table.' })

export const fileSchema = z
  .strictObject({
    version: z.literal(1).meta({ description: 'Version of this file format.' }),
    interfaces: z.array(interfaceSchema).min(1).meta({ description: 'Where the programs attach: names, or maps.' }),
    peers: z.array(hostMac).optional().meta({
      description: 'MAC addresses of other directors. What comes from one is not scheduled again.',
      defaultNote: 'none',
    }),
    defaults: defaultsSchema.optional(),
    timeouts: timeoutsSchema.optional(),
    conns: connsSchema.optional(),
    probe: probeSchema.optional(),
    ping: pingSchema.optional(),
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
export type SchedulerConfig = Readonly<z.output<typeof schedulerSchema>>

/** Session affinity, `timeout` in seconds; false: none. */
export type PersistenceConfig = Readonly<Exclude<NonNullable<ServiceInput['persistence']>, true>>

/** The server of a service without quorum, false for none; as a real. */
export type SorryServerConfig = Readonly<Complete<Exclude<NonNullable<ServiceInput['sorryServer']>, false>>> | false

/** A real; `address` canonical, `port` in host order, 0 where the service's is. */
export type RealConfig = Complete<z.output<typeof realObject>>

/** A virtual service; `vip` canonical, `port` in host order, `reals` in canonical order (address, port). */
export type ServiceConfig = Complete<Omit<ServiceInput, 'reals' | 'persistence' | 'sorryServer'>> & {
  readonly persistence: PersistenceConfig
  readonly sorryServer: SorryServerConfig
  readonly reals: readonly RealConfig[]
}

/** The local ports of probes, the first and how many, and how many checks may be under way. */
export type ProbeConfig = Readonly<PortRange & { maxInFlight: number }>

/** Conn timeouts in seconds. */
export type TimeoutsConfig = Complete<z.output<typeof timeoutsSchema>>

/** The normalised configuration: every value is there, canonical and checked. It is never changed. */
export interface Config {
  readonly version: 1
  readonly interfaces: readonly InterfaceConfig[]
  readonly peers: readonly string[]
  readonly timeouts: TimeoutsConfig
  readonly conns: Complete<z.output<typeof connsSchema>>
  readonly probe: ProbeConfig
  /** Networks as `address/bits`; none: gateway pings are like any other SYN. */
  readonly ping: { readonly sources: readonly string[] }
  readonly services: readonly ServiceConfig[]
}
