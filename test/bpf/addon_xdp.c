/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What the tests of the native addon load: every hook that it attaches to, and a knob. */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

const volatile __u32 answer = XDP_PASS;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u64);
} runs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} records SEC(".maps");

SEC("xdp")
int xdp_answer(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 key = 0;
	__u64 one = 1, *count = bpf_map_lookup_elem(&runs, &key);

	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&runs, &key, &one, BPF_ANY);
	return answer;
}

SEC("xdp")
int xdp_other(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

SEC("xdp")
int xdp_record(struct xdp_md *ctx)
{
	__u32 length = ctx->data_end - ctx->data;

	bpf_ringbuf_output(&records, &length, sizeof(length), 0);
	return XDP_DROP;
}

SEC("tc")
int tc_pass(struct __sk_buff *skb __attribute__((unused)))
{
	return TC_ACT_UNSPEC;
}

char _license[] SEC("license") = "Dual BSD/GPL";
