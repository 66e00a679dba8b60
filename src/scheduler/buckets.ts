import { BUCKETS } from './hash.js'
import { apportion } from './weights.js'

/**
 * `sh`: destination after destination takes as many buckets in a row as its weight, round and round until all are taken
 * (ip_vs_sh.c, ip_vs_sh_reassign). Where the weights sum to more than there are buckets, IPVS leaves the last
 * destinations without any; here they are scaled, so that all get their share.
 *
 * @param weights - of the usable destinations: positive integers, at least one
 */
export function sourceHash(weights: readonly number[]): Uint32Array {
  const sum = weights.reduce((a, b) => a + b, 0)
  return fill(sum <= BUCKETS ? weights : apportion(weights, BUCKETS))
}

/** `dh`: the destinations take one bucket each in turn, whatever their weights (ip_vs_dh.c, ip_vs_dh_reassign). */
export function destinationHash(weights: readonly number[]): Uint32Array {
  return fill(weights.map(() => 1))
}

function fill(runs: readonly number[]): Uint32Array {
  const ring = new Uint32Array(BUCKETS)
  let slot = 0
  while (slot < BUCKETS) {
    for (const [index, run] of runs.entries()) {
      ring.fill(index, slot, slot + run)
      slot += run
      if (slot >= BUCKETS) break
    }
  }
  return ring
}
