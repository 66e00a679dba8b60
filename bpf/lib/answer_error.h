/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP errors that we make (RFC 792, RFC 1812 section 4.3.2, RFC 4443). */
#ifndef LB_ANSWER_ERROR_H
#define LB_ANSWER_ERROR_H

#include "answer_frame.h"
#include "csum_range.h"
#include "icmp.h"

#define ANSWER_LEAST_QUOTED 8   /* bytes behind the IP header (RFC 792) */
#define ANSWER_MAX_QUOTED   120 /* less than LB_CSUM_CHUNK */

/* What goes in front of the packet that an error quotes. */
struct lb_error_v4 {
	struct iphdr ip;
	struct lb_icmp icmp;
};

struct lb_error_v6 {
	struct ipv6hdr ip;
	struct lb_icmp icmp;
};

/* RFC 1122 section 3.2.2, RFC 4443 section 2.4 (e.1): of ICMP only queries cause errors. */
static __always_inline int error_may_be_about(lb_ctx *ctx, const struct lb_packet *pkt)
{
	struct lb_icmp *icmp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);

	if (pkt->fragment == LB_FRAGMENT_LATER)
		return 0;
	if (pkt->protocol != (pkt->family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return 1;
	return (void *)(icmp + 1) <= frame_end(ctx) &&
	       (icmp_is_request(icmp->type, pkt->family) || icmp_is_reply(icmp->type, pkt->family));
}

/* Up to 8 bytes behind the IP header and its extensions; 0 when they are not in the first buffer. */
static __always_inline __u32 error_quoted(lb_ctx *ctx, const struct lb_packet *pkt)
{
	__u32 quoted = pkt->l4_off - pkt->l3_off + ANSWER_LEAST_QUOTED;

	if (quoted > pkt->ip_len)
		quoted = pkt->ip_len;
	if (quoted > ANSWER_MAX_QUOTED)
		quoted = ANSWER_MAX_QUOTED;
	return pkt->l3_off + quoted <= frame_end(ctx) - frame_data(ctx) ? quoted : 0;
}

static __always_inline void error_icmp(struct lb_icmp *icmp, __u16 type_and_code)
{
	*(__be16 *)icmp = bpf_htons(type_and_code);
	icmp->check = 0;
	icmp->rest = 0;
}

/* Room for the headers in front of the quoted packet, and nothing behind it. */
static __always_inline int error_resize(lb_ctx *ctx, const struct lb_packet *pkt, __u32 room,
                                        __u32 quoted)
{
	__u32 length = frame_length(ctx);

	if (bpf_xdp_adjust_head(ctx, -(int)room))
		return 0;
	if (!bpf_xdp_adjust_tail(ctx, (int)(pkt->l3_off + quoted) - (int)length))
		return 1;
	bpf_xdp_adjust_head(ctx, room);
	return 0;
}

static __always_inline int error_write_v4(lb_ctx *ctx, const struct lb_packet *pkt, __u32 quoted,
                                          __u16 type_and_code)
{
	struct lb_error_v4 *error = l3_header(ctx, pkt, sizeof(*error) + sizeof(struct iphdr));
	const struct iphdr *about;
	__u64 sum;

	if (!error || !answer_ethernet(ctx, pkt, sizeof(*error)))
		return 0;
	about = (const void *)(error + 1);
	answer_ipv4(&error->ip, about, IPPROTO_ICMP, sizeof(*error) + quoted);
	error_icmp(&error->icmp, type_and_code);
	sum = csum_words(about, frame_end(ctx), quoted) + *(__u32 *)&error->icmp;
	error->icmp.check = ~csum_fold64(sum);
	return 1;
}

static __always_inline int error_write_v6(lb_ctx *ctx, const struct lb_packet *pkt, __u32 quoted,
                                          __u16 type_and_code)
{
	struct lb_error_v6 *error = l3_header(ctx, pkt, sizeof(*error) + sizeof(struct ipv6hdr));
	const struct ipv6hdr *about;
	__u64 sum;

	if (!error || !answer_ethernet(ctx, pkt, sizeof(*error)))
		return 0;
	about = (const void *)(error + 1);
	answer_ipv6(&error->ip, about, IPPROTO_ICMPV6, sizeof(error->icmp) + quoted);
	error_icmp(&error->icmp, type_and_code);
	sum = csum_words(about, frame_end(ctx), quoted) + *(__u32 *)&error->icmp;
	error->icmp.check = ~csum_fold64(sum + answer_pseudo_v6(&error->ip));
	return 1;
}

/* type_and_code: type << 8 | code. */
LB_SUBPROGRAM int answer_error(lb_ctx *ctx, struct lb_packet *pkt, __u32 type_and_code, int sent,
                               int withheld)
{
	__u32 quoted, room;
	int written;

	if (!pkt)
		return LB_DROP_MALFORMED;
	quoted = error_quoted(ctx, pkt);
	if (!quoted || !error_may_be_about(ctx, pkt) || !ingress_interface(ctx) ||
	    !answer_allowed(ctx, pkt))
		return withheld;
	room = pkt->family == 4 ? sizeof(struct lb_error_v4) : sizeof(struct lb_error_v6);
	if (!error_resize(ctx, pkt, room, quoted))
		return withheld;
	written = pkt->family == 4 ? error_write_v4(ctx, pkt, quoted, type_and_code)
	                           : error_write_v6(ctx, pkt, quoted, type_and_code);
	/* All of it was asked before: only the verifier does not know. */
	return written ? sent : LB_DROP_MALFORMED;
}

/*
 * Turns the packet, which parse.h has accepted, into an ICMP error from its destination to its
 * source. Returns `sent`, or `withheld` with the packet as it was: over the limit, or nothing
 * that may have an answer. Pointers into the packet are to be made anew.
 */
LB_SUBPROGRAM int answer_port_unreachable(lb_ctx *ctx, struct lb_packet *pkt, int sent,
                                          int withheld)
{
	if (!pkt)
		return LB_DROP_MALFORMED;
	if (pkt->family == 4)
		return answer_error(ctx, pkt, ICMP_DEST_UNREACH << 8 | ICMP_PORT_UNREACH, sent,
		                    withheld);
	return answer_error(ctx, pkt, ICMPV6_DEST_UNREACH << 8 | ICMPV6_PORT_UNREACH, sent,
	                    withheld);
}

/* As answer_port_unreachable(): the TTL or hop limit has run out here. */
LB_SUBPROGRAM int answer_time_exceeded(lb_ctx *ctx, struct lb_packet *pkt, int sent, int withheld)
{
	if (!pkt)
		return LB_DROP_MALFORMED;
	return answer_error(ctx, pkt,
	                    (pkt->family == 4 ? ICMP_TIME_EXCEEDED : ICMPV6_TIME_EXCEED) << 8, sent,
	                    withheld);
}

#endif
