/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Locality (net/netfilter/ipvs/ip_vs_lblc.c of Linux 6.1): all that comes for one address goes
 * to one destination, until that has more active conns than its weight and another has less than
 * half; then to the least by wlc, which is remembered. IPVS remembers by destination address, of
 * which a service of ours has one, the VIP: so sched_state has one memory for each service.
 *
 * Different from IPVS: the destination is left when it is overloaded, too.
 */
#ifndef LB_SCHED_LBLC_H
#define LB_SCHED_LBLC_H

#include "clock.h"
#include "sched_load.h"
#include "settings.h"

struct lb_spare_scan {
	__u32 ring;
	__u32 found;
};

static __always_inline int load_is_over(const struct lb_load *load)
{
	return load->active > load->weight;
}

static __always_inline int load_is_spare(const struct lb_load *load)
{
	return (__u64)load->active * 2 < load->weight;
}

static long spare_at(__u32 slot, struct lb_spare_scan *scan)
{
	struct lb_load load;

	if (!load_of(ring_dest(scan->ring, slot), &load) || !load_is_spare(&load))
		return 0;
	scan->found = 1;
	return 1;
}

/* is_overloaded() there: it asks all others, those at their upper threshold too. */
static __always_inline int lblc_is_over(__u32 id, __u32 ring, __u32 size)
{
	struct lb_spare_scan scan = {.ring = ring};
	struct lb_load load;

	if (!load_of(id, &load) || !load_is_over(&load))
		return 0;
	bpf_loop(size, spare_at, &scan, 0);
	return scan.found;
}

static __always_inline void sched_used(struct lb_sched_state *state, __u32 now)
{
	if (!lb_dry_run && state->used != now)
		state->used = now;
}

/* The destination that the service remembers, LB_NO_DEST when wlc has to find another. */
LB_SUBPROGRAM __u32 lblc_cached(__u32 service, __u32 ring, __u32 size)
{
	struct lb_sched_state *state = bpf_map_lookup_elem(&sched_state, &service);
	const struct lb_settings *set = settings_get();
	const struct lb_dest *dest;
	__u32 now = ticks_now();
	union {
		__u64 word;
		__u32 half[2]; /* destination, generation */
	} cached;

	if (!state || !set || now - state->used >= set->lblc_ticks)
		return LB_NO_DEST;
	cached.word = *(const volatile __u64 *)&state->dest;
	dest = dest_lookup(cached.half[0]);
	if (!dest || dest->service != service || !dest_is(dest, cached.half[1]) ||
	    !dest->effective_weight || !dest_takes_more(cached.half[0]))
		return LB_NO_DEST;
	sched_used(state, now);
	return lblc_is_over(cached.half[0], ring, size) ? LB_NO_DEST : cached.half[0];
}

static __always_inline void lblc_remember(__u32 service, __u32 id)
{
	struct lb_sched_state *state = bpf_map_lookup_elem(&sched_state, &service);
	const struct lb_dest *dest = dest_lookup(id);

	if (!state || !dest || lb_dry_run)
		return;
	*(volatile __u64 *)&state->dest = word_of(id, dest->generation);
	sched_used(state, ticks_now());
}

#endif
