/** The part of the probes' ports that commands share: one of them at a time. */
import type { PortRange } from '../config/probe-schema.js'
import { portsOf } from '../health/port-pool.js'
import type { Instance } from '../dataplane/instance.js'
import { VeerError } from '../errors.js'
import { withInstanceLock } from '../system/lock.js'

/** Another command may be pinging for a while. */
const WAIT_MS = 60_000

/**
 * Runs `work` as the only command that probes by the ports of this instance; another one is waited for. Throws
 * `LB_ERR_INSTANCE_BUSY`, or `LB_ERR_PROBE_PATH_MISSING` when there are no ports.
 */
export function withCommandPorts<T>(instance: Instance, work: (ports: PortRange) => Promise<T>): Promise<T> {
  const { name, maps } = instance
  const { probeFirst: first = 0, probeCount: count = 0 } = maps.settings.get(0) ?? {}
  if (count === 0) {
    throw new VeerError('LB_ERR_PROBE_PATH_MISSING', `instance ${name} has no path for probes`, {
      hint: 'configure a health check or `ping:`, and make the path with: veer apply -f FILE',
    })
  }
  const what = `the ports of veer probe and veer ping of instance ${name}`
  // No instance has a dot in its name.
  return withInstanceLock(`${name}.probe`, () => work(portsOf('command', { first, count })), { waitMs: WAIT_MS, what })
}
