import { Limit } from '../maps/generated.js'

/** Entries of `conns` for so many conns: filled to 5 of 8 ways, fewer than one in a thousand new flows finds no room. */
export function connBuckets(maxConns: number): number {
  return Math.ceil(maxConns / Limit.connLoad)
}
