/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* A packet of a flow to a VIP: its conn decides, if it has one that is alive. */
#ifndef LB_FLOW_H
#define LB_FLOW_H

#include "new_flow.h"

/* The destination of the flow of pkt->key, if its conn is alive and has one. */
struct lb_flow {
	struct lb_conn_place place;
	const struct lb_dest *dest; /* NULL: none */
	__u32 now;
};

/* pkt->key is complete. Tells new_flow() where the conn is, should it have to start over. */
static __always_inline void flow_find(struct lb_packet *pkt, const struct lb_settings *set,
                                      struct lb_flow *flow)
{
	const struct lb_dest *dest;
	union lb_dest_ref ref;

	flow->dest = NULL;
	flow->now = ticks_now();
	pkt->conn_hash = conn_hash(pkt->key_word, set->hash_seed);
	flow->place = conn_find(&pkt->query, set->conn_buckets);
	pkt->conn_id = LB_CONN_NOWHERE;
	if (!flow->place.bucket)
		return;
	pkt->conn_id = flow->place.id;
	pkt->conn_seq = flow->place.life.seq;
	explain_conn(flow->place.life);
	if (!life_alive(flow->place.life, flow->now)) {
		explain(LB_STEP_EXPIRED, 0);
		return;
	}
	ref = conn_dest(conn_at(&flow->place));
	dest = dest_lookup(ref.dest);
	if (dest && dest_is(dest, ref.generation)) {
		flow->dest = dest;
	} else {
		explain(LB_STEP_REAL_GONE, 0);
		pkt->gone = 1;
	}
}

/* A packet of a flow whose conn is alive and has its destination. */
static __always_inline int known_flow(struct xdp_md *ctx, struct lb_packet *pkt,
                                      const struct lb_headers *hdr, struct lb_flow *flow,
                                      const struct lb_settings *set, __u8 family)
{
	struct lb_conn *conn = conn_at(&flow->place);
	const struct lb_dest *dest = flow->dest;
	__u32 dest_id = conn_dest(conn).dest;
	int verdict;

	/* Its first packet has had the MAC looked up already. */
	if (!mac_equal(hdr->eth->dest, conn->mac) && !frame_is_ours(ctx))
		return LB_PASS_OTHER_HOST;
	verdict = fwd_prepare(pkt, hdr, dest, family, ctx->ingress_ifindex);
	if (verdict == LB_DROP_TTL)
		return answer_time_exceeded(ctx, pkt, LB_REPLY_TTL, LB_DROP_TTL);
	if (verdict != LB_UNDECIDED)
		return verdict;
	if (!conn_advance(conn, flow->place.life, pkt, set, LB_INPUT,
	                  conn_number(set->conn_buckets, pkt->conn_hash, flow->place.id),
	                  flow->now))
		return new_flow(ctx, pkt);
	explain(LB_STEP_DEST, dest_id);
	stats_forwarded(pkt, dest->service, dest_id, 0);
	if (pkt->fragment)
		fragment_record(pkt, dest_id, dest->generation, LB_FRAGMENT_TO_REAL);
	return fwd_packet(ctx, pkt, hdr, dest, family) ? LB_FORWARD_KNOWN : LB_DROP_MALFORMED;
}

/* A TCP or UDP packet to a VIP. */
static __always_inline int flow_to_vip(struct xdp_md *ctx, struct lb_packet *pkt,
                                       const struct lb_headers *hdr, __u8 family)
{
	const struct lb_settings *set = settings_get();
	struct lb_flow flow;

	if (!set)
		return LB_PASS_UNMATCHED;
	flow_find(pkt, set, &flow);
	if (flow.dest) {
		if (!conn_reused(flow.place.life, flow.dest, pkt))
			return known_flow(ctx, pkt, hdr, &flow, set, family);
		explain(LB_STEP_REUSED, 0);
	}
	return new_flow(ctx, pkt);
}

#endif
