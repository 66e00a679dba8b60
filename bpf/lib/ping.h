/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Gateway pings: SYNs that a magic number marks, as the value of their TCP timestamp (RFC 7323 section 3.2).
 * A director forwards one with the number one less. A director that gets it one less already is where it
 * was sent: on the host of the real.
 */
#ifndef LB_PING_H
#define LB_PING_H

#include "csum.h"
#include "explain.h"
#include "parse.h"
#include "tcp_state.h"

#define TCP_OPTION_END       0
#define TCP_OPTION_NOP       1
#define TCP_OPTION_TIMESTAMP 8
#define TCP_TIMESTAMP_LEN    10
#define TCP_OPTIONS_MAX      40

/* The number's last byte is all that counting down changes. */
#define PING_LAST_BYTE (LB_PING_MAGIC & 0xff)

_Static_assert(PING_LAST_BYTE != 0, "counting down borrows");

/* Where in the frame the timestamp's value is, of TCP options from `at` to `end`; 0: there is none. */
LB_SUBPROGRAM __u32 tcp_timestamp_at(struct xdp_md *ctx, __u32 at, __u32 end)
{
	__u32 i;

	/* Unrolled: Linux 6.1 refuses a loop whose end clang lets fall through to its start. */
#pragma unroll
	for (i = 0; i <= TCP_OPTIONS_MAX - TCP_TIMESTAMP_LEN; i++) {
		const __u8 *option = frame_data(ctx) + (at & LB_MAX_L4_OFF);

		if (at > LB_MAX_L4_OFF || at + TCP_TIMESTAMP_LEN > end ||
		    (void *)(option + TCP_TIMESTAMP_LEN) > frame_end(ctx))
			return 0;
		if (option[0] == TCP_OPTION_TIMESTAMP)
			return option[1] == TCP_TIMESTAMP_LEN ? at + 2 : 0;
		if (option[0] == TCP_OPTION_NOP) {
			at++;
			continue;
		}
		if (option[0] == TCP_OPTION_END || option[1] < 2)
			return 0;
		at += option[1];
	}
	return 0;
}

/* Where in the frame the value of a segment's timestamp is; 0: it has none. The segment is one that parse.h has accepted. */
static __always_inline __u32 ping_offset(struct xdp_md *ctx, const struct lb_packet *pkt)
{
	const struct tcphdr *tcp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);

	if ((void *)(tcp + 1) > frame_end(ctx))
		return 0;
	return tcp_timestamp_at(ctx, pkt->l4_off + sizeof(*tcp), pkt->l4_off + tcp->doff * 4);
}

static __always_inline int ping_source_allowed(const struct lb_packet *pkt)
{
	struct lb_ping_source_key key = {.prefix_len = 128};

	__builtin_memcpy(&key.addr, &pkt->key.client, sizeof(key.addr));
	return bpf_map_lookup_elem(&ping_sources, &key) != NULL;
}

/*
 * A flow's first packet, before it is scheduled: LB_FORWARD_PING when it is a ping to be scheduled, LB_PASS_PING
 * when it was sent to this host, LB_DROP_PING when its sender may not; LB_UNDECIDED: it is like any other.
 */
LB_SUBPROGRAM int ping_verdict(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const __be32 *number;
	__u32 offset;

	if (!pkt || pkt->protocol != IPPROTO_TCP || !tcp_is_syn(pkt->tcp_flags))
		return LB_UNDECIDED;
	offset = ping_offset(ctx, pkt);
	number = frame_data(ctx) + (offset & LB_MAX_L4_OFF);
	if (!offset || (void *)(number + 1) > frame_end(ctx))
		return LB_UNDECIDED;
	if (*number != bpf_htonl(LB_PING_MAGIC) && *number != bpf_htonl(LB_PING_MAGIC - 1))
		return LB_UNDECIDED;
	explain(LB_STEP_PING, 0);
	if (!ping_source_allowed(pkt))
		return LB_DROP_PING;
	return *number == bpf_htonl(LB_PING_MAGIC) ? LB_FORWARD_PING : LB_PASS_PING;
}

/* After ping_verdict() said LB_FORWARD_PING: the number one less. Returns 0 when it is not there. */
LB_SUBPROGRAM int ping_count_down(struct xdp_md *ctx, struct lb_packet *pkt)
{
	struct tcphdr *tcp;
	__u32 offset, shift;
	__u8 *last;

	if (!pkt)
		return 0;
	offset = ping_offset(ctx, pkt);
	tcp = frame_data(ctx) + (pkt->l4_off & LB_MAX_L4_OFF);
	last = frame_data(ctx) + (offset & LB_MAX_L4_OFF) + sizeof(__be32) - 1;
	if (!offset || (void *)(tcp + 1) > frame_end(ctx) || (void *)(last + 1) > frame_end(ctx))
		return 0;
	*last = PING_LAST_BYTE - 1;
	/* The sum is over words of 16 bits, in which the byte is the first or the second one. */
	shift = (offset + sizeof(__be32) - 1 - pkt->l4_off) & 1 ? 0 : 8;
	csum_replace2(&tcp->check, bpf_htons(PING_LAST_BYTE << shift),
	              bpf_htons((PING_LAST_BYTE - 1) << shift));
	return 1;
}

#endif
