/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The conn table: buckets of LB_CONN_WAYS conns; a conn lies in the first of its two buckets
 * that had room. Who writes what, without a lock:
 *
 * - A conn lies in the way that its hash calls home, when that was free: there a packet finds
 *   it at the first look. Otherwise the tags tell.
 * - A free way, or one whose conn is dead for longer than LB_CONN_GRACE, belongs to who sets
 *   its tag from what it was to LB_TAG_BUSY by compare-and-swap. It writes the conn, then
 *   expires, which brings it to life, then the tag.
 * - A reader takes a way whose key is its own. It never uses a dead conn, so within the grace
 *   nobody can be reading a way that is given to another flow.
 * - A live conn is written by packets of its own flow only: state, expires, and (destination,
 *   generation) as one word. Packets of one flow on two CPUs at once may both win; each
 *   outcome is one that an order of the two packets would have had.
 * - A dead conn is brought back to life by its own flow: within half the grace in place, after
 *   that by compare-and-swap, since the way may be taken by another at any moment.
 * - Two CPUs may insert one key at once. Each looks for the other's conn after its own can be
 *   found, so one of them at least finds both, and lets the later one in search order die.
 */
#ifndef LB_CONN_TABLE_H
#define LB_CONN_TABLE_H

#include "hash.h"
#include "packet.h"

#define LB_TAG_FREE  0
#define LB_TAG_BUSY  1
#define LB_TAG_FIRST 2 /* the least that marks a conn */

/* Ticks; at 1000 Hz about a second, at 100 Hz ten. No program runs that long. */
#define LB_CONN_GRACE 64

struct lb_conn_place {
	struct lb_conn_bucket *bucket; /* NULL: nowhere */
	__u32 id;                      /* which bucket * LB_CONN_WAYS + way */
};

