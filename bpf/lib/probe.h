/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Probes are what the sockets of the health checks send, in a network namespace of their own. The source
 * port is all that tells one from another: it is from a range that nobody else uses, and probes[] says
 * where each port of it leads.
 */
#ifndef LB_PROBE_H
#define LB_PROBE_H

#include "parse.h"
#include "settings.h"

/* From the first port of the range on; LB_MAX_PROBES: outside of it. */
static __always_inline __u32 probe_index(const struct lb_settings *set, __be16 port)
{
	__u32 index = (__u16)(bpf_ntohs(port) - set->probe_first);

	return index < set->probe_count ? index : LB_MAX_PROBES;
}

static __always_inline int is_probe_port(const struct lb_settings *set, __be16 port)
{
	return probe_index(set, port) != LB_MAX_PROBES;
}

/* What leaves by a source port; NULL: nothing. */
static __always_inline const struct lb_probe *probe_lookup(const struct lb_settings *set,
                                                           __be16 port)
{
	__u32 index = probe_index(set, port);
	const struct lb_probe *probe = bpf_map_lookup_elem(&probes, &index);

	return probe && probe->kind != LB_PROBE_NONE ? probe : NULL;
}

/* As IPv4 addresses are written, and only they: no IPv6 packet may pass for one of the other family. */
static __always_inline int words_are_of(const __u64 words[2], __u8 family)
{
	int mapped = !words[0] && (__u32)words[1] == LB_V4_MAPPED;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	mapped = !words[0] && words[1] >> 32 == LB_V4_MAPPED;
#endif
	return mapped == (family == 4);
}

/* words: an address, see words_from_v4() and words_from_v6(). */
static __always_inline int is_probe_source(const __u64 words[2], __u8 family)
{
	__u64 key[2] = {words[0], words[1]};

	return words_are_of(words, family) && bpf_map_lookup_elem(&probe_sources, key);
}

/* Whether a probe is from here to there: addresses as words, ports as they lie in a header. */
static __always_inline int probe_goes_to(const struct lb_probe *probe, const __u64 dst[2],
                                         __be16 port, __u8 protocol)
{
	const __u64 *to = (const __u64 *)&probe->dst;

	return to[0] == dst[0] && to[1] == dst[1] && probe->port == port &&
	       probe->protocol == protocol;
}

static __always_inline int has_ports(const struct lb_packet *pkt)
{
	return pkt->protocol == IPPROTO_TCP || pkt->protocol == IPPROTO_UDP;
}

static __always_inline int probe_parse_ip(lb_ctx *ctx, struct lb_packet *pkt, __u8 family)
{
	struct lb_headers hdr;

	if (!headers_get_as(ctx, pkt, &hdr, family))
		return LB_DROP_MALFORMED;
	return family == 4 ? parse_ipv4_rest(ctx, pkt, hdr.l3) : parse_ipv6_rest(ctx, pkt, hdr.l3);
}

/*
 * Of an IP packet whose first byte and destination are read: all of its headers. 0 when it is no packet that
 * a probe or its answer could be: they are whole, and without VLAN tags.
 */
static __always_inline int probe_parse(lb_ctx *ctx, struct lb_packet *pkt)
{
	int verdict;

	if (pkt->l3_off != sizeof(struct lb_eth))
		return 0;
	verdict = pkt->family == 4 ? probe_parse_ip(ctx, pkt, 4) : probe_parse_ip(ctx, pkt, 6);
	if (verdict == LB_UNDECIDED)
		verdict = parse_l4(ctx, pkt);
	return verdict == LB_UNDECIDED && pkt->fragment == LB_NO_FRAGMENT;
}

#endif
