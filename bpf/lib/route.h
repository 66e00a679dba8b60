/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TC: the host's way to a client, from its own routes (bpf_skb_fib_lookup() in
 * net/core/filter.c), and out by it. The kernel finds the neighbour's MAC.
 */
#ifndef LB_ROUTE_H
#define LB_ROUTE_H

#include <linux/pkt_cls.h>
#include "packet.h"
#include "parse.h"

/* sys/socket.h is the C library's. */
#define AF_INET            2
#define AF_INET6           10

#define IP_DONT_FRAGMENT   bpf_htons(0x4000)
#define IP6_CLASS_AND_FLOW bpf_htonl(0x0fffffff)
#define LB_MAX_TAGS        (LB_MAX_VLANS + 1) /* in the frame, and one beside it */

enum lb_way {
	LB_WAY_OUT,     /* by an interface */
	LB_WAY_HOST,    /* by the host's own stack: to the host itself, or in fragments */
	LB_WAY_TOO_BIG, /* exceeds the MTU of the way out */
	LB_WAY_NONE,    /* there is none */
};

/* IP and transport headers of each packet that a GSO packet will be cut into. */
static __always_inline __u32 gso_headers(const lb_ctx *ctx, const struct lb_packet *pkt)
{
	struct tcphdr *tcp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	__u32 l3_len = pkt->l4_off - pkt->l3_off;

	if (pkt->protocol != IPPROTO_TCP)
		return l3_len + sizeof(struct udphdr);
	return (void *)(tcp + 1) <= frame_end(ctx) ? l3_len + tcp->doff * 4 : l3_len;
}

/* Bytes of IP that the way out has to carry at once. */
static __always_inline __u32 route_length(const lb_ctx *ctx, const struct lb_packet *pkt,
                                          __u32 gso_size)
{
	return gso_size ? gso_headers(ctx, pkt) + gso_size : pkt->ip_len;
}

/* TOS; or traffic class and flow label, as they lie in the header. */
static __always_inline __be32 route_flow(const struct lb_headers *hdr, __u8 family)
{
	if (family == 4)
		return ((struct iphdr *)hdr->l3)->tos;
	return *(__be32 *)hdr->l3 & IP6_CLASS_AND_FLOW;
}

static __always_inline void route_question(lb_ctx *ctx, const struct lb_packet *pkt,
                                           const struct lb_headers *hdr, const struct lb_addr *src,
                                           __u32 length, __u8 family, struct bpf_fib_lookup *fib)
{
	int i;

	fib->l4_protocol = pkt->protocol;
	fib->tot_len = length > 0xffff ? 0xffff : length;
	fib->ifindex = ctx->ifindex;
	if (family == 4) {
		fib->family = AF_INET;
		fib->tos = route_flow(hdr, family);
		fib->ipv4_src = src->word[3];
		fib->ipv4_dst = pkt->dst.word[3];
		return;
	}
	fib->family = AF_INET6;
	fib->flowinfo = route_flow(hdr, family);
#pragma unroll
	for (i = 0; i < 4; i++) {
		fib->ipv6_src[i] = src->word[i];
		fib->ipv6_dst[i] = pkt->dst.word[i];
	}
}

/* Can the packet leave by it? The neighbour's MAC cannot be put in front of tags within the frame. */
static __always_inline int route_carries(const lb_ctx *ctx, const struct lb_packet *pkt,
                                         const struct lb_route *route)
{
	return route->ifindex != ctx->ifindex || pkt->l3_off == sizeof(struct lb_eth);
}

static __always_inline void route_answer(const struct bpf_fib_lookup *fib, struct lb_route *route)
{
	int i;

	route->ifindex = fib->ifindex;
	/* The MTU, or without a neighbour's MAC what was asked for. */
	route->fits = fib->mtu_result;
	route->next_family = fib->family;
#pragma unroll
	for (i = 0; i < 4; i++)
		route->next_hop[i] = fib->ipv6_dst[i];
}

/*
 * The way to pkt->dst of `length` bytes of IP that will leave with `src` as their source; fills route for
 * LB_WAY_OUT.
 */
static __always_inline enum lb_way route_find(lb_ctx *ctx, const struct lb_packet *pkt,
                                              const struct lb_headers *hdr,
                                              const struct lb_addr *src, __u32 length, __u8 family,
                                              struct lb_route *route)
{
	struct bpf_fib_lookup fib = {};

	route_question(ctx, pkt, hdr, src, length, family, &fib);
	switch (bpf_fib_lookup(ctx, &fib, sizeof(fib), 0)) {
	case BPF_FIB_LKUP_RET_SUCCESS:
	case BPF_FIB_LKUP_RET_NO_NEIGH:
		route_answer(&fib, route);
		return LB_WAY_OUT;
	case BPF_FIB_LKUP_RET_NOT_FWDED:
	case BPF_FIB_LKUP_RET_UNSUPP_LWT:
		return LB_WAY_HOST;
	case BPF_FIB_LKUP_RET_FRAG_NEEDED:
		if (family == 4 && !(((struct iphdr *)hdr->l3)->frag_off & IP_DONT_FRAGMENT))
			return LB_WAY_HOST;
		return LB_WAY_TOO_BIG;
	default:
		return LB_WAY_NONE;
	}
}

/* Sends the packet on its way. Tags are those of the interface that it came in by. Returns a TC action. */
static __always_inline int route_take(lb_ctx *ctx, const struct lb_route *route)
{
	int i;

	if (route->ifindex != ctx->ifindex)
		for (i = 0; i < LB_MAX_TAGS && ctx->vlan_present; i++)
			if (bpf_skb_vlan_pop(ctx))
				return TC_ACT_SHOT;
	return bpf_redirect_neigh(route->ifindex, (struct bpf_redir_neigh *)&route->next_family,
	                          sizeof(struct bpf_redir_neigh), 0);
}

#endif
