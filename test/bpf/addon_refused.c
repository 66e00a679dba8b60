/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The verifier refuses the second program: it reads the packet without a bounds check. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int xdp_fine(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

SEC("xdp")
int xdp_unchecked(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data;

	return data[20];
}

char _license[] SEC("license") = "Dual BSD/GPL";
