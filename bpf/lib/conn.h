/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The conn table: one look-up for a known flow. */
#ifndef LB_CONN_H
#define LB_CONN_H

#include "packet.h"
#include "tcp_state.h"

static __always_inline const struct lb_settings *settings_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

static __always_inline const struct lb_dest *dest_lookup(__u32 id)
{
	return bpf_map_lookup_elem(&dests, &id);
}

/* The conn's destination is still the one that it was made for. */
static __always_inline int conn_dest_valid(const struct lb_conn *conn, const struct lb_dest *dest)
{
	return dest->generation == conn->generation && (dest->flags & LB_DEST_F_LIVE);
}

/*
 * A SYN that meets a conn on its way out starts over at once (net/netfilter/ipvs/ip_vs_core.c,
 * is_new_conn_expected(); FIN_WAIT because the real's FIN is never seen in dr).
 */
static __always_inline int conn_reused(const struct lb_conn *conn, const struct lb_packet *pkt)
{
	return pkt->key.protocol == IPPROTO_TCP && tcp_is_syn(pkt->tcp_flags) &&
	       (conn->state == LB_CONN_TIME_WAIT || conn->state == LB_CONN_CLOSE ||
	        conn->state == LB_CONN_FIN_WAIT);
}

/* State and timer after this packet. A line that others read is written only when it changes. */
static __always_inline void conn_advance(struct lb_conn *conn, const struct lb_packet *pkt,
                                         const struct lb_settings *set, __u64 now)
{
	__u8 state = LB_CONN_UDP;
	__u64 expires;

	if (pkt->key.protocol == IPPROTO_TCP)
		state = tcp_next_state(conn->state, pkt->tcp_flags);
	if (state >= LB_CONN_STATES)
		return;
	expires = now + set->timeout_ns[state];
	if (conn->state != state)
		conn->state = state;
	if (conn->expires != expires)
		conn->expires = expires;
}

/* Records a new flow. Returns 0, or a negative errno when there is no room. */
static __always_inline int conn_create(const struct lb_packet *pkt, const struct lb_dest *dest,
                                       __u32 dest_id, const struct lb_settings *set, __u64 now)
{
	struct lb_conn conn = {
		.dest = dest_id,
		.generation = dest->generation,
		.state = LB_CONN_NONE,
	};

	conn_advance(&conn, pkt, set, now);
	return bpf_map_update_elem(&conns, &pkt->key, &conn, BPF_ANY);
}

#endif
