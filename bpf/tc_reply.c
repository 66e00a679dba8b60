// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * nat: what reals answer. A reply finds its conn by the reverse tuple, takes the VIP's address
 * and port for its source, and leaves by the host's route to the client. All else is the host's.
 * At TC and not in XDP, since here replies are as the host's stack has merged them (GRO), and
 * those of a real on this host come by at all.
 *
 * A packet leaves with exactly one verdict, counted in lib/verdict.h.
 */
#define LB_TC
#include <linux/if_packet.h>
#include "lib/nat_reply_flow.h"
#include "lib/nat_reply_icmp.h"
#include "lib/parse.h"
#include "lib/verdict.h"

/* Bytes to put in one piece, when headers are not. */
#define LB_HEADERS_ROOM 512

static __always_inline int parse_v4(lb_ctx *ctx, struct lb_packet *pkt)
{
	struct iphdr *ip = l3_header(ctx, pkt, sizeof(*ip));
	int verdict;

	if (!ip)
		return verdict_of_short(ctx);
	if (ip->version != 4 || ip->ihl < 5)
		return LB_DROP_MALFORMED;
	pkt->family = 4;
	words_from_v4(pkt->dst_word, ip->daddr);
	verdict = parse_ipv4_rest(ctx, pkt, ip);
	return verdict == LB_UNDECIDED ? parse_l4(ctx, pkt) : verdict;
}

static __always_inline int parse_v6(lb_ctx *ctx, struct lb_packet *pkt)
{
	struct ipv6hdr *ip6 = l3_header(ctx, pkt, sizeof(*ip6));
	int verdict;

	if (!ip6)
		return verdict_of_short(ctx);
	if (ip6->version != 6)
		return LB_DROP_MALFORMED;
	pkt->family = 6;
	words_from_v6(pkt->dst_word, &ip6->daddr);
	verdict = parse_ipv6_rest(ctx, pkt, ip6);
	return verdict == LB_UNDECIDED ? parse_l4(ctx, pkt) : verdict;
}

/* LB_UNDECIDED, or a verdict that says no more than that this is no reply. */
static __always_inline int parse(lb_ctx *ctx, struct lb_packet *pkt)
{
	switch (parse_ethernet(ctx, pkt)) {
	case bpf_htons(ETH_P_IP):
		return parse_v4(ctx, pkt);
	case bpf_htons(ETH_P_IPV6):
		return parse_v6(ctx, pkt);
	case -1:
		return verdict_of_short(ctx);
	default:
		return LB_PASS_NOT_REPLY;
	}
}

/* The stack's buffers are in pieces often, and few drivers leave more than headers in the first. */
LB_SUBPROGRAM int parse_pieces(lb_ctx *ctx, struct lb_packet *pkt)
{
	__u32 room = ctx->len;

	if (!pkt)
		return LB_PASS_NOT_REPLY;
	if (room > LB_HEADERS_ROOM)
		room = LB_HEADERS_ROOM;
	return bpf_skb_pull_data(ctx, room) ? LB_PASS_NOT_REPLY : parse(ctx, pkt);
}

static __always_inline int classify(lb_ctx *ctx, struct lb_packet *pkt, enum lb_hook hook)
{
	int parsed = parse(ctx, pkt);

	if (parsed == LB_DROP_NOT_LINEAR)
		parsed = parse_pieces(ctx, pkt);
	if (parsed != LB_UNDECIDED)
		return LB_PASS_NOT_REPLY;
	if (pkt->fragment == LB_FRAGMENT_LATER)
		return reply_fragment(ctx, pkt, hook);
	switch (pkt->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return reply_flow(ctx, pkt,
		                  tuple_tail(pkt->key.port, pkt->key.client_port, pkt->protocol),
		                  hook);
	case IPPROTO_ICMP:
		return pkt->family == 4 ? reply_icmp(ctx, pkt, hook) : LB_PASS_NOT_REPLY;
	case IPPROTO_ICMPV6:
		return pkt->family == 6 ? reply_icmp(ctx, pkt, hook) : LB_PASS_NOT_REPLY;
	default:
		return LB_PASS_NOT_REPLY;
	}
}

/*
 * What generic XDP had to copy says that it has no link-layer header (skb_pp_cow_data() leaves
 * mac_len at 0, Linux 6.9 and newer): data then begins at the IP header. Puts the Ethernet header
 * before it again. A packet of more than 16 kB has no room for that and stays the host's.
 */
LB_SUBPROGRAM int frame_restore(struct __sk_buff *ctx)
{
	__u16 eth[ETH_HLEN / 2], *start = frame_data(ctx), differ = 0;
	__u32 i;

	if ((void *)start + sizeof(eth) > frame_end(ctx) ||
	    bpf_skb_load_bytes_relative(ctx, 0, eth, sizeof(eth), BPF_HDR_START_MAC))
		return 0;
	for (i = 0; i < ETH_HLEN / 2; i++)
		differ |= start[i] ^ eth[i];
	if (!differ || bpf_skb_change_head(ctx, sizeof(eth), 0))
		return 0;
	return bpf_skb_store_bytes(ctx, 0, eth, sizeof(eth), 0);
}

/* Whether data begins at the Ethernet header. Where it does not, bytes of the sender's address would have to look like it. */
static __always_inline int frame_is_whole(struct __sk_buff *ctx)
{
	struct lb_eth *eth = frame_data(ctx);

	return (void *)(eth + 1) <= frame_end(ctx) && eth->proto == ctx->protocol;
}

SEC("tc")
int tc_reply_ingress(struct __sk_buff *ctx)
{
	struct lb_packet pkt = {};

	/* A promiscuous port shows us what another director has to forward. */
	if (ctx->pkt_type != PACKET_HOST)
		return verdict_action(&pkt, LB_PASS_OTHER_HOST);
	if (!frame_is_whole(ctx))
		frame_restore(ctx);
	return verdict_action(&pkt, classify(ctx, &pkt, LB_INGRESS));
}

SEC("tc")
int tc_reply_egress(struct __sk_buff *ctx)
{
	struct lb_packet pkt = {};

	/* What the host forwards has been judged, and counted, where it came in. */
	if (ctx->ingress_ifindex)
		return TC_ACT_UNSPEC;
	return verdict_action(&pkt, classify(ctx, &pkt, LB_EGRESS));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
