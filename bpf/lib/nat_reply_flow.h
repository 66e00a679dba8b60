/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* TC: replies of TCP, UDP and ICMP queries, and their fragments. */
#ifndef LB_NAT_REPLY_FLOW_H
#define LB_NAT_REPLY_FLOW_H

#include "fragment.h"
#include "nat_reply.h"
#include "reply_conn.h"

static __always_inline int flow_reply(lb_ctx *ctx, struct lb_packet *pkt, __u64 tail,
                                      enum lb_hook hook, __u8 family)
{
	const struct lb_route *route;
	struct lb_headers hdr;
	struct lb_tuple tuple;
	struct lb_found found;
	struct lb_reply reply;
	int verdict;

	tuple.word[0] = pkt->dst_word[0];
	tuple.word[1] = pkt->dst_word[1];
	tuple.word[2] = pkt->key_word[0];
	tuple.word[3] = pkt->key_word[1];
	tuple.word[4] = tail;
	if (!reply_begin(ctx, &reply) || !reply_conn(&tuple, reply.set, reply.now, &found) ||
	    !reply_of(&found, pkt, &reply) || !headers_get_as(ctx, pkt, &hdr, family))
		return LB_PASS_NOT_REPLY;
	verdict = reply_way(ctx, pkt, &hdr, &reply, hook, family, &route);
	if (verdict != LB_UNDECIDED)
		return verdict;
	conn_advance(found.conn, found.life, pkt, reply.set, LB_OUTPUT, found.number, reply.now);
	if (pkt->fragment)
		fragment_record(pkt, reply.dest_id, reply.dest->generation, LB_FRAGMENT_TO_CLIENT);
	return reply_send(ctx, pkt, &hdr, &reply, route, family, LB_FORWARD_REPLY);
}

/* A packet that may be a reply; tail: of the tuple, if it is one. */
LB_SUBPROGRAM int reply_flow(lb_ctx *ctx, struct lb_packet *pkt, __u64 tail, enum lb_hook hook)
{
	if (!pkt)
		return LB_PASS_NOT_REPLY;
	return pkt->family == 4 ? flow_reply(ctx, pkt, tail, hook, 4)
	                        : flow_reply(ctx, pkt, tail, hook, 6);
}

static __always_inline int fragment_reply(lb_ctx *ctx, struct lb_packet *pkt, enum lb_hook hook,
                                          __u8 family)
{
	const struct lb_fragment *first = fragment_find(pkt);
	const struct lb_route *route;
	const struct lb_vip *vip;
	struct lb_headers hdr;
	struct lb_reply reply;
	__u32 vip_id;
	int verdict;

	if (!first || first->way != LB_FRAGMENT_TO_CLIENT)
		return LB_PASS_NOT_REPLY;
	vip_id = first->vip;
	vip = bpf_map_lookup_elem(&vips, &vip_id);
	reply.dest_id = first->dest;
	reply.dest = dest_lookup(reply.dest_id);
	if (!reply_begin(ctx, &reply) || !vip || !reply.dest ||
	    !dest_is(reply.dest, first->generation) || !headers_get_as(ctx, pkt, &hdr, family))
		return LB_PASS_NOT_REPLY;
	reply.vip = &vip->addr;
	reply.port = 0;
	verdict = reply_way(ctx, pkt, &hdr, &reply, hook, family, &route);
	if (verdict != LB_UNDECIDED)
		return verdict;
	return reply_send(ctx, pkt, &hdr, &reply, route, family, LB_FORWARD_REPLY_FRAGMENT);
}

/* A fragment after the first: it has no ports, and becomes what the first became. */
LB_SUBPROGRAM int reply_fragment(lb_ctx *ctx, struct lb_packet *pkt, enum lb_hook hook)
{
	if (!pkt)
		return LB_PASS_NOT_REPLY;
	return pkt->family == 4 ? fragment_reply(ctx, pkt, hook, 4)
	                        : fragment_reply(ctx, pkt, hook, 6);
}

#endif
