// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "maps.h"

/*
 * Enums reach BTF only through something global that has their type; so does the value
 * of an inner map, since clang emits what is behind two pointers as a forward declaration.
 */
const struct {
	struct lb_ring_chunk ring_chunk;
	enum lb_limit limit;
	enum lb_vip_flag vip_flag;
	enum lb_echo echo;
	enum lb_scheduler scheduler;
	enum lb_forward forward;
	enum lb_service_flag service_flag;
	enum lb_dest_flag dest_flag;
	enum lb_conn_state conn_state;
	enum lb_xdp_mode xdp_mode;
	enum lb_verdict verdict;
} lb_types = {};

SEC("xdp.frags")
int xdp_lb(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
