/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Is an address a VIP? One bucket of vip_buckets tells, without a call. */
#ifndef LB_VIP_H
#define LB_VIP_H

#include "hash.h"
#include "packet.h"

static __always_inline __u64 vip_hash(const struct lb_addr *addr)
{
	const __u64 *words = (const __u64 *)addr;

	return hash_word(hash_word(0, words[0]), words[1]);
}

static __always_inline const struct lb_vip_slot *
vip_in_bucket(const struct lb_vip_bucket *bucket, const struct lb_addr *addr, __u8 family)
{
	__u32 way;

#pragma unroll
	for (way = 0; way < LB_VIP_WAYS; way++) {
		const struct lb_vip_slot *slot = &bucket->slot[way];

		if (slot->addr.word[3] == addr->word[3] && slot->present &&
		    slot->family == family && addr_equal(&slot->addr, addr))
			return slot;
	}
	return NULL;
}

/* The VIP that an address is, or NULL. */
static __always_inline const struct lb_vip_slot *vip_lookup(const struct lb_addr *addr, __u8 family)
{
	const struct lb_vip_bucket *bucket;
	const struct lb_vip_slot *slot;
	__u64 hash = vip_hash(addr);
	__u32 index = hash & (LB_VIP_BUCKETS - 1);

	bucket = bpf_map_lookup_elem(&vip_buckets, &index);
	if (!bucket)
		return NULL;
	slot = vip_in_bucket(bucket, addr, family);
	if (slot || !bucket->overflow)
		return slot;
	index = hash >> 32 & (LB_VIP_BUCKETS - 1);
	bucket = bpf_map_lookup_elem(&vip_buckets, &index);
	return bucket ? vip_in_bucket(bucket, addr, family) : NULL;
}

#endif
