/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Internet checksums (RFC 1071), updated incrementally (RFC 1624) where we change a field. All
 * values are in the order of memory, which one's complement sums do not mind.
 *
 * A change is the one's complement sum of ~old and new over all words that change, as many bits
 * wide as it came to be.
 */
#ifndef LB_CSUM_H
#define LB_CSUM_H

#include <linux/types.h>

static __always_inline __u16 csum_fold(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)sum;
}

/* 64 bits to 32. */
static __always_inline __u32 csum_narrow(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	return sum;
}

static __always_inline __u16 csum_fold64(__u64 sum)
{
	return csum_fold(csum_narrow(sum));
}

/* The sum of two words, the carry brought round. */
static __always_inline __u64 csum_add64(__u64 sum, __u64 word)
{
	sum += word;
	return sum + (sum < word);
}

/* The change from one IPv4 address to another. */
static __always_inline __u64 csum_change_v4(__be32 from, __be32 to)
{
	return (__u64)(__u32)~from + to;
}

/* The change from one IPv6 address to another. */
static __always_inline __u64 csum_change_v6(const __u64 from[2], const __u64 to[2])
{
	return csum_add64(csum_add64(~from[0], ~from[1]), csum_add64(to[0], to[1]));
}

/* RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). */
static __always_inline void csum_apply(__u16 *check, __u64 change)
{
	*check = ~csum_fold64(csum_add64(change, (__u16) ~*check));
}

/* The same for UDP, where 0 says that there is no checksum (RFC 768). */
static __always_inline void csum_apply_udp(__u16 *check, __u64 change)
{
	if (!*check)
		return;
	csum_apply(check, change);
	if (!*check)
		*check = 0xffff;
}

/* The same where a single 16-bit word changes. */
static __always_inline void csum_replace2(__u16 *check, __u16 from, __u16 to)
{
	__u32 sum = (__u16) ~*check + (__u32)(__u16)~from + to;

	*check = ~csum_fold(sum);
}

#endif
