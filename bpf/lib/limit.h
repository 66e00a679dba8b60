/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * How many answers a source may provoke (RFC 1812 section 4.3.2.8, RFC 4443 section 2.4 (f)): a
 * token bucket for each /24 or /64 that they go to. Prefixes whose hashes meet share one.
 */
#ifndef LB_LIMIT_H
#define LB_LIMIT_H

#include "clock.h"
#include "hash.h"
#include "settings.h"

/* Of the second word of ::ffff:a.b.c.d. */
#define LB_LIMIT_V4_MASK word_of(0xffffffff, bpf_htonl(0xffffff00))

/* A bucket that another CPU has filled up to a moment that is still ahead here, ticks. */
#define LB_LIMIT_AHEAD 64

union lb_limit_word {
	struct lb_limit_bucket bucket;
	__u64 word;
};

static __always_inline __u32 limit_index(const __u64 source[2], __u8 family, __u64 seed)
{
	__u64 tail = family == 4 ? source[1] & LB_LIMIT_V4_MASK : 0;
	__u64 hash = hash_word(hash_word(seed, source[0]), tail);

	return hash_finish(hash) >> 32 & (LB_LIMIT_BUCKETS - 1);
}

/*
 * The bucket as it is now, in parts of a token: settings.hz of them are one, so that a tick
 * brings a whole number. A bucket that was never used is full.
 */
static __always_inline union lb_limit_word limit_refill(union lb_limit_word old, __u32 now,
                                                        const struct lb_settings *set)
{
	__u64 full = (__u64)set->answer_tokens * set->hz;
	__u32 ticks = now - old.bucket.tick;
	__u64 tokens;

	if (ticks > (__u32)-LB_LIMIT_AHEAD)
		return old;
	tokens = old.bucket.tokens + (__u64)ticks * LB_TICK_JIFFIES * set->answer_tokens;
	if (full > 0xffffffff)
		full = 0xffffffff;
	old.bucket.tick = now;
	old.bucket.tokens = tokens < full ? tokens : full;
	return old;
}

/*
 * May `source`, an address as in struct lb_addr, be sent an answer? Takes a token if so: settings.answer_tokens a second, and as
 * many at once. A packet that loses its token to another CPU goes without. A dry run only asks.
 */
static __always_inline int limit_allows(const __u64 source[2], __u8 family, __u32 now,
                                        const struct lb_settings *set)
{
	__u32 index = limit_index(source, family, set->hash_seed);
	__u64 *bucket = bpf_map_lookup_elem(&limits, &index);
	union lb_limit_word old, new;

	if (!bucket)
		return 0;
	old.word = *(volatile __u64 *)bucket;
	new = limit_refill(old, now, set);
	if (new.bucket.tokens < set->hz || !set->answer_tokens)
		return 0;
	if (lb_dry_run)
		return 1;
	new.bucket.tokens -= set->hz;
	return __sync_val_compare_and_swap(bucket, old.word, new.word) == old.word;
}

#endif
