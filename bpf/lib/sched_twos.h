/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Power of two choices (net/netfilter/ipvs/ip_vs_twos.c of Linux 6.1): of two destinations drawn
 * by weight, the one with fewer conns for its weight.
 *
 * The random numbers are the two halves of the flow's hash, so that a test can tell what is
 * drawn. No client can: the hash has a random key that never leaves the director. That the same
 * halves choose the conn's place in its table does no harm, the two have nothing to do with one
 * another; that a flow which comes again draws the same two does none either, since it is
 * flows that spread.
 */
#ifndef LB_SCHED_TWOS_H
#define LB_SCHED_TWOS_H

#include "hash.h"
#include "sched_load.h"

struct lb_draw {
	__u32 ring;
	__u32 size;
	__u32 sum;   /* of the weights so far */
	__u32 at[2]; /* the sums at which the two are drawn */
	__u32 pad;
	struct lb_choice drawn[2];
};

static __always_inline void draw_offer(struct lb_draw *draw, __u32 which, __u32 id,
                                       const struct lb_load *load)
{
	struct lb_choice *drawn = &draw->drawn[which];

	if (drawn->dest == LB_NO_DEST && draw->sum >= draw->at[which])
		choice_set(drawn, id, load_overhead(load), load->weight);
}

/* Adds up a run of the ring, and draws from it when told to. Returns 1 when there is no more to do. */
LB_SUBPROGRAM int draw_run(struct lb_draw *draw, __u32 run, __u32 choose)
{
	const __u32 *slots;
	__u32 i, left;

	if (!draw)
		return 1;
	slots = ring_run(draw->ring, draw->size, run, &left);
	if (!slots)
		return 1;
	for (i = 0; i < LB_RING_RUN; i++) {
		struct lb_load load;

		if (i >= left)
			return 1;
		if (!load_of(slots[i], &load) || load.overloaded)
			continue;
		draw->sum += load.weight;
		if (!choose)
			continue;
		draw_offer(draw, 0, slots[i], &load);
		draw_offer(draw, 1, slots[i], &load);
		if (draw->drawn[0].dest != LB_NO_DEST && draw->drawn[1].dest != LB_NO_DEST)
			return 1;
	}
	return 0;
}

static long draw_sum(__u32 run, struct lb_draw *draw)
{
	return is_true(draw_run(draw, run + 1, 0));
}

static long draw_choose(__u32 run, struct lb_draw *draw)
{
	return is_true(draw_run(draw, run + 1, 1));
}

/* The destination that twos takes for a flow with this hash. */
LB_SUBPROGRAM __u32 sched_twos(__u64 hash, __u32 ring, __u32 size)
{
	struct lb_draw draw = {
		.ring = ring,
		.size = size,
		.drawn = {{.dest = LB_NO_DEST}, {.dest = LB_NO_DEST}},
	};
	struct lb_choice *second = &draw.drawn[1];

	if (!draw_run(&draw, 0, 0))
		bpf_loop(ring_runs(size), draw_sum, &draw, 0);
	/* From 0 to the sum, both included, as IPVS: which favours the first by one. */
	draw.at[0] = hash_scale(hash >> 32, draw.sum + 1);
	draw.at[1] = hash_scale(hash, draw.sum + 1);
	draw.sum = 0;
	if (!draw_run(&draw, 0, 1))
		bpf_loop(ring_runs(size), draw_choose, &draw, 0);
	if (second->dest != LB_NO_DEST)
		least_offer(&draw.drawn[0], second->dest, second->cost, second->weight);
	return draw.drawn[0].dest;
}

#endif
