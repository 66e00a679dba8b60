/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From a frame to addresses, protocol and ports. Lengths come from the IP header and are
 * checked against the frame, never taken from it: Ethernet pads.
 *
 * Functions return LB_UNDECIDED or the verdict that ends the packet's way.
 */
#ifndef LB_PARSE_H
#define LB_PARSE_H

#include <linux/tcp.h>
#include <linux/udp.h>
#include "packet.h"

#ifndef ETH_P_8021AD
#define ETH_P_8021AD 0x88A8
#endif

#define LB_MAX_VLANS      2
#define LB_MAX_EXTENSIONS 8
#define LB_MAX_L4_OFF     0x3fff /* what the verifier accepts as a packet offset, with room */

#define IP_FRAGMENT       bpf_htons(0x3fff) /* more-fragments flag and offset */
#define IP_OFFSET         bpf_htons(0x1fff)
#define IP6_FRAGMENT      bpf_htons(0xfff9) /* offset and more-fragments flag */
#define IP6_OFFSET        bpf_htons(0xfff8)

struct lb_vlan_header {
	__be16 tci;
	__be16 proto;
};

struct lb_ip6_extension {
	__u8 next;
	__u8 len;        /* in 8 bytes without the first 8; AH: in 4 bytes without the first 8 */
	__be16 fragment; /* fragment header: offset and flags */
	__u32 rest;      /* fragment header: identification */
};

/* Ethernet and up to two VLAN tags. Returns the EtherType (__be16) behind them, -1 when they are cut off. */
static __always_inline int parse_ethernet(const lb_ctx *ctx, struct lb_packet *pkt)
{
	void *end = frame_end(ctx);
	struct lb_eth *eth = frame_data(ctx);
	struct lb_vlan_header *vlan = (void *)(eth + 1);
	__be16 proto;
	int i;

	if ((void *)(eth + 1) > end)
		return -1;
	proto = eth->proto;
	for (i = 0; i < LB_MAX_VLANS; i++) {
		if (proto != bpf_htons(ETH_P_8021Q) && proto != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(vlan + 1) > end)
			return -1;
		proto = vlan->proto;
		vlan++;
	}
	pkt->l3_off = (void *)vlan - frame_data(ctx);
	return proto;
}

/* A header lies behind the frame's first buffer, or is not there at all. */
LB_SUBPROGRAM int verdict_of_short(lb_ctx *ctx)
{
	__u64 linear = frame_end(ctx) - frame_data(ctx);

	return frame_length(ctx) > linear ? LB_DROP_NOT_LINEAR : LB_DROP_MALFORMED;
}

/* Does the frame hold the whole IP packet? */
static __always_inline int frame_holds(lb_ctx *ctx, const struct lb_packet *pkt)
{
	__u32 needed = pkt->l3_off + pkt->ip_len;

	/* Frames with more than one buffer are rare; the helper call is for them. */
	return needed <= frame_end(ctx) - frame_data(ctx) || needed <= frame_length(ctx);
}

/* IPv4 behind its fixed part, for a VIP: options, lengths, fragments (RFC 791). */
static __always_inline int parse_ipv4_rest(lb_ctx *ctx, struct lb_packet *pkt,
                                           const struct iphdr *ip)
{
	__u32 header_len = ip->ihl * 4;

	pkt->ip_len = bpf_ntohs(ip->tot_len);
	pkt->l4_off = pkt->l3_off + header_len;
	if (pkt->ip_len < header_len || !frame_holds(ctx, pkt))
		return LB_DROP_MALFORMED;
	if (ip->frag_off & IP_FRAGMENT) {
		pkt->fragment = ip->frag_off & IP_OFFSET ? LB_FRAGMENT_LATER : LB_FRAGMENT_FIRST;
		pkt->fragment_id = ip->id;
	}
	pkt->protocol = ip->protocol;
	words_from_v4(pkt->key_word, ip->saddr);
	return LB_UNDECIDED;
}

/* A walk along IPv6 extension headers. */
struct lb_walk {
	__u32 offset;      /* of the next header, in the frame */
	__u32 end;         /* of the IP packet */
	__u32 fragment_id; /* when fragment says so */
	__u8 protocol;     /* of the next header */
	__u8 fragment;     /* enum lb_fragment_part */
	__u8 pad[2];
};

static __always_inline int is_extension(__u8 protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_AH ||
	       protocol == IPPROTO_FRAGMENT;
}

/* What nearly all packets have behind the IPv6 header: no reason for a walk. */
static __always_inline int is_known_upper_layer(__u8 protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_ICMPV6;
}

/* Steps over one header. Returns its length. */
static __always_inline __u32 walk_step(struct lb_walk *walk, const struct lb_ip6_extension *header)
{
	if (walk->protocol == IPPROTO_AH)
		return (header->len + 2) * 4;
	if (walk->protocol != IPPROTO_FRAGMENT)
		return (header->len + 1) * 8;
	if (header->fragment & IP6_FRAGMENT) {
		walk->fragment_id = header->rest;
		walk->fragment =
			header->fragment & IP6_OFFSET ? LB_FRAGMENT_LATER : LB_FRAGMENT_FIRST;
	}
	return sizeof(*header);
}

