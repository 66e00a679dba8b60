// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Reads the packet without looking where it ends. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int bad_packet(struct xdp_md *ctx)
{
	const __u8 *data = (void *)(long)ctx->data;

	return data[13] == 8 ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
