// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* One map of each kind, constants of each kind, and programs for the tests of the loader. */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>

struct point {
	__u32 x;
	__s32 y;
};

struct limits {
	__u64 bytes;
	__be16 port;
	__u8 mac[6];
	char name[8];
};

const volatile __u32 answer = 42;
const volatile __s16 below = -7;
const volatile bool enabled = true;
const volatile __u64 big = 1ULL << 40;
const volatile __u16 ports[3] = {1, 2, 3};
const volatile struct limits limits = {.bytes = 5, .name = "none"};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 5000);
	__type(key, struct point);
	__type(value, __u64);
} points SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 20000);
	__type(key, __u32);
	__type(value, __u32);
} cells SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u32);
} recent SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} ports_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 64);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__uint(map_flags, BPF_F_INNER_MAP);
			__type(key, __u32);
			__type(value, __u32);
		});
} tables SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

/* The verdict is a constant, and the run leaves an event: the length and the constant `answer`. */
SEC("xdp.frags")
int note(struct xdp_md *ctx)
{
	struct point *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	__u32 key = 1;
	__u64 *hit = bpf_map_lookup_elem(&hits, &key);

	if (hit)
		(*hit)++;
	if (event) {
		event->x = ctx->data_end - ctx->data;
		event->y = answer;
		bpf_ringbuf_submit(event, 0);
	}
	return enabled ? XDP_PASS : XDP_DROP;
}

SEC("xdp.frags")
int drop_all(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_DROP;
}

/* Keeps every constant and map in the object. */
SEC("tc")
int constants(struct __sk_buff *skb __attribute__((unused)))
{
	__u32 index = ports[2];
	void *table = bpf_map_lookup_elem(&tables, &index);
	struct point point = {.x = index, .y = below};

	bpf_map_lookup_elem(&points, &point);
	bpf_map_lookup_elem(&cells, &index);
	bpf_map_lookup_elem(&recent, &index);
	return table ? 0 : big > limits.bytes;
}

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&ports_out, ctx->ingress_ifindex, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
