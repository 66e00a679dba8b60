// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Three frames, 240 + 240 + 8 bytes: 496 when they are rounded up to 16, 544 to 32. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* The compiler keeps all of it. */
#define KEEP(array) asm volatile("" : : "r"(array) : "memory")

__attribute__((noinline)) int leaf(int value)
{
	__u64 kept[1] = {value};

	KEEP(kept);
	return (int)kept[0];
}

__attribute__((noinline)) int middle(int value)
{
	__u64 kept[30] = {value};

	KEEP(kept);
	return leaf((int)kept[0]) + (int)kept[1];
}

SEC("xdp")
int deep_stack(struct xdp_md *ctx)
{
	__u64 kept[30] = {ctx->ingress_ifindex};

	KEEP(kept);
	return middle((int)kept[0]) + (int)kept[1] == 0 ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
