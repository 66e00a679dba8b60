/** Services and their reals, as the file has them. */
import { z } from 'zod'
import { DEFAULTS } from './defaults.js'
import { healthSchema } from './health-schema.js'
import { schedulerSchema } from './scheduler-schema.js'
import { address, milliseconds, port, UNUSABLE_RANGES, wholeSeconds } from './values.js'

const UNUSABLE_VIP_RANGES = new Map([...UNUSABLE_RANGES, ['linkLocal', 'a link-local address']])

const MAX_THRESHOLD = 2 ** 26

/** The most that weights of one service can add up to, and some more. */
const MAX_QUORUM = 2 ** 32

/** Ten steps of a tenth of a second. */
const MIN_SLOW_START = 1000

const NAME = /^[a-z0-9-]{1,63}$/
const NAME_EXPECTED = 'expected 1 to 63 of the characters a-z, 0-9 and `-`'

export const realObject = z
  .strictObject({
    address: address(UNUSABLE_RANGES).meta({ description: 'IPv4 or IPv6 address of the real.' }),
    port: port.optional().meta({
      description:
        'Port that the real serves on. `dr` translates no ports. Reals of a service on every port have none: ' +
        'packets keep theirs.',
      defaultNote: "the service's port",
    }),
    weight: z.int().min(0).max(65535).optional().meta({
      description: 'Share of the new flows. 0 drains: known flows go on, new ones go elsewhere.',
      default: DEFAULTS.real.weight,
    }),
    upperThreshold: z.int().min(0).max(MAX_THRESHOLD).optional().meta({
      description: 'Conns, active and inactive, at which the real is overloaded and gets no new flow. 0: never.',
      default: DEFAULTS.real.upperThreshold,
    }),
    lowerThreshold: z.int().min(0).max(MAX_THRESHOLD).optional().meta({
      description:
        'Conns below which an overloaded real gets new flows again; at most `upperThreshold`. 0: three quarters of it.',
      default: DEFAULTS.real.lowerThreshold,
    }),
  })
  .meta({ id: 'Real', description: 'A real server of a service.' })

export const realSchema = z
  .union([address(UNUSABLE_RANGES), realObject])
  .transform((entry) => (typeof entry === 'string' ? { address: entry } : entry))

const persistenceObject = z
  .strictObject({
    timeout: wholeSeconds.default(DEFAULTS.persistence.timeout).meta({
      description: 'How long a client stays with its real after its last new flow.',
      defaultNote: `${DEFAULTS.persistence.timeout}s`,
    }),
    netmask: z.int().min(1).max(32).default(DEFAULTS.persistence.netmask).meta({
      description: 'Leading bits of an IPv4 address that make clients one.',
    }),
    netmask6: z.int().min(1).max(128).default(DEFAULTS.persistence.netmask6).meta({
      description: 'The same for IPv6.',
    }),
    group: z.string().regex(NAME, NAME_EXPECTED).optional().meta({
      description:
        'Services of one VIP with the same group send a client to the same real. They must agree on `timeout`, ' +
        '`netmask` and `netmask6`.',
      defaultNote: 'the service alone',
    }),
    expireQuiescent: z.boolean().default(DEFAULTS.persistence.expireQuiescent).meta({
      description: "Whether new flows of a client leave a real of weight 0, as IPVS's expire_quiescent_template says.",
    }),
  })
  .meta({ id: 'Persistence', description: 'Session affinity: all flows of a client go to one real.' })

const persistence = z
  .union([z.boolean(), persistenceObject])
  .transform((value) => (value === true ? persistenceObject.parse({}) : value))

const sorryServerObject = z
  .strictObject({
    address: address(UNUSABLE_RANGES).meta({ description: 'Its IPv4 or IPv6 address.' }),
    port: port.optional().meta({
      description: 'Port that it serves on. `dr` translates no ports.',
      defaultNote: "the service's port",
    }),
  })
  .meta({ id: 'SorryServer', description: 'A server for the time in which a service has no quorum.' })

const sorryServer = z
  .union([z.literal(false), address(UNUSABLE_RANGES), sorryServerObject])
  .transform((entry): false | z.output<typeof sorryServerObject> => (typeof entry === 'string' ? { address: entry } : entry))

