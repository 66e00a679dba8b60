/** What keeps us from making a check: our own trouble, which says nothing of a real. */
import { formatEndpoint } from '../net/address.js'
import { errnoOf, VeerError } from '../errors.js'
import type { ProbeTarget } from './protocol.js'

/** Of a socket call: we have no port, descriptor, memory or right. The network never answers with one of these. */
const OWN: ReadonlySet<string> = new Set([
  'EADDRINUSE',
  'EADDRNOTAVAIL',
  'EAFNOSUPPORT',
  'EAGAIN',
  'EINVAL',
  'EMFILE',
  'ENFILE',
  'ENOBUFS',
  'ENOMEM',
  'EPERM',
])

/** Whether an error of a socket or a child process is our own trouble, whenever it comes. */
export function isOwnFault(error: unknown): boolean {
  const code = errnoOf(error)
  return code !== undefined && OWN.has(code)
}

/** The error that a check ends with when it could not be made. */
export function checkFault({ source, destination, destinationPort }: ProbeTarget, sourcePort: number, cause: unknown): VeerError {
  const from = source === undefined ? '' : ` from ${formatEndpoint(source, sourcePort)}`
  const reason = errnoOf(cause) ?? String(cause)
  const to = formatEndpoint(destination, destinationPort)
  return new VeerError('LB_ERR_CHECK_IMPOSSIBLE', `cannot check ${to}${from}: ${reason}`, {
    hint: HINTS[reason] ?? 'see the addresses and routes of the namespace of the probes: veer doctor',
    cause,
  })
}

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something else uses a port of probe.ports',
  EMFILE: 'raise the limit of open files, or lower probe.maxInFlight',
  ENFILE: 'raise fs.file-max, or lower probe.maxInFlight',
}
