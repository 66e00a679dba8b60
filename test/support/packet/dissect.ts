/** Reads a frame layer by layer, as far as its bytes go; meant for messages and tests, so it never throws. */
import { addressFromBytes } from '../../../src/net/address.js'
import { macFromBytes } from '../../../src/net/mac.js'
import { readU16, readU32, toHex } from './bytes.js'
import { EtherType, IpProtocol } from './layer.js'

export type FieldValue = number | string

export interface DissectedLayer {
  name: string
  /** Of its first byte in the frame. */
  offset: number
  /** Of its header, in bytes. */
  length: number
  fields: Map<string, FieldValue>
}

/** A layer's reader: its header's length, its fields, and which reader goes on after it. */
interface Reading {
  length: number
  fields: Record<string, FieldValue>
  next: Reader | undefined
  /** Where the layers inside end, counted from this layer's start; default: the end of the bytes. */
  end?: number
}

interface Reader {
  name: string
  minimum: number
  read(bytes: Uint8Array): Reading
}

const macAt = (bytes: Uint8Array, offset: number): string => macFromBytes(bytes.subarray(offset, offset + 6))
const addressAt = (bytes: Uint8Array, offset: number, length: number): string =>
  addressFromBytes(bytes.subarray(offset, offset + length))
const byteAt = (bytes: Uint8Array, offset: number): number => bytes[offset] ?? 0
const hexWord = (value: number): string => `0x${value.toString(16).padStart(4, '0')}`

const byEtherType = (type: number): Reader | undefined => etherReaders.get(type)
const byProtocol = (protocol: number): Reader | undefined => protocolReaders.get(protocol)

const ethReader: Reader = {
  name: 'eth',
  minimum: 14,
  read: (bytes) => ({
    length: 14,
    fields: { dst: macAt(bytes, 0), src: macAt(bytes, 6), type: hexWord(readU16(bytes, 12)) },
    next: byEtherType(readU16(bytes, 12)),
  }),
}

const vlanReader: Reader = {
  name: 'vlan',
  minimum: 4,
  read: (bytes) => ({
    length: 4,
    fields: { priority: byteAt(bytes, 0) >> 5, id: readU16(bytes, 0) & 0x0fff, type: hexWord(readU16(bytes, 2)) },
    next: byEtherType(readU16(bytes, 2)),
  }),
}

const arpReader: Reader = {
  name: 'arp',
  minimum: 28,
  read: (bytes) => ({
    length: 28,
    fields: {
      hardwareType: readU16(bytes, 0),
      protocolType: hexWord(readU16(bytes, 2)),
      hardwareLength: byteAt(bytes, 4),
      protocolLength: byteAt(bytes, 5),
      operation: readU16(bytes, 6),
      senderMac: macAt(bytes, 8),
      senderAddress: addressAt(bytes, 14, 4),
      targetMac: macAt(bytes, 18),
      targetAddress: addressAt(bytes, 24, 4),
    },
    next: undefined,
  }),
}

const ipv4Reader: Reader = {
  name: 'ipv4',
  minimum: 20,
  read: (bytes) => {
    const headerLength = Math.min(Math.max((byteAt(bytes, 0) & 0x0f) * 4, 20), bytes.length)
    const isFirst = (readU16(bytes, 6) & 0x1fff) === 0
    return {
      length: headerLength,
      fields: {
        version: byteAt(bytes, 0) >> 4,
        headerLength: byteAt(bytes, 0) & 0x0f,
        tos: byteAt(bytes, 1),
        totalLength: readU16(bytes, 2),
        id: readU16(bytes, 4),
        flags: readU16(bytes, 6) >> 13,
        fragmentOffset: readU16(bytes, 6) & 0x1fff,
        ttl: byteAt(bytes, 8),
        protocol: byteAt(bytes, 9),
        checksum: hexWord(readU16(bytes, 10)),
        src: addressAt(bytes, 12, 4),
        dst: addressAt(bytes, 16, 4),
        options: toHex(bytes.subarray(20, headerLength)),
      },
      next: isFirst ? byProtocol(byteAt(bytes, 9)) : undefined,
      end: readU16(bytes, 2),
    }
  },
}

const ipv6Reader: Reader = {
  name: 'ipv6',
  minimum: 40,
  read: (bytes) => ({
    length: 40,
    fields: {
      version: byteAt(bytes, 0) >> 4,
      trafficClass: (readU16(bytes, 0) >> 4) & 0xff,
      flowLabel: readU32(bytes, 0) & 0xfffff,
      payloadLength: readU16(bytes, 4),
      nextHeader: byteAt(bytes, 6),
      hopLimit: byteAt(bytes, 7),
      src: addressAt(bytes, 8, 16),
      dst: addressAt(bytes, 24, 16),
    },
    next: byProtocol(byteAt(bytes, 6)),
    end: 40 + readU16(bytes, 4),
  }),
}

