import { addressBytes } from '../net/address.js'

/** What destinations are ordered by. */
interface Endpoint {
  address: string
  port: number
}

/**
 * The destinations in canonical order: IPv4 before IPv6, then address by value, then port. Rings are built in this
 * order, so that two directors with the same reals in different order agree.
 */
export function inCanonicalOrder<T extends Endpoint>(destinations: readonly T[]): T[] {
  const keyed = destinations.map((destination) => ({ destination, bytes: addressBytes(destination.address) }))
  keyed.sort(
    (a, b) =>
      a.bytes.length - b.bytes.length ||
      Buffer.compare(a.bytes, b.bytes) ||
      a.destination.port - b.destination.port,
  )
  return keyed.map(({ destination }) => destination)
}
