/**
 * From what is there of the probes' namespace to what should be: the pieces that are wrong, in words, and the steps that
 * mend each. Pure.
 */
import type { Family } from '../net/address.js'
import { familyOf } from '../net/address.js'
import type { DeviceFacts, InnerFacts, ProbeNamespaceFacts, RouteFacts } from './probe-namespace-facts.js'
import type { ProbeNamespaceSpec } from './probe-namespace.js'
import type { WantedSettings } from './probe-namespace-settings.js'
import { settingsOf } from './probe-namespace-settings.js'

/** Something to run, or a setting to write. */
export type Step = { where: 'host' | 'inside' } & (
  | { command: 'ip' | 'ethtool'; arguments: readonly string[] }
  | { setting: string; value: string }
)

export interface Mend {
  /** What is wrong, such as `eth0 has the MAC 02:00:00:00:00:01`. */
  wrong: string
  /** Each may be done again. */
  steps: readonly Step[]
}

/** One thing that must be so. */
interface Piece {
  /** What is wrong with it; undefined: nothing. */
  wrong: string | undefined
  steps: Step[]
  /** Mending it undoes what follows, which is done again with it. */
  undoesRest?: boolean
}

const FAMILIES: readonly Family[] = [4, 6]

/** What is wrong, in the order in which it must be mended. */
export function planMends(
  spec: ProbeNamespaceSpec,
  facts: ProbeNamespaceFacts,
  settings: WantedSettings = settingsOf(spec),
): Mend[] {
  const mends: Mend[] = []
  const pieces = piecesOf(spec, facts, settings)
  for (const [index, { wrong, steps, undoesRest = false }] of pieces.entries()) {
    if (wrong === undefined) continue
    if (!undoesRest) mends.push({ wrong, steps })
    else return [...mends, { wrong, steps: [...steps, ...pieces.slice(index + 1).flatMap((piece) => piece.steps)] }]
  }
  return mends
}

function piecesOf(spec: ProbeNamespaceSpec, facts: ProbeNamespaceFacts, settings: WantedSettings): Piece[] {
  const there = facts.namespace === 'there'
  const joined = there && isPair(facts.host, facts.inner)
  // What is left of a pair goes, and what stood on it.
  const { host, inner, routes, neighbours } = joined ? facts : NO_PAIR
  const wanted = new Set(spec.addresses.map(withPrefix))
  const ways = waysOf(spec)
  return [
    namespacePiece(spec, facts),
    { wrong: facts.loopbackUp ? undefined : 'lo is down', steps: [inside('ip', 'link', 'set', 'lo', 'up')] },
    ...settingPieces('inside', settings.namespace, facts.innerSettings),
    pairPiece(spec, facts, joined),
    ...settingPieces('host', settings.host, facts.hostSettings),
    ...hostPieces(spec, host),
    ...innerPieces(spec, inner),
    ...settingPieces('inside', settings.device, facts.innerSettings),
    upPiece('inside', spec.innerDevice, inner),
    groPiece(spec, inner),
    ...routes.filter((route) => !ways.some((way) => isDefault(route, way))).map(strayRoute),
    // A family that is without an address for a moment loses its routes and neighbours.
    ...spec.addresses.map((address) => addressPiece(spec, address, inner)),
    ...(inner?.addresses ?? []).filter((address) => !wanted.has(address)).map((address) => surplus(spec, address)),
    ...ways.flatMap((way) => [neighbourPiece(spec, way, neighbours), routePiece(way, routes)]),
  ]
}

const NO_PAIR = { host: undefined, inner: undefined, routes: [], neighbours: new Map<string, string>() }

const step = (where: Step['where'], command: 'ip' | 'ethtool', ...args: string[]): Step => {
  return { where, command, arguments: args }
}
const inside = (command: 'ip' | 'ethtool', ...args: string[]): Step => step('inside', command, ...args)
const outside = (...args: string[]): Step => step('host', 'ip', ...args)

const withPrefix = (address: string): string => `${address}/${familyOf(address) === 4 ? 32 : 128}`

