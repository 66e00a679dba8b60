/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The hash of our own tables; src/dataplane/hash.ts has the same in TypeScript. */
#ifndef LB_HASH_H
#define LB_HASH_H

#include <linux/types.h>

#define LB_HASH_MULTIPLIER 0x9e3779b97f4a7c15ULL /* 2^64 / golden ratio, odd */

/* Takes in one word: multiply to spread it upwards, fold to bring it down again. */
static __always_inline __u64 hash_word(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * LB_HASH_MULTIPLIER;
	return hash ^ hash >> 32;
}

/*
 * After the last word: what that word has in its upper half has so far reached the upper half
 * of the hash only, and bits of the lower half that lie above it.
 */
static __always_inline __u64 hash_finish(__u64 hash)
{
	return hash_word(hash, 0);
}

/* Spreads 32 bits evenly over 0 … size - 1, without a division. */
static __always_inline __u32 hash_scale(__u32 hash, __u32 size)
{
	return (__u64)hash * size >> 32;
}

#endif
