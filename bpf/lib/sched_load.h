/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How loaded destinations are, and which is the least or the most loaded of several. */
#ifndef LB_SCHED_LOAD_H
#define LB_SCHED_LOAD_H

#include "ring.h"

/* Conns of a destination, and the weight that they are seen against. */
struct lb_load {
	__u32 active;
	__u32 inactive;
	__u32 weight;
	__u32 overloaded; /* see dest_overloaded() */
};

/*
 * A destination by cost / weight, two of which are compared by multiplying across: in 64 bits,
 * where IPVS has 32 for the cost. Of equals the first in canonical order is taken, where IPVS
 * has the order in which destinations were added.
 */
struct lb_choice {
	__u32 dest; /* LB_NO_DEST: none yet */
	__u32 weight;
	__u64 cost;
};

/* Returns 0 for a destination with weight 0, which no scheduler takes. */
static __always_inline int load_get(const struct lb_dest *dest, const struct lb_dest_state *state,
                                    struct lb_load *load)
{
	__u64 conns = *(const volatile __u64 *)&state->conns;

	load->active = conns >> 32;
	load->inactive = conns;
	load->weight = dest->effective_weight;
	load->overloaded = dest_overloaded(dest, state);
	return load->weight;
}

/* The same by id; returns 0 when there is no such destination, too. */
static __always_inline int load_of(__u32 id, struct lb_load *load)
{
	const struct lb_dest_state *state = bpf_map_lookup_elem(&dest_state, &id);
	const struct lb_dest *dest = dest_lookup(id);

	return dest && state && load_get(dest, state, load);
}

/* ip_vs_dest_conn_overhead(): an active conn is reckoned to cost as much as 256 inactive ones. */
static __always_inline __u64 load_overhead(const struct lb_load *load)
{
	return ((__u64)load->active << 8) + load->inactive;
}

static __always_inline void choice_set(struct lb_choice *choice, __u32 dest, __u64 cost,
                                       __u32 weight)
{
	choice->dest = dest;
	choice->cost = cost;
	choice->weight = weight;
}

static __always_inline void least_offer(struct lb_choice *least, __u32 dest, __u64 cost,
                                        __u32 weight)
{
	if (least->dest == LB_NO_DEST || cost * least->weight < least->cost * weight)
		choice_set(least, dest, cost, weight);
}

static __always_inline void most_offer(struct lb_choice *most, __u32 dest, __u64 cost, __u32 weight)
{
	if (most->dest == LB_NO_DEST || cost * most->weight > most->cost * weight)
		choice_set(most, dest, cost, weight);
}

#endif
