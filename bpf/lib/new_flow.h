/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The first packet of a flow: choose a destination, record the conn, send. */
#ifndef LB_NEW_FLOW_H
#define LB_NEW_FLOW_H

#include "conn.h"
#include "explain.h"
#include "fragment.h"
#include "fwd.h"
#include "ping.h"
#include "probe_answer.h"
#include "sched.h"
#include "service.h"
#include "stats.h"
#include "template.h"

/* Of struct lb_packet.service_flags: the service has persistence. */
#define LB_PERSISTENT (1 << 15)

/* nat: how many other destinations are tried when the chosen one would clash. */
#define LB_CLASH_ATTEMPTS 16

/* TCP that does not open a flow makes a conn in a sloppy service only. */
static __always_inline int opens_flow(const struct lb_packet *pkt, __u16 flags)
{
	if (pkt->protocol != IPPROTO_TCP || tcp_is_syn(pkt->tcp_flags))
		return 1;
	return (flags & LB_SVC_F_SLOPPY) && !(pkt->tcp_flags & LB_TCP_RST);
}

static __always_inline int from_peer(const struct lb_eth *eth, const struct lb_settings *set)
{
	struct lb_peer_key key = {};

	if (!set->peers)
		return 0;
	mac_copy(key.mac, eth->source);
	return bpf_map_lookup_elem(&peers, &key) != NULL;
}

/* A frame that the chosen real itself sent: it would come back to it. */
static __always_inline int from_real(const struct lb_eth *eth, const struct lb_dest *dest)
{
	return !(dest->flags & (LB_DEST_F_LOCAL | LB_DEST_F_GATEWAY)) &&
	       mac_equal(eth->source, dest->mac);
}

/* The template's destination, or one that the scheduler picks; LB_NO_DEST: there is none. */
static __always_inline __u32 choose(struct lb_packet *pkt, const struct lb_service *service)
{
	__u32 dest_id;

	if (service->persistence_ticks) {
		dest_id = template_dest(pkt, service->persistence_scope,
		                        service->persistence_prefix, service->flags, service->id);
		if (dest_id != LB_NO_DEST)
			return dest_id;
	}
	explain(LB_STEP_SCHEDULED, 0);
	return sched_pick(service, pkt);
}

/* Chooses pkt->dest_id for a flow without a conn; a verdict when it goes nowhere. */
LB_XDP_INLINE int schedule(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	const struct lb_service *service;
	struct lb_eth *eth;

	if (!pkt || !set)
		return LB_PASS_UNMATCHED;
	service = service_lookup(pkt, set->era);
	if (!service)
		return service_missing(ctx, pkt);
	explain(LB_STEP_SERVICE, service->id);
	pkt->service_flags = service->flags | (service->persistence_ticks ? LB_PERSISTENT : 0);
	if (!opens_flow(pkt, service->flags))
		return LB_PASS_NO_CONN;
	eth = frame_data(ctx);
	if ((void *)(eth + 1) > frame_end(ctx))
		return LB_DROP_MALFORMED;
	mac_copy(pkt->mac, eth->dest);
	if (from_peer(eth, set))
		return service->flags & LB_SVC_F_LOCAL ? LB_PASS_PEER : LB_DROP_LOOP;
	pkt->dest_id = choose(pkt, service);
	if (pkt->dest_id == LB_NO_DEST)
		return service_without_real(ctx, pkt, service->flags);
	return LB_UNDECIDED;
}

/* Whether the frame can be sent to pkt->dest_id; a verdict if not. */
LB_XDP_INLINE int new_flow_prepare(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_dest *dest;
	struct lb_headers hdr;
	int verdict;

	if (!pkt)
		return LB_DROP_MALFORMED;
	dest = dest_lookup(pkt->dest_id);
	if (!dest || !headers_get(ctx, pkt, &hdr))
		return LB_DROP_MALFORMED;
	explain(LB_STEP_DEST, pkt->dest_id);
	if (from_real(hdr.eth, dest))
		return LB_DROP_LOOP;
	verdict = fwd_prepare(pkt, &hdr, dest, pkt->family, ctx->ingress_ifindex);
	return verdict == LB_DROP_TTL ? answer_time_exceeded(ctx, pkt, LB_REPLY_TTL, LB_DROP_TTL)
	                              : verdict;
}

