/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One packet on its way through the program, and small tools that every header uses. */
#ifndef LB_PACKET_H
#define LB_PACKET_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "../abi.h"
#include "../maps.h"

#define LB_V4_MAPPED bpf_htonl(0xffff)

/* No verdict yet: go on. Verdicts are not negative. */
#define LB_UNDECIDED (-1)

struct lb_packet {
	struct lb_conn_key key; /* complete once parsed as TCP or UDP */
	struct lb_addr dst;
	__u32 l3_off;
	__u32 l4_off;
	__u32 ip_len;       /* the IP packet's length, by its own header */
	__u8 family;        /* 4 or 6 */
	__u8 tcp_flags;     /* byte 13 of the TCP header */
	__u8 nd_group;      /* dst is a solicited-node group */
	int forward_action; /* XDP_TX or XDP_REDIRECT, once forwarded */
};

/*
 * ctx->data and ctx->data_end are u32 in the header but pointers to the verifier. Plain C
 * lets clang split the load from the widening, and then the verifier sees a number.
 */
#define LB_CTX_POINTER(ctx, field)                                                       \
	({                                                                               \
		void *__pointer;                                                         \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                                    \
		             : "=r"(__pointer)                                           \
		             : "r"(ctx), "i"(__builtin_offsetof(struct xdp_md, field))); \
		__pointer;                                                               \
	})

static __always_inline void *frame_data(const struct xdp_md *ctx)
{
	return LB_CTX_POINTER(ctx, data);
}

static __always_inline void *frame_end(const struct xdp_md *ctx)
{
	return LB_CTX_POINTER(ctx, data_end);
}

/*
 * The IP header of a packet that parse.h has accepted, or NULL. The bound is there for the
 * verifier, which does not follow offsets through memory.
 */
static __always_inline void *l3_header(const struct xdp_md *ctx, const struct lb_packet *pkt,
                                       __u32 size)
{
	void *l3 = frame_data(ctx) + (pkt->l3_off & 0xff);

	return l3 + size > frame_end(ctx) ? NULL : l3;
}

static __always_inline int mac_equal(const __u8 *a, const __u8 *b)
{
	return *(const __u32 *)a == *(const __u32 *)b &&
	       *(const __u16 *)(a + 4) == *(const __u16 *)(b + 4);
}

static __always_inline void mac_copy(__u8 *to, const __u8 *from)
{
	*(__u32 *)to = *(const __u32 *)from;
	*(__u16 *)(to + 4) = *(const __u16 *)(from + 4);
}

/* IPv4 addresses are in the maps as ::ffff:a.b.c.d. */
static __always_inline void addr_from_v4(struct lb_addr *addr, __be32 v4)
{
	addr->word[0] = 0;
	addr->word[1] = 0;
	addr->word[2] = LB_V4_MAPPED;
	addr->word[3] = v4;
}

static __always_inline void addr_from_v6(struct lb_addr *addr, const struct in6_addr *v6)
{
	__builtin_memcpy(addr, v6, sizeof(*addr));
}

static __always_inline int addr_equal(const struct lb_addr *a, const struct lb_addr *b)
{
	return !((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1]) | (a->word[2] ^ b->word[2]) |
	         (a->word[3] ^ b->word[3]));
}

/* The interface that a packet came in by; NULL when it is not one of ours. */
static __always_inline const struct lb_interface *ingress_interface(const struct xdp_md *ctx)
{
	__u32 ifindex = ctx->ingress_ifindex;

	return bpf_map_lookup_elem(&interfaces, &ifindex);
}

#endif