/** A header of the IPv6 chain whose length byte counts `unit` bytes, on top of `base` bytes. */
function extensionReader(name: string, unit: number, base: number): Reader {
  return {
    name,
    minimum: 8,
    read: (bytes) => {
      const length = Math.min(base + byteAt(bytes, 1) * unit, bytes.length)
      const fields = {
        nextHeader: byteAt(bytes, 0),
        lengthByte: byteAt(bytes, 1),
        data: toHex(bytes.subarray(2, length)),
      }
      return { length, fields, next: byProtocol(byteAt(bytes, 0)) }
    },
  }
}

const fragmentReader: Reader = {
  name: 'fragment',
  minimum: 8,
  read: (bytes) => {
    const offset = readU16(bytes, 2) >> 3
    return {
      length: 8,
      fields: {
        nextHeader: byteAt(bytes, 0),
        fragmentOffset: offset,
        more: byteAt(bytes, 3) & 1,
        id: readU32(bytes, 4),
      },
      next: offset === 0 ? byProtocol(byteAt(bytes, 0)) : undefined,
    }
  },
}

const tcpReader: Reader = {
  name: 'tcp',
  minimum: 20,
  read: (bytes) => {
    const length = Math.min(Math.max((byteAt(bytes, 12) >> 4) * 4, 20), bytes.length)
    return {
      length,
      fields: {
        sport: readU16(bytes, 0),
        dport: readU16(bytes, 2),
        seq: readU32(bytes, 4),
        ack: readU32(bytes, 8),
        dataOffset: byteAt(bytes, 12) >> 4,
        flags: hexWord(byteAt(bytes, 13)),
        window: readU16(bytes, 14),
        checksum: hexWord(readU16(bytes, 16)),
        urgent: readU16(bytes, 18),
        options: toHex(bytes.subarray(20, length)),
      },
      next: undefined,
    }
  },
}

const udpReader: Reader = {
  name: 'udp',
  minimum: 8,
  read: (bytes) => ({
    length: 8,
    fields: {
      sport: readU16(bytes, 0),
      dport: readU16(bytes, 2),
      length: readU16(bytes, 4),
      checksum: hexWord(readU16(bytes, 6)),
    },
    next: undefined,
  }),
}

const icmpReader = (name: string): Reader => ({
  name,
  minimum: 8,
  read: (bytes) => ({
    length: 8,
    fields: {
      type: byteAt(bytes, 0),
      code: byteAt(bytes, 1),
      checksum: hexWord(readU16(bytes, 2)),
      rest: `0x${readU32(bytes, 4).toString(16).padStart(8, '0')}`,
    },
    next: undefined,
  }),
})

const etherReaders = new Map<number, Reader>([
  [EtherType.vlan, vlanReader],
  [EtherType.serviceVlan, vlanReader],
  [EtherType.arp, arpReader],
  [EtherType.ipv4, ipv4Reader],
  [EtherType.ipv6, ipv6Reader],
])

const protocolReaders = new Map<number, Reader>([
  [IpProtocol.hopByHop, extensionReader('hopByHop', 8, 8)],
  [IpProtocol.routing, extensionReader('routing', 8, 8)],
  [IpProtocol.destinationOptions, extensionReader('destinationOptions', 8, 8)],
  [IpProtocol.ah, extensionReader('ah', 4, 8)],
  [IpProtocol.fragment, fragmentReader],
  [IpProtocol.tcp, tcpReader],
  [IpProtocol.udp, udpReader],
  [IpProtocol.icmp4, icmpReader('icmp4')],
  [IpProtocol.icmp6, icmpReader('icmp6')],
])

const opaque = (name: string, offset: number, bytes: Uint8Array): DissectedLayer[] =>
  bytes.length === 0 ? [] : [{ name, offset, length: bytes.length, fields: new Map([['bytes', toHex(bytes)]]) }]

/** The layers of a frame; what no layer explains is `payload`, what lies beyond the IP length is `padding`. */
export function dissect(frame: Uint8Array): DissectedLayer[] {
  const layers: DissectedLayer[] = []
  let offset = 0
  let end = frame.length
  let reader: Reader | undefined = ethReader
  while (reader !== undefined && end - offset >= reader.minimum) {
    const reading = reader.read(frame.subarray(offset, end))
    layers.push({ name: reader.name, offset, length: reading.length, fields: new Map(Object.entries(reading.fields)) })
    if (reading.end !== undefined) end = Math.max(Math.min(end, offset + reading.end), offset + reading.length)
    offset += reading.length
    reader = reading.next
  }
  layers.push(
    ...opaque('payload', offset, frame.subarray(offset, end)),
    ...opaque('padding', end, frame.subarray(end)),
  )
  return layers
}
