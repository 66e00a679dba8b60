/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Real selection. Every scheduler is a ring that user space has built (src/scheduler) and a
 * function that picks the slot; src/scheduler/hash.ts has the same functions in TypeScript.
 */
#ifndef LB_SCHED_H
#define LB_SCHED_H

#include "packet.h"

#define LB_NO_DEST    0xffffffff

#define MURMUR_SEED   0x76656572 /* "veer" */
#define MURMUR_C1     0xcc9e2d51
#define MURMUR_C2     0x1b873593
#define MURMUR_N      0xe6546b64
#define MURMUR_LENGTH 20
#define GOLDEN_PRIME  2654435761u

static __always_inline __u32 rotate_left(__u32 value, __u32 bits)
{
	return value << bits | value >> (32 - bits);
}

static __always_inline __u32 murmur_block(__u32 hash, __u32 block)
{
	block = rotate_left(block * MURMUR_C1, 15) * MURMUR_C2;
	return rotate_left(hash ^ block, 13) * 5 + MURMUR_N;
}

/* MurmurHash3_x86_32 of an address and a port, as five words in host order. */
static __always_inline __u32 flow_hash(const struct lb_addr *addr, __u32 port)
{
	__u32 hash = MURMUR_SEED;
	int i;

	for (i = 0; i < 4; i++)
		hash = murmur_block(hash, bpf_ntohl(addr->word[i]));
	hash = murmur_block(hash, port) ^ MURMUR_LENGTH;
	hash = (hash ^ hash >> 16) * 0x85ebca6b;
	hash = (hash ^ hash >> 13) * 0xc2b2ae35;
	return hash ^ hash >> 16;
}

/* The bucket of sh and dh, as ip_vs_sh.c and ip_vs_dh.c fold and multiply. */
static __always_inline __u32 bucket_of(const struct lb_addr *addr, __u32 port)
{
	__u32 key = bpf_ntohl(addr->word[0]) ^ bpf_ntohl(addr->word[1]) ^ bpf_ntohl(addr->word[2]) ^
	            bpf_ntohl(addr->word[3]);

	return (key + port) * GOLDEN_PRIME >> 24;
}

/* rr and wrr: one after the other, over all CPUs. */
static __always_inline __u32 next_slot(const struct lb_service *service)
{
	struct lb_sched_state *state = bpf_map_lookup_elem(&sched_state, &service->id);

	return state ? __sync_fetch_and_add(&state->cursor, 1) % service->ring_size : 0;
}

static __always_inline __u32 pick_slot(const struct lb_service *service,
                                       const struct lb_packet *pkt)
{
	__u32 port = service->flags & LB_SVC_F_PORTS ? bpf_ntohs(pkt->key.client_port) : 0;

	switch (service->scheduler) {
	case LB_SCHED_MH:
		return (__u64)flow_hash(&pkt->key.client, port) * service->ring_size >> 32;
	case LB_SCHED_SH:
		return bucket_of(&pkt->key.client, port);
	case LB_SCHED_DH:
		return bucket_of(&pkt->dst, 0);
	default:
		return next_slot(service);
	}
}

/* The destination of a new flow, LB_NO_DEST when the service has none. */
static __always_inline __u32 sched_pick(const struct lb_service *service,
                                        const struct lb_packet *pkt)
{
	const struct lb_ring_chunk *chunk;
	__u32 slot, index;
	void *ring;

	if (!service->ring_size)
		return LB_NO_DEST;
	slot = pick_slot(service, pkt);
	index = slot / LB_RING_CHUNK;
	ring = bpf_map_lookup_elem(&rings, &service->ring);
	if (!ring)
		return LB_NO_DEST;
	chunk = bpf_map_lookup_elem(ring, &index);
	return chunk ? chunk->slot[slot % LB_RING_CHUNK] : LB_NO_DEST;
}

#endif
