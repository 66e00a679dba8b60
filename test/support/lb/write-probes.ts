/** Makes the maps of probes and pings say what a {@link Table} says. */
import type { LbMaps } from '../../../src/dataplane/lb-maps.js'
import * as abi from '../../../src/maps/generated.js'
import { addressToWords, familyOf } from '../../../src/net/address.js'
import { macBytes } from '../../../src/net/mac.js'
import type { Probe, Table } from '../oracle/table.js'
import { protocolNumber } from './names.js'

/** Any device will do behind probe_port: a test run sends nothing. */
const LOOPBACK = 1
const NOBODY = '::'
const NO_PROBE = { kind: 'none', dst: NOBODY, port: 0, protocol: 'tcp', dest: 0, generation: 0, ifindex: 0, mac: '00:00:00:00:00:00' } as const

function probeValue({ kind, dst, port, protocol, dest, generation, ifindex, mac }: Probe | typeof NO_PROBE): abi.Probe {
  return {
    ...{ port, dest, generation, ifindex },
    dst: addressToWords(dst),
    protocol: protocolNumber(protocol),
    kind: abi.ProbeKind[kind],
    mac: macBytes(mac),
  }
}

function replaceKeys<K, V>(map: { keys(): Iterable<K>; delete(key: K): unknown; set(key: K, value: V): void }, entries: [K, V][]): void {
  for (const key of [...map.keys()]) map.delete(key)
  for (const [key, value] of entries) map.set(key, value)
}

export function writeProbes(maps: LbMaps, { probes, pingSources, interfaces }: Table): void {
  for (let index = 0; index < probes.count; index += 1) {
    maps.probes.set(index, probeValue(probes.underWay.get(probes.first + index) ?? NO_PROBE))
  }
  const [ifindex = 0] = interfaces.keys()
  replaceKeys(maps.probeSources, [...probes.sources].map((address) => [addressToWords(address), { ifindex }]))
  if (probes.hasPort) maps.probePort.set(0, LOOPBACK)
  else if (maps.probePort.get(0) !== undefined) maps.probePort.delete(0)
  replaceKeys(
    maps.pingSources,
    pingSources.map(({ network, prefix }) => [
      { prefixLen: prefix + (familyOf(network) === 4 ? 96 : 0), addr: addressToWords(network) },
      1,
    ]),
  )
}

/** Those of struct lb_settings. */
export const probeSettings = ({ probes, pingSources }: Table): Pick<abi.Settings, 'pingSources' | 'probeFirst' | 'probeCount' | 'probeMac'> => ({
  pingSources: pingSources.length,
  probeFirst: probes.first,
  probeCount: probes.count,
  probeMac: macBytes(probes.mac),
})
