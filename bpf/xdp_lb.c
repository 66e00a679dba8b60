// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What clients send. Parse, find the VIP, find the conn or schedule one, rewrite, send.
 * A packet leaves with exactly one verdict, counted in lib/verdict.h.
 */
#include "lib/arp.h"
#include "lib/conn.h"
#include "lib/echo.h"
#include "lib/fwd_dr.h"
#include "lib/nd.h"
#include "lib/packet.h"
#include "lib/parse.h"
#include "lib/sched.h"
#include "lib/stats.h"
#include "lib/verdict.h"
#include "lib/vip.h"

/*
 * Enums reach BTF only through something global that has their type; so does the value
 * of an inner map, since clang emits what is behind two pointers as a forward declaration.
 */
const struct {
	struct lb_ring_chunk ring_chunk;
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
	enum lb_fragment_way fragment_way;
	enum lb_step step;
	enum lb_xdp_mode xdp_mode;
	enum lb_verdict verdict;
} lb_types = {};

static __always_inline const struct lb_service *service_lookup(const struct lb_packet *pkt,
                                                               __u32 era)
{
	struct lb_service_key key = {
		.vip = pkt->vip,
		.port = pkt->key.port,
		.protocol = pkt->protocol,
		.era = era,
	};

	return bpf_map_lookup_elem(&services, &key);
}

/* A flow without a conn: schedule it. */
static __always_inline int new_flow(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	const struct lb_service *service;
	const struct lb_dest *dest;
	struct lb_headers hdr;
	int verdict, recorded;
	__u32 dest_id;

	if (!set)
		return LB_PASS_UNMATCHED;
	service = service_lookup(pkt, set->era);
	if (!service)
		return LB_PASS_UNMATCHED;
	if (pkt->protocol == IPPROTO_TCP && !tcp_is_syn(pkt->tcp_flags) &&
	    (!(service->flags & LB_SVC_F_SLOPPY) || (pkt->tcp_flags & LB_TCP_RST)))
		return LB_PASS_NO_CONN;
	if (!headers_get(ctx, pkt, &hdr))
		return LB_DROP_MALFORMED;
	if (ttl_of(&hdr, pkt->family) <= 1)
		return LB_DROP_TTL;
	dest_id = sched_pick(service, pkt);
	dest = dest_lookup(dest_id);
	if (!dest)
		return LB_DROP_NO_REAL;
	verdict = fwd_prepare(&hdr, dest, pkt->family, ctx->ingress_ifindex, &pkt->forward_action);
	if (verdict != LB_UNDECIDED)
		return verdict;
	recorded = conn_record(pkt, dest, dest_id, set, hdr.eth->dest);
	stats_forwarded(pkt, service->id, dest_id, recorded);
	fwd_dr(&hdr, dest, pkt->family);
	return recorded ? LB_FORWARD_NEW : LB_FORWARD_STATELESS;
}

static __always_inline int icmp_to_vip(struct xdp_md *ctx, struct lb_packet *pkt)
{
	struct lb_icmp *icmp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	__u8 request = pkt->family == 4 ? ICMP_ECHO : ICMPV6_ECHO_REQUEST;

	if (pkt->l4_off + sizeof(*icmp) > pkt->l3_off + pkt->ip_len)
		return LB_DROP_MALFORMED;
	if ((void *)(icmp + 1) > frame_end(ctx))
		return verdict_of_short(ctx);
	if (icmp->type == request && icmp->code == 0)
		return echo_answer(ctx, pkt);
	if (pkt->family == 6 && pkt->l4_off == pkt->l3_off + sizeof(struct ipv6hdr))
		return nd_answer(ctx, pkt);
	return LB_PASS_ICMP;
}

