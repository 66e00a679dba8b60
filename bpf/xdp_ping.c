// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What leaves the probes' namespace. On the host's end of its veth pair: a probe that is under way goes to
 * the one real or director that it is for, by its source port; nothing else leaves.
 */
#include "lib/verdict.h"

SEC("xdp.frags")
int xdp_ping_tx(struct xdp_md *ctx)
{
	struct lb_packet pkt = {};

	(void)ctx;
	return verdict_action(&pkt, LB_DROP_PROBE);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
