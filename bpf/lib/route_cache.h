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

#include "hash.h"
#include "route.h"

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

static __always_inline struct lb_route *route_at(const union lb_route_query *query, __u64 seed)
{
	__u64 hash = hash_word(hash_word(seed, query->word[0] ^ query->word[4]), query->word[1]);
	__u32 index = hash & (LB_ROUTES - 1);

	return bpf_map_lookup_elem(&routes, &index);
}

static __always_inline void route_set_key(struct lb_route *route, const union lb_route_query *query)
{
	__u64 *word = (__u64 *)&route->key;
	__u32 i;

#pragma unroll
	for (i = 0; i < LB_ROUTE_KEY_WORDS; i++)
		word[i] = query->word[i];
}

static __always_inline int route_is(const struct lb_route *route, const union lb_route_query *query)
{
	const __u64 *word = (const __u64 *)&route->key;
	__u64 differs = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < LB_ROUTE_KEY_WORDS; i++)
		differs |= word[i] ^ query->word[i];
	return !differs;
}

/*
 * As route_find(), for a packet with these tags at this tick. For LB_WAY_OUT fills found with a place of
 * this CPU's, which holds until its next packet.
 */
static __always_inline enum lb_way route_find_cached(lb_ctx *ctx, const struct lb_packet *pkt,
                                                     const struct lb_headers *hdr,
                                                     const struct lb_addr *src, __u32 length,
                                                     __u64 seed, __u32 now, __u8 family,
                                                     const struct lb_route **found)
{
	union lb_route_query query;
	struct lb_route *route;
	enum lb_way way;

	route_query(ctx, pkt, hdr, src, now, family, &query);
	route = route_at(&query, seed);
	if (!route)
		return LB_WAY_NONE;
	if (!route_is(route, &query) || length > route->fits) {
		way = route_find(ctx, pkt, hdr, src, length, family, route);
		if (way != LB_WAY_OUT)
			return way;
		route_set_key(route, &query);
	}
	if (!route_carries(ctx, pkt, route))
		return LB_WAY_NONE;
	*found = route;
	return LB_WAY_OUT;
}

#endif
