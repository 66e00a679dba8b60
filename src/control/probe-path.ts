/** The path that probes take: their namespace, the program on the host's end of its veth pair, what the maps say of it. */
import type { Config } from '../config/schema.js'
import type { Hook } from '../dataplane/hooks.js'
import { hookOfLink, linkPinName } from '../dataplane/hooks.js'
import type { Instance } from '../dataplane/instance.js'
import { errnoOf } from '../errors.js'
import type { XdpMode } from '../loader/link.js'
import { attachXdp } from '../loader/link.js'
import type { PinDirectory } from '../loader/pin.js'
import { native } from '../native.js'
import { addressFromWords, addressToWords } from '../net/address.js'
import { macFromBytes } from '../net/mac.js'
import type { PortRange } from '../net/port-set.js'
import { formatPorts } from '../net/port-set.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import type { NetworkNamespace } from '../system/netns.js'
import type { ProbeNamespaceSpec } from '../system/probe-namespace.js'
import { probeDeviceName, probeNames } from '../system/probe-namespace.js'
import type { ProbeNamespaceFacts } from '../system/probe-namespace-facts.js'
import { isProbeNamespaceAbandoned } from '../system/probe-namespace-facts.js'
import { mendProbeNamespace, removeProbeNamespace } from '../system/probe-namespace-mend.js'
import { planMends } from '../system/probe-namespace-plan.js'
import type { PortHolder } from '../system/reserved-ports.js'
import { releasePorts, reservePorts, unreservedPorts } from '../system/reserved-ports.js'
import { detachLink, linkedProgram, mendLink } from './pinned-link.js'
import type { ProbeSettings } from './probe-settings.js'
import { probeSettings } from './probe-settings.js'
import type { Link } from './target.js'

/** What there should be. */
export interface ProbePath {
  spec: ProbeNamespaceSpec
  /** Index of the interface that has it, by address. */
  sources: ReadonlyMap<string, number>
  mode: XdpMode
  settings: ProbeSettings
}

export interface ProbePathInput {
  /** Of the instance. */
  name: string
  config: Config
  /** The attached interfaces, in the order of the configuration. */
  links: readonly Link[]
  /** Of the same. */
  facts: readonly InterfaceFacts[]
  sources: ReadonlyMap<string, number>
}

export function wantedProbePath({ name, config, links, facts, sources }: ProbePathInput): ProbePath {
  const [first] = links
  if (first === undefined) throw new Error('a configuration has an interface')
  return {
    sources,
    settings: probeSettings(config, links),
    // A native program cannot send out of a device whose driver takes no XDP frames.
    mode: links.some(({ mode }) => mode === 'generic') ? 'generic' : 'native',
    spec: {
      ...probeNames(name),
      innerDevice: first.name,
      innerMac: first.mac,
      mtu: Math.min(...facts.map(({ mtu }) => mtu)),
      addresses: [...sources.keys()],
      ports: portsOf(config),
    },
  }
}

/** The local ports of probes. */
export const portsOf = ({ probe: { first, count } }: Pick<Config, 'probe'>): PortRange => ({ first, last: first + count - 1 })

/**
 * What is wrong with the path, a phrase for each piece; nothing when all is as it should be.
 *
 * @param facts - what there is of its namespace now
 */
export function probePathFaults(
  instance: Instance,
  namespace: NetworkNamespace,
  path: ProbePath,
  facts: ProbeNamespaceFacts,
): string[] {
  const faults = planMends(path.spec, facts).map(({ wrong }) => wrong)
  const ifindex = deviceIndex(namespace, path.spec.hostDevice)
  const parts = [
    ...(ifindex === undefined ? [] : devicePieces(instance, namespace, path, ifindex)),
    ...mapPieces(instance, path),
  ]
  return [...faults, ...parts.flatMap(({ wrong }) => wrong ?? []), ...unreserved(unreservedPorts(namespace, path.spec.ports))]
}

/** Makes what is missing and puts right what is wrong, whatever state it was left in. Returns what was wrong. */
export async function ensureProbePath(
  instance: Instance,
  namespace: NetworkNamespace,
  path: ProbePath,
): Promise<string[]> {
  // Ports first: nobody else gets one of them while the path is being made.
  const reserved = await reservePorts(holderOf(instance.name, namespace), path.spec.ports)
  const mended = await mendProbeNamespace(namespace, path.spec)
  const ifindex = namespace.run(() => native().interfaceIndex(path.spec.hostDevice))
  removeStalePins(instance.pins, ifindex)
  const pieces = [...devicePieces(instance, namespace, path, ifindex), ...mapPieces(instance, path)]
  const wrong = pieces.filter((piece) => piece.wrong !== undefined)
  for (const { mend } of wrong) mend()
  return [...mended, ...wrong.flatMap((piece) => piece.wrong ?? []), ...unreserved(reserved)]
}

