// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Loops for as long as a map says. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} turns SEC(".maps");

SEC("xdp")
int bad_loop(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 zero = 0;
	volatile __u64 *left = bpf_map_lookup_elem(&turns, &zero);

	if (!left)
		return XDP_ABORTED;
	while (*left)
		;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
