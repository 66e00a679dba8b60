/** The host's routing table, asked where packets to an address go. */
import { execFileSync } from 'node:child_process'
import { VeerError } from '../errors.js'
import { parseAddress } from '../net/address.js'
import { parseAnswers } from './ip-batch.js'
import type { NetworkNamespace } from './netns.js'

export interface Route {
  /** The address is the host's own. */
  local: boolean
  /** Name of the interface; `lo` of a local address. */
  device: string
  /** The address to ask the MAC of; undefined when the destination is on the interface's own network. */
  gateway: string | undefined
}

/** The part of `ip -json route get` that we read. */
interface IpRouteGet {
  dst?: string
  type?: string
  dev?: string
  gateway?: string
  /** Instead of gateway when it is of the other family (RFC 5549). */
  via?: { host?: string }
}

/**
 * The route to each address, by address; one that has none is not in it. Read with the `ip` tool for the reason that
 * readInterfaces() gives, all of them in one process. Throws `LB_ERR_ROUTES_UNREADABLE`.
 */
export function readRoutes(namespace: NetworkNamespace, addresses: readonly string[]): Map<string, Route> {
  if (addresses.length === 0) return new Map()
  return parseRoutes(namespace.run(() => runIp(addresses)))
}

/** Addresses without a route make ip print an error, go on (-force) and exit with 1. */
function runIp(addresses: readonly string[]): string {
  const input = addresses.map((address) => `route get ${address}\n`).join('')
  const options = { input, encoding: 'utf8', stdio: 'pipe', maxBuffer: 256 * 1024 * 1024 } as const
  try {
    return execFileSync('ip', ['-json', '-force', '-batch', '-'], options)
  } catch (cause) {
    if (cause instanceof Error && 'status' in cause && cause.status === 1 && 'stdout' in cause) return String(cause.stdout)
    throw new VeerError('LB_ERR_ROUTES_UNREADABLE', 'cannot read the routing table: the ip tool failed', {
      hint: 'install iproute2, and see what this prints: ip -json route get ADDRESS',
      cause,
    })
  }
}

/** What `ip -json -batch` printed: a list of one route on each line. */
export function parseRoutes(output: string): Map<string, Route> {
  const routes = parseAnswers(output) as IpRouteGet[]
  return new Map(
    routes.flatMap(({ dst, type, dev, gateway, via }): [string, Route][] => {
      const address = parseAddress(dst ?? '')
      if (address === undefined || dev === undefined) return []
      return [[address, { local: type === 'local', device: dev, gateway: parseAddress(gateway ?? via?.host ?? '') }]]
    }),
  )
}
