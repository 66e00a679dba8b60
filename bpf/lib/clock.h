/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The clock of conn timers: ticks of LB_TICK_JIFFIES jiffies, 32 bits that wrap around. */
#ifndef LB_CLOCK_H
#define LB_CLOCK_H

#include <bpf/bpf_helpers.h>
#include "../abi.h"

static __always_inline __u32 ticks_now(void)
{
	return bpf_jiffies64() / LB_TICK_JIFFIES;
}

static __always_inline int tick_passed(__u32 tick, __u32 now)
{
	return (__s32)(tick - now) <= 0;
}

#endif
