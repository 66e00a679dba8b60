/**
 * Whether the host lets replies of `nat` through. bpf_fib_lookup() finds no route for a packet that came in by an interface
 * whose forwarding is off (bpf_ipv4_fib_lookup(), bpf_ipv6_fib_lookup() in net/core/filter.c). rp_filter does not matter:
 * the reply is redirected before it.
 */
import type { ServiceConfig } from '../config/schema.js'
import type { Family } from '../net/address.js'
import { familyOf } from '../net/address.js'
import type { NetworkNamespace } from '../system/netns.js'
import { readSysctl } from '../system/sysctl.js'

/** Forwarding that is off. */
export interface ForwardingOff {
  interfaceName: string
  family: Family
  /** The command that mends it. */
  fix: string
}

/** The setting for all interfaces, with slashes. */
const ALL: Readonly<Record<Family, string>> = { 4: 'net/ipv4/ip_forward', 6: 'net/ipv6/conf/all/forwarding' }

/** The families that services of `nat` need forwarding of. */
export function natFamilies(services: readonly Pick<ServiceConfig, 'forward' | 'vip'>[]): Set<Family> {
  return new Set(services.filter(({ forward }) => forward === 'nat').map(({ vip }) => familyOf(vip)))
}

/** @param names - the interfaces that replies come in by */
export function forwardingOff(
  namespace: NetworkNamespace,
  names: readonly string[],
  families: Iterable<Family>,
): ForwardingOff[] {
  return [...families].flatMap((family) => {
    const isOff = (key: string): boolean => readSysctl(namespace, key) === '0'
    return names.flatMap((interfaceName) => {
      const own = `net/ipv${family}/conf/${interfaceName}/forwarding`
      if (!isOff(own)) return []
      const key = isOff(ALL[family]) ? ALL[family].replaceAll('/', '.') : own
      return [{ interfaceName, family, fix: `sysctl -w ${key}=1` }]
    })
  })
}

/** {@link forwardingOff} as sentences, one for each family. */
export function forwardingWarnings(
  namespace: NetworkNamespace,
  names: readonly string[],
  families: Iterable<Family>,
): string[] {
  const byFix = new Map<string, ForwardingOff[]>()
  for (const each of forwardingOff(namespace, names, families)) byFix.set(each.fix, [...(byFix.get(each.fix) ?? []), each])
  return [...byFix].map(([fix, off]) => {
    const where = off.map(({ interfaceName }) => interfaceName).join(', ')
    return `IPv${off[0]?.family ?? ''} forwarding is off on ${where}: replies of nat reals are dropped; ${fix}`
  })
}
