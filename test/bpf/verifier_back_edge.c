// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* A loop whose body comes before its condition, and falls into it. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
__attribute__((naked)) int back_edge(struct xdp_md *ctx __attribute__((unused)))
{
	asm volatile("r0 = 0\n"
	             "goto condition_%=\n"
	             "body_%=:\n"
	             "r0 += 1\n"
	             "condition_%=:\n"
	             "if r0 < 2 goto body_%=\n"
	             "exit\n"
	             :
	             :
	             : "r0");
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
