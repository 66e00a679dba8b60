/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Internet checksums (RFC 1071), updated incrementally (RFC 1624) where we change a field. All
 * values are in the order of memory, which one's complement sums do not mind.
 *
 * A change is the sum of ~old and new over all words that change, of 32 bits or less. It is wider than
 * they are, and so takes in their carries without a branch, which would depend on the packet's bytes.
 */
#ifndef LB_CSUM_H
#define LB_CSUM_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>

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

/*
 * A sum of less than 2^47, which is that of 2^15 words. The multiplication puts the sum of the three 16-bit parts
 * into the uppermost 16 bits, and their carry with it.
 */
static __always_inline __u16 csum_fold64(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	return sum * 0x0001000100010000ULL >> 48;
}

/*
 * The sum of a pseudo header (RFC 9293 section 3.1, RFC 768, RFC 8200 section 8.1). l3: struct iphdr or
 * struct ipv6hdr; length: of what the checksum covers beside it.
 */
static __always_inline __u64 csum_pseudo(const void *l3, __u8 family, __u8 protocol, __u32 length)
{
	const __u32 *word = family == 4 ? &((const struct iphdr *)l3)->saddr
	                                : ((const struct ipv6hdr *)l3)->saddr.s6_addr32;
	__u64 sum = (__u64)bpf_htonl(length) + bpf_htonl(protocol);
	__u32 i;

	sum += (__u64)word[0] + word[1];
	if (family == 6)
#pragma unroll
		for (i = 2; i < 8; i++)
			sum += word[i];
	return sum;
}

/* The change from one IPv4 address to another. */
static __always_inline __u64 csum_change_v4(__be32 from, __be32 to)
{
	return (__u64)(__u32)~from + to;
}

/* The change from one IPv6 address to another. */
static __always_inline __u64 csum_change_v6(const void *from, const void *to)
{
	const __u32 *old = from, *new = to;
	__u64 sum = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < 4; i++)
		sum += csum_change_v4(old[i], new[i]);
	return sum;
}

/* RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). */
static __always_inline void csum_apply(__u16 *check, __u64 change)
{
	*check = ~csum_fold64(change + (__u16) ~*check);
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