/** Both ends are there, and of one another. */
function isPair(host: DeviceFacts | undefined, inner: DeviceFacts | undefined): boolean {
  return host !== undefined && inner !== undefined && host.peer === inner.ifindex && inner.peer === host.ifindex
}

function namespacePiece({ name }: ProbeNamespaceSpec, { namespace }: ProbeNamespaceFacts): Piece {
  const add = outside('netns', 'add', name)
  if (namespace === 'there') return { wrong: undefined, steps: [] }
  if (namespace === 'missing') return { wrong: `there is no namespace ${name}`, steps: [add], undoesRest: true }
  return { wrong: `${name} is no namespace`, steps: [outside('netns', 'delete', name), add], undoesRest: true }
}

function pairPiece(spec: ProbeNamespaceSpec, { host, inner }: ProbeNamespaceFacts, joined: boolean): Piece {
  if (joined) return { wrong: undefined, steps: [] }
  const { name, hostDevice, hostMac, innerDevice, innerMac, mtu } = spec
  const end = (device: string, mac: string): string[] => ['name', device, 'address', mac, 'mtu', `${mtu}`]
  const wrong =
    host === undefined ? `there is no ${hostDevice}`
    : inner === undefined ? `there is no ${innerDevice} in ${name}`
    : `${hostDevice} does not lead to ${innerDevice} in ${name}`
  return {
    wrong,
    steps: [
      ...(host === undefined ? [] : [outside('link', 'delete', hostDevice)]),
      // It did not go with the host's end, or they would be a pair.
      ...(inner === undefined ? [] : [inside('ip', 'link', 'delete', innerDevice)]),
      outside('link', 'add', ...end(hostDevice, hostMac), 'type', 'veth', 'peer', ...end(innerDevice, innerMac), 'netns', name),
    ],
    undoesRest: true,
  }
}

function settingPieces(
  where: Step['where'],
  wanted: ReadonlyMap<string, string>,
  facts: ReadonlyMap<string, string | undefined>,
): Piece[] {
  return [...wanted].map(([setting, value]) => {
    const now = facts.get(setting)
    const wrong = now === value ? undefined : `${setting} is ${now === undefined ? 'not set' : now.replace('\t', ' ')}`
    // Without IPv6 an interface has no IPv6 addresses and routes.
    return { wrong, steps: [{ where, setting, value }], undoesRest: setting.endsWith('disable_ipv6') }
  })
}

function hostPieces({ hostDevice, hostMac, mtu }: ProbeNamespaceSpec, host: DeviceFacts | undefined): Piece[] {
  const set = (...args: string[]): Step[] => [outside('link', 'set', 'dev', hostDevice, ...args)]
  return [
    ...macAndMtu(hostDevice, { mac: hostMac, mtu }, host, set),
    ...(host?.addresses ?? []).map((address) => ({
      wrong: `${hostDevice} has the address ${address}`,
      steps: [outside('address', 'delete', address, 'dev', hostDevice)],
    })),
    upPiece('host', hostDevice, host),
  ]
}

function innerPieces(spec: ProbeNamespaceSpec, inner: InnerFacts | undefined): Piece[] {
  const { innerDevice: name, innerMac: mac, mtu } = spec
  const set = (...args: string[]): Step[] => [inside('ip', 'link', 'set', 'dev', name, ...args)]
  const asks = inner?.arp === true ? `${name} asks by ARP and ND` : undefined
  const sums = inner?.txChecksums === true ? `checksum offload of ${name} is on` : undefined
  return [
    { wrong: asks, steps: set('arp', 'off'), undoesRest: true },
    ...macAndMtu(name, { mac, mtu }, inner, set).map((piece) => ({ ...piece, undoesRest: true })),
    { wrong: sums, steps: [inside('ethtool', '-K', name, 'tx', 'off')] },
  ]
}

/**
 * Without it frames that XDP sends into the pair are lost. It is the switching on, of a device that is up, that lets the
 * other end take them (veth_set_features() in drivers/net/veth.c).
 */
function groPiece({ innerDevice: name }: ProbeNamespaceSpec, inner: InnerFacts | undefined): Piece {
  return {
    wrong: inner?.gro === false ? `generic receive offload of ${name} is off` : undefined,
    steps: ['off', 'on'].map((value) => inside('ethtool', '-K', name, 'gro', value)),
  }
}

