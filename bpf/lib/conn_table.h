/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The conn table: buckets of LB_CONN_WAYS conns and templates; one lies in the first of its two
 * buckets that had room. Who writes what, without a lock:
 *
 * - A way belongs to who sets its tag from what it was to LB_TAG_BUSY by compare-and-swap. The
 *   owner ends the conn that lives there, if any, by taking LIVE out of its life (conn_end.h),
 *   writes the new one, then its life, which makes it count, then the tag.
 * - A life (expires, state, flags, seq) is one word and changes by compare-and-swap only. Who
 *   wins accounts for the change. seq grows with each owner, so a packet that has read an
 *   earlier life can change nothing.
 * - A reader takes the life before it compares the key, and again after it has read the
 *   destination: an owner ends the old life before it writes either, so an equal seq says that
 *   key and destination belong together.
 * - A conn past its time is dead to readers; it is live and counted until somebody takes it.
 * - A conn lies in the way that its hash calls home, when that was free: there a packet finds
 *   it at the first look. Otherwise the tags tell. The first bucket counts the conns that had to go to
 *   their second one, from before they can be found to after their end: while there are none nobody
 *   looks there.
 * - Two CPUs may insert one key at once. Each looks for the other's conn after its own can be
 *   found, so one of them at least finds both, and ends the later one in search order.
 */
#ifndef LB_CONN_TABLE_H
#define LB_CONN_TABLE_H

#include "clock.h"
#include "hash.h"
#include "packet.h"

#define LB_TAG_FREE  0
#define LB_TAG_BUSY  1
#define LB_TAG_FIRST 2 /* the least that marks a conn */

/* expires … seq of a conn, as the word that they change by. */
union lb_life {
	struct {
		__u32 expires;
		__u8 state;
		__u8 flags;
		__u16 seq;
	};
	__u64 word;
};

#define LB_CONN_NOWHERE 0xff       /* no id of a place */
#define LB_NO_NUMBER    0xffffffff /* no number of a conn, nor of an entry in reverse */

struct lb_conn_place {
	struct lb_conn_bucket *bucket; /* NULL: nowhere */
	__u32 id;                      /* which of the two buckets * LB_CONN_WAYS + way */
	union lb_life life;            /* when it was found */
};

/* Nothing of memory is read earlier or later than the program says. */
#define compiler_barrier() asm volatile("" ::: "memory")

static __always_inline union lb_life conn_life(const struct lb_conn *conn)
{
	union lb_life life = {.word = *(const volatile __u64 *)&conn->expires};

	compiler_barrier();
	return life;
}

/* Whether the life was `from` and is now `to`. */
static __always_inline int conn_life_swap(struct lb_conn *conn, union lb_life from,
                                          union lb_life to)
{
	return __sync_val_compare_and_swap((__u64 *)&conn->expires, from.word, to.word) ==
	       from.word;
}

/* Whether what was read of a conn after this life is still what belongs to it. */
static __always_inline int conn_is_still(const struct lb_conn *conn, union lb_life life)
{
	union lb_life now;

	compiler_barrier();
	now = conn_life(conn);
	return now.seq == life.seq && (now.flags & LB_CONN_F_LIVE);
}

static __always_inline __u64 conn_hash(const __u64 words[3], __u64 seed)
{
	return hash_finish(hash_word(hash_word(hash_word(seed, words[0]), words[1]), words[2]));
}

/* The lower half of the hash. */
static __always_inline __u32 conn_tag(__u64 hash)
{
	__u32 tag = hash;

	return tag < LB_TAG_FIRST ? tag + LB_TAG_FIRST : tag;
}

/* choice: 0, by the upper half of the hash, or 1, by the lower: flows that share one part at the other. */
static __always_inline __u32 conn_bucket_index(__u32 buckets, __u64 hash, __u32 choice)
{
	__u32 half = choice ? (__u32)hash * 0x85ebca6b : hash >> 32;

	return hash_scale(half, buckets);
}

static __always_inline struct lb_conn_bucket *conn_bucket(__u32 buckets, __u64 hash, __u32 choice)
{
	__u32 index = conn_bucket_index(buckets, hash, choice);

	return bpf_map_lookup_elem(&conns, &index);
}

static __always_inline int conn_key_is(const struct lb_conn *conn, const __u64 words[3])
{
	const __u64 *key = (const __u64 *)&conn->key;

	return !((key[0] ^ words[0]) | (key[1] ^ words[1]) | (key[2] ^ words[2]));
}

/*
 * How many ways of a bucket have this tag; without a branch, since the processor could not foresee in which
 * one a conn lies.
 */
static __always_inline __u32 conn_tags_equal(const struct lb_conn_bucket *bucket, __u32 tag)
{
	__u64 count = 0;
	__u32 way;

#pragma unroll
	for (way = 0; way < LB_CONN_WAYS; way++) {
		__u64 difference = bucket->tag[way] ^ tag;

		asm volatile("" : "+r"(difference)); /* or clang compares, and branches */
		count += (difference - 1) >> 63;
	}
	return count;
}

/* Whether `number` ways of a first bucket have the hash's tag, and no conn had to go on to its second one. */
static __always_inline int conn_tags_are(const struct lb_conn_bucket *bucket, __u64 hash,
                                         __u32 number)
{
	return conn_tags_equal(bucket, conn_tag(hash)) == number &&
	       !*(const volatile __u32 *)&bucket->overflow;
}

