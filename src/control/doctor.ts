/** `veer doctor`: what stands between this host and packets, each finding with the command that mends it. */
import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { Instance } from '../dataplane/instance.js'
import type { InstanceLocation } from '../dataplane/instance.js'
import { readLiveState } from '../dataplane/live-state.js'
import type { LiveState } from '../dataplane/live-state.js'
import { DestFlag, Forward } from '../maps/generated.js'
import type { NativeBinding } from '../native.js'
import type { Family } from '../net/address.js'
import { familyOf } from '../net/address.js'
import { native } from '../native.js'
import { isBpffs } from '../system/bpffs.js'
import { missingCapabilities, NAMESPACE_CAPABILITIES } from '../system/capabilities.js'
import type { Features } from '../system/features.js'
import { readFeatures } from '../system/features.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import { readInterfaces } from '../system/interfaces.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { Route } from '../system/routes.js'
import { readRoutes } from '../system/routes.js'
import type { ForwardingOff } from './forwarding.js'
import { forwardingOff } from './forwarding.js'
import { probeFindings } from './probe-findings.js'

export type Finding = {
  /** What was looked at, such as `kernel` or `eth0`. */
  subject: string
  message: string
} & (
  | { status: 'ok'; fix: null }
  /** With a command or a sentence that mends it. */
  | { status: 'warning' | 'failure'; fix: string }
)

/** Linux 6.1 is the oldest that is tested. */
const OLDEST_KERNEL = [6, 1] as const

const ok = (subject: string, message: string): Finding => ({ subject, status: 'ok', message, fix: null })
const warning = (subject: string, message: string, fix: string): Finding => ({ subject, status: 'warning', message, fix })
const failure = (subject: string, message: string, fix: string): Finding => ({ subject, status: 'failure', message, fix })

/** @param interfaceNames - what to look at before an instance is attached; an attached one brings its own */
export async function examine(
  location: InstanceLocation,
  namespace: NetworkNamespace,
  interfaceNames: readonly string[],
): Promise<Finding[]> {
  const attached = Instance.exists(location)
  using instance = attached ? Instance.open(location) : undefined
  const live = instance && readLiveState(instance.maps)
  const names = live === undefined ? interfaceNames : [...live.interfaces.values()].map(({ name }) => name)
  return [
    kernelFinding(release()),
    capabilityFinding(native().effectiveCapabilities()),
    sysctl('BPF JIT', 'net.core.bpf_jit_enable', '1'),
    sysctl('BPF statistics', 'kernel.bpf_stats_enabled', '0'),
    bpffs(location.bpffs),
    attached
      ? ok('instance', `${location.name} is attached`)
      : warning('instance', `${location.name} is not attached`, 'veer attach -f FILE'),
    ...names.flatMap((name) => interfaceFindings(namespace, name)),
    ...(live === undefined ? [] : [...realFindings(live), ...natFindings(namespace, live)]),
    ...(instance && live ? await probeFindings(instance, namespace, live, readInterfaces(namespace)) : []),
  ]
}

/** @param version - as `uname -r` prints it, such as `6.1.0-28-amd64` */
export function kernelFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [needMajor, needMinor] = OLDEST_KERNEL
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return ok('kernel', `Linux ${version}`)
  return failure('kernel', `Linux ${version} is older than ${needMajor}.${needMinor}`, 'boot a newer kernel')
}

/** @param effective - bit mask, CAP_NET_ADMIN is bit 12 */
export function capabilityFinding(effective: bigint): Finding {
  const missing = missingCapabilities(NAMESPACE_CAPABILITIES, effective)
  if (missing.length === 0) return ok('capabilities', NAMESPACE_CAPABILITIES.join(' '))
  return failure('capabilities', `${missing.join(' ')} missing`, 'run as root')
}

