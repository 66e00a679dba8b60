/** Addresses with a port or a prefix length, as users write them: IPv6 in brackets where a port follows. */
import { familyOf, parseAddress } from './address.js'

export interface Endpoint {
  /** Canonical. */
  address: string
  port: number
}

/** Addresses that share leading bits, and of those the ones with that port. */
export interface EndpointPattern {
  address: string
  /** Leading bits of the address that count: at most 32 of IPv4, 128 of IPv6. */
  prefixLength: number
  /** undefined: any. */
  port: number | undefined
}

const BRACKETED = /^\[([^\]/]+)(?:\/(\d+))?\](?:\/(\d+))?(?::(\d+))?$/
const IPV4 = /^([\d.]+)(?:\/(\d+))?(?::(\d+))?$/
const IPV6 = /^([^/[\]]+)(?:\/(\d+))?$/

/** `10.0.0.1`, `10.0.0.0/24`, `10.0.0.1:80`, `2001:db8::/64`, `[2001:db8::1]:80`; undefined when `text` is none. */
export function parseEndpointPattern(text: string): EndpointPattern | undefined {
  const [, name, inner, outer, digits] = BRACKETED.exec(text) ?? []
  if (name !== undefined) return inner === undefined || outer === undefined ? pattern(name, inner ?? outer, digits) : undefined
  const parts = IPV4.exec(text) ?? IPV6.exec(text)
  return parts?.[1] === undefined ? undefined : pattern(parts[1], parts[2], parts[3])
}

function pattern(text: string, prefix: string | undefined, port: string | undefined): EndpointPattern | undefined {
  const address = parseAddress(text)
  if (address === undefined) return undefined
  const bits = familyOf(address) === 4 ? 32 : 128
  const prefixLength = prefix === undefined ? bits : Number(prefix)
  const portNumber = port === undefined ? undefined : Number(port)
  if (prefixLength > bits || (portNumber ?? 0) > 0xffff) return undefined
  return { address, prefixLength, port: portNumber }
}