/*
 * Walks extension headers (RFC 8200 section 4) to the upper layer's header, or to what is behind the
 * fragment header of a later fragment; an atomic fragment (RFC 6946) is no fragment.
 */
LB_SUBPROGRAM int walk_extensions(lb_ctx *ctx, struct lb_walk *walk)
{
	int i;

	if (!walk)
		return LB_DROP_MALFORMED;
		/* Unrolled: Linux 6.1 refuses a loop whose end clang lets fall through to its start. */
#pragma unroll
	for (i = 0; i <= LB_MAX_EXTENSIONS; i++) {
		struct lb_ip6_extension *header;
		__u32 offset = walk->offset;

		if (!is_extension(walk->protocol) || walk->fragment == LB_FRAGMENT_LATER)
			return LB_UNDECIDED;
		if (i == LB_MAX_EXTENSIONS || offset > LB_MAX_L4_OFF ||
		    offset + sizeof(*header) > walk->end)
			return LB_DROP_MALFORMED;
		header = frame_data(ctx) + offset;
		if ((void *)(header + 1) > frame_end(ctx))
			return verdict_of_short(ctx);
		walk->offset = offset + walk_step(walk, header);
		if (walk->offset > walk->end)
			return LB_DROP_MALFORMED;
		walk->protocol = header->next;
	}
	return LB_DROP_MALFORMED;
}

/* The same for a packet that has headers between pkt->l4_off and its upper layer. */
LB_SUBPROGRAM int parse_ipv6_extensions(lb_ctx *ctx, struct lb_packet *pkt)
{
	struct lb_walk walk = {};
	int verdict;

	if (!pkt)
		return LB_DROP_MALFORMED;
	walk.offset = pkt->l4_off;
	walk.end = pkt->l3_off + pkt->ip_len;
	walk.protocol = pkt->protocol;
	verdict = walk_extensions(ctx, &walk);
	pkt->l4_off = walk.offset;
	pkt->protocol = walk.protocol;
	pkt->fragment = walk.fragment;
	pkt->fragment_id = walk.fragment_id;
	return verdict;
}

/* IPv6 behind its destination address, for a VIP. */
static __always_inline int parse_ipv6_rest(lb_ctx *ctx, struct lb_packet *pkt,
                                           const struct ipv6hdr *ip6)
{
	pkt->ip_len = sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	pkt->l4_off = pkt->l3_off + sizeof(*ip6);
	if (!frame_holds(ctx, pkt))
		return LB_DROP_MALFORMED;
	pkt->protocol = ip6->nexthdr;
	words_from_v6(pkt->key_word, &ip6->saddr);
	return is_known_upper_layer(ip6->nexthdr) ? LB_UNDECIDED : parse_ipv6_extensions(ctx, pkt);
}

/*
 * Ports and flags of TCP (RFC 9293) and UDP (RFC 768); other protocols are left alone, and so
 * are fragments after the first. The headers must be whole in the first one (RFC 7112 says so
 * for IPv6; a TCP header cut in two is an attack, RFC 3128).
 */
static __always_inline int parse_l4(lb_ctx *ctx, struct lb_packet *pkt)
{
	__u32 ip_end = pkt->l3_off + pkt->ip_len;
	__u32 room = ip_end - pkt->l4_off;
	void *l4 = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);

	if (pkt->l4_off > ip_end || pkt->l4_off > LB_MAX_L4_OFF)
		return LB_DROP_MALFORMED;
	if (pkt->fragment == LB_FRAGMENT_LATER)
		return LB_UNDECIDED;
	if (pkt->protocol == IPPROTO_TCP) {
		struct tcphdr *tcp = l4;

		if (room < sizeof(*tcp))
			return LB_DROP_MALFORMED;
		if ((void *)(tcp + 1) > frame_end(ctx))
			return verdict_of_short(ctx);
		if (tcp->doff < 5 || tcp->doff * 4 > room)
			return LB_DROP_MALFORMED;
		pkt->key_word[2] = key_tail(pkt->key.vip, IPPROTO_TCP, *(__u32 *)tcp);
		pkt->tcp_flags = ((__u8 *)tcp)[13];
	} else if (pkt->protocol == IPPROTO_UDP) {
		struct udphdr *udp = l4;

		if (room < sizeof(*udp))
			return LB_DROP_MALFORMED;
		if ((void *)(udp + 1) > frame_end(ctx))
			return verdict_of_short(ctx);
		if (bpf_ntohs(udp->len) < sizeof(*udp) ||
		    (bpf_ntohs(udp->len) > room && pkt->fragment == LB_NO_FRAGMENT))
			return LB_DROP_MALFORMED;
		pkt->key_word[2] = key_tail(pkt->key.vip, IPPROTO_UDP, *(__u32 *)udp);
	}
	return LB_UNDECIDED;
}

#endif
