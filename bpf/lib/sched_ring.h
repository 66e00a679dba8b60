/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Schedulers that take a slot of their ring: net/netfilter/ipvs/ip_vs_{mh,rr,wrr,sh,dh}.c of
 * Linux 6.1. When that slot's destination is overloaded, rr and wrr go on to the next slots; mh
 * and sh look for another one if the service says so, in an order that the flow decides; dh never
 * does.
 */
#ifndef LB_SCHED_RING_H
#define LB_SCHED_RING_H

#include "clock.h"
#include "ring.h"
#include "sched_hash.h"
#include "settings.h"

/* rr and wrr: one after the other, over all CPUs. A dry run takes none; it looks `ahead` slots on. */
static __always_inline __u32 turn_slot(struct lb_sched_state *state, __u32 size, __u32 ahead)
{
	__u64 turn = lb_dry_run ? state->cursor + ahead : __sync_fetch_and_add(&state->cursor, 1);

	return turn % size;
}

static __always_inline __u32 mh_slot(const struct lb_packet *pkt, __u32 size, __u32 port)
{
	return hash_scale(flow_hash(&pkt->key.client, port), size);
}

struct lb_search {
	__u32 ring;
	__u32 size;
	__u32 first; /* mh, sh: the slot that was looked at before */
	__u32 port;  /* mh: the client's if it is part of the hash, else 0 */
	__u32 found;
	__u32 pad;
	struct lb_sched_state *state; /* rr, wrr */
	const struct lb_packet *pkt;  /* mh */
};

static __always_inline long search_at(struct lb_search *search, __u32 slot)
{
	__u32 id = ring_dest(search->ring, slot);

	if (!dest_takes_more(id))
		return 0;
	search->found = id;
	return 1;
}

static long search_turn(__u32 attempt, struct lb_search *search)
{
	return search_at(search, turn_slot(search->state, search->size, attempt + 1));
}

/* ip_vs_mh_get_fallback(): hashes again, with a number added to the port. */
static long search_mh(__u32 attempt, struct lb_search *search)
{
	__u32 offset = (search->first + attempt) % search->size;

	return search_at(search, mh_slot(search->pkt, search->size, search->port + offset));
}

/* ip_vs_sh_get_fallback(): adds the hash to itself, and goes on slot by slot. */
static long search_sh(__u32 attempt, struct lb_search *search)
{
	return search_at(search, (2 * search->first + attempt) % LB_HASH_BUCKETS);
}

/* rr, wrr: the rest of the circle. LB_NO_DEST when all are overloaded, here and below. */
LB_SUBPROGRAM __u32 sched_search_turn(__u32 service, __u32 ring, __u32 size)
{
	struct lb_search search = {
		.ring = ring,
		.size = size,
		.found = LB_NO_DEST,
		.state = bpf_map_lookup_elem(&sched_state, &service),
	};

	if (search.state && size)
		bpf_loop(size - 1, search_turn, &search, 0);
	return search.found;
}

LB_SUBPROGRAM __u32 sched_search_mh(const struct lb_packet *pkt, __u32 ring, __u32 size,
                                    __u32 first, __u32 port)
{
	struct lb_search search = {
		.ring = ring,
		.size = size,
		.first = first,
		.port = port,
		.found = LB_NO_DEST,
		.pkt = pkt,
	};

	if (pkt && size)
		bpf_loop(size, search_mh, &search, 0);
	return search.found;
}

LB_SUBPROGRAM __u32 sched_search_sh(__u32 ring, __u32 first)
{
	struct lb_search search = {.ring = ring, .first = first, .found = LB_NO_DEST};

	bpf_loop(LB_HASH_BUCKETS, search_sh, &search, 0);
	return search.found;
}

static __always_inline int takes_turns(const struct lb_service *service)
{
	return service->scheduler == LB_SCHED_RR || service->scheduler == LB_SCHED_WRR;
}

/* Whether another destination is looked for in place of one that is overloaded. */
static __always_inline int may_search(const struct lb_service *service)
{
	return takes_turns(service) ||
	       (service->scheduler != LB_SCHED_DH && (service->flags & LB_SVC_F_FALLBACK));
}

/*
 * A search in vain has looked at the whole ring, and that is when there is most to do. So a
 * service makes one of them in a tick; until it is over, flows whose own slot is overloaded have
 * no destination.
 */
static __always_inline __u32 ring_search(const struct lb_service *service,
                                         const struct lb_packet *pkt, struct lb_sched_state *state,
                                         __u32 first, __u32 port)
{
	__u32 now = ticks_now(), found;

	if (state->used == now) {
		/* The circle all the same: the next turn is whose it would have been. */
		if (takes_turns(service) && !lb_dry_run)
			__sync_fetch_and_add(&state->cursor, service->ring_size - 1);
		return LB_NO_DEST;
	}
	if (service->scheduler == LB_SCHED_MH)
		found = sched_search_mh(pkt, service->ring, service->ring_size, first, port);
	else if (service->scheduler == LB_SCHED_SH)
		found = sched_search_sh(service->ring, first);
	else
		found = sched_search_turn(service->id, service->ring, service->ring_size);
	if (found == LB_NO_DEST && !lb_dry_run)
		state->used = now;
	return found;
}

/* The destination that mh, rr, wrr, sh or dh takes now. */
static __always_inline __u32 sched_ring(const struct lb_service *service,
                                        const struct lb_packet *pkt)
{
	struct lb_sched_state *state = bpf_map_lookup_elem(&sched_state, &service->id);
	__u32 port = service->flags & LB_SVC_F_PORTS ? bpf_ntohs(pkt->key.client_port) : 0;
	__u32 slot, id;

	if (!state || !service->ring_size)
		return LB_NO_DEST;
	switch (service->scheduler) {
	case LB_SCHED_MH:
		slot = mh_slot(pkt, service->ring_size, port);
		break;
	case LB_SCHED_SH:
		slot = bucket_of(&pkt->key.client, port);
		break;
	case LB_SCHED_DH:
		slot = bucket_of(&pkt->dst, 0);
		break;
	default:
		slot = turn_slot(state, service->ring_size, 0);
	}
	id = ring_dest(service->ring, slot);
	if (dest_takes_more(id))
		return id;
	return may_search(service) ? ring_search(service, pkt, state, slot, port) : LB_NO_DEST;
}

#endif
