/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TCP states as IPVS keeps them when it sees the client's half only (forwarding methods dr
 * and tunnel): the INPUT-ONLY rows of tcp_states[] in net/netfilter/ipvs/ip_vs_proto_tcp.c,
 * Linux 6.1.
 */
#ifndef LB_TCP_STATE_H
#define LB_TCP_STATE_H

#include "../abi.h"

#define LB_TCP_FIN 0x01
#define LB_TCP_SYN 0x02
#define LB_TCP_RST 0x04
#define LB_TCP_ACK 0x10

enum lb_tcp_event {
	LB_EVENT_SYN,
	LB_EVENT_FIN,
	LB_EVENT_ACK,
	LB_EVENT_RST,
};

#define LB_STATE_COLUMNS 16	/* a power of two, so that an index can be masked */

/* Not static: libbpf leaves a static variable's place in BTF unset, and the kernel then refuses all BTF. */
const __u8 tcp_input_only[4][LB_STATE_COLUMNS] = {
	/* NONE, ESTABLISHED, SYN_SENT, SYN_RECV, FIN_WAIT, TIME_WAIT, CLOSE, CLOSE_WAIT, LAST_ACK, LISTEN, SYNACK */
	[LB_EVENT_SYN] = {
		LB_CONN_SYN_RECV, LB_CONN_ESTABLISHED, LB_CONN_ESTABLISHED, LB_CONN_SYN_RECV,
		LB_CONN_SYN_RECV, LB_CONN_SYN_RECV, LB_CONN_SYN_RECV, LB_CONN_SYN_RECV,
		LB_CONN_SYN_RECV, LB_CONN_SYN_RECV, LB_CONN_SYN_RECV,
	},
	[LB_EVENT_FIN] = {
		LB_CONN_CLOSE, LB_CONN_FIN_WAIT, LB_CONN_SYN_SENT, LB_CONN_TIME_WAIT,
		LB_CONN_FIN_WAIT, LB_CONN_TIME_WAIT, LB_CONN_CLOSE, LB_CONN_CLOSE_WAIT,
		LB_CONN_LAST_ACK, LB_CONN_LISTEN, LB_CONN_TIME_WAIT,
	},
	[LB_EVENT_ACK] = {
		LB_CONN_ESTABLISHED, LB_CONN_ESTABLISHED, LB_CONN_SYN_SENT, LB_CONN_ESTABLISHED,
		LB_CONN_FIN_WAIT, LB_CONN_TIME_WAIT, LB_CONN_CLOSE, LB_CONN_CLOSE_WAIT,
		LB_CONN_CLOSE, LB_CONN_LISTEN, LB_CONN_ESTABLISHED,
	},
	[LB_EVENT_RST] = {
		LB_CONN_CLOSE, LB_CONN_CLOSE, LB_CONN_CLOSE, LB_CONN_SYN_RECV,
		LB_CONN_CLOSE, LB_CONN_CLOSE, LB_CONN_CLOSE, LB_CONN_CLOSE,
		LB_CONN_LAST_ACK, LB_CONN_LISTEN, LB_CONN_CLOSE,
	},
};

/* The state after a packet with these flags. RST counts before SYN before FIN before ACK;
 * a segment with none of them closes (tcp_state_idx() and set_tcp_state() there). */
static __always_inline __u8 tcp_next_state(__u8 state, __u8 flags)
{
	__u32 event;

	if (flags & LB_TCP_RST)
		event = LB_EVENT_RST;
	else if (flags & LB_TCP_SYN)
		event = LB_EVENT_SYN;
	else if (flags & LB_TCP_FIN)
		event = LB_EVENT_FIN;
	else if (flags & LB_TCP_ACK)
		event = LB_EVENT_ACK;
	else
		return LB_CONN_CLOSE;
	return tcp_input_only[event][state & (LB_STATE_COLUMNS - 1)];
}

/* A SYN that asks for a new conn, not one of a handshake under way. */
static __always_inline int tcp_is_syn(__u8 flags)
{
	return (flags & (LB_TCP_SYN | LB_TCP_ACK | LB_TCP_RST)) == LB_TCP_SYN;
}

#endif
