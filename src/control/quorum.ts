/** Whether a service has enough reals, by the rule of keepalived (update_quorum_state() in check/ipwrapper.c). */
import type { ServiceConfig } from '../config/schema.js'

/**
 * @param sum - of the configured weights of usable reals
 * @param wasLost - whether it was lost before: it comes back at more than where it goes
 */
export function quorumLost(
  sum: number,
  { quorum, hysteresis }: Pick<ServiceConfig, 'quorum' | 'hysteresis'>,
  wasLost: boolean,
): boolean {
  return sum < (wasLost ? quorum + hysteresis : quorum - hysteresis)
}
