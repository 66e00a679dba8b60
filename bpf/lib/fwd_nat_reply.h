/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Forwarding method nat, the reply: source address and port become the VIP's. TC only.
 *
 * A packet in the host's stack may have its transport checksum still to come (CHECKSUM_PARTIAL:
 * the field holds the sum of the pseudo header), or with it a sum over all its bytes that the card
 * made (CHECKSUM_COMPLETE). The kernel's helpers know which, we do not. bpf_l4_csum_replace() costs
 * as much as a quarter of all that is done about a reply, so it is asked only about a checksum
 * that may be to come.
 */
#ifndef LB_FWD_NAT_REPLY_H
#define LB_FWD_NAT_REPLY_H

#include "csum.h"
#include "fwd_dr.h"
#include "icmp.h"
#include "packet.h"
#include "parse.h"

/* ~m + m' of one less */
#define LB_TTL_CHANGE       bpf_htons(0xfeff)
#define LB_HOP_LIMIT_CHANGE bpf_htons(0xfffe)

/* What became of the transport checksum. */
enum lb_reply_check {
	LB_CHECK_LOST, /* its header is not there */
	LB_CHECK_WRITTEN,
	LB_CHECK_NONE, /* nothing covers the address */
	LB_CHECK_ASK,  /* to be had from reply_check_ask() */
};

static __always_inline int has_ports(const struct lb_packet *pkt)
{
	return pkt->fragment != LB_FRAGMENT_LATER &&
	       (pkt->protocol == IPPROTO_TCP || pkt->protocol == IPPROTO_UDP);
}

/* Where the checksum over the pseudo header is in the transport header; 0: there is none. */
static __always_inline __u32 reply_check_offset(const struct lb_packet *pkt)
{
	if (pkt->fragment == LB_FRAGMENT_LATER)
		return 0;
	switch (pkt->protocol) {
	case IPPROTO_TCP:
		return __builtin_offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return __builtin_offsetof(struct udphdr, check);
	case IPPROTO_ICMPV6:
		return __builtin_offsetof(struct lb_icmp, check);
	default:
		return 0;
	}
}

/*
 * May the checksum `check` of a whole packet be still to come? Not when it is something else than the
 * sum of the pseudo header: whoever completes it adds up the packet with what is there. `length`: of
 * the transport header and what it carries.
 */
static __always_inline int reply_check_may_come(const struct lb_headers *hdr, __u16 check,
                                                __u8 protocol, __u32 length, __u8 family)
{
	__u64 pseudo = csum_pseudo(hdr->l3, family, protocol, length);

	return csum_fold64(pseudo + (__u16)~check) == 0xffff;
}

/* The checksum at `offset` of the frame, by the kernel. Returns 0 when it could not be made right. */
LB_SUBPROGRAM int reply_check_ask(lb_ctx *ctx, __u32 offset, __u32 address, __u32 ports,
                                  __u32 protocol)
{
	__u32 flags = protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	__u16 from = ports, to = ports >> 16;

	if (bpf_l4_csum_replace(ctx, offset, 0, address, flags | BPF_F_PSEUDO_HDR))
		return 0;
	return from == to || !bpf_l4_csum_replace(ctx, offset, from, to, flags | sizeof(from));
}

/* Of IPv6, which has no header checksum, a sum over all bytes changes with the hop limit. */
static __always_inline void reply_sum_v6(lb_ctx *ctx, __u32 address, int hop)
{
	bpf_csum_update(ctx, csum_narrow((__u64)address + (hop ? LB_HOP_LIMIT_CHANGE : 0)));
}

/*
 * The sum over all bytes, if the packet has one (else there is an error). What a checksum takes up
 * does not change it: the address in the header of IPv4, and in a transport checksum of IPv6 that we
 * have written. The helper above counts the address as if there were IPv4's (its flag BPF_F_IPV6 is newer than 6.1).
 */
static __always_inline void reply_sum(lb_ctx *ctx, __u64 address, enum lb_reply_check check,
                                      int hop, __u8 family)
{
	if (family == 4) {
		if (check == LB_CHECK_WRITTEN)
			bpf_csum_update(ctx, ~csum_narrow(address));
	} else if (hop || check != LB_CHECK_WRITTEN) {
		reply_sum_v6(ctx, check == LB_CHECK_WRITTEN ? 0 : csum_narrow(address), hop);
	}
}

