/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Forwarding method dr: new MACs, TTL less one, nothing else. VLAN tags stay as they came. */
#ifndef LB_FWD_DR_H
#define LB_FWD_DR_H

#include "csum.h"
#include "packet.h"

static __always_inline __u8 ttl_of(const struct lb_headers *hdr, __u8 family)
{
	return family == 4 ? ((struct iphdr *)hdr->l3)->ttl
	                   : ((struct ipv6hdr *)hdr->l3)->hop_limit;
}

/* RFC 791 section 3.2, RFC 8200 section 3: a router takes one off. */
static __always_inline void ttl_decrement(const struct lb_headers *hdr, __u8 family)
{
	if (family == 4) {
		struct iphdr *ip = hdr->l3;
		__u32 check = ip->check + (__u32)bpf_htons(0x0100);

		ip->check = (__u16)(check + (check >= 0xffff));
		ip->ttl--;
	} else {
		((struct ipv6hdr *)hdr->l3)->hop_limit--;
	}
}

/* After fwd_prepare: the packet as it leaves. */
static __always_inline void fwd_dr(const struct lb_headers *hdr, const struct lb_dest *dest,
                                   __u8 family)
{
	mac_copy(hdr->eth->dest, dest->mac);
	mac_copy(hdr->eth->source, dest->src_mac);
	ttl_decrement(hdr, family);
}

#endif