function macAndMtu(
  name: string,
  wanted: { mac: string; mtu: number },
  device: DeviceFacts | undefined,
  set: (...args: string[]) => Step[],
): Piece[] {
  const { mac = wanted.mac, mtu = wanted.mtu } = device ?? {}
  return [
    { wrong: mac === wanted.mac ? undefined : `${name} has the MAC ${mac}`, steps: set('address', wanted.mac) },
    { wrong: mtu === wanted.mtu ? undefined : `${name} has the MTU ${mtu}`, steps: set('mtu', `${wanted.mtu}`) },
  ]
}

/** A device that goes down loses its routes, and its addresses of IPv6. */
function upPiece(where: Step['where'], name: string, device: DeviceFacts | undefined): Piece {
  const steps = [step(where, 'ip', 'link', 'set', 'dev', name, 'up')]
  return { wrong: device?.up === false ? `${name} is down` : undefined, steps, undoesRest: true }
}

function surplus({ innerDevice }: ProbeNamespaceSpec, address: string): Piece {
  return {
    wrong: `${innerDevice} has the address ${address}`,
    steps: [inside('ip', 'address', 'delete', address, 'dev', innerDevice)],
  }
}

function addressPiece({ innerDevice }: ProbeNamespaceSpec, address: string, inner: InnerFacts | undefined): Piece {
  const full = withPrefix(address)
  const noDad = familyOf(address) === 6 ? ['nodad'] : []
  return {
    wrong: inner?.addresses.includes(full) === false ? `${innerDevice} lacks the address ${address}` : undefined,
    steps: [inside('ip', 'address', 'replace', full, 'dev', innerDevice, ...noDad)],
  }
}

/** The way out for a family: a gateway that is nobody, with the MAC of the host's end. */
interface Way {
  family: Family
  gateway: string
  device: string
}

/** Of the families that there are addresses of. */
function waysOf({ addresses, innerDevice: device }: ProbeNamespaceSpec): Way[] {
  const families = FAMILIES.filter((family) => addresses.some((address) => familyOf(address) === family))
  return families.map((family) => ({ family, gateway: gatewayOf(family, addresses), device }))
}

/** Link-local, so that it is no client and no real; not an address of our own, which no route may go by. */
function gatewayOf(family: Family, addresses: readonly string[]): string {
  if (family === 6) return 'fe80::1'
  for (let last = 1; ; last++) if (!addresses.includes(`169.254.0.${last}`)) return `169.254.0.${last}`
}

function neighbourPiece(
  { hostMac }: ProbeNamespaceSpec,
  { gateway, device }: Way,
  neighbours: ReadonlyMap<string, string>,
): Piece {
  const mac = neighbours.get(gateway)
  const wrong = mac === undefined ? `there is no neighbour ${gateway}` : `the neighbour ${gateway} has the MAC ${mac}`
  return {
    wrong: mac === hostMac ? undefined : wrong,
    steps: [inside('ip', 'neighbour', 'replace', gateway, 'lladdr', hostMac, 'dev', device, 'nud', 'permanent')],
  }
}

function routePiece(way: Way, routes: readonly RouteFacts[]): Piece {
  const { family, gateway, device } = way
  return {
    wrong: routes.some((route) => isDefault(route, way)) ? undefined : `there is no default route of IPv${family}`,
    steps: [inside('ip', `-${family}`, 'route', 'replace', 'default', 'via', gateway, 'dev', device, 'onlink')],
  }
}

function isDefault(route: RouteFacts, { family, gateway, device }: Way): boolean {
  const { type, to, via, device: by } = route
  return route.family === family && type === 'unicast' && to === 'default' && via === gateway && by === device
}

function strayRoute({ family, type, to, via }: RouteFacts): Piece {
  const args = [`-${family}`, 'route', 'delete', type, to, ...(via === undefined ? [] : ['via', via])]
  return { wrong: `there is a route to ${to}`, steps: [inside('ip', ...args)] }
}