static __always_inline __u64 reply_address_change(const struct lb_headers *hdr,
                                                  const struct lb_addr *vip, __u8 family)
{
	if (family == 4)
		return csum_change_v4(((struct iphdr *)hdr->l3)->saddr, vip->word[3]);
	return csum_change_v6(&((struct ipv6hdr *)hdr->l3)->saddr, vip);
}

/* Source address, and TTL or hop limit, which goes down by one with `hop`. */
static __always_inline void reply_write_l3(const struct lb_headers *hdr, const struct lb_addr *vip,
                                           __u64 address, int hop, __u8 family)
{
	const __u64 *from = (const __u64 *)vip;

	if (family == 4) {
		struct iphdr *ip = hdr->l3;

		ip->ttl -= hop;
		ip->saddr = vip->word[3];
		csum_apply(&ip->check, address + (hop ? LB_TTL_CHANGE : 0));
	} else {
		struct ipv6hdr *ip6 = hdr->l3;
		__u64 *to = (__u64 *)&ip6->saddr;

		ip6->hop_limit -= hop;
		to[0] = from[0];
		to[1] = from[1];
	}
}

/*
 * Source port and checksum, before the IP header is written. gso: the packet is to be cut into
 * several. Sets `from` to the port that was there.
 */
static __always_inline enum lb_reply_check reply_write_l4(lb_ctx *ctx, const struct lb_packet *pkt,
                                                          const struct lb_headers *hdr,
                                                          __u64 address, __be16 port, __be16 *from,
                                                          int gso, __u8 family)
{
	struct udphdr *l4 = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	__u32 length = pkt->l3_off + pkt->ip_len - pkt->l4_off;
	__u32 offset = reply_check_offset(pkt);
	__u16 *check = (void *)l4 + offset;
	int ask;

	if (!offset)
		return LB_CHECK_NONE;
	/* No transport header is shorter than that of UDP. */
	if ((void *)(l4 + 1) > frame_end(ctx) || (void *)(check + 1) > frame_end(ctx))
		return LB_CHECK_LOST;
	if (pkt->protocol == IPPROTO_UDP)
		length = bpf_ntohs(l4->len);
	ask = gso || pkt->fragment ||
	      reply_check_may_come(hdr, *check, pkt->protocol, length, family);
	if (has_ports(pkt)) {
		*from = l4->source;
		l4->source = port;
	}
	if (ask)
		return LB_CHECK_ASK;
	if (pkt->protocol == IPPROTO_UDP && !*check)
		return LB_CHECK_NONE;
	address += (__u16) ~*from + (__u32)port;
	if (pkt->protocol == IPPROTO_UDP)
		csum_apply_udp(check, address);
	else
		csum_apply(check, address);
	return LB_CHECK_WRITTEN;
}

/*
 * A real's packet as its client knows it. port: the virtual one, of TCP and UDP; hop: whether TTL
 * or hop limit goes down by one; gso: whether it is to be cut into several. Returns 0 when the packet is not fit to be sent. Pointers into
 * the packet are to be made anew.
 */
static __always_inline int fwd_nat_reply(lb_ctx *ctx, const struct lb_packet *pkt,
                                         const struct lb_headers *hdr, const struct lb_addr *vip,
                                         __be16 port, int hop, int gso, __u8 family)
{
	__u64 address = reply_address_change(hdr, vip, family);
	__be16 from = port;
	enum lb_reply_check check =
		reply_write_l4(ctx, pkt, hdr, address, port, &from, gso, family);

	if (check == LB_CHECK_LOST)
		return 0;
	reply_write_l3(hdr, vip, address, hop, family);
	if (check == LB_CHECK_ASK &&
	    !reply_check_ask(ctx, pkt->l4_off + reply_check_offset(pkt), csum_narrow(address),
	                     from | (__u32)port << 16, pkt->protocol))
		return 0;
	reply_sum(ctx, address, check, hop, family);
	return 1;
}

#endif
