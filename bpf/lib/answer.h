/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Packets that we make in answer to one that goes no further: ICMP errors (RFC 792, RFC 1812
 * section 4.3.2, RFC 4443) and TCP resets (RFC 9293 section 3.5.2). They come from the VIP, go
 * out where the packet came in, with its VLAN tags, and are few: lib/limit.h.
 */
#ifndef LB_ANSWER_H
#define LB_ANSWER_H

#include "csum_range.h"
#include "icmp.h"
#include "limit.h"
#include "reply.h"
#include "tcp_state.h"

#define ANSWER_TTL          64   /* what a host would start with */
#define ANSWER_TOS          0xc0 /* internetwork control (RFC 1812 section 4.3.2.5) */
#define ANSWER_LEAST_QUOTED 8    /* bytes behind the IP header (RFC 792) */
#define ANSWER_MAX_QUOTED   120  /* less than LB_CSUM_CHUNK */
#define ANSWER_ETHERNET_MAX (sizeof(struct lb_eth) + LB_MAX_VLANS * sizeof(struct lb_vlan_header))

/* What goes in front of the packet that an error quotes. */
struct lb_error_v4 {
	struct iphdr ip;
	struct lb_icmp icmp;
};

struct lb_error_v6 {
	struct ipv6hdr ip;
	struct lb_icmp icmp;
};

struct lb_reset_v4 {
	struct iphdr ip;
	struct tcphdr tcp;
};

struct lb_reset_v6 {
	struct ipv6hdr ip;
	struct tcphdr tcp;
};

/* A source that is one host, and may be one on the network (RFC 1122 section 3.2.2). */
static __always_inline int source_is_host_v4(__be32 source)
{
	__u8 first = *(__u8 *)&source;

	return first != 0 && first != 127 && first < 224;
}

/* RFC 4443 section 2.4 (e.6), RFC 4291 section 2.5. */
static __always_inline int source_is_host_v6(const struct in6_addr *source)
{
	const __u32 *word = (const __u32 *)source;

	if (source->s6_addr[0] == 0xff)
		return 0;
	return word[0] || word[1] || word[2] ||
	       (word[3] != 0 && word[3] != bpf_htonl(1)); /* :: and ::1 */
}

/* The source of the packet; 0 when it may not be answered for where it came from. */
static __always_inline int answer_source(lb_ctx *ctx, const struct lb_packet *pkt, __u64 source[2])
{
	const struct lb_eth *eth = frame_data(ctx);
	const struct ipv6hdr *ip6;
	const struct iphdr *ip;

	if ((void *)(eth + 1) > frame_end(ctx) || (eth->dest[0] | eth->source[0]) & 1)
		return 0;
	if (pkt->family == 4) {
		ip = l3_header(ctx, pkt, sizeof(*ip));
		if (!ip)
			return 0;
		words_from_v4(source, ip->saddr);
		return source_is_host_v4(ip->saddr);
	}
	ip6 = l3_header(ctx, pkt, sizeof(*ip6));
	if (!ip6)
		return 0;
	words_from_v6(source, &ip6->saddr);
	return source_is_host_v6(&ip6->saddr);
}

/* Is there a token for an answer to the packet's source, and may it have one? */
static __always_inline int answer_allowed(lb_ctx *ctx, const struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	__u64 source[2];

	return set && answer_source(ctx, pkt, source) &&
	       limit_allows(source, pkt->family, ticks_now(), set);
}

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

/* The Ethernet header and VLAN tags, from `from` bytes on to the start of the frame. */
static __always_inline int answer_ethernet(lb_ctx *ctx, const struct lb_packet *pkt, __u32 from)
{
	const struct lb_interface *interface = ingress_interface(ctx);
	struct lb_eth *to = frame_data(ctx);
	struct lb_eth *old = frame_data(ctx) + from;
	__u16 *to_word = (__u16 *)to;
	const __u16 *old_word = (const __u16 *)old;
	__u32 i;

	if (!interface || (void *)old + ANSWER_ETHERNET_MAX > frame_end(ctx))
		return 0;
	mac_copy(to->dest, old->source);
	mac_copy(to->source, interface->mac);
#pragma unroll
	for (i = 2 * ETH_ALEN / 2; i < ANSWER_ETHERNET_MAX / 2; i++)
		if (2 * i < pkt->l3_off)
			to_word[i] = old_word[i];
	return 1;
}

/* From the address that `about` went to, back to where it came from. */
static __always_inline void answer_ipv4(struct iphdr *ip, const struct iphdr *about, __u8 protocol,
                                        __u16 length)
{
	const __u32 *word = (const __u32 *)ip;
	__be32 source = about->saddr, vip = about->daddr;
	__be16 id = about->id;

	*(__be16 *)ip = bpf_htons(0x4500 | ANSWER_TOS);
	ip->tot_len = bpf_htons(length);
	ip->id = id; /* the asker's, since we keep no count of our own */
	ip->frag_off = 0;
	ip->ttl = ANSWER_TTL;
	ip->protocol = protocol;
	ip->check = 0;
	ip->saddr = vip;
	ip->daddr = source;
	ip->check = ~csum_fold64((__u64)word[0] + word[1] + word[2] + word[3] + word[4]);
}

