/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Fragments after the first have no ports: they follow the first, whose way is remembered by
 * what all fragments of a datagram share (RFC 791 section 3.2, RFC 8200 section 4.5).
 */
#ifndef LB_FRAGMENT_H
#define LB_FRAGMENT_H

#include "clock.h"
#include "settings.h"

/* src: the sender's address as words; dst: pkt->dst. */
static __always_inline void fragment_key(struct lb_fragment_key *key, const struct lb_packet *pkt,
                                         const __u64 src[2])
{
	__u64 *word = (__u64 *)key;

	word[0] = src[0];
	word[1] = src[1];
	word[2] = pkt->dst_word[0];
	word[3] = pkt->dst_word[1];
	word[4] = word_of(pkt->fragment_id, 0);
	/* Behind IPv6's fragment header different protocols may follow in one datagram. */
	if (pkt->family == 4)
		key->protocol = pkt->protocol;
}

/* The first fragment of a datagram went this way. The sender is in pkt->key.client. */
LB_SUBPROGRAM int fragment_record(struct lb_packet *pkt, __u32 dest, __u32 generation, __u32 way)
{
	const struct lb_settings *set = settings_get();
	struct lb_fragment_key key;
	struct lb_fragment value = {
		.dest = dest,
		.generation = generation,
		.way = way,
	};

	if (!pkt || !set)
		return 0;
	fragment_key(&key, pkt, pkt->key_word);
	value.expires = ticks_now() + set->fragment_ticks;
	value.vip = pkt->key.vip;
	bpf_map_update_elem(&fragments, &key, &value, BPF_ANY);
	return 0;
}

/* Where the first fragment of this one's datagram went, or NULL. */
static __always_inline const struct lb_fragment *fragment_find(const struct lb_packet *pkt)
{
	const struct lb_fragment *found;
	struct lb_fragment_key key;

	fragment_key(&key, pkt, pkt->key_word);
	found = bpf_map_lookup_elem(&fragments, &key);
	return found && !tick_passed(found->expires, ticks_now()) ? found : NULL;
}

#endif
