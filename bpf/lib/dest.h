/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Destinations: entries of dests by id, and how many conns each has. */
#ifndef LB_DEST_H
#define LB_DEST_H

#include "packet.h"

#define LB_NO_DEST 0xffffffff /* is the id of none */

static __always_inline const struct lb_dest *dest_lookup(__u32 id)
{
	return bpf_map_lookup_elem(&dests, &id);
}

/* The port that a packet for the virtual port `port` has at the real. */
static __always_inline __be16 dest_port(const struct lb_dest *dest, __be16 port)
{
	return dest->port ? dest->port : port;
}

static __always_inline int dest_is(const struct lb_dest *dest, __u32 generation)
{
	return dest->generation == generation && (dest->flags & LB_DEST_F_LIVE);
}

/* Its health check has taken it out, and the service does without it (allDown: serve-all would not). */
static __always_inline int dest_is_out(const struct lb_dest *dest)
{
	return (dest->flags & LB_DEST_F_DOWN) && !dest->effective_weight;
}

/* Schedulers pass it over. */
static __always_inline int dest_overloaded(const struct lb_dest *dest,
                                           const struct lb_dest_state *state)
{
	return dest->upper && state->overloaded;
}

#define LB_COUNT_ACTIVE   (1ULL << 32)
#define LB_COUNT_INACTIVE 1ULL

/* What a conn in this state adds to struct lb_dest_state.conns (tcp_state_active_table[] in
 * net/netfilter/ipvs/ip_vs_proto_tcp.c, Linux 6.1). */
static __always_inline __u64 count_of_state(__u8 state)
{
	switch (state) {
	case LB_CONN_ESTABLISHED:
	case LB_CONN_SYN_SENT:
	case LB_CONN_SYN_RECV:
	case LB_CONN_SYNACK:
		return LB_COUNT_ACTIVE;
	default:
		return LB_COUNT_INACTIVE;
	}
}

/*
 * A destination with an upper threshold is overloaded from there on, until it falls below the
 * lower one, or three quarters of the upper (ip_vs_bind_dest() and ip_vs_unbind_dest() in
 * net/netfilter/ipvs/ip_vs_conn.c).
 */
static __always_inline void dest_threshold(const struct lb_dest *dest, struct lb_dest_state *state,
                                           __u64 conns)
{
	__u32 total = (__u32)(conns >> 32) + (__u32)conns;

	if (total >= dest->upper)
		state->overloaded = 1;
	else if (dest->lower ? total < dest->lower : 4ULL * total < 3ULL * dest->upper)
		state->overloaded = 0;
}

/* Adds to the conns of a destination: LB_COUNT_*, or a difference of them. */
LB_SUBPROGRAM int dest_count(__u32 id, __u32 generation, __u64 change)
{
	struct lb_dest_state *state = bpf_map_lookup_elem(&dest_state, &id);
	const struct lb_dest *dest = dest_lookup(id);
	__u64 before;

	/* Of a destination that is gone: its counters are another's now, or nobody's. */
	if (!state || !dest || dest->generation != generation)
		return 0;
	before = __sync_fetch_and_add(&state->conns, change);
	if (dest->upper)
		dest_threshold(dest, state, before + change);
	return 0;
}

/* The same for templates. */
static __always_inline void dest_count_template(__u32 id, __u32 generation, __u32 change)
{
	struct lb_dest_state *state = bpf_map_lookup_elem(&dest_state, &id);
	const struct lb_dest *dest = dest_lookup(id);

	if (state && dest && dest->generation == generation)
		__sync_fetch_and_add(&state->persistent, change);
}

#endif
