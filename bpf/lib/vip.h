/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Is an address a VIP? One bucket of vip_buckets tells, without a call. */
#ifndef LB_VIP_H
#define LB_VIP_H

#include "hash.h"
#include "packet.h"

/* words: an address, see words_from_v4() and words_from_v6(). */
static __always_inline const struct lb_vip_slot *vip_in_bucket(const struct lb_vip_bucket *bucket,
                                                               const __u64 words[2], __u8 family)
{
	__u32 way;

#pragma unroll
	for (way = 0; way < LB_VIP_WAYS; way++) {
		const struct lb_vip_slot *slot = &bucket->slot[way];
		const __u64 *addr = (const __u64 *)&slot->addr;

		if (addr[1] == words[1] && addr[0] == words[0] && slot->present &&
		    slot->family == family)
			return slot;
	}
	return NULL;
}

/* The VIP that an address is, or NULL. */
static __always_inline const struct lb_vip_slot *vip_lookup(const __u64 words[2], __u8 family)
{
	__u64 hash = hash_finish(hash_word(hash_word(0, words[0]), words[1]));
	const struct lb_vip_bucket *bucket;
	const struct lb_vip_slot *slot;
	__u32 index = hash >> 32 & (LB_VIP_BUCKETS - 1);

	bucket = bpf_map_lookup_elem(&vip_buckets, &index);
	if (!bucket)
		return NULL;
	slot = vip_in_bucket(bucket, words, family);
	if (slot || !bucket->overflow)
		return slot;
	index = hash & (LB_VIP_BUCKETS - 1);
	bucket = bpf_map_lookup_elem(&vip_buckets, &index);
	return bucket ? vip_in_bucket(bucket, words, family) : NULL;
}

#endif
