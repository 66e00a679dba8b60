/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Rings as control wrote them: which destination is in a slot, and whether it takes new flows. */
#ifndef LB_RING_H
#define LB_RING_H

#include "dest.h"

/* Slots that are looked at in one go; a chunk is a whole number of runs. */
#define LB_RING_RUN 16

/* The destination in a slot, LB_NO_DEST when there is no such slot. */
static __always_inline __u32 ring_dest(__u32 ring, __u32 slot)
{
	const struct lb_ring_chunk *chunk;
	__u32 index = slot / LB_RING_CHUNK;
	void *chunks = bpf_map_lookup_elem(&rings, &ring);

	if (!chunks)
		return LB_NO_DEST;
	chunk = bpf_map_lookup_elem(chunks, &index);
	return chunk ? chunk->slot[slot % LB_RING_CHUNK] : LB_NO_DEST;
}

/*
 * The slots of a run of a ring that has `size`, and how many are left from its first on; NULL when
 * there are none. Who looks at all of a ring reads its first run directly, in which most rings end,
 * and the others by bpf_loop(), which costs a call more for each.
 */
static __always_inline const __u32 *ring_run(__u32 ring, __u32 size, __u32 run, __u32 *left)
{
	const struct lb_ring_chunk *chunk;
	__u32 index = run / (LB_RING_CHUNK / LB_RING_RUN);
	void *chunks = bpf_map_lookup_elem(&rings, &ring);

	*left = size - run * LB_RING_RUN;
	if (!chunks)
		return NULL;
	chunk = bpf_map_lookup_elem(chunks, &index);
	return chunk ? &chunk->slot[run * LB_RING_RUN % LB_RING_CHUNK] : NULL;
}

static __always_inline __u32 ring_runs(__u32 size)
{
	return (size + LB_RING_RUN - 1) / LB_RING_RUN;
}

/* There is such a destination, and it is below its upper threshold. */
static __always_inline int dest_takes_more(__u32 id)
{
	const struct lb_dest_state *state = bpf_map_lookup_elem(&dest_state, &id);
	const struct lb_dest *dest = dest_lookup(id);

	return dest && state && !dest_overloaded(dest, state);
}

#endif
