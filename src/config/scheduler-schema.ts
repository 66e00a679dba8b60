/** Schedulers and their options, as the file has them. */
import { z } from 'zod'
import { DEFAULTS } from './defaults.js'

/** The primes that IPVS's mh offers (CONFIG_IP_VS_MH_TAB_INDEX in net/netfilter/ipvs/Kconfig). */
export const TABLE_SIZES: readonly number[] = [251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65521, 131071]

const PLAIN = ['rr', 'wrr', 'lc', 'wlc', 'sed', 'nq', 'dh', 'fo', 'ovf', 'twos', 'lblc', 'lblcr'] as const

/** By ipvsadm's names. */
export const SCHEDULERS = ['mh', 'sh', ...PLAIN] as const

const hashPorts = z.boolean().default(DEFAULTS.scheduler.ports).meta({
  description: "Whether the client's port is part of the hash, as IPVS's flags mh-port and sh-port say.",
})

const fallback = z.boolean().default(DEFAULTS.scheduler.fallback).meta({
  description:
    'Whether flows of an overloaded real go to another, as mh-fallback and sh-fallback say. ' +
    'Otherwise they get none.',
})

const mhObject = z
  .strictObject({
    name: z.literal('mh').meta({ description: 'Maglev: few flows move when a real comes or goes.' }),
    tableSize: z
      .literal(TABLE_SIZES)
      .default(DEFAULTS.scheduler.tableSize)
      .meta({ description: 'Slots of the ring: a prime, at least a hundred times the number of reals.' }),
    ports: hashPorts,
    fallback,
  })
  .meta({ id: 'SchedulerMh', description: 'Options of `mh`.' })

const shObject = z
  .strictObject({
    name: z.literal('sh').meta({ description: "Hash of the client's address over 256 buckets." }),
    ports: hashPorts,
    fallback,
  })
  .meta({ id: 'SchedulerSh', description: 'Options of `sh`.' })

const plainObject = z
  .strictObject({
    name: z.enum(PLAIN).meta({
      description:
        '`rr` in turn; `wrr` in turn by weight; `lc` fewest conns; `wlc` fewest by weight; `sed` shortest expected ' +
        'delay; `nq` an idle real, else `sed`; `dh` hash of the VIP over 256 buckets; `fo` the highest weight that is ' +
        'not overloaded; `ovf` the highest weight that has no more active conns than its weight; `twos` the less ' +
        'busy of two random ones; `lblc` one real for a VIP until it is overloaded; `lblcr` a set of reals for a VIP.',
    }),
  })
  .meta({ id: 'SchedulerPlain', description: 'Schedulers without options.' })

const schedulerObject = z.discriminatedUnion('name', [mhObject, shObject, plainObject])

/** A name, or a map of name and options; either becomes the map with all its options. */
export const schedulerSchema = z
  .union([z.enum(SCHEDULERS), schedulerObject])
  .transform((value) => (typeof value === 'string' ? schedulerObject.parse({ name: value }) : value))
