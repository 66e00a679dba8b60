/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The one place that turns a verdict into an action, and counts it. */
#ifndef LB_VERDICT_H
#define LB_VERDICT_H

#include "packet.h"

#ifdef LB_TC
#include <linux/pkt_cls.h>

/* Passed is what we have not touched: programs behind this one, of another owner, may. */
#define LB_ACTION_ANSWER TC_ACT_SHOT
#define LB_ACTION_PASS   TC_ACT_UNSPEC
#define LB_ACTION_DROP   TC_ACT_SHOT
#else
#define LB_ACTION_ANSWER XDP_TX
#define LB_ACTION_PASS   XDP_PASS
#define LB_ACTION_DROP   XDP_DROP
#endif

static __always_inline int verdict_action(const struct lb_packet *pkt, int verdict)
{
	__u32 index = verdict;
	__u64 *count = bpf_map_lookup_elem(&verdicts, &index);

	if (count)
		++*count;
	if (verdict < LB_REPLY_ARP)
		return pkt->forward_action;
	if (verdict < LB_PASS_NOT_IP)
		return LB_ACTION_ANSWER;
	return verdict < LB_DROP_MALFORMED ? LB_ACTION_PASS : LB_ACTION_DROP;
}

#endif
