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
#include "frame.h"

#define LB_V4_MAPPED bpf_htonl(0xffff)

/*
 * A subprogram that is not static is verified once, by itself, and not again for every state in
 * which it may be called: what is off the hot path or has loops is one. Its pointers may be
 * NULL for all the verifier knows.
 */
#define LB_SUBPROGRAM __attribute__((noinline))

/*
 * Part of its caller in XDP, which saves a new flow some 5 % of its time, where the stack has room for that: not
 * at TC, and not as compilers before clang 19 lay it out. What is called seldom has a second name, LB_XDP_APART, by
 * which it is a subprogram all the same.
 */
#if !defined(LB_TC) && __clang_major__ >= 19
#define LB_XDP_INLINE static __always_inline
#define LB_XDP_APART  LB_SUBPROGRAM
#else
#define LB_XDP_INLINE LB_SUBPROGRAM
#define LB_XDP_APART  static __always_inline
#endif

/*
 * What a subprogram returned, as 0 or 1. It may be anything for all the verifier knows, while clang sees
 * into it and would leave a plain comparison out.
 */
static __always_inline int is_true(int returned)
{
	asm volatile("" : "+r"(returned));
	return returned != 0;
}

/* No verdict yet: go on. Verdicts are not negative. */
#define LB_UNDECIDED (-1)

/* Ethernet; the kernel's struct ethhdr is packed, which makes clang load byte by byte. */
struct lb_eth {
	__u8 dest[ETH_ALEN];
	__u8 source[ETH_ALEN];
	__be16 proto;
};

/*
 * What the conn table is asked for. Keys are written as 64-bit words: they are hashed and
 * compared so, and a load that is wider than the stores before it waits for them to reach the
 * cache.
 */
struct lb_query {
	union {
		struct lb_conn_key key;
		__u64 key_word[3];
	};
	__u64 hash;
};

enum lb_fragment_part {
	LB_NO_FRAGMENT,
	LB_FRAGMENT_FIRST,
	LB_FRAGMENT_LATER,
};

struct lb_packet {
	union {
		struct lb_query query; /* complete once parsed as TCP or UDP */
		struct {
			union {
				struct lb_conn_key key;
				__u64 key_word[3];
			};
			__u64 conn_hash;
		};
	};
	union {
		struct lb_addr dst;
		__u64 dst_word[2];
	};
	__u32 fragment_id;
	__u32 dest_id; /* that a new flow goes to */
	__u32 ip_len;  /* the IP packet's length, by its own header */
	__u8 mac[6];   /* that the frame was addressed to */
	__u8 conn_id;  /* where the flow's conn was found, and its seq: lib/conn_table.h */
	__u8 template; /* where the client's template was found: lib/template.h */
	__u16 conn_seq;
	__u16 service_flags; /* of the service of a new flow: LB_SVC_F_*, LB_PERSISTENT */
	__u16 l4_off;
	__u8 l3_off;
	__u8 forward_action; /* XDP_TX, XDP_REDIRECT or XDP_PASS, once forwarded */
	__u8 protocol;       /* behind the IP header and its extensions */
	__u8 family;         /* 4 or 6 */
	__u8 tcp_flags;      /* byte 13 of the TCP header */
	__u8 fragment : 2;   /* enum lb_fragment_part */
	__u8 nd_group : 1;   /* dst is a solicited-node group */
	__u8 gone : 1;       /* the flow's conn is alive, and its destination was removed */
};

/* The headers that forwarding changes. */
struct lb_headers {
	struct lb_eth *eth;
	void *l3; /* struct iphdr or struct ipv6hdr */
};

/*
 * The IP header of a packet that parse.h has accepted, or NULL. The bound is there for the
 * verifier, which does not follow offsets through memory.
 */
static __always_inline void *l3_header(const lb_ctx *ctx, const struct lb_packet *pkt, __u32 size)
{
	void *l3 = frame_data(ctx) + (pkt->l3_off & 0xff);

	return l3 + size > frame_end(ctx) ? NULL : l3;
}

static __always_inline __u32 l3_size(__u8 family)
{
	return family == 4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
}

/* Ethernet and IP header of a packet that parse.h has accepted; 0 when they are not there. */
static __always_inline int headers_get_as(const lb_ctx *ctx, const struct lb_packet *pkt,
                                          struct lb_headers *hdr, __u8 family)
{
	hdr->eth = frame_data(ctx);
	hdr->l3 = l3_header(ctx, pkt, l3_size(family));
	return hdr->l3 && (void *)(hdr->eth + 1) <= frame_end(ctx);
}

static __always_inline int headers_get(const lb_ctx *ctx, const struct lb_packet *pkt,
                                       struct lb_headers *hdr)
{
	return headers_get_as(ctx, pkt, hdr, pkt->family);
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

/* Two 32-bit halves that lie one after the other in memory, as one word. */
static __always_inline __u64 word_of(__u32 first, __u32 second)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (__u64)second << 32 | first;
#else
	return (__u64)first << 32 | second;
#endif
}

/* The last word of a conn key; `ports` as they lie in the TCP or UDP header. */
static __always_inline __u64 key_tail(__u16 vip, __u8 protocol, __u32 ports)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word_of(vip | (__u32)protocol << 16, ports);
#else
	return word_of((__u32)vip << 16 | (__u32)protocol << 8, ports);
#endif
}

/* IPv4 addresses are in the maps as ::ffff:a.b.c.d. */
static __always_inline void words_from_v4(__u64 words[2], __be32 v4)
{
	words[0] = 0;
	words[1] = word_of(LB_V4_MAPPED, v4);
}

static __always_inline void words_from_v6(__u64 words[2], const struct in6_addr *v6)
{
	const __u64 *from = (const __u64 *)v6;

	words[0] = from[0];
	words[1] = from[1];
}

static __always_inline void addr_words(__u64 words[2], const struct lb_addr *addr)
{
	const __u64 *from = (const __u64 *)addr;

	words[0] = from[0];
	words[1] = from[1];
}

static __always_inline int addr_equal(const struct lb_addr *a, const struct lb_addr *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

#endif
