// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * In front of the program under test: makes the next frame and jumps. What a program costs
 * is the difference to tx_only behind the same wrapper.
 */
#include "frames.h"

#define RESTORED_LEN 78

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

SEC("xdp.frags")
int wrapper(struct xdp_md *ctx)
{
	if (frame_next(ctx, RESTORED_LEN))
		bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int tx_only(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