/* Whatever is not a packet of a known flow; `parsed` is the verdict that parsing came to. */
LB_SUBPROGRAM int to_vip_slow(struct xdp_md *ctx, struct lb_packet *pkt, int parsed)
{
	if (!pkt)
		return LB_DROP_MALFORMED;
	if (!frame_is_ours(ctx))
		return LB_PASS_OTHER_HOST;
	if (parsed != LB_UNDECIDED)
		return parsed;
	switch (pkt->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		return new_flow(ctx, pkt);
	case IPPROTO_ICMP:
		return pkt->family == 4 ? icmp_to_vip(ctx, pkt) : LB_PASS_PROTOCOL;
	case IPPROTO_ICMPV6:
		return pkt->family == 6 ? icmp_to_vip(ctx, pkt) : LB_PASS_PROTOCOL;
	default:
		return LB_PASS_PROTOCOL;
	}
}

/* A packet of a flow whose conn is alive and has its destination. */
static __always_inline int known_flow(struct xdp_md *ctx, struct lb_packet *pkt,
                                      const struct lb_headers *hdr, struct lb_conn *conn,
                                      const struct lb_dest *dest, const struct lb_settings *set,
                                      __u32 now, __u8 family)
{
	int verdict;

	/* Its first packet has had the MAC looked up already. */
	if (!mac_equal(hdr->eth->dest, conn->mac) && !frame_is_ours(ctx))
		return LB_PASS_OTHER_HOST;
	verdict = fwd_prepare(hdr, dest, family, ctx->ingress_ifindex, &pkt->forward_action);
	if (verdict != LB_UNDECIDED)
		return verdict;
	conn_advance(conn, pkt, set, now);
	stats_forwarded(pkt, dest->service, conn->dest, 0);
	fwd_dr(hdr, dest, family);
	return LB_FORWARD_KNOWN;
}

/* A TCP or UDP packet to a VIP. Its conn decides, if it has one that is alive. */
static __always_inline int flow_to_vip(struct xdp_md *ctx, struct lb_packet *pkt,
                                       const struct lb_headers *hdr, __u8 family)
{
	const struct lb_settings *set = settings_get();
	int parsed = LB_UNDECIDED;
	struct lb_conn_place place;
	const struct lb_dest *dest;
	__u32 now = ticks_now();
	struct lb_conn *conn;

	if (!set)
		return LB_PASS_UNMATCHED;
	pkt->conn_hash = conn_hash(pkt->key_word, set->hash_seed);
	place = conn_find(pkt, set->conn_buckets);
	if (place.bucket && !tick_passed(conn_at(&place)->expires, now) &&
	    !conn_reused(conn_at(&place), pkt)) {
		conn = conn_at(&place);
		dest = dest_lookup(conn->dest);
		if (dest && conn_dest_valid(conn, dest))
			return known_flow(ctx, pkt, hdr, conn, dest, set, now, family);
		if (pkt->protocol == IPPROTO_TCP && !tcp_is_syn(pkt->tcp_flags))
			parsed = LB_DROP_REAL_GONE;
	}
	pkt->conn_id = place.bucket ? place.id : LB_CONN_NOWHERE;
	return to_vip_slow(ctx, pkt, parsed);
}

static __always_inline int to_vip(struct xdp_md *ctx, struct lb_packet *pkt,
                                  const struct lb_headers *hdr, int parsed, __u8 family)
{
	if (parsed == LB_UNDECIDED)
		parsed = parse_l4(ctx, pkt);
	if (parsed == LB_UNDECIDED &&
	    (pkt->protocol == IPPROTO_TCP || pkt->protocol == IPPROTO_UDP))
		return flow_to_vip(ctx, pkt, hdr, family);
	return to_vip_slow(ctx, pkt, parsed);
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
		return LB_PASS_NOT_VIP;
	pkt->vip = vip->id;
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
		return LB_PASS_NOT_VIP;
	pkt->vip = vip->id;
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

	return verdict_action(&pkt, classify(ctx, &pkt));
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

char LICENSE[] SEC("license") = "Dual BSD/GPL";
