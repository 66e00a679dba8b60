/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Sweeping: conns and templates past their time are taken out of the table, so that their
 * destinations count them no longer. A timer walks over a slice of the table at a time; it lives
 * in the map and needs no process.
 */
#ifndef LB_SWEEP_H
#define LB_SWEEP_H

#include "template.h"

/* The whole table is walked over in about four seconds. */
#define LB_SWEEP_SLICES      256
#define LB_SWEEP_INTERVAL_NS (16 * 1000 * 1000)

#define CLOCK_MONOTONIC      1

static __always_inline struct lb_sweeper *sweeper_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&sweeper, &zero);
}

/* A template that ran out while it has children goes on; whoever looks at it first says so. */
static __always_inline int sweep_rearm(struct lb_conn *conn, union lb_life life, __u32 now)
{
	const struct lb_settings *set = settings_get();

	return conn->key.kind == LB_KEY_TEMPLATE && set && template_rearmed(conn, life, set, now);
}

/* One way. Returns how many conns were ended. */
static __always_inline __u32 sweep_way(struct lb_conn_bucket *bucket, __u32 index, __u32 way,
                                       __u32 now)
{
	struct lb_conn *conn = &bucket->conn[way];
	__u32 number = index * LB_CONN_WAYS + way;
	union lb_life life;

	if (bucket->tag[way] < LB_TAG_FIRST)
		return 0;
	life = conn_life(conn);
	if (life_alive(life, now) || sweep_rearm(conn, life, now) ||
	    !conn_take_apart(number, LB_TAKE_DEAD, 0, now))
		return 0;
	conn_free(number);
	return 1;
}

struct lb_slice {
	__u32 first; /* bucket */
	__u32 now;
	__u32 freed;
};

static long sweep_bucket(__u32 offset, void *data)
{
	struct lb_slice *slice = data;
	__u32 index = slice->first + offset, way;
	struct lb_conn_bucket *bucket = bpf_map_lookup_elem(&conns, &index);

	if (!bucket)
		return 1;
	for (way = 0; way < LB_CONN_WAYS; way++)
		slice->freed += sweep_way(bucket, index, way, slice->now);
	return 0;
}

static __always_inline void sweep_range(__u32 first, __u32 count)
{
	struct lb_slice slice = {.first = first, .now = ticks_now()};
	struct lb_sweeper *state = sweeper_get();

	bpf_loop(count, sweep_bucket, &slice, 0);
	if (state)
		__sync_fetch_and_add(&state->freed, slice.freed);
}

static int sweep_slice(void *map, __u32 *key, struct lb_sweeper *state)
{
	const struct lb_settings *set = settings_get();
	__u32 buckets, slice;

	(void)map;
	(void)key;
	if (!set)
		return 0;
	buckets = set->conn_buckets;
	slice = buckets / LB_SWEEP_SLICES + 1;
	sweep_range(state->cursor, slice);
	state->cursor += slice;
	if (state->cursor >= buckets) {
		state->cursor = 0;
		state->passes++;
	}
	bpf_timer_start(&state->timer, LB_SWEEP_INTERVAL_NS, 0);
	return 0;
}

/* Gives the timer this program's callback; a timer that runs already goes on. */
static __always_inline long sweep_start(void)
{
	struct lb_sweeper *state = sweeper_get();

	if (!state)
		return -1;
	bpf_timer_init(&state->timer, &sweeper, CLOCK_MONOTONIC); /* -EBUSY: it is there */
	if (bpf_timer_set_callback(&state->timer, sweep_slice))
		return -1;
	return bpf_timer_start(&state->timer, LB_SWEEP_INTERVAL_NS, 0);
}

#endif
