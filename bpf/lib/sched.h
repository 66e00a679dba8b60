/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Real selection. Every scheduler has a ring that user space has built (src/scheduler): some take
 * a slot of it, the others look at all destinations in it.
 */
#ifndef LB_SCHED_H
#define LB_SCHED_H

#include "sched_count.h"
#include "sched_lblcr.h"
#include "sched_ring.h"
#include "sched_twos.h"

static __always_inline __u32 sched_lblc(const struct lb_service *service)
{
	__u32 id = lblc_cached(service->id, service->ring, service->ring_size);

	if (id != LB_NO_DEST)
		return id;
	id = sched_count(LB_SCHED_WLC, service->ring, service->ring_size);
	lblc_remember(service->id, id);
	return id;
}

static __always_inline __u32 sched_lblcr(const struct lb_service *service)
{
	__u32 id = lblcr_member(service->id, service->ring, service->ring_size);

	if (id != LB_NO_DEST)
		return id;
	id = sched_count(LB_SCHED_WLC, service->ring, service->ring_size);
	lblcr_join(service->id, id);
	return id;
}

/* The destination of a new flow, LB_NO_DEST when the service has none that takes it. */
static __always_inline __u32 sched_pick(const struct lb_service *service,
                                        const struct lb_packet *pkt)
{
	switch (service->scheduler) {
	case LB_SCHED_MH:
	case LB_SCHED_RR:
	case LB_SCHED_WRR:
	case LB_SCHED_SH:
	case LB_SCHED_DH:
		return sched_ring(service, pkt);
	case LB_SCHED_TWOS:
		return sched_twos(pkt->conn_hash, service->ring, service->ring_size);
	case LB_SCHED_LBLC:
		return sched_lblc(service);
	case LB_SCHED_LBLCR:
		return sched_lblcr(service);
	default:
		return sched_count(service->scheduler, service->ring, service->ring_size);
	}
}

/*
 * A destination for a flow that its first choice will not do for: by hash of the flow and the
 * attempt, so maybe the first choice again. LB_NO_DEST when that one is overloaded; the one of
 * another attempt may not be.
 */
static __always_inline __u32 sched_other(const struct lb_service *service,
                                         const struct lb_packet *pkt, __u32 attempt)
{
	__u64 hash = hash_finish(hash_word(pkt->conn_hash, attempt));
	__u32 id;

	if (!service->ring_size)
		return LB_NO_DEST;
	id = ring_dest(service->ring, hash_scale(hash >> 32, service->ring_size));
	return dest_takes_more(id) ? id : LB_NO_DEST;
}

#endif
