/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Makes the next frame out of whatever the frame before has become. Neither a test run nor
 * live frames start from the packet that user space gave: the second repeat sees what the
 * first one left.
 */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define FRAME_TEMPLATE_LEN    112
#define FLOWS_PER_CLIENT_BITS 4
#define FIRST_PORT            1024

/* Where things are in an untagged frame without IP options. */
#define ETH_LEN        14
#define IPV4_CHECK     (ETH_LEN + 10)
#define IPV4_SRC       (ETH_LEN + 12)
#define IPV4_L4        (ETH_LEN + 20)
#define IPV6_SRC_LOWER (ETH_LEN + 16)
#define IPV6_L4        (ETH_LEN + 40)

/* frame[0]: the frame to make and the flows to spread it over. bench/packets.ts writes it. */
struct bench_frame {
	__u8 bytes[FRAME_TEMPLATE_LEN];
	__u32 family;    /* 4 or 6: the client's address and port change; 0: nothing does */
	__u32 flow_mask; /* number of flows less 1; the number is a power of two */
	__u32 random;    /* flows in random order, not one after the other */
	__u32 way;       /* live frames: index into generator_out */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct bench_frame);
} frame SEC(".maps");

__u64 flow_cursor;

#define COPY(type, to, from, at) (*(type *)((to) + (at)) = *(const type *)((from) + (at)))

/*
 * In the words that the program under test will read, or wider ones: MAC addresses as 4 and 2 bytes, from the
 * IP header on words of 8, of which IPv6 addresses are two each. A load that straddles two stores still in the
 * store buffer would wait for both, which a frame that came from a network card never does.
 */
static __always_inline void frame_restore(void *data, const struct bench_frame *from, __u32 len)
{
	__u32 at;

	COPY(__u32, data, from->bytes, 0);
	COPY(__u16, data, from->bytes, 4);
	COPY(__u32, data, from->bytes, 6);
	COPY(__u16, data, from->bytes, 10);
	COPY(__u16, data, from->bytes, 12);
#pragma unroll
	for (at = ETH_LEN; at + 8 <= len; at += 8)
		COPY(__u64, data, from->bytes, at);
	if (at + 4 <= len) {
		COPY(__u32, data, from->bytes, at);
		at += 4;
	}
	if (at < len)
		COPY(__u16, data, from->bytes, at);
}

static __always_inline __u32 next_flow(const struct bench_frame *from)
{
	if (!from->random)
		return flow_cursor++ & from->flow_mask;
	/* The high half of a 64-bit congruential generator (Knuth's MMIX constants). */
	flow_cursor = flow_cursor * 6364136223846793005ull + 1442695040888963407ull;
	return flow_cursor >> 32 & from->flow_mask;
}

/* The client's port in front of the port that it speaks to. */
static __always_inline void frame_set_port(void *data, const struct bench_frame *from, __u32 l4,
                                           __u16 port)
{
	*(__be32 *)(data + l4) = (*(const __be32 *)(from->bytes + l4) & bpf_htonl(0xffff)) |
	                         bpf_htonl((__u32)port << 16);
}

/*
 * Gives the frame the client of a flow. The template's client has zeros in the bits that
 * change, so the IPv4 header checksum grows by what is added (RFC 1624).
 */
static __always_inline void frame_set_flow(void *data, const struct bench_frame *from)
{
	__u32 flow = next_flow(from);
	__u32 client = flow >> FLOWS_PER_CLIENT_BITS;
	__u16 port = FIRST_PORT + (flow & ((1 << FLOWS_PER_CLIENT_BITS) - 1));

	if (from->family == 4) {
		__u32 sum = (__u16) ~*(const __u16 *)(from->bytes + IPV4_CHECK);

		sum += bpf_htons(client >> 16) + bpf_htons(client & 0xffff);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = (sum & 0xffff) + (sum >> 16);
		*(__u16 *)(data + IPV4_CHECK) = ~sum;
		*(__be32 *)(data + IPV4_SRC) =
			*(const __be32 *)(from->bytes + IPV4_SRC) | bpf_htonl(client);
		frame_set_port(data, from, IPV4_L4, port);
	} else {
		*(__be64 *)(data + IPV6_SRC_LOWER) =
			*(const __be64 *)(from->bytes + IPV6_SRC_LOWER) | bpf_cpu_to_be64(client);
		frame_set_port(data, from, IPV6_L4, port);
	}
}

/* The next frame at `data`, and what it was made from; NULL when there is no room for `len` bytes. */
static __always_inline const struct bench_frame *frame_next(void *data, void *end, __u32 len)
{
	const struct bench_frame *from;
	__u32 zero = 0;

	from = bpf_map_lookup_elem(&frame, &zero);
	if (!from || data + len > end)
		return NULL;
	frame_restore(data, from, len);
	if (from->family)
		frame_set_flow(data, from);
	return from;
}

#endif
