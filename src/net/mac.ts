/** MAC addresses: `aa:bb:cc:dd:ee:ff` in text, 6 bytes on the wire and in the maps. */

const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i

/** The canonical text of a MAC, or undefined when `text` is none. */
export function parseMac(text: string): string | undefined {
  return MAC.test(text) ? text.toLowerCase() : undefined
}

/** The 6 bytes of a MAC. */
export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16))
}

/** The canonical text of 6 bytes. */
export function macFromBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(':')
}

/** The multicast MAC of an IPv6 address's solicited-node group (RFC 4291 section 2.7.1, RFC 2464 section 7). */
export function solicitedNodeMac(address: Uint8Array): string {
  return macFromBytes(Uint8Array.of(0x33, 0x33, 0xff, ...address.subarray(13)))
}

/** Whether a canonical MAC is that of one host: neither a group's nor all zero (IEEE 802, the I/G bit). */
export function isUnicastMac(mac: string): boolean {
  return ((macBytes(mac)[0] as number) & 1) === 0 && mac !== '00:00:00:00:00:00'
}
