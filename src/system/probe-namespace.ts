/**
 * The network namespace that probes leave from, and the veth pair that joins it to the host's. What should be there is
 * here; probe-namespace-facts.ts reads what is, probe-namespace-plan.ts says what of it to mend.
 */
import { createHash } from 'node:crypto'
import { VeerError } from '../errors.js'
import type { PortRange } from '../net/port-set.js'
import { NetworkNamespace } from './netns.js'

export interface ProbeNamespaceSpec {
  /** Of the namespace, as `ip netns` knows it. */
  name: string
  /** The host's end of the pair. */
  hostDevice: string
  hostMac: string
  /** The other end: named as an interface of the host, and with its MAC. */
  innerDevice: string
  innerMac: string
  mtu: number
  /** That probes leave from. */
  addresses: readonly string[]
  /** The only local ports inside. */
  ports: PortRange
}

/** What follows from the instance's name alone. */
export function probeNames(instance: string): Pick<ProbeNamespaceSpec, 'name' | 'hostDevice' | 'hostMac'> {
  const digest = createHash('sha1').update(instance).digest('hex')
  return {
    name: probeNamespaceName(instance),
    hostDevice: probeDeviceName(instance),
    // Locally administered, unicast.
    hostMac: `02:${digest.slice(8, 18).replace(/..(?!$)/g, '$&:')}`,
  }
}

export const probeNamespaceName = (instance: string): string => `veer-probe-${instance}`

/** The host's end of the pair: 13 of the 15 characters that Linux allows, for an instance of any name. */
export function probeDeviceName(instance: string): string {
  return `veer-${createHash('sha1').update(instance).digest('hex').slice(0, 8)}`
}

/** Throws `LB_ERR_PROBE_PATH_MISSING`. */
export function openProbeNamespace(instance: string): NetworkNamespace {
  const name = probeNamespaceName(instance)
  try {
    return NetworkNamespace.open(name)
  } catch (cause) {
    throw new VeerError('LB_ERR_PROBE_PATH_MISSING', `instance ${instance} has no path for probes: no namespace ${name}`, {
      hint: 'configure a health check, and make the path with: veer apply -f FILE',
      cause,
    })
  }
}
