/** Targets of checks on this host's loopback. */
import type { ProbeTarget } from '../../../src/health/protocol.js'
import { healthSchema } from '../../../src/config/health-schema.js'
import type { ActiveHealthConfig } from '../../../src/config/health-schema.js'

export const LOOPBACK = '127.0.0.1'

/** What the configuration file would make of these keys; 500 ms are enough for what answers at all. */
export function checkOf(keys: Record<string, unknown>): ActiveHealthConfig {
  const check = healthSchema.parse({ timeout: '500ms', ...keys })
  if (check.kind === 'none') throw new Error('no check')
  return check
}

export function targetOf(check: Record<string, unknown>, port: number, more: Partial<ProbeTarget> = {}): ProbeTarget {
  return {
    key: `web ${LOOPBACK} ${port}`,
    service: 'web',
    vip: '203.0.113.10',
    address: LOOPBACK,
    port,
    destination: LOOPBACK,
    destinationPort: port,
    source: undefined,
    destId: 7,
    generation: 3,
    check: checkOf(check),
    state: 'unknown',
    ...more,
  }
}
