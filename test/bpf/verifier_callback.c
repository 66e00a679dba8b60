// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A frame of 240 bytes that a helper enters. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static long turn(__u32 index, void *unused __attribute__((unused)))
{
	__u64 kept[30] = {index};

	/* The compiler keeps all of it. */
	asm volatile("" : : "r"(kept) : "memory");
	return kept[1] != 0;
}

SEC("xdp")
int callback(struct xdp_md *ctx __attribute__((unused)))
{
	__u64 unused = 0;

	return bpf_loop(2, turn, &unused, 0) < 0 ? XDP_ABORTED : XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