/* As answer_ipv4(). `length`: of what follows. */
static __always_inline void answer_ipv6(struct ipv6hdr *ip, const struct ipv6hdr *about,
                                        __u8 protocol, __u16 length)
{
	struct in6_addr source = about->saddr, vip = about->daddr;

	*(__be32 *)ip = bpf_htonl(0x60000000);
	ip->payload_len = bpf_htons(length);
	ip->nexthdr = protocol;
	ip->hop_limit = ANSWER_TTL;
	ip->saddr = vip;
	ip->daddr = source;
}

/* RFC 8200 section 8.1: both addresses, length and protocol. */
static __always_inline __u64 answer_pseudo_v6(const struct ipv6hdr *ip)
{
	const __u32 *address = (const __u32 *)&ip->saddr;

	return (__u64)address[0] + address[1] + address[2] + address[3] + address[4] + address[5] +
	       address[6] + address[7] + ip->payload_len + bpf_htonl(ip->nexthdr);
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

/* What a reset says. In wire order. */
struct lb_reset {
	__be16 source;
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__be16 flags; /* with the data offset */
};

/* RFC 9293 section 3.5.2, group 1. Returns 0 when there is to be none. */
static __always_inline int reset_fill(lb_ctx *ctx, const struct lb_packet *pkt,
                                      struct lb_reset *reset)
{
	const struct tcphdr *tcp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	__u32 length = pkt->l3_off + pkt->ip_len - pkt->l4_off;

	if (pkt->protocol != IPPROTO_TCP || pkt->fragment != LB_NO_FRAGMENT ||
	    (void *)(tcp + 1) > frame_end(ctx) || tcp->rst)
		return 0;
	reset->source = tcp->dest;
	reset->dest = tcp->source;
	if (tcp->ack) {
		reset->seq = tcp->ack_seq;
		reset->ack_seq = 0;
		reset->flags = bpf_htons(sizeof(*tcp) / 4 << 12 | LB_TCP_RST);
	} else {
		reset->seq = 0;
		reset->ack_seq = bpf_htonl(bpf_ntohl(tcp->seq) + length - tcp->doff * 4 + tcp->syn +
		                           tcp->fin);
		reset->flags = bpf_htons(sizeof(*tcp) / 4 << 12 | LB_TCP_RST | LB_TCP_ACK);
	}
	return 1;
}

/* `pseudo`: the sum of the pseudo header, RFC 9293 section 3.1. */
static __always_inline void reset_write_tcp(struct tcphdr *tcp, const struct lb_reset *reset,
                                            __u64 pseudo)
{
	const __u32 *word = (const __u32 *)tcp;

	tcp->source = reset->source;
	tcp->dest = reset->dest;
	tcp->seq = reset->seq;
	tcp->ack_seq = reset->ack_seq;
	((__be16 *)tcp)[6] = reset->flags;
	tcp->window = 0;
	tcp->check = 0;
	tcp->urg_ptr = 0;
	tcp->check = ~csum_fold64(pseudo + word[0] + word[1] + word[2] + word[3]);
}

static __always_inline int reset_write(lb_ctx *ctx, const struct lb_packet *pkt,
                                       const struct lb_reset *reset)
{
	if (!answer_ethernet(ctx, pkt, 0))
		return 0;
	if (pkt->family == 4) {
		struct lb_reset_v4 *out = l3_header(ctx, pkt, sizeof(*out));

		if (!out)
			return 0;
		answer_ipv4(&out->ip, &out->ip, IPPROTO_TCP, sizeof(*out));
		reset_write_tcp(&out->tcp, reset,
		                (__u64)out->ip.saddr + out->ip.daddr + bpf_htons(sizeof(out->tcp)) +
		                        bpf_htons(IPPROTO_TCP));
		return 1;
	}
	struct lb_reset_v6 *out = l3_header(ctx, pkt, sizeof(*out));

	if (!out)
		return 0;
	answer_ipv6(&out->ip, &out->ip, IPPROTO_TCP, sizeof(out->tcp));
	reset_write_tcp(&out->tcp, reset, answer_pseudo_v6(&out->ip));
	return 1;
}

/*
 * Turns a TCP segment that parse.h has accepted into a reset to its sender, without options or
 * data. Returns as answer_port_unreachable() does; a reset is not answered, nor is a fragment.
 */
LB_SUBPROGRAM int answer_reset(lb_ctx *ctx, struct lb_packet *pkt, int sent, int withheld)
{
	struct lb_reset reset;
	__u32 length;

	if (!pkt)
		return LB_DROP_MALFORMED;
	if (!reset_fill(ctx, pkt, &reset) || !ingress_interface(ctx) || !answer_allowed(ctx, pkt))
		return withheld;
	length = pkt->family == 4 ? sizeof(struct lb_reset_v4) : sizeof(struct lb_reset_v6);
	if (bpf_xdp_adjust_tail(ctx, (int)(pkt->l3_off + length) - (int)frame_length(ctx)))
		return withheld;
	return reset_write(ctx, pkt, &reset) ? sent : LB_DROP_MALFORMED;
}

#endif
