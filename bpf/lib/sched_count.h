/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Schedulers that take the least of all destinations by weight and conns:
 * net/netfilter/ipvs/ip_vs_{lc,wlc,sed,nq,fo,ovf}.c of Linux 6.1.
 *
 * CPUs count while others scan: each number was true at some moment of the scan.
 */
#ifndef LB_SCHED_COUNT_H
#define LB_SCHED_COUNT_H

#include "sched_load.h"

struct lb_count_scan {
	__u32 ring;
	__u32 size;
	__u32 scheduler; /* enum lb_scheduler */
	__u32 pad;
	struct lb_choice least;
};

static __always_inline void count_offer(struct lb_count_scan *scan, __u32 id,
                                        const struct lb_load *load)
{
	struct lb_choice *least = &scan->least;

	switch (scan->scheduler) {
	case LB_SCHED_LC:
		least_offer(least, id, load_overhead(load), 1);
		break;
	case LB_SCHED_WLC:
		least_offer(least, id, load_overhead(load), load->weight);
		break;
	case LB_SCHED_SED:
		least_offer(least, id, (__u64)load->active + 1, load->weight);
		break;
	case LB_SCHED_NQ: /* an idle one costs nothing, so the first of them is the least */
		least_offer(least, id, load->active ? (__u64)load->active + 1 : 0, load->weight);
		break;
	case LB_SCHED_OVF:
		if (load->active > load->weight)
			break;
		least_offer(least, id, 0x10000 - load->weight, 1);
		break;
	default: /* fo: the highest weight costs the least */
		least_offer(least, id, 0x10000 - load->weight, 1);
	}
}

/* Looks at a run of the ring. Returns 1 at its end. */
LB_SUBPROGRAM int count_run(struct lb_count_scan *scan, __u32 run)
{
	const __u32 *slots;
	__u32 i, left;

	if (!scan)
		return 1;
	slots = ring_run(scan->ring, scan->size, run, &left);
	if (!slots)
		return 1;
	for (i = 0; i < LB_RING_RUN; i++) {
		struct lb_load load;

		if (i >= left)
			return 1;
		if (load_of(slots[i], &load) && !load.overloaded)
			count_offer(scan, slots[i], &load);
	}
	return 0;
}

static long count_later_run(__u32 run, struct lb_count_scan *scan)
{
	return is_true(count_run(scan, run + 1));
}

/* The destination that lc, wlc, sed, nq, fo or ovf takes now. */
LB_SUBPROGRAM __u32 sched_count(__u32 scheduler, __u32 ring, __u32 size)
{
	struct lb_count_scan scan = {
		.ring = ring,
		.size = size,
		.scheduler = scheduler,
		.least.dest = LB_NO_DEST,
	};

	if (!count_run(&scan, 0))
		bpf_loop(ring_runs(size), count_later_run, &scan, 0);
	return scan.least.dest;
}

#endif
