/** Whether the checksums of a frame are right, by plain sums over the whole covered region. */
import { AssertionError } from 'node:assert'
import { addressBytes } from '../../../src/net/address.js'
import { concat, hexDump, readU16 } from './bytes.js'
import { pseudoHeader, sumsToZero } from './checksum.js'
import { dissect, type DissectedLayer } from './dissect.js'
import { IpProtocol } from './layer.js'

const covered = new Map([
  ['tcp', IpProtocol.tcp],
  ['udp', IpProtocol.udp],
  ['icmp6', IpProtocol.icmp6],
])

const isFragment = (layer: DissectedLayer): boolean =>
  Number(layer.fields.get('fragmentOffset') ?? 0) !== 0 ||
  layer.fields.get('more') === 1 ||
  (layer.name === 'ipv4' && (Number(layer.fields.get('flags')) & 1) === 1)

function pseudoHeaderOf(ip: DissectedLayer, protocol: number, length: number): Uint8Array {
  const address = (field: string): Uint8Array => addressBytes(String(ip.fields.get(field)))
  return pseudoHeader(address('src'), address('dst'), protocol, length)
}

/** The name of the checksum of one layer that is wrong, or undefined. */
function wrongChecksum(
  layer: DissectedLayer,
  ip: DissectedLayer | undefined,
  message: Uint8Array,
): string | undefined {
  if (layer.name === 'ipv4') return sumsToZero(message.subarray(0, layer.length)) ? undefined : 'ipv4'
  if (layer.name === 'icmp4') return sumsToZero(message) ? undefined : 'icmp4'
  const protocol = covered.get(layer.name)
  if (protocol === undefined || ip === undefined) return undefined
  if (layer.name === 'udp' && readU16(message, 6) === 0) return ip.name === 'ipv4' ? undefined : 'udp (0 over IPv6)'
  const region = layer.name === 'udp' ? message.subarray(0, readU16(message, 4)) : message
  return sumsToZero(concat(pseudoHeaderOf(ip, protocol, region.length), region)) ? undefined : layer.name
}

/** The layers whose checksum is wrong. Of a fragment only the IP header is judged: the rest is elsewhere. */
export function wrongChecksums(frame: Uint8Array): string[] {
  const layers = dissect(frame)
  const end = layers.find((layer) => layer.name === 'padding')?.offset ?? frame.length
  const ip = layers.find((layer) => layer.name === 'ipv4' || layer.name === 'ipv6')
  const judged = layers.some(isFragment) ? layers.filter((layer) => layer.name === 'ipv4') : layers
  return judged.flatMap((layer) => wrongChecksum(layer, ip, frame.subarray(layer.offset, end)) ?? [])
}

/** Throws when a checksum of IPv4, TCP, UDP, ICMP or ICMPv6 in the frame is wrong. */
export function verifyChecksums(frame: Uint8Array): void {
  const wrong = wrongChecksums(frame)
  if (wrong.length === 0) return
  throw new AssertionError({
    message: `wrong checksum: ${wrong.join(', ')}\n${hexDump(frame)}`,
    stackStartFn: verifyChecksums,
  })
}
