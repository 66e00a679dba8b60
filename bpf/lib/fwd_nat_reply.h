/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Forwarding method nat, the reply: source address and port become the VIP's. TC only.
 *
 * A packet in the host's stack may have its transport checksum still to come (CHECKSUM_PARTIAL:
 * the field holds the sum of the pseudo header), or with it a sum over all its bytes that the card
 * made (CHECKSUM_COMPLETE). bpf_l4_csum_replace() knows which, we do not.
 */
#ifndef LB_FWD_NAT_REPLY_H
#define LB_FWD_NAT_REPLY_H

#include "csum.h"
#include "fwd_dr.h"
#include "icmp.h"
#include "packet.h"
#include "parse.h"

#define LB_HOP_LIMIT_CHANGE bpf_htons(0xfffe) /* ~m + m' of one less */

/* Where the checksum over the pseudo header is, from the start of the frame; 0: there is none. */
static __always_inline __u32 l4_check_offset(const struct lb_packet *pkt)
{
	if (pkt->fragment == LB_FRAGMENT_LATER)
		return 0;
	switch (pkt->protocol) {
	case IPPROTO_TCP:
		return pkt->l4_off + __builtin_offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return pkt->l4_off + __builtin_offsetof(struct udphdr, check);
	case IPPROTO_ICMPV6:
		return pkt->l4_off + __builtin_offsetof(struct lb_icmp, check);
	default:
		return 0;
	}
}

/* The transport checksum. Returns 0 when it could not be made right. */
static __always_inline int reply_l4_check(lb_ctx *ctx, const struct lb_packet *pkt, __u32 address,
                                          __be16 from, __be16 to)
{
	__u32 flags = pkt->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u32 offset = l4_check_offset(pkt);

	if (!offset)
		return 1;
	if (bpf_l4_csum_replace(ctx, offset, 0, address, flags | BPF_F_PSEUDO_HDR))
		return 0;
	return from == to || !bpf_l4_csum_replace(ctx, offset, from, to, flags | sizeof(from));
}

/*
 * IPv6 has no header checksum, so a sum over all bytes changes with the hop limit, and the helper
 * above counts the address as if it had one (its flag BPF_F_IPV6 is newer than 6.1). There is an
 * error when the packet has no such sum.
 */
static __always_inline void reply_sum_v6(lb_ctx *ctx, __u32 address, int hop)
{
	bpf_csum_update(ctx, csum_narrow((__u64)address + (hop ? LB_HOP_LIMIT_CHANGE : 0)));
}

static __always_inline __u64 reply_write_address(const struct lb_headers *hdr,
                                                 const struct lb_addr *vip, __u8 family)
{
	const __u64 *to = (const __u64 *)vip->word;
	__u64 change, *from;

	if (family == 4) {
		struct iphdr *ip = hdr->l3;

		change = csum_change_v4(ip->saddr, vip->word[3]);
		ip->saddr = vip->word[3];
		csum_apply(&ip->check, change);
		return change;
	}
	from = (__u64 *)&((struct ipv6hdr *)hdr->l3)->saddr;
	change = csum_change_v6(from, to);
	from[0] = to[0];
	from[1] = to[1];
	return change;
}

/*
 * A real's packet as its client knows it. port: the virtual one, of TCP and UDP; hop: whether TTL
 * or hop limit goes down by one. Returns 0 when the packet is not fit to be sent. Pointers into
 * the packet are to be made anew.
 */
static __always_inline int fwd_nat_reply(lb_ctx *ctx, const struct lb_packet *pkt,
                                         const struct lb_headers *hdr, const struct lb_addr *vip,
                                         __be16 port, int hop, __u8 family)
{
	__be16 *sport = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	__be16 from = port;
	__u32 address;

	if (pkt->fragment != LB_FRAGMENT_LATER &&
	    (pkt->protocol == IPPROTO_TCP || pkt->protocol == IPPROTO_UDP)) {
		if ((void *)(sport + 1) > frame_end(ctx))
			return 0;
		from = *sport;
		*sport = port;
	}
	if (hop)
		ttl_decrement(hdr, family);
	address = csum_narrow(reply_write_address(hdr, vip, family));
	if (!reply_l4_check(ctx, pkt, address, from, port))
		return 0;
	if (family == 6)
		reply_sum_v6(ctx, address, hop);
	return 1;
}

#endif
