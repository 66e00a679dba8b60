/** What is there of the probes' namespace and its veth pair. */
import { execFileSync } from 'node:child_process'
import { existsSync, statfsSync } from 'node:fs'
import { VeerError } from '../errors.js'
import type { Family } from '../net/address.js'
import { parseAddress } from '../net/address.js'
import { readFeatures } from './features.js'
import { NAMED_NAMESPACES, NetworkNamespace } from './netns.js'
import type { ProbeNamespaceSpec } from './probe-namespace.js'
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

/** Of a namespace that is not there. */
const NOTHING = { devices: new Map<string, DeviceFacts>(), routes: [], neighbours: new Map<string, string>() }

/** Reads with `ip` and `ethtool`, for the reason that readInterfaces() gives: three short processes. */
export function readProbeNamespace(host: NetworkNamespace, spec: ProbeNamespaceSpec): ProbeNamespaceFacts {
  const settings = settingsOf(spec)
  const [device, hostSettings] = host.run(() => {
    const { devices } = parseIpBatch(ip([`address show dev ${spec.hostDevice}`]))
    return [devices.get(spec.hostDevice), readSettings(settings.host)] as const
  })
  const namespace = namespaceState(spec.name)
  const outside = { namespace, host: device, hostSettings }
  if (namespace !== 'there') return { ...outside, ...partsInside(NOTHING, spec), innerSettings: new Map() }
  return NetworkNamespace.open(spec.name).run(() => ({
    ...outside,
    ...partsInside(parseIpBatch(ip(['address show', 'route show table all', 'neighbour show'])), spec),
    innerSettings: readSettings(new Map([...settings.namespace, ...settings.device])),
  }))
}

function namespaceState(name: string): ProbeNamespaceFacts['namespace'] {
  const path = `${NAMED_NAMESPACES}/${name}`
  if (!existsSync(path)) return 'missing'
  return statfsSync(path).type === NSFS_MAGIC ? 'there' : 'broken'
}

type PartsInside = Pick<ProbeNamespaceFacts, 'inner' | 'loopbackUp' | 'routes' | 'neighbours'>

function partsInside({ devices, routes, neighbours }: IpFacts, { innerDevice }: ProbeNamespaceSpec): PartsInside {
  const device = devices.get(innerDevice)
  const features = device === undefined ? {} : readFeatures(innerDevice)
  const isOn = (feature: string): boolean | undefined => features[feature]?.active
  return {
    inner: device && { ...device, gro: isOn('generic-receive-offload'), txChecksums: isOn('tx-checksumming') },
    loopbackUp: devices.get('lo')?.up ?? false,
    routes,
    neighbours,
  }
}

function readSettings(wanted: ReadonlyMap<string, string>): Map<string, string | undefined> {
  return new Map([...wanted.keys()].map((key) => [key, readSysctl(NetworkNamespace.current(), key)]))
}

/** A question about a device that is not there makes ip print an error, go on (-force) and exit with 1. */
function ip(questions: readonly string[]): string {
  const options = { input: `${questions.join('\n')}\n`, encoding: 'utf8', stdio: 'pipe' } as const
  try {
    return execFileSync('ip', ['-json', '-details', '-force', '-batch', '-'], options)
  } catch (cause) {
    if (cause instanceof Error && 'status' in cause && cause.status === 1 && 'stdout' in cause) return String(cause.stdout)
    throw new VeerError('LB_ERR_INTERFACES_UNREADABLE', "cannot look at the probes' namespace: the ip tool failed", {
      hint: 'install iproute2, and see what this prints: ip -json -details address show',
      cause,
    })
  }
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

/** What `ip -json -batch` printed, a list on each line: which question it answers shows in its members. */
export function parseIpBatch(output: string): IpFacts {
  const lines = output.split('\n').filter((line) => line.startsWith('['))
  const entries = lines.flatMap((line) => JSON.parse(line) as Partial<IpDevice & IpRoute & IpNeighbour>[])
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
