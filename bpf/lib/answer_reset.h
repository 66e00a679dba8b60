/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* TCP resets that we make (RFC 9293 section 3.5.2, group 1). */
#ifndef LB_ANSWER_RESET_H
#define LB_ANSWER_RESET_H

#include "answer_frame.h"
#include "tcp_state.h"

struct lb_reset_v4 {
	struct iphdr ip;
	struct tcphdr tcp;
};

struct lb_reset_v6 {
	struct ipv6hdr ip;
	struct tcphdr tcp;
};

/* What a reset says. In wire order. */
struct lb_reset {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__be16 flags; /* with the data offset */
};

/* Returns 0 when there is to be none. */
static __always_inline int reset_fill(lb_ctx *ctx, const struct lb_packet *pkt,
                                      struct lb_reset *reset)
{
	const struct tcphdr *tcp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	__u32 length = pkt->l3_off + pkt->ip_len - pkt->l4_off;

	if (pkt->protocol != IPPROTO_TCP || pkt->fragment != LB_NO_FRAGMENT ||
	    (void *)(tcp + 1) > frame_end(ctx) || tcp->rst)
		return 0;
	reset->source = tcp->dest;
	reset->dest = tcp->source;
	if (tcp->ack) {
		reset->seq = tcp->ack_seq;
		reset->ack_seq = 0;
		reset->flags = bpf_htons(sizeof(*tcp) / 4 << 12 | LB_TCP_RST);
	} else {
		reset->seq = 0;
		reset->ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + length - tcp->doff * 4 + tcp->syn +
		                           tcp->fin);
		reset->flags = bpf_htons(sizeof(*tcp) / 4 << 12 | LB_TCP_RST | LB_TCP_ACK);
	}
	return 1;
}

/* `pseudo`: the sum of the pseudo header, RFC 9293 section 3.1. */
static __always_inline void reset_write_tcp(struct tcphdr *tcp, const struct lb_reset *reset,
                                            __u64 pseudo)
{
	const __u32 *word = (const __u32 *)tcp;

	tcp->source = reset->source;
	tcp->dest = reset->dest;
	tcp->seq = reset->seq;
	tcp->ack_seq = reset->ack_seq;
	((__be16 *)tcp)[6] = reset->flags;
	tcp->window = 0;
	tcp->check = 0;
	tcp->urg_ptr = 0;
	tcp->check = ~csum_fold64(pseudo + word[0] + word[1] + word[2] + word[3]);
}

static __always_inline int reset_write(lb_ctx *ctx, const struct lb_packet *pkt,
                                       const struct lb_reset *reset)
{
	if (!answer_ethernet(ctx, pkt, 0))
		return 0;
	if (pkt->family == 4) {
		struct lb_reset_v4 *out = l3_header(ctx, pkt, sizeof(*out));

		if (!out)
			return 0;
		answer_ipv4(&out->ip, &out->ip, IPPROTO_TCP, sizeof(*out));
		reset_write_tcp(&out->tcp, reset,
		                (__u64)out->ip.saddr + out->ip.daddr + bpf_htons(sizeof(out->tcp)) +
		                        bpf_htons(IPPROTO_TCP));
		return 1;
	}
	struct lb_reset_v6 *out = l3_header(ctx, pkt, sizeof(*out));

	if (!out)
		return 0;
	answer_ipv6(&out->ip, &out->ip, IPPROTO_TCP, sizeof(out->tcp));
	reset_write_tcp(&out->tcp, reset, answer_pseudo_v6(&out->ip));
	return 1;
}

/*
 * Turns a TCP segment that parse.h has accepted into a reset to its sender, without options or
 * data. Returns `sent`, or `withheld` with the packet as it was; a reset is not answered, nor is a fragment.
 */
LB_SUBPROGRAM int answer_reset(lb_ctx *ctx, struct lb_packet *pkt, int sent, int withheld)
{
	struct lb_reset reset;
	__u32 length;

	if (!pkt)
		return LB_DROP_MALFORMED;
	if (!reset_fill(ctx, pkt, &reset) || !ingress_interface(ctx) || !answer_allowed(ctx, pkt))
		return withheld;
	length = pkt->family == 4 ? sizeof(struct lb_reset_v4) : sizeof(struct lb_reset_v6);
	if (bpf_xdp_adjust_tail(ctx, (int)(pkt->l3_off + length) - (int)frame_length(ctx)))
		return withheld;
	return reset_write(ctx, pkt, &reset) ? sent : LB_DROP_MALFORMED;
}

#endif