/* Counts the conn to be as a child of its client's template. */
static __always_inline __u32 new_flow_join(struct lb_packet *pkt, const struct lb_settings *set)
{
	const struct lb_service *service = service_lookup(pkt, set->era);

	if (!service)
		return 0;
	return template_join(pkt, pkt->dest_id, service->persistence_ticks,
	                     service->persistence_scope, service->persistence_prefix);
}

/*
 * The conn of a flow to pkt->dest_id, which clashes with no other as far as is seen; control, hash: see
 * conn_record(). Returns the verdict of the packet.
 */
static __always_inline int new_flow_conn(struct lb_packet *pkt, const struct lb_settings *set,
                                         __u32 control, int nat, __u64 hash)
{
	int no_reuse = control || (pkt->service_flags & LB_SVC_F_NO_REUSE);
	__u32 flags = no_reuse ? LB_CONN_F_NO_REUSE : 0;
	int recorded = conn_record(pkt, flags, control, hash), settled;

	if (!recorded && nat && reverse_make_room(hash, set->conn_buckets, ticks_now()))
		recorded = conn_record(pkt, flags, control, hash);
	if (recorded) {
		settled = conn_confirm(pkt, set);
		return nat && (!settled || conn_clashed(pkt, set, hash)) ? LB_DROP_CLASH
		                                                         : LB_FORWARD_NEW;
	}
	if (control)
		template_leave(control, 1, ticks_now());
	return nat ? LB_DROP_TABLE_FULL : LB_FORWARD_STATELESS;
}

/* Of a clash: the conn of number `own` that was to start over ends. */
static __always_inline int new_flow_clash(struct lb_packet *pkt, __u32 own, __u32 control)
{
	__u32 now = ticks_now();

	if (own != LB_NO_NUMBER && conn_take_apart(own, LB_TAKE_ANY, pkt->conn_seq, now))
		conn_free(own);
	if (control)
		template_leave(control, 1, now);
	return LB_DROP_CLASH;
}

/* Records the conn; `joins`: it is a child of its client's template. Returns the verdict of the packet. */
LB_SUBPROGRAM int new_flow_record(struct lb_packet *pkt, __u32 joins)
{
	const struct lb_settings *set = settings_get();
	const struct lb_dest *dest;
	__u32 control = 0, own = LB_NO_NUMBER;
	int nat, clashes;
	__u64 hash;

	if (!pkt || !set)
		return LB_DROP_TABLE_FULL;
	dest = dest_lookup(pkt->dest_id);
	if (!dest)
		return LB_DROP_TABLE_FULL;
	if (pkt->service_flags & LB_SVC_F_ONE_PACKET)
		return LB_FORWARD_ONE_PACKET;
	nat = dest->forward == LB_FORWARD_NAT;
	if (pkt->conn_id != LB_CONN_NOWHERE)
		own = conn_number(set->conn_buckets, pkt->conn_hash, pkt->conn_id);
	/* Before anything is written: the look-up is a cold cache line, which the processor reads
	 * together with that of the conn, as long as it does not have to wait for a write. */
	hash = nat ? conn_reverse_hash(pkt) : 0;
	clashes = nat && conn_clashes(pkt, set, hash, own);
	if (lb_dry_run)
		return clashes ? LB_DROP_CLASH : LB_FORWARD_NEW;
	if (joins && (pkt->service_flags & LB_PERSISTENT))
		control = new_flow_join(pkt, set);
	return clashes ? new_flow_clash(pkt, own, control)
	               : new_flow_conn(pkt, set, control, nat, hash);
}

