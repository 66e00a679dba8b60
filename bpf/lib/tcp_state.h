/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * TCP states as IPVS keeps them: tcp_states[] in net/netfilter/ipvs/ip_vs_proto_tcp.c, Linux 6.1.
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

/* Who sent the packet, and what of the flow is seen. */
enum lb_direction {
	LB_INPUT,      /* the client; the real's packets are seen too (nat) */
	LB_OUTPUT,     /* the real */
	LB_INPUT_ONLY, /* the client; nothing of the real has been seen (dr) */
};

#define LB_STATE_COLUMNS 16 /* a power of two, so that an index can be masked */

#define ES               LB_CONN_ESTABLISHED
#define SS               LB_CONN_SYN_SENT
#define SR               LB_CONN_SYN_RECV
#define FW               LB_CONN_FIN_WAIT
#define TW               LB_CONN_TIME_WAIT
#define CL               LB_CONN_CLOSE
#define CW               LB_CONN_CLOSE_WAIT
#define LA               LB_CONN_LAST_ACK
#define LI               LB_CONN_LISTEN
#define SA               LB_CONN_SYNACK

/* Not static: libbpf leaves a static variable's place in BTF unset, and the kernel then refuses all BTF. */
/* clang-format off */
const __u8 tcp_states[3][4][LB_STATE_COLUMNS] = {
	[LB_INPUT] = {
		/*                  NO  ES  SS  SR  FW  TW  CL  CW  LA  LI  SA */
		[LB_EVENT_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[LB_EVENT_FIN] = { CL, CW, SS, TW, TW, TW, CL, CW, LA, LI, TW },
		[LB_EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[LB_EVENT_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, SR },
	},
	[LB_OUTPUT] = {
		[LB_EVENT_SYN] = { SS, ES, SS, SR, SS, SS, SS, SS, SS, LI, SR },
		[LB_EVENT_FIN] = { TW, FW, SS, TW, FW, TW, CL, TW, LA, LI, TW },
		[LB_EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, LA, ES, ES },
		[LB_EVENT_RST] = { CL, CL, SS, CL, CL, TW, CL, CL, CL, CL, CL },
	},
	[LB_INPUT_ONLY] = {
		[LB_EVENT_SYN] = { SR, ES, ES, SR, SR, SR, SR, SR, SR, SR, SR },
		[LB_EVENT_FIN] = { CL, FW, SS, TW, FW, TW, CL, CW, LA, LI, TW },
		[LB_EVENT_ACK] = { ES, ES, SS, ES, FW, TW, CL, CW, CL, LI, ES },
		[LB_EVENT_RST] = { CL, CL, CL, SR, CL, CL, CL, CL, LA, LI, CL },
	},
};
/* clang-format on */

#undef ES
#undef SS
#undef SR
#undef FW
#undef TW
#undef CL
#undef CW
#undef LA
#undef LI
#undef SA

/* The state after a packet with these flags. RST counts before SYN before FIN before ACK;
 * a segment with none of them closes (tcp_state_idx() and set_tcp_state() there). */
static __always_inline __u8 tcp_next_state(enum lb_direction direction, __u8 state, __u8 flags)
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
	return tcp_states[direction][event][state & (LB_STATE_COLUMNS - 1)];
}

/* A SYN that asks for a new conn, not one of a handshake under way. */
static __always_inline int tcp_is_syn(__u8 flags)
{
	return (flags & (LB_TCP_SYN | LB_TCP_ACK | LB_TCP_RST)) == LB_TCP_SYN;
}

#endif
