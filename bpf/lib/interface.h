/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Interfaces that are attached: entries of interfaces. */
#ifndef LB_INTERFACE_H
#define LB_INTERFACE_H

#include "packet.h"

/* The interface in an entry, if it is this one. */
static __always_inline const struct lb_interface *interface_at(__u32 at, __u32 ifindex)
{
	const struct lb_interface_slot *slot = bpf_map_lookup_elem(&interfaces, &at);

	return slot && slot->ifindex == ifindex ? &slot->interface : NULL;
}

/* Which entry is that of an interface whose own place was taken; LB_INTERFACE_SLOTS: none. */
LB_SUBPROGRAM __u32 interface_search(__u32 ifindex)
{
	__u32 at;

	for (at = 0; at < LB_INTERFACE_SLOTS; at++)
		if (interface_at(at, ifindex))
			return at;
	return LB_INTERFACE_SLOTS;
}

/* NULL when it is not attached. */
static __always_inline const struct lb_interface *interface_get(__u32 ifindex)
{
	const struct lb_interface *home = interface_at(ifindex % LB_INTERFACE_SLOTS, ifindex);

	return home ? home : interface_at(interface_search(ifindex), ifindex);
}

/* The interface that a packet came in by; NULL when it is not one of ours. */
static __always_inline const struct lb_interface *ingress_interface(const lb_ctx *ctx)
{
	return interface_get(ctx->ingress_ifindex);
}

#endif
