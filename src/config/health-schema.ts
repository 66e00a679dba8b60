/** How reals are checked, and what follows from it, as the file has it. */
import { z } from 'zod'
import { DEFAULTS } from './defaults.js'
import { payloadBytes } from './payload.js'
import { milliseconds, port } from './values.js'

const { health } = DEFAULTS

/** What every kind of check has. */
const common = {
  interval: milliseconds({ min: 100 }).default(health.interval).meta({
    description: 'From the start of one check of a real to the start of the next.',
    defaultNote: `${health.interval / 1000}s`,
  }),
  timeout: milliseconds({ min: 10 }).default(health.timeout).meta({
    description: 'How long a whole check may take; at most `interval`.',
    defaultNote: `${health.timeout / 1000}s`,
  }),
  rise: z.int().min(1).max(100).default(health.rise).meta({
    description: 'Successes in a row after which a real that is down is up.',
  }),
  fall: z.int().min(1).max(100).default(health.fall).meta({
    description: 'Failures in a row after which a real that is up is down.',
  }),
  initial: z.enum(['up', 'down']).default(health.initial).meta({
    description: 'What a real counts as until its first check has ended, which decides alone.',
  }),
  damping: milliseconds({ min: 0 }).default(health.damping).meta({
    description:
      'A real that goes down within this time after it came up needs twice as many successes to come up again, ' +
      `up to ${health.maxDamping} times \`rise\`; 0: never more than \`rise\`.`,
    defaultNote: `${health.damping / 1000}s`,
  }),
  port: port.optional().meta({
    description: 'Port that is checked instead of the one that is served; required where a real has no port of its own.',
    defaultNote: "the real's",
  }),
}

const pattern = z.string().refine(isRegularExpression, 'is no regular expression')

const http = {
  ...common,
  path: z
    .string()
    .regex(/^\/[!-~]*$/, 'expected a path such as `/healthz`, with what is not ASCII as %XX')
    .default(health.path)
    .meta({ description: 'What is asked for.' }),
  host: z.string().regex(/^[!-~]+$/, 'expected a host name').optional().meta({
    description: 'The Host header, and with https the server name (SNI).',
    defaultNote: 'the VIP; no SNI',
  }),
  method: z.enum(['GET', 'HEAD', 'POST', 'OPTIONS']).default(health.method).meta({ description: 'The request method.' }),
  status: z
    .union([z.int().min(100).max(599), z.string().refine(isStatusRanges, 'expected such as `200-299,404`')])
    .default(health.status)
    .meta({ description: 'Status codes that mean success: one, or ranges such as `200-299,404`.' }),
  body: pattern.optional().meta({
    description: `A regular expression that the first ${health.bodyBytes / 1024} KiB of the body must match.`,
    defaultNote: 'any body',
  }),
}

const verify = z.boolean().default(health.verify).meta({
  description: 'Whether the certificate must be valid for `host` by the system’s authorities.',
})

const payload = z
  .string()
  .max(1024)
  .refine((text) => payloadBytes(text) !== undefined, 'expected pairs of hexadecimal digits after `0x`')

const kind = <K extends string>(name: K, what: string) => z.literal(name).meta({ description: what })

export const healthSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: kind('tcp', 'Connects.'), ...common }).meta({ id: 'TcpHealth', description: 'A check that connects.' }),
  z.strictObject({ kind: kind('http', 'Asks by HTTP/1.1.'), ...http }).meta({ id: 'HttpHealth', description: 'A check that asks by HTTP.' }),
  z.strictObject({ kind: kind('https', 'Asks by HTTP/1.1 over TLS.'), ...http, verify }).meta({ id: 'HttpsHealth', description: 'The same over TLS.' }),
  z
    .strictObject({
      kind: kind('udp', 'Sends a datagram.'),
      ...common,
      send: payload.default(health.send).meta({ description: 'The datagram: text, or bytes as `0x…`.', defaultNote: 'an empty one' }),
      expect: pattern.optional().meta({
        description: 'A regular expression that the answer must match.',
        defaultNote: 'no answer is needed: only ICMP unreachable is a failure',
      }),
    })
    .meta({ id: 'UdpHealth', description: 'A check that sends a datagram.' }),
  z
    .strictObject({
      kind: kind('exec', 'Runs a program.'),
      ...common,
      command: z.array(z.string()).min(1).meta({
        description:
          'Program and arguments. It runs in the network namespace of the probes, and must send from VEER_SOURCE and ' +
          'VEER_SOURCE_PORT to VEER_ADDRESS and VEER_PORT; exit status 0 is success.',
      }),
      protocol: z.enum(['tcp', 'udp']).default(health.protocol).meta({
        description: 'What the program sends; nothing else leaves by its port.',
      }),
    })
    .meta({ id: 'ExecHealth', description: 'A check that runs a program.' }),
  z.strictObject({ kind: kind('none', 'Reals count as up.') }).meta({ id: 'NoHealth', description: 'No check.' }),
])

/** Codes and ranges of codes, each from 100 to 599 and none empty. */
function isStatusRanges(text: string): boolean {
  return text.split(',').every((range) => {
    const [, from, to = from] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(range) ?? []
    return from !== undefined && to !== undefined && from <= to
  })
}

function isRegularExpression(text: string): boolean {
  try {
    new RegExp(text)
    return true
  } catch {
    return false
  }
}

/** How reals are checked; times in milliseconds. */
export type HealthConfig = Readonly<z.output<typeof healthSchema>>

/** A check that does something. */
export type ActiveHealthConfig = Exclude<HealthConfig, { kind: 'none' }>
