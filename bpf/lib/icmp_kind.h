/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Whether a packet is ICMP of its family, and an error. */
#ifndef LB_ICMP_KIND_H
#define LB_ICMP_KIND_H

#include "icmp.h"
#include "parse.h"

static __always_inline int is_icmp(const struct lb_packet *pkt)
{
	return pkt->protocol == (pkt->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

static __always_inline int is_icmp_error(const lb_ctx *ctx, const struct lb_packet *pkt)
{
	struct lb_icmp *icmp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);

	return is_icmp(pkt) && !pkt->fragment && (void *)(icmp + 1) <= frame_end(ctx) &&
	       pkt->l4_off + sizeof(*icmp) <= pkt->l3_off + pkt->ip_len &&
	       icmp_is_error(icmp->type, pkt->family);
}

#endif
