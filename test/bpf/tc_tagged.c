/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Tags a packet twice and jumps: it is then as one that came in by a VLAN within another, the outer
 * tag beside the frame and the inner one in it. A test run's own packets have tags in the frame only.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define INNER 7
#define OUTER 8

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

SEC("tc")
int tc_tagged(struct __sk_buff *ctx)
{
	if (!bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021Q), INNER) &&
	    !bpf_skb_vlan_push(ctx, bpf_htons(ETH_P_8021AD), OUTER))
		bpf_tail_call(ctx, &target, 0);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
