/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Conns: whether one counts, how packets move its state and timer, and how it is recorded. */
#ifndef LB_CONN_H
#define LB_CONN_H

#include "conn_table.h"
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
	return pkt->protocol == IPPROTO_TCP && tcp_is_syn(pkt->tcp_flags) &&
	       (conn->state == LB_CONN_TIME_WAIT || conn->state == LB_CONN_CLOSE ||
	        conn->state == LB_CONN_FIN_WAIT);
}

/* The state after this packet. */
static __always_inline __u8 conn_next_state(__u8 state, const struct lb_packet *pkt)
{
	if (pkt->protocol != IPPROTO_TCP)
		return LB_CONN_UDP;
	return tcp_next_state(state, pkt->tcp_flags);
}

static __always_inline __u32 conn_timeout(const struct lb_settings *set, __u8 state)
{
	return state < LB_CONN_STATES ? set->timeout_ticks[state] : 0;
}

/* State and timer after this packet. A line that others read is written only when it changes. */
static __always_inline void conn_advance(struct lb_conn *conn, const struct lb_packet *pkt,
                                         const struct lb_settings *set, __u32 now)
{
	__u8 state = conn_next_state(conn->state, pkt);
	__u32 expires = now + conn_timeout(set, state);

	if (conn->state != state)
		conn->state = state;
	if (conn->expires != expires)
		conn->expires = expires;
}

/* Inserts a conn whose key is not there. Returns 0 when there is no room. */
static __always_inline int conn_insert(struct lb_packet *pkt, const struct lb_conn *conn,
                                       __u32 buckets, __u32 now)
{
	__u32 id = conn_claim(buckets, pkt->conn_hash, now);
	struct lb_conn_place place = conn_place(buckets, pkt->conn_hash, id);

	if (!place.bucket)
		return 0;
	conn_publish(pkt, &place, conn, buckets, now);
	return 1;
}

/*
 * The flow's own conn, dead, reused or without its destination, starts over. Past the grace
 * another flow may be about to take the way: then it must be won like any other. Returns 0
 * when it was lost.
 */
static __always_inline int conn_restart(struct lb_packet *pkt, const struct lb_conn_place *place,
                                        const struct lb_conn *from, __u32 buckets, __u32 now)
{
	struct lb_conn *conn = conn_at(place);
	__u32 tag = conn_tag(pkt->conn_hash);

	/* Half of the grace: the other half is for the time between here and the last store. */
	if (tick_passed(conn->expires + LB_CONN_GRACE / 2, now)) {
		if (__sync_val_compare_and_swap(conn_tag_at(place), tag, LB_TAG_BUSY) != tag)
			return 0;
		conn_publish(pkt, place, from, buckets, now);
		return 1;
	}
	mac_copy(conn->mac, from->mac);
	conn->state = from->state;
	conn_set_dest(conn, from->dest, from->generation);
	conn->expires = from->expires;
	return 1;
}

/*
 * Records that a flow goes to a destination; mac is what its packet was addressed to. Returns 0
 * when there is no room.
 */
static __always_inline int conn_record(struct lb_packet *pkt, const struct lb_dest *dest,
                                       __u32 dest_id, const struct lb_settings *set,
                                       const __u8 *mac)
{
	struct lb_conn_place place = conn_place(set->conn_buckets, pkt->conn_hash, pkt->conn_id);
	__u8 state = conn_next_state(LB_CONN_NONE, pkt);
	__u32 now = ticks_now();
	struct lb_conn conn = {
		.key = pkt->key,
		.dest = dest_id,
		.generation = dest->generation,
		.expires = now + conn_timeout(set, state),
		.state = state,
	};

	mac_copy(conn.mac, mac);
	if (place.bucket && conn_restart(pkt, &place, &conn, set->conn_buckets, now))
		return 1;
	return conn_insert(pkt, &conn, set->conn_buckets, now);
}

#endif
