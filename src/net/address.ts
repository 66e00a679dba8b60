/**
 * IP addresses: canonical text everywhere in TypeScript, 16 bytes (IPv4 as ::ffff:a.b.c.d) in the maps.
 */
import ipaddr from './ipaddr.js'

export type Family = 4 | 6

/** `struct lb_addr`: four 32-bit words, each as a number in host order, most significant first. */
export interface AddressWords {
  word: number[]
}

const MAPPED_PREFIX = 0xffff

/** Leading bits of a 16-byte address that every IPv4 address has in common. */
export const MAPPED_BITS = 96

/**
 * The canonical text of an address (dotted quad; RFC 5952), or undefined when `text` is none.
 * Zone indices, shortened IPv4 forms and v4-mapped IPv6 are none: they mean something else on the wire.
 */
export function parseAddress(text: string): string | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString()
  if (text.includes('%') || !ipaddr.IPv6.isValid(text)) return undefined
  const address = ipaddr.IPv6.parse(text)
  return address.isIPv4MappedAddress() ? undefined : address.toRFC5952String()
}

/**
 * The canonical text of a network, `address/bits` with the bits of the host at 0, or undefined when `text` is none. An
 * address alone is a network of one.
 */
export function parseNetwork(text: string): string | undefined {
  const [, host = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const address = parseAddress(host)
  if (address === undefined) return undefined
  const whole = familyOf(address) === 4 ? 32 : 128
  const prefixLength = bits === undefined ? whole : Number(bits)
  if (prefixLength > whole) return undefined
  const bytes = addressBytes(address).map((byte, index) => byte & (0xff00 >> Math.min(Math.max(prefixLength - 8 * index, 0), 8)))
  return `${addressFromBytes(bytes)}/${prefixLength}`
}

/** The family of a canonical address. */
export function familyOf(address: string): Family {
  return address.includes(':') ? 6 : 4
}

/** The 4 or 16 bytes of a canonical address, network order. */
export function addressBytes(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray())
}

/** The canonical text of 4 or 16 bytes in network order. */
export function addressFromBytes(bytes: Uint8Array): string {
  const address = ipaddr.fromByteArray([...bytes])
  return address instanceof ipaddr.IPv6 ? address.toRFC5952String() : address.toString()
}

/** A canonical address as `struct lb_addr`. */
export function addressToWords(address: string): AddressWords {
  if (familyOf(address) === 4) return { word: [0, 0, MAPPED_PREFIX, quadValue(address)] }
  const bytes = addressBytes(address)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { word: [0, 4, 8, 12].map((offset) => view.getUint32(offset)) }
}

/** The canonical address of a `struct lb_addr`. */
export function addressFromWords({ word }: AddressWords): string {
  if (word[0] === 0 && word[1] === 0 && word[2] === MAPPED_PREFIX) return quadText(word[3] as number)
  const bytes = new Uint8Array(16)
  const view = new DataView(bytes.buffer)
  word.forEach((value, index) => view.setUint32(index * 4, value))
  return addressFromBytes(bytes)
}

/** Without ipaddr.js: a plan does this for all destinations there are. */
function quadText(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`
}

const DOT = '.'.charCodeAt(0)
const ZERO = '0'.charCodeAt(0)

/** Of a canonical dotted quad; what is none is refused as ipaddr.js refuses it. */
function quadValue(address: string): number {
  let value = 0
  let byte = 0
  for (let at = 0; at < address.length; at++) {
    const code = address.charCodeAt(at)
    if (code === DOT) {
      value = value * 256 + byte
      byte = 0
    } else byte = byte * 10 + code - ZERO
  }
  value = value * 256 + byte
  return quadText(value) === address ? value : new DataView(addressBytes(address).buffer).getUint32(0)
}

/** Canonical order: IPv4 before IPv6, then by value. Rings are built in this order, so that directors agree. */
export function compareAddresses(a: string, b: string): number {
  const x = addressBytes(a)
  const y = addressBytes(b)
  return x.length - y.length || Buffer.compare(x, y)
}

/** `10.0.0.1:80`, `[2001:db8::1]:80`. */
export function formatEndpoint(address: string, port: number): string {
  return familyOf(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
}

/** Whether `address` lies in the network of `network`/`prefixLength`. */
export function inNetwork(address: string, network: string, prefixLength: number): boolean {
  if (familyOf(address) !== familyOf(network)) return false
  return ipaddr.parse(address).match(ipaddr.parse(network), prefixLength)
}
