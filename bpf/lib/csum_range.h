/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* One's complement sums (RFC 1071) over bytes of the frame, in the order of memory. */
#ifndef LB_CSUM_RANGE_H
#define LB_CSUM_RANGE_H

#include "csum.h"
#include "parse.h"

#define LB_CSUM_CHUNK 128 /* bytes that a helper call is worth its price for */

/*
 * `count` chunks from `offset` on, 0 when they are not in the first buffer. A sum of 0 is that of
 * zeros only, so no checksum is right with it.
 */
LB_SUBPROGRAM __u32 csum_chunks(lb_ctx *ctx, __u32 offset, __u32 count)
{
	void *end = frame_end(ctx);
	__s64 sum = 0;
	void *chunk;
	__u32 i;

	chunk = frame_data(ctx) + (offset & LB_MAX_L4_OFF);
	for (i = 0; i < LB_MAX_L4_OFF / LB_CSUM_CHUNK; i++) {
		if (i >= count)
			break;
		if (chunk + LB_CSUM_CHUNK > end)
			return 0;
		sum = bpf_csum_diff(NULL, 0, chunk, LB_CSUM_CHUNK, sum);
		chunk += LB_CSUM_CHUNK;
	}
	return sum;
}

/*
 * What a block of `size` bytes, a power of two, adds to the sum of `length` bytes, if that has such a bit: the
 * block behind those of all higher bits. 0 when it does not lie before `end`.
 */
static __always_inline __u64 csum_block(const void *from, const void *end, __u32 length, __u32 size)
{
	const __u32 *word = from + (length & (LB_CSUM_CHUNK - 2 * size));
	__u64 sum = 0;
	__u32 i;

	if (!(length & size) || (void *)word + size > end)
		return 0;
#pragma unroll
	for (i = 0; i < size / sizeof(*word); i++)
		sum += word[i];
	return sum;
}

/*
 * The sum of less than LB_CSUM_CHUNK bytes, as many of them as lie before `end`; csum_fold64()
 * makes it 16 bits. A branch for each bit of the length, not one for each word.
 */
static __always_inline __u64 csum_words(const void *from, const void *end, __u32 length)
{
	__u64 sum = csum_block(from, end, length, 64) + csum_block(from, end, length, 32) +
	            csum_block(from, end, length, 16) + csum_block(from, end, length, 8) +
	            csum_block(from, end, length, 4);
	const void *rest = from + (length & (LB_CSUM_CHUNK - 4));

	if (!(length & 3))
		return sum;
	if ((length & 2) && rest + 2 <= end)
		sum += *(const __u16 *)rest;
	rest += length & 2;
	if ((length & 1) && rest + 1 <= end)
		sum += bpf_htons(*(const __u8 *)rest << 8);
	return sum;
}

/* The sum of an IPv4 header of `length` bytes, 20 or more; those of `ip` lie before `end`. */
static __always_inline __u64 csum_ipv4(const struct iphdr *ip, const void *end, __u32 length)
{
	const __u32 *word = (const __u32 *)ip;
	__u64 sum = (__u64)word[0] + word[1] + word[2] + word[3] + word[4];

	return length > sizeof(*ip) ? sum + csum_words(ip + 1, end, length - sizeof(*ip)) : sum;
}

/* The sum of the `length` bytes at `offset`, which end in the first buffer, before LB_MAX_L4_OFF. */
LB_SUBPROGRAM __u64 csum_range(lb_ctx *ctx, __u32 offset, __u32 length)
{
	__u64 sum = 0;

	if (length >= LB_CSUM_CHUNK) {
		sum = csum_chunks(ctx, offset, length / LB_CSUM_CHUNK);
		offset += length & ~(LB_CSUM_CHUNK - 1);
		length &= LB_CSUM_CHUNK - 1;
	}
	return sum + csum_words(frame_data(ctx) + (offset & LB_MAX_L4_OFF), frame_end(ctx), length);
}

#endif
