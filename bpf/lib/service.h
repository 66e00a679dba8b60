/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Which service a packet is for, and what becomes of one that is for none. */
#ifndef LB_SERVICE_H
#define LB_SERVICE_H

#include "answer.h"
#include "fwd.h"
#include "settings.h"

/*
 * A key as one word. Were it written field by field, the map's hash, which reads it by four bytes, would wait
 * until these stores have reached the cache, and so for all that the processor has begun before them: the
 * look-up of the conn, which could go on meanwhile.
 */
static __always_inline __u64 service_key_word(const struct lb_packet *pkt, __be16 port, __u32 era)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word_of(pkt->key.vip | (__u32)port << 16, pkt->key.protocol | era << 8);
#else
	return word_of((__u32)pkt->key.vip << 16 | port, pkt->key.protocol << 24 | era << 16);
#endif
}

/* The service on a port of the packet's VIP; `port` 0: the one for all that have none of their own. */
static __always_inline const struct lb_service *service_on(const struct lb_packet *pkt, __be16 port,
                                                           __u32 era)
{
	union {
		struct lb_service_key key;
		__u64 word;
	} key = {.word = service_key_word(pkt, port, era)};

	return bpf_map_lookup_elem(&services, &key);
}

static __always_inline const struct lb_service *service_lookup(const struct lb_packet *pkt,
                                                               __u32 era)
{
	const struct lb_service *service = service_on(pkt, pkt->key.port, era);

	return service || !pkt->key.port ? service : service_on(pkt, 0, era);
}

/* TCP or UDP for a VIP that has no service on that port. */
static __always_inline int service_missing(struct xdp_md *ctx, struct lb_packet *pkt)
{
	__u32 id = pkt->key.vip;
	const struct lb_vip *vip = bpf_map_lookup_elem(&vips, &id);
	struct lb_headers hdr;
	int verdict;

	if (!vip)
		return LB_PASS_UNMATCHED;
	verdict = vip->flags & LB_VIP_F_DROP_UNMATCHED ? LB_DROP_UNMATCHED : LB_PASS_UNMATCHED;
	/* Nobody behind us could take it further, and the host does not have the address. */
	if (!(vip->flags & LB_VIP_F_BIND) && headers_get(ctx, pkt, &hdr) &&
	    ttl_of(&hdr, pkt->family) <= 1)
		return answer_port_unreachable(ctx, pkt, LB_REPLY_UNMATCHED, verdict);
	return verdict;
}

/* The service has no usable destination. */
static __always_inline int service_without_real(struct xdp_md *ctx, struct lb_packet *pkt,
                                                __u16 flags)
{
	if (flags & LB_SVC_F_NO_REAL_DROP)
		return LB_DROP_NO_REAL;
	if (flags & LB_SVC_F_NO_REAL_PASS)
		return LB_PASS_NO_REAL;
	return answer_port_unreachable(ctx, pkt, LB_REPLY_NO_REAL, LB_DROP_NO_REAL);
}

#endif
