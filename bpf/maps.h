/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Every map. "Writer: control" is user space under the instance lock, in the order
 * that src/control/apply.ts documents; those maps are read-only to programs.
 * The loader sets the size of conns from the configuration; the others are limits of abi.h.
 */
#ifndef LB_MAPS_H
#define LB_MAPS_H

#include <bpf/bpf_helpers.h>
#include "abi.h"

/* Is the destination address a VIP? Writer: control, by way of vip-table.ts. Reader: every packet. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_VIP_BUCKETS);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct lb_vip_bucket);
} vip_buckets SEC(".maps");

/* What is known of a VIP, by id. Writer: control. Reader: ARP, ND, echo. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_MAX_VIPS);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct lb_vip);
} vips SEC(".maps");

/* VIP + port + protocol, in two eras. Writer: control. Reader: new flows. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * LB_MAX_SERVICES);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct lb_service_key);
	__type(value, struct lb_service);
} services SEC(".maps");

/* Destinations by id. Writer: control. Reader: every forwarded packet, once. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_MAX_DESTS);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct lb_dest);
} dests SEC(".maps");

/*
 * The value of an inner map reaches BTF only through something global: clang emits what is
 * behind two pointers as a forward declaration.
 */
const struct lb_ring_chunk lb_ring_chunk_type = {};

/* A scheduler's precomputed table per service. Writer: control. Reader: new flows. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, LB_MAX_RINGS);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(map_flags, BPF_F_INNER_MAP | BPF_F_RDONLY_PROG);
			__type(key, __u32);
			__type(value, struct lb_ring_chunk);
		});
} rings SEC(".maps");

/* What schedulers remember, by service id. One cell for all CPUs, so that orders are exact.
 * Writer: new flows, atomically. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_MAX_SERVICES);
	__type(key, __u32);
	__type(value, struct lb_sched_state);
} sched_state SEC(".maps");

/* Conns by destination id. Writer: whoever makes, moves or ends a conn, atomically; control
 * zeroes one when it gives out the id. Reader: schedulers, `veer list`. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_MAX_DESTS);
	__type(key, __u32);
	__type(value, struct lb_dest_state);
} dest_state SEC(".maps");

/*
 * Known flows. Writer and reader: the dataplane. MMAPABLE makes the kernel align the values to
 * a page, so that a conn is one cache line. The loader sets the size: conns.max / LB_CONN_LOAD.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct lb_conn_bucket);
} conns SEC(".maps");

/*
 * nat: from a reply to its conn. Writer: new flows and the sweeper, one word at a time.
 * Reader: tc_reply, and new flows in search of a clash. As many buckets as conns.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct lb_reverse_bucket);
} reverse SEC(".maps");

/* Datagrams whose first fragment was seen. Writer: first fragments. Reader: the others. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LB_MAX_FRAGMENTS);
	__type(key, struct lb_fragment_key);
	__type(value, struct lb_fragment);
} fragments SEC(".maps");

/* Ways to clients, for a tick each. Writer and reader: replies at ingress (lib/route_cache.h). */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_ROUTES);
	__type(key, __u32);
	__type(value, struct lb_route);
} routes SEC(".maps");

/* Other directors, by MAC. Writer: control. Reader: new flows, when settings.peers is not 0. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_MAX_PEERS);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct lb_peer_key);
	__type(value, __u32);
} peers SEC(".maps");

/* Token buckets of the answers that we make. Writer: lib/limit.h alone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_LIMIT_BUCKETS);
	__type(key, __u32);
	__type(value, struct lb_limit_bucket);
} limits SEC(".maps");

/* One entry. Writer: the sweeper. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_sweeper);
} sweeper SEC(".maps");

/* One entry. Writer: programs loaded with lb_dry_run, which have a map of their own here. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lb_explanation);
} explanation SEC(".maps");

/* Attached interfaces. Writer: control, by way of interface-table.ts. Reader: new flows, ARP, ND, echo. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_INTERFACE_SLOTS);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct lb_interface_slot);
} interfaces SEC(".maps");

/* Ways out other than the interface a packet came in by, ifindex to ifindex. Writer: control. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, LB_MAX_INTERFACES);
	__type(key, __u32);
	__type(value, __u32);
} tx_ports SEC(".maps");

/* Probes under way, by source port. Writer: whoever probes, each its own ports. Reader: xdp_ping, and
 * new flows to a VIP that is the host's own address. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LB_MAX_PROBES);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct lb_probe);
} probes SEC(".maps");

/* Addresses of the probes' namespace. Writer: control. Reader: xdp_ping, answers of probes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, LB_MAX_PROBE_SOURCES);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct lb_addr);
	__type(value, struct lb_probe_source);
} probe_sources SEC(".maps");

/* One entry: the host's end of the veth pair to the probes' namespace. Writer: control. Reader: answers of probes. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} probe_port SEC(".maps");

/* Networks that may ping through us. Writer: control. Reader: gateway pings, when settings.ping_sources is not 0. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, LB_MAX_PING_SOURCES);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_RDONLY_PROG);
	__type(key, struct lb_ping_source_key);
	__type(value, __u32);
} ping_sources SEC(".maps");

/* One entry. Writer: control. Reader: every forwarded packet. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct lb_settings);
} settings SEC(".maps");

/* One entry, for user space only. Writer: attach. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, __u32);
	__type(value, struct lb_meta);
} meta SEC(".maps");

/* Counters by service id. Writer: the dataplane; control zeroes one when it gives out the id. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_MAX_SERVICES);
	__type(key, __u32);
	__type(value, struct lb_counters);
} svc_stats SEC(".maps");

/* Counters by destination id, as svc_stats. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_MAX_DESTS);
	__type(key, __u32);
	__type(value, struct lb_counters);
} dest_stats SEC(".maps");

/* Packets by enum lb_verdict. Writer: lib/verdict.h alone. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LB_MAX_VERDICTS);
	__type(key, __u32);
	__type(value, __u64);
} verdicts SEC(".maps");

#endif