/* The way where a conn is looked for first. */
static __always_inline __u32 conn_home(__u64 hash)
{
	return hash >> 32 & (LB_CONN_WAYS - 1);
}

/* All places of a hash, as a set that conn_search() looks at. */
#define LB_EVERYWHERE ((1u << 2 * LB_CONN_WAYS) - 1)

static __always_inline __u32 places_but(__u32 id)
{
	return LB_EVERYWHERE & ~(1u << (id & 31));
}

/*
 * Searches both buckets by tag, the places whose bit is set in `among`; returns choice * LB_CONN_WAYS +
 * way, or LB_CONN_NOWHERE. (A set, since the verifier follows bounds through a loop, but not bits.)
 */
LB_SUBPROGRAM __u32 conn_search(struct lb_query *query, __u32 buckets, __u32 among)
{
	struct lb_conn_bucket *bucket;
	__u32 choice, way, tag;

	if (!query)
		return LB_CONN_NOWHERE;
	tag = conn_tag(query->hash);
	for (choice = 0; choice < 2; choice++) {
		bucket = conn_bucket(buckets, query->hash, choice);
		if (!bucket)
			return LB_CONN_NOWHERE;
		for (way = 0; way < LB_CONN_WAYS; way++) {
			__u32 id = choice * LB_CONN_WAYS + way;

			if (bucket->tag[way] == tag && (among >> id & 1) &&
			    conn_key_is(&bucket->conn[way], query->key_word))
				return id;
		}
		if (!*(volatile __u32 *)&bucket->overflow)
			break;
	}
	return LB_CONN_NOWHERE;
}

/* The conn at a place that is one. */
static __always_inline struct lb_conn *conn_at(const struct lb_conn_place *place)
{
	return &place->bucket->conn[place->id % LB_CONN_WAYS];
}

static __always_inline __u32 *conn_tag_at(const struct lb_conn_place *place)
{
	return &place->bucket->tag[place->id % LB_CONN_WAYS];
}

static __always_inline struct lb_conn_place conn_place(__u32 buckets, __u64 hash, __u32 id)
{
	struct lb_conn_place place = {.id = id};

	if (id != LB_CONN_NOWHERE)
		place.bucket = conn_bucket(buckets, hash, id / LB_CONN_WAYS);
	return place;
}

/* The number that other entries name a conn by: its bucket's index * LB_CONN_WAYS + its way. */
static __always_inline __u32 conn_number(__u32 buckets, __u64 hash, __u32 id)
{
	return conn_bucket_index(buckets, hash, id / LB_CONN_WAYS) * LB_CONN_WAYS +
	       id % LB_CONN_WAYS;
}

/* The place of that number; its id is the way alone. */
static __always_inline struct lb_conn_place conn_numbered(__u32 number)
{
	__u32 index = number / LB_CONN_WAYS;
	struct lb_conn_place place = {.id = number % LB_CONN_WAYS};

	place.bucket = bpf_map_lookup_elem(&conns, &index);
	return place;
}

/* A conn of this hash, in the bucket of index `lies`, came or went; change: 1 or -1. */
static __always_inline void conn_overflow(__u32 buckets, __u64 hash, __u32 lies, __u32 change)
{
	__u32 first = conn_bucket_index(buckets, hash, 0);
	struct lb_conn_bucket *bucket;

	if (first == lies)
		return;
	bucket = bpf_map_lookup_elem(&conns, &first);
	if (bucket)
		__sync_fetch_and_add(&bucket->overflow, change);
}

/* Where the conn of query->key with the hash query->hash is, alive or past its time. */
static __always_inline struct lb_conn_place conn_find(struct lb_query *query, __u32 buckets)
{
	__u64 hash = query->hash;
	struct lb_conn_place place = conn_place(buckets, hash, conn_home(hash));

	if (place.bucket) {
		place.life = conn_life(conn_at(&place));
		if (conn_key_is(conn_at(&place), query->key_word) &&
		    (place.life.flags & LB_CONN_F_LIVE))
			return place;
		/* A new flow is in neither bucket, which the first one tells at once. */
		if (conn_tags_are(place.bucket, hash, 0)) {
			place.bucket = NULL;
			return place;
		}
	}
	place = conn_place(buckets, hash, conn_search(query, buckets, LB_EVERYWHERE));
	if (place.bucket) {
		place.life = conn_life(conn_at(&place));
		if (!conn_key_is(conn_at(&place), query->key_word))
			place.bucket = NULL;
	}
	return place;
}

static __always_inline int life_alive(union lb_life life, __u32 now)
{
	return (life.flags & LB_CONN_F_LIVE) && !tick_passed(life.expires, now);
}

/* (destination, generation) as the word that it is read and written by. */
union lb_dest_ref {
	struct {
		__u32 dest;
		__u32 generation;
	};
	__u64 word;
};

static __always_inline union lb_dest_ref conn_dest(const struct lb_conn *conn)
{
	union lb_dest_ref ref = {.word = *(const volatile __u64 *)&conn->dest};

	return ref;
}

static __always_inline void conn_set_dest(struct lb_conn *conn, __u32 dest, __u32 generation)
{
	union lb_dest_ref ref = {.dest = dest, .generation = generation};

	*(volatile __u64 *)&conn->dest = ref.word;
}

#endif
