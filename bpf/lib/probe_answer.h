/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What comes back to probes: into their namespace, before the host's stack sees it. */
#ifndef LB_PROBE_ANSWER_H
#define LB_PROBE_ANSWER_H

#include "fwd.h"
#include "icmp_kind.h"
#include "probe.h"
#include "quote.h"

/* Returns `otherwise`, and has changed nothing, when there is no way into the namespace. */
static __always_inline int probe_hand_over(struct xdp_md *ctx, struct lb_packet *pkt,
                                           const struct lb_settings *set, int otherwise)
{
	struct lb_eth *eth = frame_data(ctx);

	if ((void *)(eth + 1) > frame_end(ctx) ||
	    bpf_redirect_map(&probe_port, 0, XDP_PASS) != XDP_REDIRECT)
		return otherwise;
	mac_copy(eth->dest, set->probe_mac);
	pkt->forward_action = XDP_REDIRECT;
	return LB_FORWARD_PROBE_ANSWER;
}

/* Fills `quote` with what an ICMP error to an address of the probes says that this address has sent. */
static __always_inline int probe_quoted(struct xdp_md *ctx, struct lb_packet *pkt,
                                        struct lb_quote *quote)
{
	return is_icmp_error(ctx, pkt) && is_probe_source(pkt->dst_word, pkt->family) &&
	       quote_parse(ctx, pkt, quote) == LB_UNDECIDED &&
	       (quote->protocol == IPPROTO_TCP || quote->protocol == IPPROTO_UDP) &&
	       addr_equal(&quote->src, &pkt->dst);
}

static __always_inline int probe_error(struct xdp_md *ctx, struct lb_packet *pkt,
                                       const struct lb_settings *set)
{
	struct lb_quote quote = {};

	return probe_quoted(ctx, pkt, &quote) && is_probe_port(set, quote.sport);
}

/*
 * A packet that is not for a VIP: is it for one of the probes? By its address and port alone, since a packet
 * to a port of the range can be for nobody else.
 */
LB_SUBPROGRAM int probe_answer(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	int taken;

	if (!pkt || !set || !probe_parse(ctx, pkt))
		return LB_PASS_NOT_VIP;
	if (has_ports(pkt))
		taken = is_probe_port(set, pkt->key.port) &&
		        is_probe_source(pkt->dst_word, pkt->family);
	else
		taken = probe_error(ctx, pkt, set);
	if (!taken || !frame_is_ours(ctx))
		return LB_PASS_NOT_VIP;
	return probe_hand_over(ctx, pkt, set, LB_PASS_NOT_VIP);
}

/*
 * TCP or UDP to a VIP, no conn known. Where probes leave by a VIP's own address, the range is not theirs alone: taken
 * is only what comes from where the probe with this port has gone. LB_UNDECIDED: it is none.
 */
LB_SUBPROGRAM int probe_answer_at_vip(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	const struct lb_probe *probe;

	if (!pkt || !set || !has_ports(pkt) || pkt->fragment ||
	    pkt->l3_off != sizeof(struct lb_eth))
		return LB_UNDECIDED;
	probe = probe_lookup(set, pkt->key.port);
	if (!probe || !probe_goes_to(probe, pkt->key_word, pkt->key.client_port, pkt->protocol) ||
	    !words_are_of(pkt->key_word, pkt->family) ||
	    !is_probe_source(pkt->dst_word, pkt->family))
		return LB_UNDECIDED;
	return probe_hand_over(ctx, pkt, set, LB_UNDECIDED);
}

/* The same of an ICMP error to a VIP. */
LB_SUBPROGRAM int probe_error_at_vip(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	const struct lb_probe *probe;
	struct lb_quote quote = {};

	if (!pkt || !set || !set->probe_count || pkt->l3_off != sizeof(struct lb_eth) ||
	    !probe_quoted(ctx, pkt, &quote) || !frame_is_ours(ctx))
		return LB_UNDECIDED;
	probe = probe_lookup(set, quote.sport);
	if (!probe || !probe_goes_to(probe, quote.dst_word, quote.dport, quote.protocol))
		return LB_UNDECIDED;
	return probe_hand_over(ctx, pkt, set, LB_UNDECIDED);
}

#endif
