/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* TC: a packet from a real, of a conn that is known: what it becomes, and by which way it leaves. */
#ifndef LB_NAT_REPLY_H
#define LB_NAT_REPLY_H

#include "conn.h"
#include "fwd_nat_reply.h"
#include "route_cache.h"
#include "stats.h"

/* Where a packet comes by. */
enum lb_hook {
	LB_INGRESS, /* from a real on the network: we send it on */
	LB_EGRESS,  /* from a real on this host, which has found the way already */
};

/* What it becomes, and for whom it counts. */
struct lb_reply {
	const struct lb_settings *set;
	const struct lb_addr *vip; /* its source */
	const struct lb_dest *dest;
	__u32 dest_id;
	__u32 now;
	__u32 gso_size; /* bytes of a packet that it will be cut into; 0: it will not be */
	__be16 port;
};

/* Fills what does not depend on the conn. Returns 0 when there are no settings. */
static __always_inline int reply_begin(const lb_ctx *ctx, struct lb_reply *reply)
{
	reply->set = settings_get();
	reply->now = ticks_now();
	reply->gso_size = ctx->gso_size;
	return reply->set != NULL;
}

/* Fills the rest; 0 when the conn is being given to another flow. */
static __always_inline int reply_of(const struct lb_found *found, struct lb_packet *pkt,
                                    struct lb_reply *reply)
{
	__u32 vip_id = found->conn->key.vip;
	const struct lb_vip *vip = bpf_map_lookup_elem(&vips, &vip_id);

	if (!vip)
		return 0;
	pkt->key.vip = vip_id;
	reply->vip = &vip->addr;
	reply->dest = found->dest;
	reply->dest_id = found->dest_id;
	reply->port = found->conn->key.port;
	return conn_is_still(found->conn, found->life);
}

/*
 * How a packet leaves; a verdict if it does not, or not translated. The host's stack says what is to be
 * said of those, in the real's own terms. A route that is NULL: the packet goes on within the
 * host's stack.
 */
static __always_inline int reply_way(lb_ctx *ctx, const struct lb_packet *pkt,
                                     const struct lb_headers *hdr, const struct lb_reply *reply,
                                     enum lb_hook hook, __u8 family, const struct lb_route **route)
{
	*route = NULL;
	if (hook == LB_EGRESS)
		return LB_UNDECIDED;
	if (ttl_of(hdr, family) <= 1)
		return LB_PASS_TTL;
	switch (route_find_cached(ctx, pkt, hdr, reply->vip,
	                          route_length(ctx, pkt, reply->gso_size), reply->set->hash_seed,
	                          reply->now, family, route)) {
	case LB_WAY_TOO_BIG:
		return LB_PASS_TOO_BIG;
	case LB_WAY_NONE:
		return LB_DROP_NO_ROUTE;
	default:
		return LB_UNDECIDED;
	}
}

/* A GSO packet counts as those that it will be cut into. */
static __always_inline void reply_count(const lb_ctx *ctx, const struct lb_packet *pkt,
                                        const struct lb_reply *reply)
{
	__u32 packets = reply->gso_size ? ctx->gso_segs : 1;
	__u32 bytes = pkt->ip_len;

	if (packets > 1)
		bytes += (packets - 1) * gso_headers(ctx, pkt);
	stats_replied(reply->dest->service, reply->dest_id, packets ? packets : 1, bytes);
}

/* A packet that is as it shall be, but for its MACs. */
static __always_inline void reply_leave(lb_ctx *ctx, struct lb_packet *pkt,
                                        const struct lb_route *route)
{
	pkt->forward_action = route ? route_take(ctx, route) : TC_ACT_OK;
}

/* Translates it and sends it off. */
static __always_inline int reply_send(lb_ctx *ctx, struct lb_packet *pkt,
                                      const struct lb_headers *hdr, const struct lb_reply *reply,
                                      const struct lb_route *route, __u8 family, int verdict)
{
	reply_count(ctx, pkt, reply);
	if (!fwd_nat_reply(ctx, pkt, hdr, reply->vip, reply->port, route != NULL, reply->gso_size,
	                   family))
		return LB_DROP_NOT_LINEAR;
	reply_leave(ctx, pkt, route);
	return verdict;
}

#endif
