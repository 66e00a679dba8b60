// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What clients send. Parse, find the VIP, find the conn or schedule one, rewrite, send.
 * A packet leaves with exactly one verdict, counted in lib/verdict.h.
 */
#include "lib/arp.h"
#include "lib/echo.h"
#include "lib/flow.h"
#include "lib/icmp_flow.h"
#include "lib/icmp_kind.h"
#include "lib/nd.h"
#include "lib/packet.h"
#include "lib/parse.h"
#include "lib/probe_answer.h"
#include "lib/sweep.h"
#include "lib/verdict.h"
#include "lib/vip.h"

/* Enums reach BTF only through something global that has their type. */
const struct {
	enum lb_limit limit;
	enum lb_vip_flag vip_flag;
	enum lb_echo echo;
	enum lb_scheduler scheduler;
	enum lb_forward forward;
	enum lb_service_flag service_flag;
	enum lb_dest_flag dest_flag;
	enum lb_key_kind key_kind;
	enum lb_conn_state conn_state;
	enum lb_conn_flag conn_flag;
	enum lb_probe_kind probe_kind;
	enum lb_fragment_way fragment_way;
	enum lb_step step;
	enum lb_xdp_mode xdp_mode;
	enum lb_verdict verdict;
} lb_types = {};

/* No verdict: the packet belongs to a flow as TCP and UDP do, and pkt->key is complete. */
#define LB_IS_FLOW (-2)

/* ICMP or ICMPv6 to a VIP. */
static __always_inline int icmp_to_vip(struct xdp_md *ctx, struct lb_packet *pkt)
{
	struct lb_icmp *icmp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	__u8 request = pkt->family == 4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST;

	if (pkt->l4_off + sizeof(*icmp) > pkt->l3_off + pkt->ip_len)
		return LB_DROP_MALFORMED;
	if ((void *)(icmp + 1) > frame_end(ctx))
		return verdict_of_short(ctx);
	if (icmp_is_request(icmp->type, pkt->family) && query_has_service(pkt, icmp))
		return LB_IS_FLOW;
	/* Neither what we answer nor what we translate can be told from a part of it. */
	if (pkt->fragment)
		return LB_DROP_FRAGMENT;
	if (icmp->type == request && icmp->code == 0)
		return echo_answer(ctx, pkt);
	if (pkt->family == 6 && pkt->l4_off == pkt->l3_off + sizeof(struct ipv6hdr))
		return nd_answer(ctx, pkt);
	return LB_PASS_ICMP;
}

/* A fragment without ports: where its datagram's first one went. */
LB_SUBPROGRAM int later_fragment(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_fragment *first;
	const struct lb_dest *dest;
	struct lb_headers hdr;
	int verdict;

	if (!pkt || !headers_get(ctx, pkt, &hdr))
		return LB_DROP_MALFORMED;
	first = fragment_find(pkt);
	if (!first)
		return LB_DROP_FRAGMENT;
	if (first->way != LB_FRAGMENT_TO_REAL)
		return LB_PASS_FRAGMENT;
	dest = dest_lookup(first->dest);
	if (!dest || !dest_is(dest, first->generation))
		return LB_DROP_FRAGMENT;
	verdict = fwd_prepare(pkt, &hdr, dest, pkt->family, ctx->ingress_ifindex);
	if (verdict != LB_UNDECIDED)
		return verdict;
	stats_forwarded(pkt, dest->service, first->dest, 0);
	return fwd_any(ctx, pkt, dest) ? LB_FORWARD_FRAGMENT : LB_DROP_MALFORMED;
}

/*
 * What is neither TCP nor UDP nor an ICMP error, or could not be parsed as such; `parsed`: the verdict
 * that parsing came to.
 */
LB_SUBPROGRAM int to_vip_slow(struct xdp_md *ctx, struct lb_packet *pkt, int parsed)
{
	if (!pkt)
		return LB_DROP_MALFORMED;
	if (!frame_is_ours(ctx))
		return LB_PASS_OTHER_HOST;
	if (parsed != LB_UNDECIDED)
		return parsed;
	if (pkt->fragment == LB_FRAGMENT_LATER)
		return later_fragment(ctx, pkt);
	return is_icmp(pkt) ? icmp_to_vip(ctx, pkt) : LB_PASS_PROTOCOL;
}

/* The conn knows whose frame it is, so that is asked there. */
static __always_inline int icmp_error_to_vip(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	int verdict = set && set->probe_count ? probe_error_at_vip(ctx, pkt) : LB_UNDECIDED;

	return verdict == LB_UNDECIDED ? icmp_error_to_real(ctx, pkt) : verdict;
}

static __always_inline int to_vip(struct xdp_md *ctx, struct lb_packet *pkt, struct lb_headers *hdr,
                                  int parsed, __u8 family)
{
	if (parsed == LB_UNDECIDED)
		parsed = parse_l4(ctx, pkt);
	if (parsed != LB_UNDECIDED || pkt->fragment == LB_FRAGMENT_LATER ||
	    (pkt->protocol != IPPROTO_TCP && pkt->protocol != IPPROTO_UDP)) {
		if (parsed == LB_UNDECIDED && is_icmp_error(ctx, pkt))
			return icmp_error_to_vip(ctx, pkt);
		parsed = to_vip_slow(ctx, pkt, parsed);
		if (parsed != LB_IS_FLOW)
			return parsed;
		if (!headers_get_as(ctx, pkt, hdr, family))
			return LB_DROP_MALFORMED;
	}
	return flow_to_vip(ctx, pkt, hdr, family);
}

