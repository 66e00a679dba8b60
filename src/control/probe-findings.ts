/** `veer doctor`: the path of probes. */
import type { Instance } from '../dataplane/instance.js'
import type { LiveState } from '../dataplane/live-state.js'
import { XdpMode } from '../maps/generated.js'
import { addressFromWords } from '../net/address.js'
import { macFromBytes } from '../net/mac.js'
import type { PortRange } from '../net/port-set.js'
import type { BoundPort } from '../system/bound-ports.js'
import { readBoundPorts } from '../system/bound-ports.js'
import type { InterfaceFacts } from '../system/interfaces.js'
import type { NetworkNamespace } from '../system/netns.js'
import { probeNames } from '../system/probe-namespace.js'
import { readProbeNamespace } from '../system/probe-namespace-facts.js'
import type { Finding } from './doctor.js'
import type { ProbePath } from './probe-path.js'
import { probePathFaults } from './probe-path.js'

/** Nothing when there are no probes. */
export async function probeFindings(
  instance: Instance,
  namespace: NetworkNamespace,
  live: LiveState,
  facts: readonly InterfaceFacts[],
): Promise<Finding[]> {
  const paths = pathsOfMaps(instance, live, facts)
  // Interfaces that share a MAC, as those of VLANs do: the pair is named after one of them.
  const found = await Promise.all(paths.map((path) => faultsOf(instance, namespace, path)))
  const [faults] = found.sort((a, b) => a.length - b.length)
  const [path] = paths
  if (path === undefined || faults === undefined) return []
  return [...pathFindings(path.spec.name, faults), ...socketFindings(path.spec.ports, readBoundPorts(namespace))]
}

async function faultsOf(instance: Instance, namespace: NetworkNamespace, path: ProbePath): Promise<string[]> {
  return probePathFaults(instance, namespace, path, await readProbeNamespace(namespace, path.spec))
}

/** The path as the maps tell of it; several when they do not tell which interface it is named after. */
function pathsOfMaps({ name, maps }: Instance, { settings, interfaces }: LiveState, facts: readonly InterfaceFacts[]): ProbePath[] {
  const { probeFirst, probeCount, probeMac } = settings
  if (probeCount === 0) return []
  const sources = new Map([...maps.probeSources.entries()].map(([key, { ifindex }]) => [addressFromWords(key), ifindex]))
  const innerMac = macFromBytes(probeMac)
  const attached = [...interfaces.values()]
  const mtus = facts.filter(({ ifindex }) => interfaces.has(ifindex)).map(({ mtu }) => mtu)
  return attached
    .filter(({ mac }) => macFromBytes(mac) === innerMac)
    .map(({ name: innerDevice }) => ({
      sources,
      settings: { probeFirst, probeCount, probeMac },
      mode: attached.some(({ mode }) => mode === XdpMode.generic) ? 'generic' : 'native',
      spec: {
        ...probeNames(name),
        innerDevice,
        innerMac,
        mtu: Math.min(...mtus),
        addresses: [...sources.keys()],
        ports: { first: probeFirst, last: probeFirst + probeCount - 1 },
      },
    }))
}

export function pathFindings(namespaceName: string, faults: readonly string[]): Finding[] {
  const subject = 'probe path'
  if (faults.length === 0) return [{ subject, status: 'ok', message: `${namespaceName} is as it should be`, fix: null }]
  return faults.map((message) => ({ subject, status: 'failure', message, fix: 'veer apply -f FILE' }))
}

/** Sockets of the host whose packets would be taken for answers of probes. */
export function socketFindings(ports: PortRange, bound: readonly BoundPort[]): Finding[] {
  return bound
    .filter(({ port }) => port >= ports.first && port <= ports.last)
    .map(({ protocol, port }) => ({
      subject: `${protocol} port ${port}`,
      status: 'failure',
      message: 'a socket of this host waits on it, and it is one of the ports of probes',
      fix: `stop its owner (ss -ap 'sport = :${port}'), or configure other ports: probe: { ports: FIRST-LAST }`,
    }))
}
