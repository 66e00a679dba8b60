import { crc32 } from 'node:zlib'

const GROUP = 0x8000_0000

/** What templates of a persistence group have in place of ports: `struct lb_service.persistence_scope`. */
export function groupScope(group: string): number {
  return (GROUP | crc32(group)) >>> 0
}

/** The same of a service that is in no group; `protocol` is its IANA number. */
export function serviceScope(protocol: number, port: number): number {
  return (protocol << 16) | port
}
