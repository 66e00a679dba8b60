import { formatEndpoint } from '../net/address.js'

/**
 * Which destination this is, over all configurations: `ProbeTarget.key`, and the keys of `Director.applyHealth`.
 *
 * @param service - its name
 * @param port - of the real, 0 where it has none of its own
 */
export function destinationKey(service: string, address: string, port: number): string {
  return `${service} ${formatEndpoint(address, port)}`
}

/** The service of a {@link destinationKey}. */
export function serviceOfKey(key: string): string {
  return key.slice(0, key.indexOf(' '))
}
