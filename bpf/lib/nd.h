/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Neighbour solicitations for VIPs (RFC 4861 section 7.2), answered as arp.h answers ARP. */
#ifndef LB_ND_H
#define LB_ND_H

#include "csum.h"
#include "icmp.h"
#include "interface.h"
#include "reply.h"

#define ND_HOP_LIMIT     255
#define ND_SOLICITED     bpf_htonl(0x40000000)
#define ND_OVERRIDE      bpf_htonl(0x20000000)
#define ND_OPTION_TARGET 2

struct lb_nd {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 flags;
	struct lb_addr target;
};

struct lb_nd_advert {
	struct lb_nd nd;
	__u8 option;
	__u8 option_len; /* in 8 bytes */
	__u8 mac[ETH_ALEN];
};

#define ND_ADVERT_IP_LEN (sizeof(struct ipv6hdr) + sizeof(struct lb_nd_advert))

/* ff02::1:ffXX:XXXX */
static __always_inline int is_solicited_group(const struct lb_addr *addr)
{
	return addr->word[0] == bpf_htonl(0xff020000) && addr->word[1] == 0 &&
	       addr->word[2] == bpf_htonl(1) &&
	       (addr->word[3] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000);
}

/* Where the question went: to the VIP itself, or to its group. */
static __always_inline int nd_asked_at(const struct lb_packet *pkt, const struct lb_addr *target)
{
	if (!pkt->nd_group)
		return addr_equal(&pkt->dst, target);
	return is_solicited_group(&pkt->dst) && (pkt->dst.word[3] | bpf_htonl(0xff000000)) ==
	                                                (target->word[3] | bpf_htonl(0xff000000));
}

static __always_inline int addr_is_unspecified(const struct lb_addr *addr)
{
	return !(addr->word[0] | addr->word[1] | addr->word[2] | addr->word[3]);
}

/* RFC 8200 section 8.1; ip6 and what follows it are 72 bytes. */
static __always_inline __u16 nd_checksum(const struct ipv6hdr *ip6, const struct lb_nd_advert *na)
{
	const __u16 *addresses = (const __u16 *)&ip6->saddr;
	const __u16 *body = (const __u16 *)na;
	__u32 sum = bpf_htons(sizeof(*na)) + (__u32)bpf_htons(IPPROTO_ICMPV6);
	__u32 i;

	for (i = 0; i < 2 * sizeof(struct in6_addr) / 2; i++)
		sum += addresses[i];
	for (i = 0; i < sizeof(*na) / 2; i++)
		sum += body[i];
	return ~csum_fold(sum);
}

/* Writes the advertisement over the solicitation; the frame has its size already. */
static __always_inline int nd_write(struct xdp_md *ctx, const struct lb_packet *pkt,
                                    const struct lb_addr *target, const struct lb_addr *asker,
                                    const struct lb_interface *interface)
{
	const struct lb_addr all_nodes = {.word = {bpf_htonl(0xff020000), 0, 0, bpf_htonl(1)}};
	const __u8 all_nodes_mac[8] = {0x33, 0x33, 0, 0, 0, 1};
	int duplicate_detection = addr_is_unspecified(asker);
	struct lb_eth *eth = frame_data(ctx);
	struct ipv6hdr *ip6 = l3_header(ctx, pkt, ND_ADVERT_IP_LEN);
	struct lb_nd_advert *na;

	if (!ip6 || (void *)(eth + 1) > frame_end(ctx))
		return LB_DROP_MALFORMED;
	na = (void *)(ip6 + 1);
	reply_macs(eth, interface);
	if (duplicate_detection)
		mac_copy(eth->dest, all_nodes_mac);

	*(__be32 *)ip6 = bpf_htonl(0x60000000);
	ip6->payload_len = bpf_htons(sizeof(*na));
	ip6->hop_limit = ND_HOP_LIMIT;
	__builtin_memcpy(&ip6->saddr, target, sizeof(*target));
	__builtin_memcpy(&ip6->daddr, duplicate_detection ? &all_nodes : asker, sizeof(*asker));

	na->nd.type = ICMPV6_ND_ADVERT;
	na->nd.code = 0;
	na->nd.check = 0;
	na->nd.flags = ND_OVERRIDE | (duplicate_detection ? 0 : ND_SOLICITED);
	na->nd.target = *target;
	na->option = ND_OPTION_TARGET;
	na->option_len = 1;
	mac_copy(na->mac, interface->mac);
	na->nd.check = nd_checksum(ip6, na);
	return LB_REPLY_ND;
}

/*
 * pkt: an IPv6 packet whose ICMPv6 header follows at once. What is not a proper question for
 * a VIP that we announce goes to the host.
 */
LB_SUBPROGRAM int nd_answer(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_interface *interface;
	struct lb_addr target, asker;
	const struct lb_vip *vip;
	struct ipv6hdr *ip6;
	struct lb_nd *ns;
	__u64 words[2];
	__u32 length;
	int pass;

	if (!pkt)
		return LB_PASS_ICMP;
	pass = pkt->nd_group ? LB_PASS_NOT_VIP : LB_PASS_ICMP;
	ip6 = l3_header(ctx, pkt, sizeof(*ip6) + sizeof(*ns));
	if (!ip6)
		return pass;
	ns = (void *)(ip6 + 1);
	length = pkt->l3_off + sizeof(*ip6) + bpf_ntohs(ip6->payload_len);
	if (ns->type != ICMPV6_ND_SOLICIT || ns->code != 0 || ip6->hop_limit != ND_HOP_LIMIT ||
	    bpf_ntohs(ip6->payload_len) < sizeof(*ns) || length > bpf_xdp_get_buff_len(ctx))
		return pass;
	target = ns->target;
	__builtin_memcpy(&asker, &ip6->saddr, sizeof(asker));
	words_from_v6(words, (const struct in6_addr *)&ns->target);
	vip = vip_get(words, 6);
	if (!vip || !(vip->flags & LB_VIP_F_ANNOUNCE) || !nd_asked_at(pkt, &target))
		return pass;
	interface = ingress_interface(ctx);
	if (!interface)
		return LB_PASS_OTHER_HOST;
	if (bpf_xdp_adjust_tail(ctx, (int)(pkt->l3_off + ND_ADVERT_IP_LEN) -
	                                     (int)bpf_xdp_get_buff_len(ctx)))
		return pass;
	return nd_write(ctx, pkt, &target, &asker, interface);
}

#endif
