/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Locality with replication (net/netfilter/ipvs/ip_vs_lblcr.c of Linux 6.1): as lblc, with a set
 * of destinations for each address. The least of the set is taken; when that will not do the
 * least of all joins it, and a set that has not changed for long loses its most loaded member.
 * dest_state tells who is in the set of the service.
 *
 * Different from IPVS: what has left the ring does not count for the size of the set.
 *
 * CPUs that schedule at the same moment may each add to the set, or each take one out.
 */
#ifndef LB_SCHED_LBLCR_H
#define LB_SCHED_LBLCR_H

#include "sched_lblc.h"

struct lb_set_scan {
	__u32 ring;
	__u32 size;
	__u8 forget;  /* 1: the set has not been used for long, it is to be emptied */
	__u8 several; /* 1: it has more than one member */
	__u8 pad[6];
	struct lb_choice least; /* of those that take more */
	struct lb_choice most;
};

static __always_inline void set_offer(struct lb_set_scan *scan, __u32 id)
{
	struct lb_dest_state *state = bpf_map_lookup_elem(&dest_state, &id);
	const struct lb_dest *dest = dest_lookup(id);
	struct lb_load load;
	__u64 cost;

	if (!dest || !state || !state->in_set || !load_get(dest, state, &load))
		return;
	if (scan->forget) {
		if (!lb_dry_run)
			state->in_set = 0;
		return;
	}
	cost = load_overhead(&load);
	scan->several = scan->most.dest != LB_NO_DEST;
	most_offer(&scan->most, id, cost, load.weight);
	if (!load.overloaded)
		least_offer(&scan->least, id, cost, load.weight);
}

/* Looks at a run of the ring. Returns 1 at its end. */
LB_SUBPROGRAM int set_run(struct lb_set_scan *scan, __u32 run)
{
	const __u32 *slots;
	__u32 i, left;

	if (!scan)
		return 1;
	slots = ring_run(scan->ring, scan->size, run, &left);
	if (!slots)
		return 1;
	for (i = 0; i < LB_RING_RUN; i++) {
		if (i >= left)
			return 1;
		set_offer(scan, slots[i]);
	}
	return 0;
}

static long set_later_run(__u32 run, struct lb_set_scan *scan)
{
	return is_true(set_run(scan, run + 1));
}

static __always_inline void set_change(struct lb_sched_state *state, __u32 id, __u8 in_set,
                                       __u32 now)
{
	struct lb_dest_state *member = bpf_map_lookup_elem(&dest_state, &id);

	if (!member || member->in_set == in_set || lb_dry_run)
		return;
	member->in_set = in_set;
	state->modified = now;
}

/* The member of the set that is taken, LB_NO_DEST when wlc has to find one to join it. */
LB_SUBPROGRAM __u32 lblcr_member(__u32 service, __u32 ring, __u32 size)
{
	struct lb_sched_state *state = bpf_map_lookup_elem(&sched_state, &service);
	const struct lb_settings *set = settings_get();
	struct lb_set_scan scan = {.ring = ring, .size = size};
	__u32 now = ticks_now();

	if (!state || !set)
		return LB_NO_DEST;
	scan.least.dest = scan.most.dest = LB_NO_DEST;
	scan.forget = now - state->used >= set->lblc_ticks;
	if (!set_run(&scan, 0))
		bpf_loop(ring_runs(size), set_later_run, &scan, 0);
	sched_used(state, now);
	if (scan.several && now - state->modified > set->lblc_ticks)
		set_change(state, scan.most.dest, 0, now);
	if (scan.least.dest == LB_NO_DEST || lblc_is_over(scan.least.dest, ring, size))
		return LB_NO_DEST;
	return scan.least.dest;
}

static __always_inline void lblcr_join(__u32 service, __u32 id)
{
	struct lb_sched_state *state = bpf_map_lookup_elem(&sched_state, &service);

	if (state)
		set_change(state, id, 1, ticks_now());
}

#endif
