// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Live frames: who makes them, who counts them, and the least that DR could cost between. */
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include "frames.h"

#define FRAME_LEN 60
#define REALS     128 /* a power of two: a mask picks one */

struct bench_real {
	__u8 mac[6];
	__u8 src_mac[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, REALS);
	__type(key, __u32);
	__type(value, struct bench_real);
} bench_reals SEC(".maps");

/* Interfaces that frames are sent through, by the path that is measured. */
struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, __u32);
} generator_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} way_out SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} delivered SEC(".maps");

/* Run by live frames. */
SEC("xdp")
int generate(struct xdp_md *ctx)
{
	const struct bench_frame *from =
		frame_next((void *)(long)ctx->data, (void *)(long)ctx->data_end, FRAME_LEN);

	return from ? bpf_redirect_map(&generator_out, from->way, 0) : XDP_ABORTED;
}

static __always_inline struct udphdr *udp_of(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct iphdr *ip = (void *)(eth + 1);
	struct udphdr *udp = (void *)(ip + 1);

	if ((void *)(udp + 1) > (void *)(long)ctx->data_end)
		return NULL;
	return eth->h_proto == bpf_htons(ETH_P_IP) && ip->protocol == IPPROTO_UDP ? udp : NULL;
}

SEC("xdp")
int sink(struct xdp_md *ctx)
{
	__u64 *count;
	__u32 zero = 0;

	count = bpf_map_lookup_elem(&delivered, &zero);
	if (count && udp_of(ctx))
		++*count;
	return XDP_DROP;
}

/* Back to where it came from: the least that anything on this path costs. */
SEC("xdp")
int bounce(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

/* The limit for DR: hash the flow, write the real's MAC, send. No VIP, no conn, no counter, no TTL.
 */
SEC("xdp")
int dr_limit(struct xdp_md *ctx)
{
	struct ethhdr *eth = (void *)(long)ctx->data;
	struct udphdr *udp = udp_of(ctx);
	struct bench_real *real;
	struct iphdr *ip;
	__u32 hash;

	if (!udp)
		return XDP_PASS;
	ip = (void *)udp - sizeof(*ip);
	hash = (ip->saddr ^ *(__u32 *)udp) * 0x9e3779b1;
	hash = (hash >> 25) & (REALS - 1);
	real = bpf_map_lookup_elem(&bench_reals, &hash);
	if (!real)
		return XDP_ABORTED;
	__builtin_memcpy(eth->h_dest, real->mac, sizeof(real->mac));
	__builtin_memcpy(eth->h_source, real->src_mac, sizeof(real->src_mac));
	return bpf_redirect_map(&way_out, 0, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
