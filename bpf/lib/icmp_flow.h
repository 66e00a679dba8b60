/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP to a VIP: queries of services that have them, and errors about what reals have sent. */
#ifndef LB_ICMP_FLOW_H
#define LB_ICMP_FLOW_H

#include "flow.h"
#include "icmp.h"
#include "icmp_error.h"
#include "quote.h"

/* A query to a VIP; pkt->key becomes its flow's if a service serves queries. Returns whether one does. */
static __always_inline int query_has_service(struct lb_packet *pkt, const struct lb_icmp *icmp)
{
	const struct lb_settings *set = settings_get();
	__u64 tail = key_tail(pkt->key.vip, IPPROTO_ICMP, 0);

	if (!set)
		return 0;
	pkt->key_word[2] = tail;
	if (!service_on(pkt, 0, set->era))
		return 0;
	/* The identifier lies where a client port would: the first two bytes behind the checksum. */
	pkt->key.client_port = *(const __be16 *)&icmp->rest;
	return 1;
}

/* Its choice depends on nothing but the flow and the ring. */
static __always_inline int scheduler_is_stateless(__u8 scheduler)
{
	return scheduler == LB_SCHED_MH || scheduler == LB_SCHED_SH || scheduler == LB_SCHED_DH;
}

/* The destination that sent what an error is about: by its conn, else by a stateless hash; a verdict if there is none. */
static __always_inline int quoted_dest(struct lb_packet *pkt, const struct lb_dest **dest,
                                       __u32 *dest_id)
{
	const struct lb_settings *set = settings_get();
	const struct lb_service *service;
	struct lb_flow flow;

	if (!set)
		return LB_PASS_ICMP;
	flow_find(pkt, set, &flow);
	if (flow.dest) {
		*dest = flow.dest;
		*dest_id = conn_dest(conn_at(&flow.place)).dest;
		mac_copy(pkt->mac, conn_at(&flow.place)->mac);
		return conn_is_still(conn_at(&flow.place), flow.place.life) ? LB_UNDECIDED
		                                                            : LB_DROP_ICMP_NO_CONN;
	}
	service = service_lookup(pkt, set->era);
	if (!service)
		return LB_PASS_ICMP;
	if (pkt->gone || !scheduler_is_stateless(service->scheduler))
		return LB_DROP_ICMP_NO_CONN;
	*dest_id = sched_ring(service, pkt);
	*dest = dest_lookup(*dest_id);
	return *dest ? LB_UNDECIDED : LB_DROP_ICMP_NO_CONN;
}

/* pkt->key becomes that of the flow whose reply is quoted; 0 when what is quoted is no reply of the VIP. */
static __always_inline int quote_to_key(struct lb_packet *pkt, const struct lb_quote *quote)
{
	__u32 ports = quote->ports << 16 | quote->ports >> 16;

	if (!addr_equal(&quote->src, &pkt->dst))
		return 0;
	/* A query of the host's own, with the VIP as its source, is none of ours. */
	if (quote->protocol == IPPROTO_ICMP && !icmp_is_reply(quote->icmp_type, quote->family))
		return 0;
	/* The client is whom the reply went to. ICMP queries have their identifier as client port, and no other. */
	if (quote->protocol == IPPROTO_ICMP)
		ports &= bpf_htonl(0xffff0000);
	pkt->key_word[0] = quote->dst_word[0];
	pkt->key_word[1] = quote->dst_word[1];
	pkt->key_word[2] = key_tail(pkt->key.vip, quote->protocol, ports);
	return 1;
}

static __always_inline int icmp_error_send(struct xdp_md *ctx, struct lb_packet *pkt, __u8 family)
{
	const struct lb_dest *dest;
	struct lb_quote quote = {};
	struct lb_headers hdr;
	__u32 dest_id = LB_NO_DEST;
	int verdict;

	verdict = quote_parse(ctx, pkt, &quote);
	if (verdict != LB_UNDECIDED)
		return verdict;
	if (!quote_to_key(pkt, &quote))
		return LB_PASS_ICMP;
	explain(LB_STEP_QUOTED, 0);
	verdict = quoted_dest(pkt, &dest, &dest_id);
	if (verdict != LB_UNDECIDED)
		return verdict;
	if (!headers_get_as(ctx, pkt, &hdr, family))
		return LB_DROP_ICMP_NO_CONN;
	explain(LB_STEP_DEST, dest_id);
	/* The conn's first packet has had the MAC looked up already. */
	if (!mac_equal(hdr.eth->dest, pkt->mac) && !frame_is_ours(ctx))
		return LB_PASS_OTHER_HOST;
	verdict = fwd_prepare(pkt, &hdr, dest, family, ctx->ingress_ifindex);
	if (verdict != LB_UNDECIDED)
		return verdict;
	if (dest->forward == LB_FORWARD_NAT) {
		struct lb_rewrite to = {
			.outer = LB_REWRITE_DST,
			.quoted = LB_REWRITE_SRC,
			.quoted_port = dest_port(dest, pkt->key.port),
		};

		addr_words(to.outer_word, &dest->addr);
		addr_words(to.quoted_word, &dest->addr);
		verdict = icmp_error_rewrite(ctx, pkt, &quote, &to);
		if (verdict != LB_UNDECIDED)
			return verdict;
	}
	if (!headers_get_as(ctx, pkt, &hdr, family))
		return LB_DROP_MALFORMED;
	fwd_link(&hdr, dest, family);
	return LB_FORWARD_ICMP_ERROR;
}

/*
 * An ICMP error to a VIP is about a reply: it goes to the real that sent that. Matched by what it
 * quotes, never by its own header (RFC 792, RFC 4443 section 3).
 */
LB_SUBPROGRAM int icmp_error_to_real(struct xdp_md *ctx, struct lb_packet *pkt)
{
	int verdict;

	if (!pkt)
		return LB_PASS_ICMP;
	verdict = pkt->family == 4 ? icmp_error_send(ctx, pkt, 4) : icmp_error_send(ctx, pkt, 6);
	/* Another director's frames are not ours to drop. */
	return verdict >= LB_PASS_NOT_IP && !frame_is_ours(ctx) ? LB_PASS_OTHER_HOST : verdict;
}

#endif