/** What follows from the health of reals. */
const healthEffects = {
  health: healthSchema.optional().meta({
    description:
      'How the reals are checked. It is taken whole: of a check in `defaults` nothing is left when a service has its own.',
    defaultNote: '`{ kind: none }`',
  }),
  onDown: z.enum(['keep', 'reset']).optional().meta({
    description:
      'What happens to the known flows of a real that goes down: `keep` leaves them to it; `reset` answers TCP with a ' +
      'reset, and schedules UDP anew.',
    default: DEFAULTS.service.onDown,
  }),
  allDown: z.enum(['reject', 'serve-all']).optional().meta({
    description:
      'What happens when no real is up: `reject` has no usable real, see `noReal`; `serve-all` takes no notice of ' +
      'their health.',
    default: DEFAULTS.service.allDown,
  }),
  quorum: z.int().min(1).max(MAX_QUORUM).optional().meta({
    description: 'Sum of the weights of usable reals below which the service has no quorum.',
    default: DEFAULTS.service.quorum,
  }),
  hysteresis: z.int().min(0).max(MAX_QUORUM).optional().meta({
    description: 'Quorum is lost so much below `quorum`, and is there again so much above it.',
    default: DEFAULTS.service.hysteresis,
  }),
  sorryServer: sorryServer.optional().meta({
    description:
      'Gets all new flows while the service has no quorum: an address, or a map. It is not checked. `false`: none.',
    defaultNote: '`false`',
  }),
  slowStart: milliseconds({ min: 0 })
    .refine((value) => value === 0 || value >= MIN_SLOW_START, 'expected 0, or 1s to 1h')
    .optional()
    .meta({
      description:
        'Time in which the weight of a real that has come up again grows to what it is configured to be, in ten steps. ' +
        'For `mh`, `wrr`, `wlc`, `sed`, `nq` and `twos`.',
      defaultNote: '0',
    }),
}

/** The service keys that `defaults` may hold. */
const serviceDefaults = {
  protocol: z.enum(['tcp', 'udp', 'icmp']).optional().meta({
    description: 'Transport protocol. `icmp` forwards ICMP queries, of ICMPv6 when the VIP is IPv6.',
    default: DEFAULTS.service.protocol,
  }),
  forward: z.enum(['dr', 'nat']).optional().meta({
    description:
      'Forwarding method: `dr` rewrites the MAC addresses, and the real answers the client directly; `nat` rewrites ' +
      'address and port, and the real answers through the director.',
    default: DEFAULTS.service.forward,
  }),
  scheduler: schedulerSchema.optional().meta({
    description: 'How a new flow gets its real: a name, or a map of name and options.',
    defaultNote: DEFAULTS.service.scheduler,
  }),
  persistence: persistence.optional().meta({
    description: 'Session affinity: `true` for its defaults, `false` for none.',
    defaultNote: '`false`',
  }),
  sloppy: z.boolean().optional().meta({
    description:
      'Whether TCP without SYN that has no conn is scheduled, so that flows survive a change of director. ' +
      'Otherwise it is passed to the host.',
    defaultNote: 'true for mh, sh and dh; false for the others',
  }),
  onePacket: z.boolean().optional().meta({
    description: 'Whether each packet is scheduled by itself and no conn is made. UDP and `dr` only.',
    default: DEFAULTS.service.onePacket,
  }),
  connReuse: z.boolean().optional().meta({
    description: 'Whether a SYN that meets a conn that is closing is scheduled anew.',
    default: DEFAULTS.service.connReuse,
  }),
  noReal: z.enum(['reject', 'drop', 'pass']).optional().meta({
    description:
      'What happens to a new flow when no real is usable: `reject` answers port unreachable, `pass` leaves it to the ' +
      'host.',
    default: DEFAULTS.service.noReal,
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
      'usable real. Services that share a VIP must agree. A service of protocol `icmp` comes first.',
    default: DEFAULTS.service.echo,
  }),
  unmatched: z.enum(['pass', 'drop']).optional().meta({
    description: 'What happens to a packet to the VIP that no service is for. Services that share a VIP must agree.',
    default: DEFAULTS.service.unmatched,
  }),
  ...healthEffects,
}

export const serviceSchema = z
  .strictObject({
    name: z
      .string()
      .regex(NAME, NAME_EXPECTED)
      .meta({ description: 'Unique name: 1 to 63 of a-z, 0-9 and `-`.' }),
    vip: address(UNUSABLE_VIP_RANGES).meta({ description: 'Virtual IP address that clients connect to.' }),
    port: z.int().min(0).max(65535).optional().meta({
      description:
        'Port that clients connect to. 0: every port that no other service of the VIP has; needs `persistence`, or ' +
        '`mh`, `sh` or `dh`.',
      defaultNote: 'required; none for icmp',
    }),
    ...serviceDefaults,
    reals: z.array(realSchema).meta({ description: 'Real servers: addresses, or maps.' }),
  })
  .meta({ id: 'Service', description: 'A virtual service: VIP, port and protocol, and its reals.' })

export const defaultsSchema = z.strictObject(serviceDefaults).meta({
  id: 'Defaults',
  description: 'Values for all services that do not say otherwise.',
})
