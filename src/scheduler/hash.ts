/**
 * Which slot of a ring a new flow takes. bpf/lib/sched_hash.h and sched_ring.h compute the same in the kernel; this is
 * what their tests compare them with.
 *
 * All arithmetic is on unsigned 32-bit numbers and wraps, except where u64 is written. Address words
 * and ports are in host order: `bpf_ntohl(addr.word[i])`, `bpf_ntohs(port)`.
 */
import type { AddressWords } from '../net/address.js'

/** Slots of a `sh` or `dh` ring: IP_VS_SH_TAB_SIZE and IP_VS_DH_TAB_SIZE. */
export const BUCKETS = 256

/** The schedulers whose slot is a function of the packet alone, so that every director agrees on it. */
export type HashScheduler = { name: 'mh' | 'sh'; ports: boolean } | { name: 'dh' }

/** What the slot functions look at: the service's address and the new flow's source. */
export interface FlowSource {
  client: AddressWords
  /** Host order. */
  clientPort: number
  vip: AddressWords
}

const FLOW_SEED = 0x76656572 // "veer"
const MURMUR_C1 = 0xcc9e2d51
const MURMUR_C2 = 0x1b873593
const MURMUR_N = 0xe6546b64
const MURMUR_LENGTH = 20 // bytes in five blocks

/** GOLDEN_RATIO_32 of include/linux/hash.h: 2^32 less 2^32 divided by the golden ratio. */
const GOLDEN_RATIO = 0x61c88647

const V4_MAPPED = 0xffff

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits))
}

function murmurBlock(hash: number, block: number): number {
  const mixed = Math.imul(rotateLeft(Math.imul(block, MURMUR_C1), 15), MURMUR_C2)
  return (Math.imul(rotateLeft(hash ^ mixed, 13), 5) + MURMUR_N) | 0
}

/**
 * MurmurHash3_x86_32 of five blocks: the four address words, then the port as 32 bits.
 *
 * @param port - host order
 * @returns an unsigned 32-bit number
 */
export function endpointHash(seed: number, address: AddressWords, port: number): number {
  let hash = seed
  for (const word of address.word) hash = murmurBlock(hash, word)
  hash = murmurBlock(hash, port) ^ MURMUR_LENGTH
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

/**
 * The hash of a flow for `mh`: MurmurHash3_x86_32 over the four address words and the port, each one block:
 *
 *     h = 0x76656572
 *     for k in client.word[0], client.word[1], client.word[2], client.word[3], port:
 *         k *= 0xcc9e2d51;  k = rotl32(k, 15);  k *= 0x1b873593
 *         h ^= k;           h = rotl32(h, 13);  h = h * 5 + 0xe6546b64
 *     h ^= 20
 *     h ^= h >> 16;  h *= 0x85ebca6b
 *     h ^= h >> 13;  h *= 0xc2b2ae35
 *     h ^= h >> 16
 *
 * @param port - the client's port in host order, or 0 when the scheduler hashes no ports
 * @returns an unsigned 32-bit number
 */
export function flowHash(client: AddressWords, port: number): number {
  return endpointHash(FLOW_SEED, client, port)
}

/**
 * The bucket of `sh` and `dh`: ip_vs_sh_hashkey() and ip_vs_dh_hashkey() of Linux 6.1, with hash_32() of
 * include/linux/hash.h in them, so that a director that takes over from IPVS finds each client in the same bucket:
 *
 *     key    = IPv4: the address; IPv6: word[0] ^ word[1] ^ word[2] ^ word[3]
 *     bucket = ((key + port) * 0x61c88647) >> 24
 *
 * @param address - IPv4 as ::ffff:a.b.c.d
 * @param port - the client's port in host order, or 0 when it is no part of the key
 */
export function bucketOf(address: AddressWords, port: number): number {
  const [first = 0, second = 0, third = 0, last = 0] = address.word
  const isV4 = first === 0 && second === 0 && third === V4_MAPPED
  const key = isV4 ? last : first ^ second ^ third ^ last
  return Math.imul(key + port, GOLDEN_RATIO) >>> 24
}

/**
 * The slot of a new flow; the destination is `ring[slot]`. `ringSize` is not 0.
 *
 *     mh: (u64(flowHash(client, ports ? clientPort : 0)) * ringSize) >> 32
 *     sh: bucketOf(client, ports ? clientPort : 0)
 *     dh: bucketOf(vip, 0)
 *
 * A ring of `sh` and `dh` always has {@link BUCKETS} slots.
 */
export function slotFor(scheduler: HashScheduler, ringSize: number, flow: FlowSource): number {
  if (scheduler.name === 'dh') return bucketOf(flow.vip, 0)
  const port = scheduler.ports ? flow.clientPort : 0
  if (scheduler.name === 'sh') return bucketOf(flow.client, port)
  return Math.floor((flowHash(flow.client, port) * ringSize) / 2 ** 32)
}

/**
 * The slot of `rr` and `wrr`: `cursor % ringSize`, where `cursor` is the value that
 * `sched_state[service.id].cursor` had before the new flow added one to it (u64).
 */
export function slotOfCursor(cursor: bigint, ringSize: number): number {
  return Number(cursor % BigInt(ringSize))
}
