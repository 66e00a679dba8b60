/** `veer doctor`: what stands between this host and packets, each finding with the command that mends it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { Instance } from '../dataplane/instance.js'
import type { InstanceLocation } from '../dataplane/instance.js'
import { readLiveState } from '../dataplane/live-state.js'
import type { LiveState } from '../dataplane/live-state.js'
import { DestFlag } from '../maps/generated.js'
import { native } from '../native.js'
import { isBpffs } from '../system/bpffs.js'
import { missingCapabilities, NAMESPACE_CAPABILITIES } from '../system/capabilities.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { readInterfaces } from '../system/interfaces.js'
import type { NetworkNamespace } from '../system/netns.js'

export interface Finding {
  /** What was looked at, such as `kernel` or `eth0`. */
  subject: string
  status: 'ok' | 'warning' | 'failure'
  message: string
  /** A command or a sentence that mends it; null where there is nothing to mend. */
  fix: string | null
}

/** Linux 6.1 is the oldest that is tested. */
const OLDEST_KERNEL = [6, 1] as const

const ok = (subject: string, message: string): Finding => ({ subject, status: 'ok', message, fix: null })
const warning = (subject: string, message: string, fix: string): Finding => ({ subject, status: 'warning', message, fix })
const failure = (subject: string, message: string, fix: string): Finding => ({ subject, status: 'failure', message, fix })

/** @param interfaceNames - what to look at before an instance is attached; an attached one brings its own */
export function examine(
  location: InstanceLocation,
  namespace: NetworkNamespace,
  interfaceNames: readonly string[],
): Finding[] {
  const attached = Instance.exists(location)
  const live = attached ? readInstance(location) : undefined
  const names = live === undefined ? interfaceNames : [...live.interfaces.values()].map(({ name }) => name)
  return [
    kernel(),
    capabilities(),
    sysctl('BPF JIT', '/proc/sys/net/core/bpf_jit_enable', '1', 'net.core.bpf_jit_enable'),
    sysctl('BPF statistics', '/proc/sys/kernel/bpf_stats_enabled', '0', 'kernel.bpf_stats_enabled'),
    bpffs(location.bpffs),
    attached
      ? ok('instance', `${location.name} is attached`)
      : warning('instance', `${location.name} is not attached`, 'veer attach -f FILE'),
    ...names.flatMap((name) => interfaceFindings(namespace, name)),
    ...(live === undefined ? [] : neighbours(live)),
  ]
}

function readInstance(location: InstanceLocation): LiveState {
  using instance = Instance.open(location)
  return readLiveState(instance.maps)
}

function kernel(): Finding {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  const [needMajor, needMinor] = OLDEST_KERNEL
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return ok('kernel', `Linux ${release()}`)
  return failure('kernel', `Linux ${release()} is older than ${needMajor}.${needMinor}`, 'boot a newer kernel')
}

function capabilities(): Finding {
  const missing = missingCapabilities(NAMESPACE_CAPABILITIES, native().effectiveCapabilities())
  if (missing.length === 0) return ok('capabilities', NAMESPACE_CAPABILITIES.join(' '))
  return failure('capabilities', `${missing.join(' ')} missing`, 'run as root')
}

function sysctl(subject: string, path: string, wanted: string, name: string): Finding {
  const value = readFileSync(path, 'utf8').trim()
  if (value === wanted) return ok(subject, `${name} = ${value}`)
  return warning(subject, `${name} = ${value}: every packet costs more`, `sysctl -w ${name}=${wanted}`)
}

function bpffs(directory: string): Finding {
  if (isBpffs(directory)) return ok('bpffs', directory)
  return warning('bpffs', `no BPF filesystem at ${directory}; attach mounts it`, `mount -t bpf bpf ${directory}`)
}

function interfaceFindings(namespace: NetworkNamespace, name: string): Finding[] {
  const facts = readInterfaces(namespace).find((each) => each.name === name)
  if (facts === undefined) return [failure(name, 'there is no such interface', 'ip link show')]
  return [linkState(facts), mac(facts), xdp(namespace, facts), ...offloads(namespace, facts)]
}

function linkState({ name, up, carrier }: InterfaceFacts): Finding {
  if (!up) return failure(name, 'is down', `ip link set ${name} up`)
  return carrier ? ok(name, 'is up') : failure(name, 'has no carrier', 'connect the cable, or the other end of the pair')
}

function mac({ name, mac: address, addresses }: InterfaceFacts): Finding {
  if (address === undefined) return failure(name, 'is no Ethernet link', 'attach to an Ethernet interface')
  if (addresses.length > 0) return ok(name, `${address}, ${addresses.map((each) => each.address).join(', ')}`)
  return failure(name, 'has no address, so no real is on its network', `ip address add ADDRESS/PREFIX dev ${name}`)
}

function xdp(namespace: NetworkNamespace, { name, ifindex }: InterfaceFacts): Finding {
  const { programId, mode } = namespace.run(() => native().queryXdp(ifindex))
  if (programId === 0) return ok(name, 'runs no XDP program')
  if (mode === 'generic') {
    return warning(name, 'runs XDP in generic mode, which is slow', 'use a driver with native XDP, or accept it')
  }
  return ok(name, `runs XDP program ${programId} in ${mode} mode`)
}

/** Features that hide from XDP what was on the wire, and what mends each. */
const OFFLOADS: Readonly<Record<string, { short: string; why: string }>> = {
  'large-receive-offload': { short: 'lro', why: 'merges packets before XDP sees them' },
  'rx-vlan-offload': { short: 'rxvlan', why: 'takes VLAN tags off before XDP sees them' },
}

function offloads(namespace: NetworkNamespace, { name }: InterfaceFacts): Finding[] {
  const features = readFeatures(namespace, name)
  return Object.entries(OFFLOADS).flatMap(([feature, { short, why }]) => {
    const state = features[feature]
    if (state?.active !== true || state.fixed) return []
    return [warning(name, `${feature} ${why}`, `ethtool -K ${name} ${short} off`)]
  })
}

function readFeatures(namespace: NetworkNamespace, name: string): Record<string, { active: boolean; fixed: boolean }> {
  const options = { encoding: 'utf8', stdio: 'pipe' } as const
  try {
    const json = namespace.run(() => execFileSync('ethtool', ['--json', '-k', name], options))
    return (JSON.parse(json) as Record<string, { active: boolean; fixed: boolean }>[])[0] ?? {}
  } catch {
    // No ethtool, or one without JSON for this: then nothing can be said about offloads.
    return {}
  }
}

function neighbours(live: LiveState): Finding[] {
  const destinations = live.services.flatMap((service) => service.destinations)
  const silent = destinations.filter(({ value }) => (value.flags & DestFlag.neighbour) === 0)
  const addresses = [...new Set(silent.map(({ address }) => address))]
  if (addresses.length === 0) return [ok('reals', 'the MAC of every real is known')]
  return addresses.map((address) => failure(address, 'has not told its MAC: it gets no traffic', `ping ${address}`))
}
