/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ARP requests for VIPs (RFC 826), answered with the MAC of the interface they came in by. */
#ifndef LB_ARP_H
#define LB_ARP_H

#include "interface.h"
#include "reply.h"

/* linux/if_arp.h needs a C library. */
#define ARPHRD_ETHER  1
#define ARPOP_REQUEST 1
#define ARPOP_REPLY   2

struct lb_arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_len;
	__u8 protocol_len;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__be32 sender;
	__u8 target_mac[ETH_ALEN];
	__be32 target;
} __attribute__((packed));

static __always_inline int arp_is_question(const struct lb_arp *arp)
{
	return arp->hardware == bpf_htons(ARPHRD_ETHER) && arp->protocol == bpf_htons(ETH_P_IP) &&
	       arp->hardware_len == ETH_ALEN && arp->protocol_len == sizeof(__be32) &&
	       arp->operation == bpf_htons(ARPOP_REQUEST) && arp->sender != arp->target;
}

static __always_inline int mac_is_broadcast(const __u8 *mac)
{
	return *(const __u32 *)mac == 0xffffffff && *(const __u16 *)(mac + 4) == 0xffff;
}

LB_SUBPROGRAM int arp_answer(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_interface *interface;
	struct lb_eth *eth = frame_data(ctx);
	const struct lb_vip *vip;
	struct lb_arp *arp;
	__u64 words[2];
	__be32 target;

	if (!pkt)
		return LB_PASS_NOT_IP;
	arp = l3_header(ctx, pkt, sizeof(*arp));
	if (!arp || (void *)(eth + 1) > frame_end(ctx) || !arp_is_question(arp))
		return LB_PASS_NOT_IP;
	target = arp->target;
	words_from_v4(words, target);
	vip = vip_get(words, 4);
	if (!vip || !(vip->flags & LB_VIP_F_ANNOUNCE))
		return LB_PASS_NOT_IP;
	interface = ingress_interface(ctx);
	if (!interface || (!mac_is_broadcast(eth->dest) && !mac_equal(eth->dest, interface->mac)))
		return LB_PASS_OTHER_HOST;

	reply_macs(eth, interface);
	arp->operation = bpf_htons(ARPOP_REPLY);
	mac_copy(arp->target_mac, arp->sender_mac);
	mac_copy(arp->sender_mac, interface->mac);
	arp->target = arp->sender;
	arp->sender = target;
	return LB_REPLY_ARP;
}

#endif
