/** What is there of the probes' namespace and its veth pair. */
import { existsSync, statfsSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { errnoOf } from '../errors.js'
import { native } from '../native.js'
import type { Family } from '../net/address.js'
import { parseAddress } from '../net/address.js'
import type { InterfaceFacts } from './interfaces.js'
import { interfacesOf } from './interfaces.js'
import { askIp } from './ip-batch.js'
import { NAMED_NAMESPACES, NetworkNamespace } from './netns.js'
import type { ProbeNamespaceSpec } from './probe-namespace.js'
import { probeNamespaceName } from './probe-namespace.js'
import { settingsOf } from './probe-namespace-settings.js'
import { readSysctl } from './sysctl.js'

export interface DeviceFacts {
  ifindex: number
  /** Index of the other end, where that is in another namespace. */
  peer: number | undefined
  mac: string
  mtu: number
  up: boolean
  /** Whether it asks by ARP and ND. */
  arp: boolean
  /** With prefix length, in canonical spelling. */
  addresses: string[]
}

export interface RouteFacts {
  family: Family
  /** `unicast`, `blackhole` … */
  type: string
  /** `default`, or a network; a bare address is a host. */
  to: string
  via: string | undefined
  device: string | undefined
}

export interface InnerFacts extends DeviceFacts {
  /** Undefined when that cannot be read. */
  gro: boolean | undefined
  txChecksums: boolean | undefined
}

export interface ProbeNamespaceFacts {
  /** `broken`: the file is there, and is no namespace, as when somebody was killed between the two steps of making one. */
  namespace: 'there' | 'missing' | 'broken'
  host: DeviceFacts | undefined
  /** Other interfaces of the host that were asked for, those that are there. */
  others: InterfaceFacts[]
  inner: InnerFacts | undefined
  loopbackUp: boolean
  /** Of the main table, without those that the kernel makes by itself. */
  routes: RouteFacts[]
  /** MACs of permanent neighbours, by address. */
  neighbours: ReadonlyMap<string, string>
  /** Settings that matter, by key; undefined: this kernel has no such. */
  hostSettings: ReadonlyMap<string, string | undefined>
  innerSettings: ReadonlyMap<string, string | undefined>
}

/** NSFS_MAGIC of linux/magic.h. */
const NSFS_MAGIC = 0x6e736673

/** What says where to look. */
export type ProbeNamespacePlace = Pick<ProbeNamespaceSpec, 'name' | 'hostDevice' | 'innerDevice' | 'ports'>

/**
 * Reads with `ip`, for the reason that readInterfaces() gives: two short processes, side by side.
 *
 * @param others - interfaces of the host to look at by the way
 */
export async function readProbeNamespace(
  host: NetworkNamespace,
  place: ProbeNamespacePlace,
  others: readonly string[] = [],
): Promise<ProbeNamespaceFacts> {
  const settings = settingsOf(place)
  const state = namespaceState(place.name)
  const namespace = state === 'there' ? NetworkNamespace.open(place.name) : undefined
  const devices = [place.hostDevice, ...others]
  const [outside, inside] = await Promise.all([
    askIp(host, devices.map((device) => `address show dev ${device}`)),
    namespace === undefined ? [] : askIp(namespace, ['address show', 'route show table all', 'neighbour show']),
  ])
  return {
    namespace: state,
    host: sortAnswers(outside).devices.get(place.hostDevice),
    others: interfacesOf(outside).filter(({ name }) => others.includes(name)),
    hostSettings: readSettings(host, settings.host),
    ...partsInside(namespace, sortAnswers(inside), place),
    innerSettings: namespace ? readSettings(namespace, new Map([...settings.namespace, ...settings.device])) : new Map(),
  }
}

function namespaceState(name: string): ProbeNamespaceFacts['namespace'] {
  const path = `${NAMED_NAMESPACES}/${name}`
  if (!existsSync(path)) return 'missing'
  return statfsSync(path).type === NSFS_MAGIC ? 'there' : 'broken'
}

/** Whether the namespace is there and leads nowhere: one that is in use may be that of an instance elsewhere. */
export function isProbeNamespaceAbandoned(instance: string): boolean {
  const name = probeNamespaceName(instance)
  const state = namespaceState(name)
  if (state !== 'there') return state === 'broken'
  const running = Object.values(NetworkNamespace.open(name).run(networkInterfaces)).flatMap((addresses) => addresses ?? [])
  return running.every(({ internal }) => internal)
}

type PartsInside = Pick<ProbeNamespaceFacts, 'inner' | 'loopbackUp' | 'routes' | 'neighbours'>

function partsInside(
  namespace: NetworkNamespace | undefined,
  { devices, routes, neighbours }: IpFacts,
  { innerDevice }: ProbeNamespacePlace,
): PartsInside {
  const device = devices.get(innerDevice)
  return {
    inner: device && { ...device, ...offloadsOf(namespace, innerDevice) },
    loopbackUp: devices.get('lo')?.up ?? false,
    routes,
    neighbours,
  }
}

/** Nothing is known of a device that has just gone. */
function offloadsOf(namespace: NetworkNamespace | undefined, device: string): Pick<InnerFacts, 'gro' | 'txChecksums'> {
  try {
    return namespace?.run(() => native().interfaceOffloads(device)) ?? UNKNOWN_OFFLOADS
  } catch (error) {
    if (errnoOf(error) === 'ENODEV') return UNKNOWN_OFFLOADS
    throw error
  }
}

const UNKNOWN_OFFLOADS = { gro: undefined, txChecksums: undefined }

function readSettings(
  namespace: NetworkNamespace,
  wanted: ReadonlyMap<string, string>,
): Map<string, string | undefined> {
  return namespace.run(() => new Map([...wanted.keys()].map((key) => [key, readSysctl(NetworkNamespace.current(), key)])))
}

/** What the questions of {@link readProbeNamespace} tell. */
export interface IpFacts {
  devices: ReadonlyMap<string, DeviceFacts>
  routes: RouteFacts[]
  neighbours: ReadonlyMap<string, string>
}

/** The parts that we read of `ip -json address show`, `route show` and `neighbour show`. */
interface IpDevice {
  ifname: string
  ifindex: number
  link_index?: number
  address?: string
  mtu: number
  flags: string[]
  addr_info?: { local?: string; prefixlen?: number }[]
}

interface IpRoute {
  type?: string
  dst: string
  gateway?: string
  dev?: string
  table?: string
  protocol?: string
}

interface IpNeighbour {
  dst: string
  lladdr?: string
  state?: string[]
}

/** Which question an answer is to shows in its members. */
export function sortAnswers(answers: readonly object[]): IpFacts {
  const entries = answers as readonly Partial<IpDevice & IpRoute & IpNeighbour>[]
  const devices = entries.filter((entry): entry is IpDevice => entry.ifname !== undefined && entry.ifindex !== undefined)
  const others = entries.filter((entry): entry is IpRoute & IpNeighbour => entry.dst !== undefined)
  const neighbours = others.filter(({ state }) => state?.includes('PERMANENT'))
  return {
    devices: new Map(devices.map((each) => [each.ifname, deviceFacts(each)])),
    routes: others.filter(({ state }) => state === undefined).flatMap(routeFacts),
    neighbours: new Map(neighbours.map(({ dst, lladdr = '' }) => [canonical(dst), lladdr])),
  }
}

function deviceFacts({ ifindex, link_index: peer, address = '', mtu, flags, addr_info: own = [] }: IpDevice): DeviceFacts {
  return {
    ifindex,
    peer,
    mac: address,
    mtu,
    up: flags.includes('UP'),
    arp: !flags.includes('NOARP'),
    addresses: own.flatMap(({ local, prefixlen }) => {
      return local === undefined || prefixlen === undefined ? [] : [`${canonical(local)}/${prefixlen}`]
    }),
  }
}

/** Without -details ip leaves out the table of the main one, and the type `unicast`. */
function routeFacts({ type = 'unicast', dst, gateway, dev, table = 'main', protocol }: IpRoute): RouteFacts[] {
  if (table !== 'main' || protocol === 'kernel') return []
  const via = gateway === undefined ? undefined : canonical(gateway)
  return [{ family: isIpv6(dst, via) ? 6 : 4, type, to: dst, via, device: dev }]
}

/** `default` is of either family; its gateway tells. */
const isIpv6 = (to: string, via = ''): boolean => to.includes(':') || via.includes(':')

const canonical = (address: string): string => parseAddress(address) ?? address