static __always_inline __u32 ticks_now(void)
{
	return bpf_jiffies64() / LB_TICK_JIFFIES;
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
static __always_inline struct lb_conn_bucket *conn_bucket(__u32 buckets, __u64 hash, __u32 choice)
{
	__u32 half = choice ? (__u32)hash * 0x85ebca6b : hash >> 32;
	__u32 index = hash_scale(half, buckets);

	return bpf_map_lookup_elem(&conns, &index);
}

static __always_inline int conn_key_is(const struct lb_conn *conn, const __u64 words[3])
{
	const __u64 *key = (const __u64 *)&conn->key;

	return !((key[0] ^ words[0]) | (key[1] ^ words[1]) | (key[2] ^ words[2]));
}

/* The way where a conn is looked for first. */
static __always_inline __u32 conn_home(__u64 hash)
{
	return hash >> 32 & (LB_CONN_WAYS - 1);
}

#define LB_CONN_NOWHERE 0xffffffff

/*
 * Searches both buckets by tag, from a place on; returns choice * LB_CONN_WAYS + way, or
 * LB_CONN_NOWHERE.
 */
LB_SUBPROGRAM __u32 conn_search(struct lb_packet *pkt, __u32 buckets, __u32 from)
{
	struct lb_conn_bucket *bucket;
	__u32 choice, way, tag;

	if (!pkt)
		return LB_CONN_NOWHERE;
	tag = conn_tag(pkt->conn_hash);
	for (choice = 0; choice < 2; choice++) {
		bucket = conn_bucket(buckets, pkt->conn_hash, choice);
		if (!bucket)
			return LB_CONN_NOWHERE;
		for (way = 0; way < LB_CONN_WAYS; way++)
			if (bucket->tag[way] == tag && choice * LB_CONN_WAYS + way >= from &&
			    conn_key_is(&bucket->conn[way], pkt->key_word))
				return choice * LB_CONN_WAYS + way;
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

/* Where the conn of pkt->key with the hash pkt->conn_hash is, dead or alive. */
static __always_inline struct lb_conn_place conn_find(struct lb_packet *pkt, __u32 buckets)
{
	__u64 hash = pkt->conn_hash;
	struct lb_conn_place home = conn_place(buckets, hash, conn_home(hash));

	if (home.bucket && conn_key_is(conn_at(&home), pkt->key_word))
		return home;
	return conn_place(buckets, hash, conn_search(pkt, buckets, 0));
}

static __always_inline int tick_passed(__u32 tick, __u32 now)
{
	return (__s32)(tick - now) <= 0;
}

/* (destination, generation) as the word that it is read and written by. */
static __always_inline void conn_set_dest(struct lb_conn *conn, __u32 dest, __u32 generation)
{
	union {
		__u32 half[2];
		__u64 word;
	} value = {.half = {dest, generation}};

	*(volatile __u64 *)&conn->dest = value.word;
}

/* Takes a way of a bucket; LB_CONN_WAYS when none can be had. */
static __always_inline __u32 conn_claim_in(struct lb_conn_bucket *bucket, __u32 home, __u32 now)
{
	__u32 i;

	for (i = 0; i < LB_CONN_WAYS; i++) {
		__u32 way = (home + i) % LB_CONN_WAYS;
		__u32 tag = bucket->tag[way];

		if (tag == LB_TAG_BUSY ||
		    (tag != LB_TAG_FREE &&
		     !tick_passed(bucket->conn[way].expires + LB_CONN_GRACE, now)))
			continue;
		if (__sync_val_compare_and_swap(&bucket->tag[way], tag, LB_TAG_BUSY) == tag)
			return way;
	}
	return LB_CONN_WAYS;
}

/*
 * Takes a way that is free, or dead for long enough, its home before others. Returns choice *
 * LB_CONN_WAYS + way, LB_CONN_NOWHERE when there is none.
 */
LB_SUBPROGRAM __u32 conn_claim(__u32 buckets, __u64 hash, __u32 now)
{
	__u32 choice, way;

	for (choice = 0; choice < 2; choice++) {
		struct lb_conn_bucket *bucket = conn_bucket(buckets, hash, choice);

		if (!bucket)
			break;
		way = conn_claim_in(bucket, conn_home(hash), now);
		if (way < LB_CONN_WAYS)
			return choice * LB_CONN_WAYS + way;
	}
	return LB_CONN_NOWHERE;
}

/* The order in which a conn is searched for: its home, then as conn_search() goes. */
static __always_inline __u32 conn_rank(__u64 hash, __u32 id)
{
	return id == conn_home(hash) ? 0 : id + 1;
}

/* Of two conns that have this key, lets the later one die. Returns 1 when it is `mine`. */
LB_SUBPROGRAM int conn_settle_pair(struct lb_packet *pkt, __u32 buckets, __u32 mine, __u32 other,
                                   __u32 now)
{
	struct lb_conn_place place, own;
	int lost;

	if (!pkt)
		return 1;
	own = conn_place(buckets, pkt->conn_hash, mine);
	place = conn_place(buckets, pkt->conn_hash, other);
	/* Both buckets of a flow may be the same one: then it is one conn under two ids. */
	if (!own.bucket || !place.bucket || conn_at(&own) == conn_at(&place) ||
	    tick_passed(conn_at(&place)->expires, now))
		return 0;
	lost = conn_rank(pkt->conn_hash, other) < conn_rank(pkt->conn_hash, mine);
	/* Dead, not free: a packet that has found it already may still write to it. */
	conn_at(lost ? &own : &place)->expires = now;
	return lost;
}

/* Of all conns that have this key and are alive, `mine` among them, leaves the first. */
static __always_inline void conn_settle(struct lb_packet *pkt, __u32 buckets, __u32 mine, __u32 now)
{
	__u32 i, from = 0;

	for (i = 0; i < 2 * LB_CONN_WAYS; i++) {
		__u32 found = conn_search(pkt, buckets, from);

		if (found == LB_CONN_NOWHERE ||
		    (found != mine && conn_settle_pair(pkt, buckets, mine, found, now)))
			return;
		from = found + 1;
	}
}

/* Fills a way that is ours. The exchanges order what is before and after them. */
static __always_inline void conn_publish(struct lb_packet *pkt, const struct lb_conn_place *place,
                                         const struct lb_conn *from, __u32 buckets, __u32 now)
{
	struct lb_conn *conn = conn_at(place);

	conn->key = from->key;
	mac_copy(conn->mac, from->mac);
	conn->state = from->state;
	conn_set_dest(conn, from->dest, from->generation);
	__sync_lock_test_and_set(&conn->expires, from->expires);
	__sync_lock_test_and_set(conn_tag_at(place), conn_tag(pkt->conn_hash));
	conn_settle(pkt, buckets, place->id, now);
}

#endif
