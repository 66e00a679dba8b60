/** Kernel settings that the probes' namespace and its veth pair need, by key under /proc/sys. */
import { existsSync } from 'node:fs'
import type { ProbeNamespaceSpec } from './probe-namespace.js'

export interface WantedSettings {
  /** In the host's namespace. */
  host: ReadonlyMap<string, string>
  /** In the probes' namespace, of the namespace as a whole. */
  namespace: ReadonlyMap<string, string>
  /** In the probes' namespace, of the device. */
  device: ReadonlyMap<string, string>
}

/** @param hasIpv6 - whether this kernel has settings of IPv6 at all */
export function settingsOf(
  { hostDevice, innerDevice, ports }: Pick<ProbeNamespaceSpec, 'hostDevice' | 'innerDevice' | 'ports'>,
  hasIpv6: boolean = existsSync('/proc/sys/net/ipv6'),
): WantedSettings {
  const ipv6 = (device: string, values: Record<string, string>): [string, string][] =>
    Object.entries(values).map(([key, value]) => [`net/ipv6/conf/${device}/${key}`, value])
  return {
    host: new Map(hasIpv6 ? ipv6(hostDevice, { disable_ipv6: '1' }) : []),
    namespace: new Map([
      ['net/ipv4/ip_local_port_range', `${ports.first}\t${ports.last}`],
      // A port comes round before the minute of TIME_WAIT is over.
      ['net/ipv4/tcp_tw_reuse', '1'],
    ]),
    device: new Map(
      hasIpv6
        ? ipv6(innerDevice, {
            disable_ipv6: '0',
            // No link-local address: 1 is IN6_ADDR_GEN_MODE_NONE.
            addr_gen_mode: '1',
            accept_ra: '0',
            accept_dad: '0',
          })
        : [],
    ),
  }
}
