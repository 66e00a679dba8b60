/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The packet that an ICMP error quotes (RFC 792, RFC 1812 section 4.3.2.3, RFC 4443 section 2.4).
 * It tells what the error is about: the outer header only says who complains.
 */
#ifndef LB_QUOTE_H
#define LB_QUOTE_H

#include "csum_range.h"
#include "icmp.h"

#define LB_LEAST_QUOTED      8  /* bytes behind the quoted IP header (RFC 792) */
#define LB_LEAST_ERROR_V4    36 /* bytes of an error that quotes so much of IPv4 */
#define LB_LEAST_ERROR_V6    56
#define LB_QUOTE_BEFORE_MORE 128 /* the least that is quoted when something follows (RFC 4884) */

struct lb_quote {
	union {
		struct lb_addr src;
		__u64 src_word[2];
	};
	union {
		struct lb_addr dst;
		__u64 dst_word[2];
	};
	union {
		struct {
			__be16 sport; /* ICMP query: both are its identifier */
			__be16 dport;
		};
		__u32 ports; /* as they lie in the TCP or UDP header */
	};
	__u32 l3_off; /* of the quoted IP header, in the frame */
	__u32 l4_off;
	__u32 end;      /* of what is quoted: at least 8 bytes behind l4_off */
	__u8 protocol;  /* TCP, UDP, or IPPROTO_ICMP for both families, as in conn keys */
	__u8 family;    /* 4 or 6, also of the error */
	__u8 icmp_type; /* ICMP: of the quoted query, see icmp_is_request() */
	__u8 pad;
};

/*
 * Whether all of the frame up to `end` can be read. In TC a buffer in pieces is put together,
 * and with that pointers into the packet lose their meaning.
 */
static __always_inline int quote_is_linear(lb_ctx *ctx, __u32 end)
{
	if (end <= frame_end(ctx) - frame_data(ctx))
		return 1;
#ifdef LB_TC
	return !bpf_skb_pull_data(ctx, end) && end <= frame_end(ctx) - frame_data(ctx);
#else
	return 0;
#endif
}

/* The sum of an error of `length` bytes: first of what the shortest error has that can be matched. */
static __always_inline __u64 quote_message_sum(lb_ctx *ctx, const struct lb_packet *pkt,
                                               __u32 length, __u8 family)
{
	const __u32 *word = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	__u32 least = family == 4 ? LB_LEAST_ERROR_V4 : LB_LEAST_ERROR_V6, i;
	__u64 sum = 0;

	if (length < least || (void *)word + least > frame_end(ctx))
		return csum_range(ctx, pkt->l4_off, length);
		/* Of a loop whose length depends on an argument, clang would leave a part. */
#pragma unroll
	for (i = 0; i < LB_LEAST_ERROR_V4 / 4; i++)
		sum += word[i];
	if (family == 6)
#pragma unroll
		for (i = LB_LEAST_ERROR_V4 / 4; i < LB_LEAST_ERROR_V6 / 4; i++)
			sum += word[i];
	return length == least ? sum : sum + csum_range(ctx, pkt->l4_off + least, length - least);
}

/* The sums of the IP header, if it has one, and of the ICMP message. */
static __always_inline int quote_outer_sums_right(lb_ctx *ctx, const struct lb_packet *pkt,
                                                  __u32 length, __u8 family)
{
	__u64 sum = quote_message_sum(ctx, pkt, length, family);
	void *l3 = l3_header(ctx, pkt, l3_size(family));

	if (!l3)
		return 0;
	if (family == 6)
		return csum_fold64(sum + csum_pseudo(l3, 6, IPPROTO_ICMPV6, length)) == 0xffff;
	return csum_fold64(sum) == 0xffff &&
	       csum_fold64(csum_ipv4(l3, frame_end(ctx), pkt->l4_off - pkt->l3_off)) == 0xffff;
}

/*
 * RFC 4884 section 4.4: how much of an ICMPv6 error is the quoted packet, when something else
 * follows it; otherwise 0. That the quote then has 128 bytes at least is more than all the
 * headers of IPv4 together, so that there nobody has to ask.
 */
static __always_inline __u32 quote_length_v6(const struct lb_icmp *icmp)
{
	__u32 length = *(const __u8 *)&icmp->rest * 8;

	if (icmp->type != ICMPV6_DEST_UNREACH && icmp->type != ICMPV6_TIME_EXCEED)
		return 0;
	return length < LB_QUOTE_BEFORE_MORE ? 0 : length;
}

/* The quoted packet ends by its own length if not before, since what follows is not its own. */
static __always_inline void quote_set_end(struct lb_quote *quote, __u32 ip_len)
{
	if (quote->end - quote->l3_off > ip_len)
		quote->end = quote->l3_off + ip_len;
}

static __always_inline int quote_parse_v4(lb_ctx *ctx, struct lb_quote *quote)
{
	struct iphdr *ip = frame_data(ctx) + (quote->l3_off & LB_MAX_L4_OFF);
	__u32 header_len;

	if ((void *)(ip + 1) > frame_end(ctx) || quote->l3_off + sizeof(*ip) > quote->end)
		return LB_DROP_MALFORMED;
	header_len = ip->ihl * 4;
	if (ip->version != 4 || header_len < sizeof(*ip) || quote->l3_off + header_len > quote->end)
		return LB_DROP_MALFORMED;
	if (csum_fold64(csum_ipv4(ip, frame_end(ctx), header_len)) != 0xffff)
		return LB_DROP_ICMP_CHECKSUM;
	quote_set_end(quote, bpf_ntohs(ip->tot_len));
	if (ip->frag_off & IP_OFFSET)
		return LB_DROP_ICMP_NO_CONN;
	words_from_v4(quote->src_word, ip->saddr);
	words_from_v4(quote->dst_word, ip->daddr);
	quote->protocol = ip->protocol;
	quote->l4_off = quote->l3_off + header_len;
	return LB_UNDECIDED;
}

