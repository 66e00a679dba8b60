/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TC: the kernel's answers of this tick, so that of a burst to one client only the first packet pays
 * for the FIB. An answer is kept under all that was asked but the length, and only until the tick
 * is over: a route that changes is followed some milliseconds later.
 *
 * Entries are those of a CPU, in its receive path, which does not interrupt itself.
 */
#ifndef LB_ROUTE_CACHE_H
#define LB_ROUTE_CACHE_H

#include "clock.h"
#include "hash.h"
#include "route.h"
#include "settings.h"

#define LB_ROUTE_KEY_WORDS (sizeof(struct lb_route_key) / sizeof(__u64))

union lb_route_query {
	struct lb_route_key key;
	__u64 word[LB_ROUTE_KEY_WORDS];
};

static __always_inline void route_query(const lb_ctx *ctx, const struct lb_packet *pkt,
                                        const struct lb_headers *hdr, const struct lb_addr *src,
                                        __u32 now, __u8 family, union lb_route_query *query)
{
	query->word[0] = pkt->dst_word[0];
	query->word[1] = pkt->dst_word[1];
	addr_words(&query->word[2], src);
	query->word[4] = word_of(ctx->ifindex, route_flow(hdr, family));
	query->word[5] = word_of(now, pkt->protocol | (__u32)family << 16);
}

static __always_inline struct lb_route_entry *route_entry(const union lb_route_query *query,
                                                          __u64 seed)
{
	__u64 hash = hash_word(hash_word(seed, query->word[0] ^ query->word[4]), query->word[1]);
	__u32 index = hash & (LB_ROUTES - 1);

	return bpf_map_lookup_elem(&routes, &index);
}

static __always_inline int route_entry_is(const struct lb_route_entry *entry,
                                          const union lb_route_query *query)
{
	const __u64 *word = (const __u64 *)&entry->key;
	__u64 differs = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < LB_ROUTE_KEY_WORDS; i++)
		differs |= word[i] ^ query->word[i];
	return !differs;
}

static __always_inline void route_remember(struct lb_route_entry *entry,
                                           const union lb_route_query *query,
                                           const struct lb_route *route)
{
	__u64 *word = (__u64 *)&entry->key;
	__u32 i;

#pragma unroll
	for (i = 0; i < LB_ROUTE_KEY_WORDS; i++)
		word[i] = query->word[i];
	entry->ifindex = route->ifindex;
	entry->fits = route->fits;
	entry->next_family = route->next.nh_family;
#pragma unroll
	for (i = 0; i < 4; i++)
		entry->next_hop[i] = route->next.ipv6_nh[i];
}

static __always_inline void route_recall(const struct lb_route_entry *entry, struct lb_route *route)
{
	__u32 i;

	route->ifindex = entry->ifindex;
	route->next.nh_family = entry->next_family;
#pragma unroll
	for (i = 0; i < 4; i++)
		route->next.ipv6_nh[i] = entry->next_hop[i];
}

/* As route_find(). */
static __always_inline enum lb_way route_find_cached(lb_ctx *ctx, const struct lb_packet *pkt,
                                                     const struct lb_headers *hdr,
                                                     const struct lb_addr *src, __u8 family,
                                                     struct lb_route *route)
{
	const struct lb_settings *set = settings_get();
	struct lb_route_entry *entry;
	union lb_route_query query;
	enum lb_way way;

	if (!set)
		return LB_WAY_NONE;
	route_query(ctx, pkt, hdr, src, ticks_now(), family, &query);
	entry = route_entry(&query, set->hash_seed);
	if (!entry)
		return LB_WAY_NONE;
	if (route_entry_is(entry, &query) && route_length(ctx, pkt) <= entry->fits) {
		route_recall(entry, route);
		return route_way(ctx, pkt, route);
	}
	way = route_find(ctx, pkt, hdr, src, family, route);
	if (way == LB_WAY_OUT)
		route_remember(entry, &query, route);
	return way;
}

#endif