/** Removes all of the path, whatever is left of it. The instance's maps, if they can be read, say that there is none. */
export async function removeProbePath(
  pins: PinDirectory,
  namespace: NetworkNamespace,
  name: string,
  maps?: Instance['maps'],
): Promise<void> {
  removeStalePins(pins, undefined)
  if (maps !== undefined) maps.probeSources.deleteMany([...maps.probeSources.keys()])
  await releasePorts(holderOf(name, namespace))
  removeProbeNamespace(namespace, name)
}

/** Whether there is anything of a path. */
export function hasProbePath({ name, maps }: Instance, namespace: NetworkNamespace): boolean {
  return maps.settings.get(0)?.probeCount !== 0 || hasProbeRemains(name, namespace)
}

/** Whether there is anything of a path on the host, whatever the maps say: somebody was killed while removing it. */
export function hasProbeRemains(instance: string, namespace: NetworkNamespace): boolean {
  return deviceIndex(namespace, probeDeviceName(instance)) !== undefined || isProbeNamespaceAbandoned(instance)
}

const holderOf = (instance: string, namespace: NetworkNamespace): PortHolder => ({
  instance,
  namespace,
  inUse: (other) => deviceIndex(namespace, probeDeviceName(other)) !== undefined,
})

function deviceIndex(namespace: NetworkNamespace, device: string): number | undefined {
  try {
    return namespace.run(() => native().interfaceIndex(device))
  } catch (error) {
    if (errnoOf(error) === 'ENODEV') return undefined
    throw error
  }
}

function unreserved(ports: ReturnType<typeof unreservedPorts>): string[] {
  return ports.length === 0 ? [] : [`the host may use the ports ${formatPorts(ports)} itself`]
}

interface Piece {
  /** What is wrong with it; undefined: nothing. */
  wrong: string | undefined
  mend: () => void
}

const probeHook = (ifindex: number): Hook => ({ ifindex, kind: 'probe' })

/** Of devices that have gone. */
function removeStalePins(pins: PinDirectory, ifindex: number | undefined): void {
  for (const name of pins.list('links')) {
    const hook = hookOfLink(name)
    if (hook?.kind !== 'probe' || hook.ifindex === ifindex) continue
    detachLink(pins, hook)
  }
}

/** What is bound to the host's end of the pair. */
function devicePieces(instance: Instance, namespace: NetworkNamespace, path: ProbePath, ifindex: number): Piece[] {
  const { programs, maps } = instance
  const { hostDevice } = path.spec
  const runs = namespace.run(() => native().queryXdp(ifindex))
  const isOurs = linkedProgram(instance.pins, probeHook(ifindex)) === programs.probe.id
  const program =
    !isOurs ? `${hostDevice} does not run our program`
    : runs.mode !== path.mode ? `${hostDevice} runs our program in ${runs.mode} mode`
    : undefined
  return [
    { wrong: program, mend: () => namespace.run(() => attachProbe(instance, ifindex, path.mode)) },
    {
      wrong: maps.probePort.get(0) === ifindex ? undefined : `the map probe_port has another device than ${hostDevice}`,
      mend: () => namespace.run(() => maps.probePort.set(0, ifindex)),
    },
  ]
}

function attachProbe(instance: Instance, ifindex: number, mode: XdpMode): void {
  const { pins, programs } = instance
  const hook = probeHook(ifindex)
  if (native().queryXdp(ifindex).mode === mode && mendLink(instance, hook)) return
  detachLink(pins, hook)
  const { link } = attachXdp(programs.probe, { ifindex, mode })
  try {
    pins.replace('links', linkPinName(hook), link)
  } finally {
    link.close()
  }
}

/** What the programs read. */
function mapPieces({ maps }: Instance, { settings: wanted, sources }: ProbePath): Piece[] {
  const settings = maps.settings.get(0)
  if (settings === undefined) throw new Error('settings has no entry')
  const known = new Map([...maps.probeSources.entries()].map(([key, { ifindex }]) => [addressFromWords(key), ifindex]))
  const isRight =
    settings.probeFirst === wanted.probeFirst &&
    settings.probeCount === wanted.probeCount &&
    macFromBytes(settings.probeMac) === macFromBytes(wanted.probeMac)
  return [
    {
      wrong: isRight ? undefined : 'the map settings has other ports of probes, or another MAC',
      mend: () => maps.settings.set(0, { ...settings, ...wanted }),
    },
    ...[...sources]
      .filter(([address, ifindex]) => known.get(address) !== ifindex)
      .map(([address, ifindex]) => ({
        wrong: `the map probe_sources lacks ${address}`,
        mend: () => maps.probeSources.set(addressToWords(address), { ifindex }),
      })),
    ...[...known.keys()]
      .filter((address) => !sources.has(address))
      .map((address) => ({
        wrong: `the map probe_sources has ${address}`,
        mend: () => void maps.probeSources.delete(addressToWords(address)),
      })),
  ]
}
