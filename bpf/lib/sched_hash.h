/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Slots of mh, sh and dh, by hash; src/scheduler/hash.ts has the same functions in TypeScript. */
#ifndef LB_SCHED_HASH_H
#define LB_SCHED_HASH_H

#include "hash.h"
#include "packet.h"

/* Slots of a ring of sh or dh: IP_VS_SH_TAB_SIZE, IP_VS_DH_TAB_SIZE. */
#define LB_HASH_BUCKETS 256 /* a power of two */

#define MURMUR_SEED     0x76656572 /* "veer" */
#define MURMUR_C1       0xcc9e2d51
#define MURMUR_C2       0x1b873593
#define MURMUR_N        0xe6546b64
#define MURMUR_LENGTH   20
#define GOLDEN_RATIO    0x61c88647u /* GOLDEN_RATIO_32 of include/linux/hash.h */

static __always_inline __u32 rotate_left(__u32 value, __u32 bits)
{
	return value << bits | value >> (32 - bits);
}

static __always_inline __u32 murmur_block(__u32 hash, __u32 block)
{
	block = rotate_left(block * MURMUR_C1, 15) * MURMUR_C2;
	return rotate_left(hash ^ block, 13) * 5 + MURMUR_N;
}

/* What MurmurHash3 makes of the first three words, ::ffff of an IPv4 address: worked out by the compiler. */
static __always_inline __u32 murmur_v4_prefix(void)
{
	return murmur_block(murmur_block(murmur_block(MURMUR_SEED, 0), 0), 0xffff);
}

static __always_inline __u32 murmur_prefix(const struct lb_addr *addr)
{
	__u32 hash = MURMUR_SEED;
	int i;

	for (i = 0; i < 3; i++)
		hash = murmur_block(hash, bpf_ntohl(addr->word[i]));
	return hash;
}

static __always_inline int addr_is_v4(const struct lb_addr *addr)
{
	return !(addr->word[0] | addr->word[1] | (addr->word[2] ^ LB_V4_MAPPED));
}

/* MurmurHash3_x86_32 of an address and a port, as five words in host order. */
static __always_inline __u32 flow_hash(const struct lb_addr *addr, __u32 port)
{
	__u32 hash = addr_is_v4(addr) ? murmur_v4_prefix() : murmur_prefix(addr);

	hash = murmur_block(hash, bpf_ntohl(addr->word[3]));
	hash = murmur_block(hash, port) ^ MURMUR_LENGTH;
	hash = (hash ^ hash >> 16) * 0x85ebca6b;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35;
	return hash ^ hash >> 16;
}

/*
 * The bucket of sh and dh: ip_vs_sh_hashkey() and ip_vs_dh_hashkey() of Linux 6.1, with
 * hash_32() in them. An IPv4 address is folded without the ::ffff: before it.
 */
static __always_inline __u32 bucket_of(const struct lb_addr *addr, __u32 port)
{
	__be32 key = addr->word[3];

	if (!addr_is_v4(addr))
		key ^= addr->word[0] ^ addr->word[1] ^ addr->word[2];
	return (bpf_ntohl(key) + port) * GOLDEN_RATIO >> 24;
}

#endif
