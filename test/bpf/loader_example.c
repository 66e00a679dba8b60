// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* The object of examples/loader.ts: counts frames by size class, and passes or drops them as a constant says. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 drop_from = 0xffffffff; /* bytes; longer frames are dropped */

struct frame_counters {
	__u64 frames;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct frame_counters);
} counters SEC(".maps");

SEC("xdp")
int size_filter(struct xdp_md *ctx)
{
	__u32 size = ctx->data_end - ctx->data;
	__u32 dropped = size >= drop_from;
	struct frame_counters *c = bpf_map_lookup_elem(&counters, &dropped);

	if (!c)
		return XDP_ABORTED;
	c->frames++;
	c->bytes += size;
	return dropped ? XDP_DROP : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
