/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Forwarding method dr: new MACs, TTL less one, nothing else. VLAN tags stay as they came. */
#ifndef LB_FWD_DR_H
#define LB_FWD_DR_H

#include "csum.h"
#include "packet.h"

/* Whether the frame is addressed to the interface that it came in by: a promiscuous port or a
 * flooding switch shows us frames that another director has to forward. */
static __always_inline int frame_is_ours(const struct xdp_md *ctx)
{
	const struct lb_interface *interface = ingress_interface(ctx);
	struct ethhdr *eth = frame_data(ctx);

	return interface && (void *)(eth + 1) <= frame_end(ctx) &&
	       mac_equal(eth->h_dest, interface->mac);
}

/* The same, without a look-up when the destination is reached by the same interface. */
static __always_inline int frame_is_ours_for(const struct xdp_md *ctx, const struct lb_dest *dest)
{
	struct ethhdr *eth = frame_data(ctx);

	if (dest->ifindex != ctx->ingress_ifindex)
		return frame_is_ours(ctx);
	return (void *)(eth + 1) <= frame_end(ctx) && mac_equal(eth->h_dest, dest->src_mac);
}

static __always_inline int ttl_used_up(const struct xdp_md *ctx, const struct lb_packet *pkt)
{
	if (pkt->family == 4) {
		struct iphdr *ip = l3_header(ctx, pkt, sizeof(*ip));

		return !ip || ip->ttl <= 1;
	}
	struct ipv6hdr *ip6 = l3_header(ctx, pkt, sizeof(*ip6));

	return !ip6 || ip6->hop_limit <= 1;
}

/* Can a packet leave towards this destination? Sets pkt->forward_action if so. */
static __always_inline int fwd_prepare(const struct xdp_md *ctx, struct lb_packet *pkt,
                                       const struct lb_dest *dest)
{
	if (!(dest->flags & LB_DEST_F_NEIGHBOUR))
		return LB_DROP_NO_NEIGHBOUR;
	pkt->forward_action = XDP_TX;
	if (dest->ifindex != ctx->ingress_ifindex)
		pkt->forward_action = bpf_redirect_map(&tx_ports, dest->ifindex, 0);
	return pkt->forward_action == XDP_ABORTED ? LB_DROP_NO_INTERFACE : LB_UNDECIDED;
}

/* RFC 791 section 3.2, RFC 8200 section 3: a router takes one off. */
static __always_inline void ttl_decrement(const struct xdp_md *ctx, const struct lb_packet *pkt)
{
	if (pkt->family == 4) {
		struct iphdr *ip = l3_header(ctx, pkt, sizeof(*ip));
		__u32 check;

		if (!ip)
			return;
		check = ip->check + (__u32)bpf_htons(0x0100);
		ip->check = (__u16)(check + (check >= 0xffff));
		ip->ttl--;
	} else {
		struct ipv6hdr *ip6 = l3_header(ctx, pkt, sizeof(*ip6));

		if (ip6)
			ip6->hop_limit--;
	}
}

/* After fwd_prepare: the packet as it leaves. */
static __always_inline void fwd_dr(const struct xdp_md *ctx, const struct lb_packet *pkt,
                                   const struct lb_dest *dest)
{
	struct ethhdr *eth = frame_data(ctx);

	if ((void *)(eth + 1) > frame_end(ctx))
		return;
	mac_copy(eth->h_dest, dest->mac);
	mac_copy(eth->h_source, dest->src_mac);
	ttl_decrement(ctx, pkt);
}

#endif
