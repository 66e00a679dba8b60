/** What a datagram carries, as a file says it: text, or bytes as `0x…`. */

const HEXADECIMAL = /^0x((?:[0-9a-f]{2})*)$/i

/** The bytes; undefined when `text` begins as hexadecimal and is none. */
export function payloadBytes(text: string): Buffer | undefined {
  if (!text.startsWith('0x')) return Buffer.from(text)
  const digits = HEXADECIMAL.exec(text)?.[1]
  return digits === undefined ? undefined : Buffer.from(digits, 'hex')
}
