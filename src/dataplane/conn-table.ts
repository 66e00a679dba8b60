import { Limit } from '../maps/generated.js'

/**
 * Entries of `conns` for so many conns, which fill 5 of 8 ways. Of the flows that come until then one in 500 finds both its
 * buckets full; of the last ones, one in 50.
 */
export function connBuckets(maxConns: number): number {
  return Math.ceil(maxConns / Limit.connLoad)
}
