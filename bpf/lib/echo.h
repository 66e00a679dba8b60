/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP echo to a VIP (RFC 792, RFC 4443 section 4), answered by the VIP's policy. */
#ifndef LB_ECHO_H
#define LB_ECHO_H

#include "csum.h"
#include "icmp.h"
#include "interface.h"
#include "reply.h"

#define ECHO_TTL 64 /* what a host would start with */

static __always_inline void echo_turn_v4(struct iphdr *ip, __u16 *ttl_and_protocol)
{
	__u16 before = *ttl_and_protocol;
	__be32 client = ip->saddr;

	ip->saddr = ip->daddr;
	ip->daddr = client;
	ip->ttl = ECHO_TTL;
	csum_replace2(&ip->check, before, *ttl_and_protocol);
}

static __always_inline void echo_turn_v6(struct ipv6hdr *ip6)
{
	struct in6_addr client = ip6->saddr;

	ip6->saddr = ip6->daddr;
	ip6->daddr = client;
	ip6->hop_limit = ECHO_TTL;
}

/* Makes the reply in place. Swapped addresses leave every sum as it was. */
static __always_inline int echo_reply(struct xdp_md *ctx, const struct lb_packet *pkt)
{
	const struct lb_interface *interface = ingress_interface(ctx);
	struct lb_eth *eth = frame_data(ctx);
	struct lb_icmp *icmp = frame_data(ctx) + (pkt->l4_off & 0x3fff);
	__u16 before;

	if (!interface || (void *)(eth + 1) > frame_end(ctx) || (void *)(icmp + 1) > frame_end(ctx))
		return LB_DROP_MALFORMED;
	if (pkt->family == 4) {
		struct iphdr *ip = l3_header(ctx, pkt, sizeof(*ip));

		if (!ip)
			return LB_DROP_MALFORMED;
		echo_turn_v4(ip, (__u16 *)&ip->ttl);
	} else {
		struct ipv6hdr *ip6 = l3_header(ctx, pkt, sizeof(*ip6));

		if (!ip6)
			return LB_DROP_MALFORMED;
		echo_turn_v6(ip6);
	}
	before = *(__u16 *)icmp;
	icmp->type = pkt->family == 4 ? ICMP_ECHOREPLY : ICMPV6_ECHO_REPLY;
	csum_replace2(&icmp->check, before, *(__u16 *)icmp);
	reply_macs(eth, interface);
	return LB_REPLY_ECHO;
}

/* An echo request to the VIP. */
LB_SUBPROGRAM int echo_answer(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_vip *vip;
	__u32 id;

	if (!pkt)
		return LB_PASS_ICMP;
	id = pkt->key.vip;
	vip = bpf_map_lookup_elem(&vips, &id);
	if (!vip)
		return LB_PASS_ICMP;
	switch (vip->echo) {
	case LB_ECHO_PASS:
		return LB_PASS_ICMP;
	case LB_ECHO_DROP:
		return LB_DROP_ECHO;
	case LB_ECHO_REPLY_IF_UP:
		if (!vip->up)
			return LB_DROP_ECHO;
	}
	return echo_reply(ctx, pkt);
}

#endif
