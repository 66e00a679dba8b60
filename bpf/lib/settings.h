/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The one entry of settings, and whether this is a dry run. */
#ifndef LB_SETTINGS_H
#define LB_SETTINGS_H

#include "packet.h"

/*
 * 1 in the copy of a program that `veer explain` loads: it decides as the live one does and
 * writes nothing that the live one reads. In the live program the verifier takes out all that
 * is behind it.
 */
const volatile __u32 lb_dry_run = 0;

static __always_inline const struct lb_settings *settings_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&settings, &zero);
}

#endif
