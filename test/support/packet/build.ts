/** Packets from layers: `packet(eth(…), ipv4(…), tcp(…), payload('…')).bytes()`. */
import type { AddressPair, Layer } from './layer.js'

export * from './ip.js'
export * from './link.js'
export * from './transport.js'
export { EtherType, IpProtocol, type Layer } from './layer.js'

export interface Packet {
  readonly layers: readonly Layer[]
  /** A fresh copy, network order. */
  bytes(): Uint8Array
}

function addressesAround(layers: readonly Layer[], index: number): AddressPair | undefined {
  return layers.slice(0, index).findLast((layer) => layer.addresses !== undefined)?.addresses
}

/** A packet, outermost layer first; a part may be a list. Lengths, checksums and types follow from the rest. */
export function packet(...parts: (Layer | Layer[])[]): Packet {
  const layers = parts.flat()
  const bytes = (): Uint8Array =>
    layers.reduceRight<Uint8Array>(
      (inside, layer, index) =>
        layer.encode(inside, { next: layers[index + 1], addresses: addressesAround(layers, index) }),
      new Uint8Array(0),
    )
  return { layers, bytes }
}
