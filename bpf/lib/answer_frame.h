/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What every packet that we make in answer has: who may have one, and the headers up to IP. It
 * comes from the VIP and goes out where the packet came in, with its VLAN tags.
 */
#ifndef LB_ANSWER_FRAME_H
#define LB_ANSWER_FRAME_H

#include "csum.h"
#include "interface.h"
#include "limit.h"
#include "parse.h"
#include "reply.h"

#define ANSWER_TTL          64   /* what a host would start with */
#define ANSWER_TOS          0xc0 /* internetwork control (RFC 1812 section 4.3.2.5) */
#define ANSWER_ETHERNET_MAX (sizeof(struct lb_eth) + LB_MAX_VLANS * sizeof(struct lb_vlan_header))

/* A source that is one host, and may be one on the network (RFC 1122 section 3.2.2). */
static __always_inline int source_is_host_v4(__be32 source)
{
	__u8 first = *(__u8 *)&source;

	return first != 0 && first != 127 && first < 224;
}

/* RFC 4443 section 2.4 (e.6), RFC 4291 section 2.5. */
static __always_inline int source_is_host_v6(const struct in6_addr *source)
{
	const __u32 *word = (const __u32 *)source;

	if (source->s6_addr[0] == 0xff)
		return 0;
	return word[0] || word[1] || word[2] ||
	       (word[3] != 0 && word[3] != bpf_htonl(1)); /* :: and ::1 */
}

/* The source of the packet; 0 when it may not be answered for where it came from. */
static __always_inline int answer_source(lb_ctx *ctx, const struct lb_packet *pkt, __u64 source[2])
{
	const struct lb_eth *eth = frame_data(ctx);
	const struct ipv6hdr *ip6;
	const struct iphdr *ip;

	if ((void *)(eth + 1) > frame_end(ctx) || (eth->dest[0] | eth->source[0]) & 1)
		return 0;
	if (pkt->family == 4) {
		ip = l3_header(ctx, pkt, sizeof(*ip));
		if (!ip)
			return 0;
		words_from_v4(source, ip->saddr);
		return source_is_host_v4(ip->saddr);
	}
	ip6 = l3_header(ctx, pkt, sizeof(*ip6));
	if (!ip6)
		return 0;
	words_from_v6(source, &ip6->saddr);
	return source_is_host_v6(&ip6->saddr);
}

/* Is there a token for an answer to the packet's source, and may it have one? */
static __always_inline int answer_allowed(lb_ctx *ctx, const struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	__u64 source[2];

	return set && answer_source(ctx, pkt, source) &&
	       limit_allows(source, pkt->family, ticks_now(), set);
}

/* The Ethernet header and VLAN tags, from `from` bytes on to the start of the frame. */
static __always_inline int answer_ethernet(lb_ctx *ctx, const struct lb_packet *pkt, __u32 from)
{
	const struct lb_interface *interface = ingress_interface(ctx);
	struct lb_eth *to = frame_data(ctx);
	struct lb_eth *old = frame_data(ctx) + from;
	__u16 *to_word = (__u16 *)to;
	const __u16 *old_word = (const __u16 *)old;
	__u32 i;

	if (!interface || (void *)old + ANSWER_ETHERNET_MAX > frame_end(ctx))
		return 0;
	mac_copy(to->dest, old->source);
	mac_copy(to->source, interface->mac);
#pragma unroll
	for (i = 2 * ETH_ALEN / 2; i < ANSWER_ETHERNET_MAX / 2; i++)
		if (2 * i < pkt->l3_off)
			to_word[i] = old_word[i];
	return 1;
}

/* From the address that `about` went to, back to where it came from. */
static __always_inline void answer_ipv4(struct iphdr *ip, const struct iphdr *about, __u8 protocol,
                                        __u16 length)
{
	const __u32 *word = (const __u32 *)ip;
	__be32 source = about->saddr, vip = about->daddr;
	__be16 id = about->id;

	*(__be16 *)ip = bpf_htons(0x4500 | ANSWER_TOS);
	ip->tot_len = bpf_htons(length);
	ip->id = id; /* the asker's, since we keep no count of our own */
	ip->frag_off = 0;
	ip->ttl = ANSWER_TTL;
	ip->protocol = protocol;
	ip->check = 0;
	ip->saddr = vip;
	ip->daddr = source;
	ip->check = ~csum_fold64((__u64)word[0] + word[1] + word[2] + word[3] + word[4]);
}

/* As answer_ipv4(). `length`: of what follows. */
static __always_inline void answer_ipv6(struct ipv6hdr *ip, const struct ipv6hdr *about,
                                        __u8 protocol, __u16 length)
{
	struct in6_addr source = about->saddr, vip = about->daddr;

	*(__be32 *)ip = bpf_htonl(0x60000000);
	ip->payload_len = bpf_htons(length);
	ip->nexthdr = protocol;
	ip->hop_limit = ANSWER_TTL;
	ip->saddr = vip;
	ip->daddr = source;
}

/* RFC 8200 section 8.1: both addresses, length and protocol. */
static __always_inline __u64 answer_pseudo_v6(const struct ipv6hdr *ip)
{
	const __u32 *address = (const __u32 *)&ip->saddr;

	return (__u64)address[0] + address[1] + address[2] + address[3] + address[4] + address[5] +
	       address[6] + address[7] + ip->payload_len + bpf_htonl(ip->nexthdr);
}

#endif
