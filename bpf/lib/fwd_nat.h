/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Forwarding method nat, the request: destination address and port become the real's (RFC 3022
 * section 4.1). MACs and TTL are changed as for dr. The reply is bpf/tc_reply.c.
 */
#ifndef LB_FWD_NAT_H
#define LB_FWD_NAT_H

#include "csum.h"
#include "icmp.h"
#include "packet.h"
#include "parse.h"

/* What changes with the address. `addr`: as in struct lb_addr. */
static __always_inline __u64 nat_address_change(void *l3, const struct lb_addr *addr, __u8 family)
{
	if (family == 4)
		return csum_change_v4(((struct iphdr *)l3)->daddr, addr->word[3]);
	return csum_change_v6(&((struct ipv6hdr *)l3)->daddr, addr);
}

static __always_inline void nat_write_address(void *l3, const struct lb_addr *addr, __u64 change,
                                              __u8 family)
{
	const __u64 *from = (const __u64 *)addr->word;

	if (family == 4) {
		struct iphdr *ip = l3;

		ip->daddr = addr->word[3];
		csum_apply(&ip->check, change);
	} else {
		__u64 *to = (__u64 *)&((struct ipv6hdr *)l3)->daddr;

		to[0] = from[0];
		to[1] = from[1];
	}
}

/*
 * Destination port and checksum of TCP or UDP; change: the address's. port 0: the packet's own
 * stays. Returns 0, and has changed nothing, when the header is not there.
 */
static __always_inline int nat_write_ports(const lb_ctx *ctx, const struct lb_packet *pkt,
                                           __be16 port, __u64 change)
{
	__u16 *l4 = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	__u16 *check = &((struct udphdr *)l4)->check;

	if (pkt->protocol == IPPROTO_TCP)
		check = &((struct tcphdr *)l4)->check;
	if ((void *)(check + 1) > frame_end(ctx))
		return 0;
	if (port) {
		change += (__u16)~l4[1] + (__u32)port;
		l4[1] = port;
	}
	if (pkt->protocol == IPPROTO_TCP)
		csum_apply(check, change);
	else
		csum_apply_udp(check, change);
	return 1;
}

/* ICMPv6 has the pseudo header in its checksum (RFC 4443 section 2.3), ICMP has not. */
static __always_inline int nat_write_icmpv6(const lb_ctx *ctx, const struct lb_packet *pkt,
                                            __u64 change)
{
	struct lb_icmp *icmp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);

	if ((void *)(icmp + 1) > frame_end(ctx))
		return 0;
	csum_apply(&icmp->check, change);
	return 1;
}

static __always_inline int nat_write_l4(const lb_ctx *ctx, const struct lb_packet *pkt, __be16 port,
                                        __u64 change)
{
	if (pkt->fragment == LB_FRAGMENT_LATER)
		return 1;
	switch (pkt->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return nat_write_ports(ctx, pkt, port, change);
	case IPPROTO_ICMPV6:
		return nat_write_icmpv6(ctx, pkt, change);
	default:
		return 1;
	}
}

/*
 * A client's packet as its real knows it; of a fragment after the first the addresses only.
 * Returns 0, and has changed nothing, when a header is not in the frame's first buffer.
 */
static __always_inline int fwd_nat_request(const lb_ctx *ctx, const struct lb_packet *pkt,
                                           const struct lb_headers *hdr, const struct lb_dest *dest,
                                           __u8 family)
{
	__u64 change = nat_address_change(hdr->l3, &dest->addr, family);

	if (!nat_write_l4(ctx, pkt, dest->port, change))
		return 0;
	nat_write_address(hdr->l3, &dest->addr, change, family);
	return 1;
}

#endif
