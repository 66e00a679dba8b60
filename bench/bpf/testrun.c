// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * In front of the program under test: makes the next frame and jumps. What a program costs
 * is the difference to tx_only, or at TC tc_ok_only, behind the same wrapper.
 */
#include <linux/pkt_cls.h>
#include "frames.h"

/* Frames have two bytes more, which nothing changes: the wrapper writes whole words. */
#define RESTORED_LEN      78
#define RESTORED_LONG_LEN 110

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

/* A map of programs holds one type. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tc_target SEC(".maps");

static __always_inline int wrap(struct xdp_md *ctx, __u32 len)
{
	if (frame_next((void *)(long)ctx->data, (void *)(long)ctx->data_end, len))
		bpf_tail_call(ctx, &target, 0);
	return XDP_ABORTED;
}

SEC("xdp.frags")
int wrapper(struct xdp_md *ctx)
{
	return wrap(ctx, RESTORED_LEN);
}

SEC("xdp.frags")
int wrapper_long(struct xdp_md *ctx)
{
	return wrap(ctx, RESTORED_LONG_LEN);
}

SEC("xdp.frags")
int tx_only(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

SEC("tc")
int tc_wrapper(struct __sk_buff *ctx)
{
	if (frame_next((void *)(long)ctx->data, (void *)(long)ctx->data_end, RESTORED_LEN))
		bpf_tail_call(ctx, &tc_target, 0);
	return TC_ACT_SHOT;
}

SEC("tc")
int tc_ok_only(struct __sk_buff *ctx)
{
	(void)ctx;
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