static __always_inline int not_for_vip(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();

	return set && set->probe_count ? probe_answer(ctx, pkt) : LB_PASS_NOT_VIP;
}

static __always_inline int ipv4_packet(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_vip_slot *vip;
	struct lb_headers hdr;
	struct iphdr *ip;

	pkt->family = 4;
	if (!headers_get(ctx, pkt, &hdr))
		return LB_PASS_INCOMPLETE;
	ip = hdr.l3;
	if (ip->version != 4 || ip->ihl < 5)
		return LB_PASS_INCOMPLETE;
	words_from_v4(pkt->dst_word, ip->daddr);
	vip = vip_lookup(pkt->dst_word, 4);
	if (!vip)
		return not_for_vip(ctx, pkt);
	pkt->key.vip = vip->id;
	explain(LB_STEP_VIP, vip->id);
	return to_vip(ctx, pkt, &hdr, parse_ipv4_rest(ctx, pkt, ip), 4);
}

static __always_inline int ipv6_packet(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_vip_slot *vip;
	struct lb_headers hdr;
	struct ipv6hdr *ip6;

	pkt->family = 6;
	if (!headers_get(ctx, pkt, &hdr))
		return LB_PASS_INCOMPLETE;
	ip6 = hdr.l3;
	if (ip6->version != 6)
		return LB_PASS_INCOMPLETE;
	words_from_v6(pkt->dst_word, &ip6->daddr);
	if (ip6->nexthdr == IPPROTO_ICMPV6 && is_solicited_group(&pkt->dst)) {
		pkt->nd_group = 1;
		return nd_answer(ctx, pkt);
	}
	vip = vip_lookup(pkt->dst_word, 6);
	if (!vip)
		return not_for_vip(ctx, pkt);
	pkt->key.vip = vip->id;
	explain(LB_STEP_VIP, vip->id);
	return to_vip(ctx, pkt, &hdr, parse_ipv6_rest(ctx, pkt, ip6), 6);
}

static __always_inline int classify(struct xdp_md *ctx, struct lb_packet *pkt)
{
	switch (parse_ethernet(ctx, pkt)) {
	case bpf_htons(ETH_P_IP):
		return ipv4_packet(ctx, pkt);
	case bpf_htons(ETH_P_IPV6):
		return ipv6_packet(ctx, pkt);
	case bpf_htons(ETH_P_ARP):
		return arp_answer(ctx, pkt);
	case -1:
		return LB_PASS_INCOMPLETE;
	default:
		return LB_PASS_NOT_IP;
	}
}

SEC("xdp.frags")
int xdp_lb(struct xdp_md *ctx)
{
	struct lb_packet pkt = {};
	int verdict = classify(ctx, &pkt);

	/* Where the host put the first fragment it has to have the others too. */
	if (pkt.fragment == LB_FRAGMENT_FIRST && verdict >= LB_PASS_PROTOCOL &&
	    verdict < LB_DROP_MALFORMED)
		fragment_record(&pkt, 0, 0, LB_FRAGMENT_PASS);
	explain_verdict(verdict);
	return verdict_action(&pkt, verdict);
}

/* The clock of the conn timers, for user space: jiffies as the first 8 bytes of the packet. */
SEC("xdp.frags")
int lb_clock(struct xdp_md *ctx)
{
	__u64 *out = frame_data(ctx);

	if ((void *)(out + 1) > frame_end(ctx))
		return XDP_ABORTED;
	*out = bpf_jiffies64();
	return XDP_PASS;
}

/* Of the kernel's struct, by its own BTF. */
struct bpf_map {
	__u32 id;
} __attribute__((preserve_access_index));

/*
 * The ids of the maps in rings, 0 where there is none, from the index on that the packet's first word is; they
 * take its place. Linux before 6.8 waits for a grace period in every look-up of such a map from user space.
 */
SEC("xdp.frags")
int lb_ring_ids(struct xdp_md *ctx)
{
	__u32 *word = frame_data(ctx), first, i;

	if ((void *)(word + LB_RING_IDS) > frame_end(ctx))
		return XDP_ABORTED;
	first = word[0];
	for (i = 0; i < LB_RING_IDS; i++) {
		__u32 index = first + i;
		const struct bpf_map *ring = bpf_map_lookup_elem(&rings, &index);

		word[i] = ring ? ring->id : 0;
	}
	return XDP_PASS;
}

/* Walks over the buckets that the packet names (its first two words), for tests and benchmarks. */
SEC("xdp.frags")
int lb_sweep(struct xdp_md *ctx)
{
	__u32 *range = frame_data(ctx);

	if ((void *)(range + 2) > frame_end(ctx))
		return XDP_ABORTED;
	sweep_range(range[0], range[1]);
	return XDP_PASS;
}

/* Starts the sweeper; run once when the program is loaded. */
SEC("xdp.frags")
int lb_sweep_start(struct xdp_md *ctx)
{
	(void)ctx;
	return sweep_start() ? XDP_ABORTED : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
