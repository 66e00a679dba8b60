import type { LbMaps } from '../dataplane/lb-maps.js'
import { readLiveState } from '../dataplane/live-state.js'
import { DestFlag } from '../maps/generated.js'
import { macBytes } from '../net/mac.js'

/**
 * Writes the MAC of a next hop on an interface to all destinations of the reals that are reached by it. Returns false when
 * one of them had none before, so that its rings must be built anew.
 */
export function writeMac(
  maps: LbMaps,
  reals: ReadonlySet<string>,
  { ifindex, mac }: { ifindex: number; mac: string },
): boolean {
  const destinations = readLiveState(maps)
    .services.flatMap((service) => service.destinations)
    .filter((each) => reals.has(each.address) && each.value.ifindex === ifindex)
  const known = destinations.filter(({ value }) => (value.flags & DestFlag.neighbour) !== 0)
  maps.dests.setMany(known.map(({ id, value }) => [id, { ...value, mac: macBytes(mac) }]))
  return known.length === destinations.length
}
