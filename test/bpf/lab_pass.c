/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Passes everything. A veth end takes frames that its peer sends by XDP_TX only
 * while it has an XDP program of its own (drivers/net/veth.c, veth_xdp_xmit).
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp.frags")
int lab_pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
