/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * nat: an ICMP error on its way to whom it concerns. Its outer address and the packet that it
 * quotes become those that the receiver knows, and with them every sum over them (RFC 3022
 * section 4.3, RFC 5508 section 4).
 */
#ifndef LB_ICMP_ERROR_H
#define LB_ICMP_ERROR_H

#include "quote.h"

enum lb_rewrite_end {
	LB_REWRITE_NONE,
	LB_REWRITE_SRC,
	LB_REWRITE_DST,
};

/* What is replaced. Addresses are as in struct lb_addr. */
struct lb_rewrite {
	__u64 outer_word[2];
	__u64 quoted_word[2];
	__be16 quoted_port; /* of the end that `quoted` says; an ICMP query's identifier stays */
	__u8 outer;         /* enum lb_rewrite_end */
	__u8 quoted;        /* enum lb_rewrite_end */
	__u8 pad[4];
};

/* The headers that are written to. */
struct lb_error_headers {
	void *ip; /* struct iphdr or struct ipv6hdr */
	struct lb_icmp *icmp;
	void *quoted; /* as ip */
	__be16 *ports;
	__u16 *l4_check; /* NULL: none covers the addresses, or it is not quoted */
};

/* Writes an address, and returns the change of sums over it. */
static __always_inline __u64 end_write_v4(struct iphdr *ip, __u8 end, const __u64 to[2])
{
	__be32 *at = end == LB_REWRITE_SRC ? &ip->saddr : &ip->daddr;
	__be32 addr = ((const __be32 *)to)[3];
	__u64 change = csum_change_v4(*at, addr);

	*at = addr;
	return change;
}

static __always_inline __u64 end_write_v6(struct ipv6hdr *ip6, __u8 end, const __u64 to[2])
{
	__u64 *at = (__u64 *)(end == LB_REWRITE_SRC ? &ip6->saddr : &ip6->daddr);
	__u64 change = csum_change_v6(at, to);

	at[0] = to[0];
	at[1] = to[1];
	return change;
}

/* Where the sum over ports and pseudo header is, from the start of the quoted L4 header. */
static __always_inline __u32 check_offset(const struct lb_quote *quote)
{
	switch (quote->protocol) {
	case IPPROTO_TCP:
		return __builtin_offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return __builtin_offsetof(struct udphdr, check);
	default:
		return __builtin_offsetof(struct lb_icmp, check);
	}
}

/* Returns 0 when one of them is not in the first buffer. */
static __always_inline int error_headers(lb_ctx *ctx, const struct lb_packet *pkt,
                                         const struct lb_quote *quote, __u8 family,
                                         struct lb_error_headers *hdr)
{
	void *end = frame_end(ctx);
	void *l4 = frame_data(ctx) + (quote->l4_off & LB_MAX_L4_OFF);

	hdr->ip = l3_header(ctx, pkt, l3_size(family));
	hdr->icmp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	hdr->quoted = hdr->icmp + 1;
	hdr->ports = l4;
	hdr->l4_check = NULL;
	if (!hdr->ip || hdr->quoted + l3_size(family) > end || l4 + LB_LEAST_QUOTED > end)
		return 0;
	if (family == 4 && quote->protocol == IPPROTO_ICMP)
		return 1;
	if (quote->l4_off + check_offset(quote) + sizeof(*hdr->l4_check) > quote->end)
		return 1;
	hdr->l4_check = l4 + check_offset(quote);
	return (void *)(hdr->l4_check + 1) <= end;
}

/* A sum that changes is itself in the message. */
static __always_inline __u64 change_of_check(__u16 before, __u16 after)
{
	return (__u64)(__u16)~before + after;
}

/* The quoted transport header; `change` is the address's. Returns what it changes itself. */
static __always_inline __u64 quoted_l4_write(const struct lb_error_headers *hdr,
                                             const struct lb_quote *quote,
                                             const struct lb_rewrite *to, __u64 change)
{
	__be16 *port = to->quoted == LB_REWRITE_SRC ? hdr->ports : hdr->ports + 1;
	__u64 own = 0;
	__u16 before;

	if (quote->protocol != IPPROTO_ICMP) {
		own = change_of_check(*port, to->quoted_port);
		*port = to->quoted_port;
	}
	if (!hdr->l4_check)
		return own;
	before = *hdr->l4_check;
	if (quote->protocol == IPPROTO_UDP)
		csum_apply_udp(hdr->l4_check, change + own);
	else
		csum_apply(hdr->l4_check, change + own);
	return own + change_of_check(before, *hdr->l4_check);
}

static __always_inline int icmp_error_write_v4(lb_ctx *ctx, const struct lb_packet *pkt,
                                               const struct lb_quote *quote,
                                               const struct lb_rewrite *to)
{
	struct lb_error_headers hdr;
	struct iphdr *ip, *quoted;
	__u64 change;

	if (!error_headers(ctx, pkt, quote, 4, &hdr))
		return LB_DROP_MALFORMED;
	ip = hdr.ip;
	quoted = hdr.quoted;
	if (to->outer != LB_REWRITE_NONE)
		csum_apply(&ip->check, end_write_v4(ip, to->outer, to->outer_word));
	if (to->quoted != LB_REWRITE_NONE) {
		change = end_write_v4(quoted, to->quoted, to->quoted_word);
		/* The quoted header's own sum takes up the address: the message's does not change by it. */
		csum_apply(&quoted->check, change);
		csum_apply(&hdr.icmp->check, quoted_l4_write(&hdr, quote, to, change));
	}
	return LB_UNDECIDED;
}

/* The pseudo header puts the outer addresses too into the message's sum. */
static __always_inline int icmp_error_write_v6(lb_ctx *ctx, const struct lb_packet *pkt,
                                               const struct lb_quote *quote,
                                               const struct lb_rewrite *to)
{
	struct lb_error_headers hdr;
	__u64 change = 0, quoted;

	if (!error_headers(ctx, pkt, quote, 6, &hdr))
		return LB_DROP_MALFORMED;
	if (to->outer != LB_REWRITE_NONE)
		change = end_write_v6(hdr.ip, to->outer, to->outer_word);
	if (to->quoted != LB_REWRITE_NONE) {
		quoted = end_write_v6(hdr.quoted, to->quoted, to->quoted_word);
		change += quoted + quoted_l4_write(&hdr, quote, to, quoted);
	}
	csum_apply(&hdr.icmp->check, change);
	return LB_UNDECIDED;
}

/*
 * quote: what quote_parse() has made of this packet. Writes all or nothing. Returns
 * LB_UNDECIDED, or a verdict that drops the packet. TTL and MACs are left to the caller.
 */
LB_XDP_INLINE int icmp_error_rewrite(lb_ctx *ctx, struct lb_packet *pkt, struct lb_quote *quote,
                                     struct lb_rewrite *to)
{
	if (!pkt || !quote || !to)
		return LB_DROP_MALFORMED;
	return quote->family == 4 ? icmp_error_write_v4(ctx, pkt, quote, to)
	                          : icmp_error_write_v6(ctx, pkt, quote, to);
}

#endif
