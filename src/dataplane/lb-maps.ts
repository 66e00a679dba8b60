import type { MapsOf } from '../maps/descriptor.js'
import type { xdpLb } from '../maps/generated.js'

/** The maps of one instance, fresh or opened from pins. bpf/maps.h says who writes and who reads each. */
export type LbMaps = MapsOf<typeof xdpLb>

/** IANA protocol numbers of what we forward; `icmp` is ICMPv6 too. */
export const PROTOCOL_NUMBERS = { tcp: 6, udp: 17, icmp: 1 } as const

export type ProtocolName = keyof typeof PROTOCOL_NUMBERS

/** The name of an IANA protocol number; its decimal when we have none. */
export function protocolName(number: number): string {
  const entry = Object.entries(PROTOCOL_NUMBERS).find(([, each]) => each === number)
  return entry?.[0] ?? String(number)
}
