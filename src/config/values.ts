/** Values that several parts of the configuration have: addresses, MACs, ports, durations. */
import { z } from 'zod'
import { parseAddress, parseNetwork } from '../net/address.js'
import ipaddr from '../net/ipaddr.js'
import { isUnicastMac, parseMac } from '../net/mac.js'
import { DURATION_PATTERN, parseDuration } from './duration.js'

const MAX_SECONDS = 31 * 24 * 3600

/** Never the address of a VIP or a real: nobody can be reached by it through the director. */
export const UNUSABLE_RANGES = new Map<string, string>([
  ['unspecified', 'the unspecified address'],
  ['broadcast', 'the broadcast address'],
  ['multicast', 'a multicast address'],
  ['loopback', 'a loopback address'],
])

/** Of `unusable`, by the names that ipaddr.js has for ranges. */
export const address = (unusable: ReadonlyMap<string, string>) =>
  z.string().transform((text, context) => {
    const canonical = parseAddress(text)
    const fault =
      canonical === undefined ? 'no IPv4 or IPv6 address' : unusable.get(ipaddr.parse(canonical).range())
    if (canonical !== undefined && fault === undefined) return canonical
    context.addIssue({ code: 'custom', message: `\`${text}\` is ${fault}` })
    return z.NEVER
  })

/** A network as `address/bits`, canonical: bits of the host are 0. An address alone is a network of one. */
export const network = z.string().transform((text, context) => {
  const canonical = parseNetwork(text)
  if (canonical !== undefined) return canonical
  context.addIssue({ code: 'custom', message: `\`${text}\` is no network such as \`192.0.2.0/24\`` })
  return z.NEVER
})

/** The MAC of one host. */
export const hostMac = z.string().transform((text, context) => {
  const canonical = parseMac(text)
  if (canonical !== undefined && isUnicastMac(canonical)) return canonical
  context.addIssue({ code: 'custom', message: `\`${text}\` is no MAC address of one host` })
  return z.NEVER
})

/** A duration, in seconds. */
export const wholeSeconds = z
  .union([z.int(), z.string().regex(DURATION_PATTERN, 'expected a duration such as `900s`, `5m` or `1h`')])
  .transform((value) => (typeof value === 'number' ? value : (parseDuration(value) ?? NaN) / 1000))
  .refine((seconds) => Number.isInteger(seconds), 'expected whole seconds')
  .refine(
    (seconds) => !Number.isInteger(seconds) || (seconds >= 1 && seconds <= MAX_SECONDS),
    `expected 1s to ${MAX_SECONDS / 3600}h`,
  )

const MAX_MILLISECONDS = 3600_000

/** A duration, in milliseconds. */
export const milliseconds = ({ min }: { min: number }) =>
  z
    .union([z.number(), z.string().regex(DURATION_PATTERN, 'expected a duration such as `500ms`, `2s` or `1m`')])
    .transform((value) => Math.round(typeof value === 'number' ? value * 1000 : (parseDuration(value) ?? NaN)))
    .refine((value) => value >= min && value <= MAX_MILLISECONDS, `expected ${min}ms to 1h`)

export const port = z.int().min(1).max(65535)
