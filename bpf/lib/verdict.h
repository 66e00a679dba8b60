/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The one place that turns a verdict into an action, and counts it. */
#ifndef LB_VERDICT_H
#define LB_VERDICT_H

#include "packet.h"

static __always_inline int verdict_action(const struct lb_packet *pkt, int verdict)
{
	__u32 index = verdict;
	__u64 *count = bpf_map_lookup_elem(&verdicts, &index);

	if (count)
		++*count;
	if (verdict < LB_REPLY_ARP)
		return pkt->forward_action;
	if (verdict < LB_PASS_NOT_IP)
		return XDP_TX;
	return verdict < LB_DROP_MALFORMED ? XDP_PASS : XDP_DROP;
}

#endif
