// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Trusts a look-up to find something. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} verdicts SEC(".maps");

SEC("xdp")
int bad_null(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 zero = 0;
	__u32 *verdict = bpf_map_lookup_elem(&verdicts, &zero);

	return *verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
