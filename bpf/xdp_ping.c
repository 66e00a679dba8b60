// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * What leaves the probes' namespace. On the host's end of its veth pair: a probe that is under way goes to
 * the one real or director that it is for, by its source port; nothing else leaves.
 */
#include "lib/dest.h"
#include "lib/interface.h"
#include "lib/probe.h"
#include "lib/verdict.h"
#include "lib/vip.h"

/* The IP header up to the addresses; 0 when it is none. */
static __always_inline int read_ip(const struct xdp_md *ctx, struct lb_packet *pkt, __u8 family)
{
	struct lb_headers hdr;

	pkt->family = family;
	if (!headers_get_as(ctx, pkt, &hdr, family))
		return 0;
	if (family == 4) {
		struct iphdr *ip = hdr.l3;

		words_from_v4(pkt->dst_word, ip->daddr);
		return ip->version == 4 && ip->ihl >= 5;
	}
	struct ipv6hdr *ip6 = hdr.l3;

	words_from_v6(pkt->dst_word, &ip6->daddr);
	return ip6->version == 6;
}

static __always_inline int read_headers(struct xdp_md *ctx, struct lb_packet *pkt)
{
	int proto = parse_ethernet(ctx, pkt);
	int is_ip = 0;

	if (proto == bpf_htons(ETH_P_IP))
		is_ip = read_ip(ctx, pkt, 4);
	else if (proto == bpf_htons(ETH_P_IPV6))
		is_ip = read_ip(ctx, pkt, 6);
	return is_ip && probe_parse(ctx, pkt) && has_ports(pkt);
}

/* The probe that a packet is; NULL: it is none that is under way. */
static __always_inline const struct lb_probe *probe_of(struct xdp_md *ctx, struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	const struct lb_probe *probe;

	if (!set || !read_headers(ctx, pkt))
		return NULL;
	probe = probe_lookup(set, pkt->key.client_port);
	if (!probe || !probe_goes_to(probe, pkt->dst_word, pkt->key.port, pkt->protocol) ||
	    !words_are_of(pkt->dst_word, pkt->family) ||
	    !is_probe_source(pkt->key_word, pkt->family))
		return NULL;
	return probe;
}

static __always_inline int send(struct xdp_md *ctx, struct lb_packet *pkt, __u32 ifindex,
                                const __u8 *to, const __u8 *from)
{
	struct lb_eth *eth = frame_data(ctx);

	if ((void *)(eth + 1) > frame_end(ctx) ||
	    bpf_redirect_map(&tx_ports, ifindex, 0) != XDP_REDIRECT)
		return LB_DROP_PROBE;
	mac_copy(eth->dest, to);
	mac_copy(eth->source, from);
	pkt->forward_action = XDP_REDIRECT;
	return LB_FORWARD_PROBE;
}

/* dr: clients' packets come to the real with the VIP, so its probes may too. */
static __always_inline int is_address_of(const struct lb_dest *dest, const struct lb_packet *pkt)
{
	return addr_equal(&dest->addr, &pkt->dst) ||
	       (dest->forward == LB_FORWARD_DR && vip_lookup(pkt->dst_word, pkt->family));
}

static __always_inline int to_real(struct xdp_md *ctx, struct lb_packet *pkt,
                                   const struct lb_probe *probe)
{
	const struct lb_dest *dest = dest_lookup(probe->dest);

	if (!dest || !dest_is(dest, probe->generation) || (dest->flags & LB_DEST_F_LOCAL) ||
	    !(dest->flags & LB_DEST_F_NEIGHBOUR) || !is_address_of(dest, pkt))
		return LB_DROP_PROBE;
	return send(ctx, pkt, dest->ifindex, dest->mac, dest->src_mac);
}

static __always_inline int to_director(struct xdp_md *ctx, struct lb_packet *pkt,
                                       const struct lb_probe *probe)
{
	const struct lb_interface *interface = interface_get(probe->ifindex);

	return interface ? send(ctx, pkt, probe->ifindex, probe->mac, interface->mac)
	                 : LB_DROP_PROBE;
}

SEC("xdp.frags")
int xdp_ping_tx(struct xdp_md *ctx)
{
	struct lb_packet pkt = {};
	const struct lb_probe *probe = probe_of(ctx, &pkt);
	int verdict = LB_DROP_PROBE;

	if (probe && probe->kind == LB_PROBE_REAL)
		verdict = to_real(ctx, &pkt, probe);
	else if (probe && probe->kind == LB_PROBE_PING)
		verdict = to_director(ctx, &pkt, probe);
	return verdict_action(&pkt, verdict);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
