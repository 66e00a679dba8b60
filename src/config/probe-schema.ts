/** The path of health checks and gateway pings, as the file has it. */
import { z } from 'zod'
import { Limit } from '../maps/generated.js'
import { DEFAULTS } from './defaults.js'
import { network } from './values.js'

/** One checker's ports must last until the kernel lets go of each; the part of `veer probe` and `veer ping` is in them. */
const MIN_PORTS = 1024

/** The first port that needs no privilege to listen on: below it are services of the host. */
const FIRST_PORT = 1024

/** A range of ports, both included. */
export interface PortRange {
  first: number
  count: number
}

export const portRange = z
  .string()
  .transform((text, context): PortRange => {
    const [, from, to] = /^(\d{1,5})-(\d{1,5})$/.exec(text) ?? []
    const first = Number(from)
    const count = Number(to) - first + 1
    const fault =
      from === undefined ? 'is no range such as `61000-65535`' : rangeFault(first, Number(to), count)
    if (fault === undefined) return { first, count }
    context.addIssue({ code: 'custom', message: `\`${text}\` ${fault}` })
    return z.NEVER
  })

function rangeFault(first: number, last: number, count: number): string | undefined {
  if (first < FIRST_PORT || last > 65535) return `is not within ${FIRST_PORT} to 65535`
  if (count >= MIN_PORTS && count <= Limit.maxProbes) return undefined
  return `has ${Math.max(count, 0)} ports: expected ${MIN_PORTS} to ${Limit.maxProbes}`
}

export const probeSchema = z
  .strictObject({
    ports: portRange.optional().meta({
      description:
        'Local ports that probes leave by. They are kept from the host’s own sockets, and answers to them are taken ' +
        'before the host sees them.',
      defaultNote: `\`${DEFAULTS.probe.ports}\``,
    }),
    maxInFlight: z.int().min(1).max(4096).optional().meta({
      description: 'Checks under way at a time.',
      default: DEFAULTS.probe.maxInFlight,
    }),
  })
  .meta({ id: 'Probe', description: 'The path of health checks.' })

export const pingSchema = z
  .strictObject({
    sources: z.array(network).meta({
      description: 'Networks that gateway pings may come from, such as `192.0.2.0/24`, or addresses.',
    }),
  })
  .meta({ id: 'Ping', description: 'Gateway pings through this director.' })
