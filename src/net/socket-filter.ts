/** Programs of classic BPF for packet sockets: what frames the kernel hands over at all. */
import { ETHERNET_HEADER_BYTES } from './arp.js'

/** The members of `struct sock_filter`: code, jump if true, jump if false, operand. */
export type SocketFilterInstruction = readonly [code: number, jt: number, jf: number, k: number]

/** Opcodes (linux/bpf_common.h); offsets count from the Ethernet header on. */
export const LOAD_BYTE = 0x30
export const LOAD_HALF = 0x28
/** From the offset behind what {@link LOAD_IPV4_LENGTH} found. */
export const LOAD_HALF_INDEXED = 0x48
/** Of the IPv4 header that begins there. */
export const LOAD_IPV4_LENGTH = 0xb1
export const JUMP = 0x05
export const JUMP_IF_EQUAL = 0x15
export const JUMP_IF_GREATER = 0x25
export const JUMP_IF_AT_LEAST = 0x35
export const RETURN = 0x06
export const WHOLE_FRAME = 0xffff_ffff

/** Where a field of the IP header is. */
export const ipField = (offset: number): number => ETHERNET_HEADER_BYTES + offset
