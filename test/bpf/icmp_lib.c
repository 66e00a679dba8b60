// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * The headers of bpf/lib about ICMP, one call each: what quote_parse() reads, what
 * icmp_error_rewrite() writes, and the answers. The verdict is the program's return value.
 */
#include "lib/answer.h"
#include "lib/icmp_error.h"
#include "lib/parse.h"

/* The value of an inner map reaches BTF only through something global that has its type. */
const struct {
	struct lb_ring_chunk ring_chunk;
} lb_types = {};

/* struct lb_rewrite without unions of words, which have no names in TypeScript. */
struct icmp_lib_rewrite {
	struct lb_addr outer_addr;
	struct lb_addr quoted_addr;
	__be16 quoted_port;
	__u8 outer; /* enum lb_rewrite_end */
	__u8 quoted;
};

/* struct lb_quote, likewise. */
struct icmp_lib_quote {
	struct lb_addr src;
	struct lb_addr dst;
	__be16 sport;
	__be16 dport;
	__u32 l3_off;
	__u32 l4_off;
	__u32 end;
	__u8 protocol;
	__u8 family;
	__u8 icmp_type;
	__u8 pad;
};

/* Writer: the tests. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct icmp_lib_rewrite);
} rewrites SEC(".maps");

/* Writer: read_quote. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct icmp_lib_quote);
} quotes SEC(".maps");

LB_SUBPROGRAM int parse_v4(struct xdp_md *ctx, struct lb_packet *pkt)
{
	struct iphdr *ip;

	if (!pkt)
		return LB_PASS_INCOMPLETE;
	pkt->family = 4;
	ip = l3_header(ctx, pkt, sizeof(*ip));
	return ip ? parse_ipv4_rest(ctx, pkt, ip) : LB_PASS_INCOMPLETE;
}

LB_SUBPROGRAM int parse_v6(struct xdp_md *ctx, struct lb_packet *pkt)
{
	struct ipv6hdr *ip;

	if (!pkt)
		return LB_PASS_INCOMPLETE;
	pkt->family = 6;
	ip = l3_header(ctx, pkt, sizeof(*ip));
	return ip ? parse_ipv6_rest(ctx, pkt, ip) : LB_PASS_INCOMPLETE;
}

static __always_inline int parse(struct xdp_md *ctx, struct lb_packet *pkt)
{
	int verdict = parse_ethernet(ctx, pkt) == bpf_htons(ETH_P_IP) ? parse_v4(ctx, pkt)
	                                                              : parse_v6(ctx, pkt);

	return verdict == LB_UNDECIDED ? parse_l4(ctx, pkt) : verdict;
}

static __always_inline int quote_of(struct xdp_md *ctx, struct lb_packet *pkt,
                                    struct lb_quote *quote)
{
	int verdict = parse(ctx, pkt);

	return verdict == LB_UNDECIDED ? quote_parse(ctx, pkt, quote) : verdict;
}

SEC("xdp.frags")
int read_quote(struct xdp_md *ctx)
{
	struct lb_packet pkt = {};
	struct lb_quote quote = {};
	__u32 zero = 0;
	int verdict = quote_of(ctx, &pkt, &quote);

	struct icmp_lib_quote seen = {
		.src = quote.src,
		.dst = quote.dst,
		.sport = quote.sport,
		.dport = quote.dport,
		.l3_off = quote.l3_off,
		.l4_off = quote.l4_off,
		.end = quote.end,
		.protocol = quote.protocol,
		.family = quote.family,
		.icmp_type = quote.icmp_type,
	};

	if (verdict == LB_UNDECIDED)
		bpf_map_update_elem(&quotes, &zero, &seen, 0);
	return verdict;
}

SEC("xdp.frags")
int rewrite_error(struct xdp_md *ctx)
{
	struct lb_packet pkt = {};
	struct lb_quote quote = {};
	__u32 zero = 0;
	struct icmp_lib_rewrite *wanted = bpf_map_lookup_elem(&rewrites, &zero);
	struct lb_rewrite to = {};
	int verdict;

	if (!wanted)
		return LB_PASS_INCOMPLETE;
	words_from_v6(to.outer_word, (const void *)&wanted->outer_addr);
	words_from_v6(to.quoted_word, (const void *)&wanted->quoted_addr);
	to.quoted_port = wanted->quoted_port;
	to.outer = wanted->outer;
	to.quoted = wanted->quoted;
	verdict = quote_of(ctx, &pkt, &quote);
	return verdict == LB_UNDECIDED ? icmp_error_rewrite(ctx, &pkt, &quote, &to) : verdict;
}

SEC("xdp.frags")
int port_unreachable(struct xdp_md *ctx)
{
	struct lb_packet pkt = {};
	int verdict = parse(ctx, &pkt);

	return verdict == LB_UNDECIDED
	               ? answer_port_unreachable(ctx, &pkt, LB_REPLY_NO_REAL, LB_DROP_NO_REAL)
	               : verdict;
}

SEC("xdp.frags")
int time_exceeded(struct xdp_md *ctx)
{
	struct lb_packet pkt = {};
	int verdict = parse(ctx, &pkt);

	return verdict == LB_UNDECIDED ? answer_time_exceeded(ctx, &pkt, LB_REPLY_TTL, LB_DROP_TTL)
	                               : verdict;
}

SEC("xdp.frags")
int reset(struct xdp_md *ctx)
{
	struct lb_packet pkt = {};
	int verdict = parse(ctx, &pkt);

	return verdict == LB_UNDECIDED ? answer_reset(ctx, &pkt, LB_REPLY_RESET, LB_DROP_REAL_GONE)
	                               : verdict;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