function sysctl(subject: string, name: string, wanted: string): Finding {
  const value = readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim()
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
  return [
    linkFinding(facts),
    addressFinding(facts),
    xdpFinding(name, namespace.run(() => native().queryXdp(facts.ifindex))),
    ...offloadFindings(name, namespace.run(() => readFeatures(name))),
  ]
}

/** Whether frames can come and go. */
export function linkFinding({ name, up, carrier }: InterfaceFacts): Finding {
  if (!up) return failure(name, 'is down', `ip link set ${name} up`)
  return carrier ? ok(name, 'is up') : failure(name, 'has no carrier', 'connect the cable, or the other end of the pair')
}

/** Whether the link is Ethernet, and on the network of any real. */
export function addressFinding({ name, mac: address, addresses }: InterfaceFacts): Finding {
  if (address === undefined) return failure(name, 'is no Ethernet link', 'attach to an Ethernet interface')
  if (addresses.length > 0) return ok(name, `${address}, ${addresses.map((each) => each.address).join(', ')}`)
  return failure(name, 'has no address, so no real is on its network', `ip address add ADDRESS/PREFIX dev ${name}`)
}

/** What runs on the interface already. */
export function xdpFinding(name: string, { programId, mode }: ReturnType<NativeBinding['queryXdp']>): Finding {
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

/** Of features that are on and can be switched off. */
export function offloadFindings(name: string, features: Features): Finding[] {
  return Object.entries(OFFLOADS).flatMap(([feature, { short, why }]) => {
    const state = features[feature]
    if (state?.active !== true || state.fixed) return []
    return [warning(name, `${feature} ${why}`, `ethtool -K ${name} ${short} off`)]
  })
}

/** Reals without MAC, each once. */
export function realFindings(live: Pick<LiveState, 'services'>): Finding[] {
  const destinations = live.services.flatMap((service) => service.destinations)
  const silent = destinations.filter(({ value }) => (value.flags & (DestFlag.neighbour | DestFlag.local)) === 0)
  const addresses = [...new Set(silent.map(({ address }) => address))]
  if (addresses.length === 0) return [ok('reals', 'the MAC of every real, or of its gateway, is known')]
  return addresses.map((address) => failure(address, 'has not told its MAC: it gets no traffic', `ping ${address}`))
}

function natFindings(namespace: NetworkNamespace, live: LiveState): Finding[] {
  const services = live.services.filter(({ value }) => value.forward === Forward.nat)
  const names = [...live.interfaces.values()].map(({ name }) => name)
  const families = new Set(services.flatMap(({ vip }) => (vip === undefined ? [] : familyOf(vip))))
  const reals = new Set(services.flatMap(({ destinations }) => destinations.map(({ address }) => address)))
  return [
    ...forwardingFindings(families, forwardingOff(namespace, names, families)),
    ...routeFindings([...reals], readRoutes(namespace, [...reals]), names),
  ]
}

/** What nat needs of the host to send replies on. */
export function forwardingFindings(families: Iterable<Family>, off: readonly ForwardingOff[]): Finding[] {
  return [...families].flatMap((family) => {
    const findings = off.filter((each) => each.family === family)
    if (findings.length === 0) return [ok(`IPv${family} forwarding`, 'is on, as replies of nat need it')]
    return findings.map(({ interfaceName, fix }) => {
      return failure(interfaceName, `IPv${family} forwarding is off: replies of nat are dropped`, fix)
    })
  })
}

/** Reals of nat that the routing table has lost since they were applied. */
export function routeFindings(
  reals: readonly string[],
  routes: ReadonlyMap<string, Route>,
  attached: readonly string[],
): Finding[] {
  return reals.flatMap((address) => {
    const route = routes.get(address)
    if (route === undefined) return [failure(address, 'the host has no route to it', `ip route get ${address}`)]
    if (route.local || attached.includes(route.device)) return []
    return [failure(address, `its route goes by ${route.device}, which is not attached`, `ip route get ${address}`)]
  })
}