/* Extension headers, by the walk that every packet's are walked by. */
static __always_inline int quote_parse_extensions(lb_ctx *ctx, struct lb_quote *quote)
{
	struct lb_walk walk = {
		.offset = quote->l4_off,
		.end = quote->end,
		.protocol = quote->protocol,
	};
	int verdict = walk_extensions(ctx, &walk);

	if (verdict != LB_UNDECIDED)
		return verdict;
	quote->protocol = walk.protocol;
	quote->l4_off = walk.offset;
	return walk.fragment == LB_FRAGMENT_LATER ? LB_DROP_ICMP_NO_CONN : LB_UNDECIDED;
}

static __always_inline int quote_parse_v6(lb_ctx *ctx, struct lb_quote *quote)
{
	struct ipv6hdr *ip6 = frame_data(ctx) + (quote->l3_off & LB_MAX_L4_OFF);

	if ((void *)(ip6 + 1) > frame_end(ctx) || quote->l3_off + sizeof(*ip6) > quote->end ||
	    ip6->version != 6)
		return LB_DROP_MALFORMED;
	quote_set_end(quote, sizeof(*ip6) + bpf_ntohs(ip6->payload_len));
	words_from_v6(quote->src_word, &ip6->saddr);
	words_from_v6(quote->dst_word, &ip6->daddr);
	quote->protocol = ip6->nexthdr;
	quote->l4_off = quote->l3_off + sizeof(*ip6);
	return is_known_upper_layer(quote->protocol) ? LB_UNDECIDED
	                                             : quote_parse_extensions(ctx, quote);
}

/* Ports, or the identifier of a query, in the 8 bytes that every quote has. */
static __always_inline int quote_parse_l4(lb_ctx *ctx, struct lb_quote *quote, __u8 family)
{
	struct lb_icmp *l4 = frame_data(ctx) + (quote->l4_off & LB_MAX_L4_OFF);
	__u8 icmp = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;

	if (quote->protocol != IPPROTO_TCP && quote->protocol != IPPROTO_UDP &&
	    quote->protocol != icmp)
		return LB_DROP_ICMP_NO_CONN;
	if (quote->l4_off + LB_LEAST_QUOTED > quote->end || (void *)(l4 + 1) > frame_end(ctx))
		return LB_DROP_MALFORMED;
	if (quote->protocol != icmp) {
		quote->ports = *(__u32 *)l4;
		return LB_UNDECIDED;
	}
	quote->protocol = IPPROTO_ICMP;
	quote->icmp_type = l4->type;
	quote->sport = quote->dport = *(__be16 *)&l4->rest;
	return icmp_is_request(l4->type, family) || icmp_is_reply(l4->type, family)
	               ? LB_UNDECIDED
	               : LB_DROP_ICMP_NO_CONN;
}

static __always_inline int quote_parse_as(lb_ctx *ctx, const struct lb_packet *pkt,
                                          struct lb_quote *quote, __u8 family)
{
	__u32 end = pkt->l3_off + pkt->ip_len, length;
	struct lb_icmp *icmp;
	int verdict;

	if (!quote_outer_sums_right(ctx, pkt, end - pkt->l4_off, family))
		return LB_DROP_ICMP_CHECKSUM;
	icmp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	if ((void *)(icmp + 1) > frame_end(ctx))
		return LB_DROP_MALFORMED;
	quote->family = family;
	quote->l3_off = pkt->l4_off + sizeof(*icmp);
	quote->end = end;
	if (family == 4) {
		verdict = quote_parse_v4(ctx, quote);
	} else {
		length = quote_length_v6(icmp);
		if (length)
			quote_set_end(quote, length);
		verdict = quote_parse_v6(ctx, quote);
	}
	return verdict != LB_UNDECIDED ? verdict : quote_parse_l4(ctx, quote, family);
}

/*
 * pkt: a packet with an ICMP error at l4_off. Verifies all sums that it holds whole, and fills
 * `quote`. Returns LB_UNDECIDED, or LB_DROP_ICMP_CHECKSUM, LB_DROP_MALFORMED (less than 8 bytes
 * of the quoted transport header), LB_DROP_ICMP_NO_CONN (quotes what no conn can be found by),
 * LB_DROP_NOT_LINEAR or LB_DROP_FRAGMENT. Pointers into the packet are to be made anew.
 */
LB_XDP_INLINE int quote_parse(lb_ctx *ctx, struct lb_packet *pkt, struct lb_quote *quote)
{
	__u32 end;

	if (!pkt || !quote)
		return LB_DROP_MALFORMED;
	if (pkt->fragment != LB_NO_FRAGMENT)
		return LB_DROP_FRAGMENT;
	end = pkt->l3_off + pkt->ip_len;
	if (pkt->l4_off + sizeof(struct lb_icmp) > end || end > LB_MAX_L4_OFF)
		return LB_DROP_MALFORMED;
	if (!quote_is_linear(ctx, end))
		return verdict_of_short(ctx);
	return pkt->family == 4 ? quote_parse_as(ctx, pkt, quote, 4)
	                        : quote_parse_as(ctx, pkt, quote, 6);
}

#endif