/* Sends the first packet of a flow to pkt->dest_id. */
LB_XDP_INLINE int new_flow_send(struct xdp_md *ctx, struct lb_packet *pkt, int verdict)
{
	const struct lb_dest *dest;

	if (!pkt)
		return LB_DROP_MALFORMED;
	dest = dest_lookup(pkt->dest_id);
	if (!dest)
		return LB_DROP_MALFORMED;
	stats_forwarded(pkt, dest->service, pkt->dest_id,
	                verdict != LB_FORWARD_STATELESS && verdict != LB_FORWARD_PING);
	if (pkt->fragment)
		fragment_record(pkt, pkt->dest_id, dest->generation, LB_FRAGMENT_TO_REAL);
	return fwd_any(ctx, pkt, dest) ? verdict : LB_DROP_MALFORMED;
}

/* Another destination for a flow whose choice would clash; LB_NO_DEST when the draw is of no use. */
LB_SUBPROGRAM __u32 other_dest(struct lb_packet *pkt, __u32 attempt)
{
	const struct lb_settings *set = settings_get();
	const struct lb_service *service;

	if (!pkt || !set)
		return LB_NO_DEST;
	explain(LB_STEP_CLASH, 0);
	service = service_lookup(pkt, set->era);
	return service ? sched_other(service, pkt, attempt) : LB_NO_DEST;
}

/* Records the flow to pkt->dest_id, which only the first choice is by the client's template. */
static __always_inline int new_flow_to(struct xdp_md *ctx, struct lb_packet *pkt, __u32 first)
{
	int verdict = new_flow_prepare(ctx, pkt);

	return verdict == LB_UNDECIDED ? new_flow_record(pkt, first) : verdict;
}

/* What opens no flow that a client has: a verdict, LB_FORWARD_PING for a ping to be scheduled, or LB_UNDECIDED. */
static __always_inline int new_flow_apart(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	int verdict = LB_UNDECIDED;

	if (set && set->probe_count)
		verdict = probe_answer_at_vip(ctx, pkt);
	if (verdict == LB_UNDECIDED && set && set->ping_sources)
		verdict = ping_verdict(ctx, pkt);
	return verdict;
}

/* Sends a gateway ping to pkt->dest_id: no conn is made, and its client's template is left as it is. */
LB_SUBPROGRAM int new_flow_ping(struct xdp_md *ctx, struct lb_packet *pkt)
{
	int verdict = new_flow_prepare(ctx, pkt);

	if (verdict != LB_UNDECIDED)
		return verdict;
	return ping_count_down(ctx, pkt) ? new_flow_send(ctx, pkt, LB_FORWARD_PING)
	                                 : LB_DROP_MALFORMED;
}

/*
 * A flow that no conn decides. The steps are subprograms of their own to share the little stack there is.
 *
 * nat: two conns of one client must not look the same from a real's side. When they would, other
 * destinations are tried.
 */
LB_SUBPROGRAM int new_flow(struct xdp_md *ctx, struct lb_packet *pkt)
{
	int apart, verdict, i;

	if (!pkt)
		return LB_DROP_MALFORMED;
	if (!frame_is_ours(ctx))
		return LB_PASS_OTHER_HOST;
	apart = new_flow_apart(ctx, pkt);
	if (apart != LB_UNDECIDED && apart != LB_FORWARD_PING)
		return apart;
	/* Only a SYN starts over; the client shall not wait for the rest. */
	if (pkt->gone && pkt->protocol == IPPROTO_TCP && !tcp_is_syn(pkt->tcp_flags))
		return answer_reset(ctx, pkt, LB_REPLY_RESET, LB_DROP_REAL_GONE);
	verdict = schedule(ctx, pkt);
	if (verdict != LB_UNDECIDED)
		return verdict;
	if (apart == LB_FORWARD_PING)
		return new_flow_ping(ctx, pkt);
	verdict = new_flow_to(ctx, pkt, 1);
	for (i = 0; verdict == LB_DROP_CLASH && i < LB_CLASH_ATTEMPTS; i++) {
		pkt->dest_id = other_dest(pkt, i);
		if (pkt->dest_id != LB_NO_DEST)
			verdict = new_flow_to(ctx, pkt, 0);
	}
	return verdict < LB_REPLY_ARP ? new_flow_send(ctx, pkt, verdict) : verdict;
}

#endif
