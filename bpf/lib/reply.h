/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Sending a frame back to where it came from. */
#ifndef LB_REPLY_H
#define LB_REPLY_H

#include "packet.h"
#include "vip.h"

static __always_inline void reply_macs(struct lb_eth *eth, const struct lb_interface *interface)
{
	mac_copy(eth->dest, eth->source);
	mac_copy(eth->source, interface->mac);
}

/* The VIP's attributes, or NULL. */
static __always_inline const struct lb_vip *vip_get(const __u64 words[2], __u8 family)
{
	const struct lb_vip_slot *vip = vip_lookup(words, family);
	__u32 id;

	if (!vip)
		return NULL;
	id = vip->id;
	return bpf_map_lookup_elem(&vips, &id);
}

#endif
