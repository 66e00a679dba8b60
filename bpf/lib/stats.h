/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Counters per service and per destination. */
#ifndef LB_STATS_H
#define LB_STATS_H

#include "packet.h"

static __always_inline void stats_count(void *map, __u32 id, __u32 bytes, __u32 conns)
{
	struct lb_counters *counters = bpf_map_lookup_elem(map, &id);

	if (!counters)
		return;
	counters->conns += conns;
	counters->in_pkts++;
	counters->in_bytes += bytes;
}

/* One packet from a client; new_conns is 1 when it made a conn. */
static __always_inline void stats_forwarded(const struct lb_packet *pkt, __u32 service, __u32 dest,
                                            __u32 new_conns)
{
	stats_count(&svc_stats, service, pkt->ip_len, new_conns);
	stats_count(&dest_stats, dest, pkt->ip_len, new_conns);
}

static __always_inline void stats_count_out(void *map, __u32 id, __u32 pkts, __u32 bytes)
{
	struct lb_counters *counters = bpf_map_lookup_elem(map, &id);

	if (!counters)
		return;
	counters->out_pkts += pkts;
	counters->out_bytes += bytes;
}

/* Packets to a client, by their IP lengths. */
static __always_inline void stats_replied(__u32 service, __u32 dest, __u32 pkts, __u32 bytes)
{
	stats_count_out(&svc_stats, service, pkts, bytes);
	stats_count_out(&dest_stats, dest, pkts, bytes);
}

#endif
