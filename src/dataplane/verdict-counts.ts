import type { LbMaps } from './lb-maps.js'
import { verdictNames } from '../maps/generated.js'

/** Packets by verdict since attach, by name without class; JSON of `stats --json`. */
export interface VerdictCounts {
  /** Forwarded, replied and passed: `forward_known`, `reply_arp`, `pass_not_vip`, … */
  verdicts: Record<string, bigint>
  /** By drop reason: `ttl`, `no_real`, … */
  drops: Record<string, bigint>
}

const DROP = 'drop_'

/** Sums over all CPUs; every named verdict is there, also at 0. */
export function readVerdictCounts(maps: LbMaps): VerdictCounts {
  const counts: VerdictCounts = { verdicts: {}, drops: {} }
  for (const [index, count] of maps.verdicts.sums()) {
    const name = verdictNames[index]
    if (name === undefined) continue
    if (name.startsWith(DROP)) counts.drops[name.slice(DROP.length)] = count
    else counts.verdicts[name] = count
  }
  return counts
}
