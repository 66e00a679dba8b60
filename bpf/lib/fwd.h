/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sending a packet to a destination, by whatever method that has. VLAN tags stay as they came. */
#ifndef LB_FWD_H
#define LB_FWD_H

#include "dest.h"
#include "fwd_dr.h"
#include "fwd_nat.h"
#include "interface.h"

/* Whether the frame is addressed to the interface that it came in by: a promiscuous port or a
 * flooding switch shows us frames that another director has to forward. */
static __always_inline int frame_is_ours(const struct xdp_md *ctx)
{
	const struct lb_interface *interface = ingress_interface(ctx);
	struct lb_eth *eth = frame_data(ctx);

	return interface && (void *)(eth + 1) <= frame_end(ctx) &&
	       mac_equal(eth->dest, interface->mac);
}

/*
 * Can a packet leave towards this destination? A verdict if not. Sets forward_action: XDP_TX,
 * XDP_REDIRECT with the way out chosen, or XDP_PASS to this host's own stack.
 */
static __always_inline int fwd_prepare(struct lb_packet *pkt, const struct lb_headers *hdr,
                                       const struct lb_dest *dest, __u8 family, __u32 ingress)
{
	pkt->forward_action = XDP_PASS;
	if (dest->flags & LB_DEST_F_LOCAL)
		return LB_UNDECIDED;
	if (ttl_of(hdr, family) <= 1)
		return LB_DROP_TTL;
	if (!(dest->flags & LB_DEST_F_NEIGHBOUR))
		return LB_DROP_NO_NEIGHBOUR;
	pkt->forward_action = XDP_TX;
	if (dest->ifindex != ingress)
		pkt->forward_action = bpf_redirect_map(&tx_ports, dest->ifindex, 0);
	return pkt->forward_action == XDP_ABORTED ? LB_DROP_NO_INTERFACE : LB_UNDECIDED;
}

/* After fwd_prepare: the way to the destination as far as the link goes. */
static __always_inline void fwd_link(const struct lb_headers *hdr, const struct lb_dest *dest,
                                     __u8 family)
{
	if (!(dest->flags & LB_DEST_F_LOCAL))
		fwd_dr(hdr, dest, family);
}

/* After fwd_prepare: the packet as it leaves. Returns 0, and has changed nothing, when a header is not there. */
static __always_inline int fwd_packet(struct xdp_md *ctx, const struct lb_packet *pkt,
                                      const struct lb_headers *hdr, const struct lb_dest *dest,
                                      __u8 family)
{
	if (dest->forward == LB_FORWARD_NAT && !fwd_nat_request(ctx, pkt, hdr, dest, family))
		return 0;
	fwd_link(hdr, dest, family);
	return 1;
}

static __always_inline int fwd_as(struct xdp_md *ctx, const struct lb_packet *pkt,
                                  const struct lb_dest *dest, __u8 family)
{
	struct lb_headers hdr;

	return headers_get_as(ctx, pkt, &hdr, family) && fwd_packet(ctx, pkt, &hdr, dest, family);
}

/* fwd_packet() where the family is not known when the program is compiled. */
static __always_inline int fwd_any(struct xdp_md *ctx, const struct lb_packet *pkt,
                                   const struct lb_dest *dest)
{
	return pkt->family == 4 ? fwd_as(ctx, pkt, dest, 4) : fwd_as(ctx, pkt, dest, 6);
}

#endif
