/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TC: ICMP from reals, and from routers between them and us: errors about requests, which
 * concern the client, and answers to queries.
 */
#ifndef LB_NAT_REPLY_ICMP_H
#define LB_NAT_REPLY_ICMP_H

#include "icmp.h"
#include "icmp_error.h"
#include "nat_reply_flow.h"

/* An error about a request. */
struct lb_error {
	struct lb_quote quote;
	struct lb_rewrite to; /* what it says to the client */
	__u32 dest;           /* id of the destination that the request went to */
};

/* The tuple of the request that an error quotes; 0 when it quotes something else. */
static __always_inline int quoted_request(const struct lb_quote *quote, struct lb_tuple *tuple)
{
	tuple->word[0] = quote->src_word[0];
	tuple->word[1] = quote->src_word[1];
	tuple->word[2] = quote->dst_word[0];
	tuple->word[3] = quote->dst_word[1];
	if (quote->protocol == IPPROTO_TCP || quote->protocol == IPPROTO_UDP) {
		tuple->word[4] = tuple_tail(quote->sport, quote->dport, quote->protocol);
		return 1;
	}
	tuple->word[4] = tuple_tail(quote->sport, 0, IPPROTO_ICMP);
	return icmp_is_request(quote->icmp_type, quote->family);
}

/* Completes an error whose quote is parsed; 0 when that is of no conn. */
LB_SUBPROGRAM int error_conn(struct lb_packet *pkt, struct lb_error *error)
{
	const struct lb_settings *set = settings_get();
	struct lb_tuple tuple;
	struct lb_found found;
	struct lb_reply reply;

	if (!pkt || !error || !set || !quoted_request(&error->quote, &tuple) ||
	    !reverse_find(&tuple, set, ticks_now(), &found) || !reply_of(&found, pkt, &reply))
		return 0;
	addr_words(error->to.outer_word, reply.vip);
	addr_words(error->to.quoted_word, reply.vip);
	error->to.quoted = LB_REWRITE_DST;
	error->to.quoted_port = reply.port;
	/* A router keeps its own address: that is what traceroute shows. */
	error->to.outer =
		addr_equal(&pkt->key.client, &error->quote.dst) ? LB_REWRITE_SRC : LB_REWRITE_NONE;
	error->dest = reply.dest_id;
	return 1;
}

LB_SUBPROGRAM int error_send(lb_ctx *ctx, struct lb_packet *pkt, struct lb_error *error,
                             enum lb_hook hook)
{
	struct lb_reply reply = {};
	const struct lb_route *route;
	struct lb_headers hdr;
	int verdict;

	if (!pkt || !error)
		return LB_PASS_NOT_REPLY;
	reply.dest_id = error->dest;
	reply.dest = dest_lookup(reply.dest_id);
	/* With what it quotes, an error over IPv4 too is longer than an IPv6 header. */
	if (!reply_begin(ctx, &reply) || !reply.dest || !headers_get_as(ctx, pkt, &hdr, 6))
		return LB_PASS_NOT_REPLY;
	reply.vip = error->to.outer ? (struct lb_addr *)error->to.outer_word : &pkt->key.client;
	verdict = reply_way(ctx, pkt, &hdr, &reply, hook, pkt->family, &route);
	if (verdict != LB_UNDECIDED)
		return verdict;
	reply_count(ctx, pkt, &reply);
	if (route)
		ttl_decrement(&hdr, pkt->family);
	if (pkt->family == 6)
		reply_sum_v6(ctx, 0, route != NULL);
	verdict = icmp_error_rewrite(ctx, pkt, &error->quote, &error->to);
	if (verdict != LB_UNDECIDED)
		return verdict;
	reply_leave(ctx, pkt, route);
	return LB_FORWARD_REPLY_ICMP_ERROR;
}

/* An error that is not about a request, or not to be trusted, is the host's business. */
LB_SUBPROGRAM int reply_icmp_error(lb_ctx *ctx, struct lb_packet *pkt, enum lb_hook hook)
{
	struct lb_error error = {};

	if (!pkt || quote_parse(ctx, pkt, &error.quote) != LB_UNDECIDED ||
	    !addr_equal(&error.quote.src, &pkt->dst) || !error_conn(pkt, &error))
		return LB_PASS_NOT_REPLY;
	return error_send(ctx, pkt, &error, hook);
}

/* ICMP of the packet's family. */
static __always_inline int reply_icmp(lb_ctx *ctx, struct lb_packet *pkt, enum lb_hook hook)
{
	struct lb_icmp *icmp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);

	if (pkt->l4_off + sizeof(*icmp) > pkt->l3_off + pkt->ip_len ||
	    (void *)(icmp + 1) > frame_end(ctx))
		return LB_PASS_NOT_REPLY;
	if (icmp_is_error(icmp->type, pkt->family))
		return reply_icmp_error(ctx, pkt, hook);
	if (!icmp_is_reply(icmp->type, pkt->family))
		return LB_PASS_NOT_REPLY;
	/* The identifier of a query stands for the client's port. */
	return reply_flow(ctx, pkt, tuple_tail(*(__be16 *)&icmp->rest, 0, IPPROTO_ICMP), hook);
}

#endif
