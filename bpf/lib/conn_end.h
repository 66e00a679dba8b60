/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Taking a way of the conn table, and with it the end of the conn that lives there: its
 * destination's count, its entry in reverse and its template are told.
 */
#ifndef LB_CONN_END_H
#define LB_CONN_END_H

#include "conn_table.h"
#include "dest.h"
#include "reverse_slot.h"
#include "settings.h"

/* Whose way may be taken. */
enum lb_take {
	LB_TAKE_DEAD,      /* a conn past its time */
	LB_TAKE_HALF_OPEN, /* or one that nothing but its first packet speaks for */
	LB_TAKE_ANY,       /* or any other: its flow starts over */
};

/* A flood makes many of these, and a handshake needs its own only for a moment. */
static __always_inline int life_half_open(union lb_life life)
{
	switch (life.state) {
	case LB_CONN_SYN_RECV:
	case LB_CONN_SYNACK:
	case LB_CONN_NONE:
		return 1;
	case LB_CONN_UDP:
	case LB_CONN_ICMP:
		return !(life.flags & LB_CONN_F_ASSURED);
	default:
		return 0;
	}
}

static __always_inline int conn_takeable(const struct lb_conn *conn, union lb_life life, __u32 how,
                                         __u32 now)
{
	if (!(life.flags & LB_CONN_F_LIVE) || how == LB_TAKE_ANY)
		return 1;
	if (conn->key.kind == LB_KEY_TEMPLATE)
		return tick_passed(life.expires, now) && !conn->children;
	return tick_passed(life.expires, now) || (how == LB_TAKE_HALF_OPEN && life_half_open(life));
}

/*
 * A template loses a child. One that never had an established child ends with the last that
 * was pushed out (ip_vs_conn_expire() in net/netfilter/ipvs/ip_vs_conn.c): floods leave none.
 */
static __always_inline void template_leave(__u32 control, int pushed_out, __u32 now)
{
	struct lb_conn_place place = conn_numbered(control - 1);
	union lb_life life, ended;
	struct lb_conn *conn;

	if (!place.bucket)
		return;
	conn = conn_at(&place);
	if (__sync_fetch_and_add(&conn->children, -1) != 1 || !pushed_out)
		return;
	life = conn_life(conn);
	if (life.flags & LB_CONN_F_ASSURED)
		return;
	ended = life;
	ended.expires = now;
	conn_life_swap(conn, life, ended);
}

/* The conn of this number, of which LIVE was just taken away, is no longer counted anywhere. */
static __always_inline void conn_uncount(const struct lb_conn *conn, union lb_life was,
                                         __u32 number, __u32 now)
{
	const struct lb_settings *set = settings_get();
	union lb_dest_ref ref = conn_dest(conn);

	if (set)
		conn_overflow(set->conn_buckets,
		              conn_hash((const __u64 *)&conn->key, set->hash_seed),
		              number / LB_CONN_WAYS, -1);
	if (conn->key.kind == LB_KEY_TEMPLATE) {
		dest_count_template(ref.dest, ref.generation, -1);
		return;
	}
	dest_count(ref.dest, ref.generation, -count_of_state(was.state));
	if (conn->reverse)
		reverse_free(conn->reverse - 1, number);
	if (conn->control)
		template_leave(conn->control, !tick_passed(was.expires, now), now);
}

/*
 * Takes the way of this number: afterwards its tag is LB_TAG_BUSY and no conn lives there. With
 * LB_TAKE_ANY the conn must be the one whose life had this seq. Returns 0 when the way may not
 * be had, or somebody else was faster.
 */
LB_XDP_INLINE int conn_take(__u32 number, __u32 how, __u32 seq, __u32 now)
{
	struct lb_conn_place place = conn_numbered(number);
	union lb_life life, ended;
	struct lb_conn *conn;
	__u32 tag;

	if (!place.bucket)
		return 0;
	conn = conn_at(&place);
	tag = *conn_tag_at(&place);
	if (tag == LB_TAG_BUSY ||
	    (tag != LB_TAG_FREE && !conn_takeable(conn, conn_life(conn), how, now)) ||
	    __sync_val_compare_and_swap(conn_tag_at(&place), tag, LB_TAG_BUSY) != tag)
		return 0;
	life = conn_life(conn);
	if (!(life.flags & LB_CONN_F_LIVE))
		return 1;
	ended = life;
	ended.flags = 0;
	if ((how != LB_TAKE_ANY || life.seq == seq) && conn_takeable(conn, life, how, now) &&
	    conn_life_swap(conn, life, ended)) {
		conn_uncount(conn, life, number, now);
		return 1;
	}
	/* A packet of its flow came in between. */
	__sync_lock_test_and_set(conn_tag_at(&place), tag);
	return 0;
}

/* The same out of line, for those who take one hardly ever. */
LB_XDP_APART int conn_take_apart(__u32 number, __u32 how, __u32 seq, __u32 now)
{
	return conn_take(number, how, seq, now);
}

/* Gives back a way that was taken. */
static __always_inline void conn_free(__u32 number)
{
	struct lb_conn_place place = conn_numbered(number);

	if (place.bucket)
		__sync_lock_test_and_set(conn_tag_at(&place), LB_TAG_FREE);
}

/* A way of a bucket that is free, home before others; LB_CONN_WAYS: none. */
static __always_inline __u32 conn_free_way(const struct lb_conn_bucket *bucket, __u32 home)
{
	__u32 i;

	for (i = 0; i < LB_CONN_WAYS; i++) {
		__u32 way = (home + i) % LB_CONN_WAYS;

		if (bucket->tag[way] == LB_TAG_FREE)
			return way;
	}
	return LB_CONN_WAYS;
}

/* A way of a full bucket whose conn is dead; LB_CONN_WAYS: none. */
LB_SUBPROGRAM __u32 conn_dead_way(__u32 index, __u32 now)
{
	struct lb_conn_bucket *bucket = bpf_map_lookup_elem(&conns, &index);
	__u32 way;

	if (!bucket)
		return LB_CONN_WAYS;
	for (way = 0; way < LB_CONN_WAYS; way++) {
		const struct lb_conn *conn = &bucket->conn[way];

		if (bucket->tag[way] != LB_TAG_BUSY &&
		    conn_takeable(conn, conn_life(conn), LB_TAKE_DEAD, now))
			return way;
	}
	return LB_CONN_WAYS;
}

/*
 * Where a new conn could go: choice * LB_CONN_WAYS + way. What is free is known by the tags; whose
 * conn is dead, by a cache line of each, so that is asked of full buckets only.
 */
LB_XDP_INLINE __u32 conn_room(__u32 buckets, __u64 hash, __u32 now)
{
	__u32 choice, way;

	for (choice = 0; choice < 2; choice++) {
		__u32 index = conn_bucket_index(buckets, hash, choice);
		struct lb_conn_bucket *bucket = bpf_map_lookup_elem(&conns, &index);

		if (!bucket)
			break;
		way = conn_free_way(bucket, conn_home(hash));
		if (way == LB_CONN_WAYS)
			way = conn_dead_way(index, now);
		if (way < LB_CONN_WAYS)
			return choice * LB_CONN_WAYS + way;
	}
	return LB_CONN_NOWHERE;
}

/*
 * Where it could go when both buckets are full: in place of the half-open conn that would die first. Time
 * and place are one number, since the verifier would try each place on its own.
 */
LB_SUBPROGRAM __u32 conn_half_open(__u32 buckets, __u64 hash, __u32 now)
{
	__u64 first = ~0ULL;
	__u32 choice, way;

	for (choice = 0; choice < 2; choice++) {
		struct lb_conn_bucket *bucket = conn_bucket(buckets, hash, choice);

		if (!bucket)
			break;
		for (way = 0; way < LB_CONN_WAYS; way++) {
			const struct lb_conn *conn = &bucket->conn[way];
			union lb_life life = conn_life(conn);
			__u64 rank = (__u64)(life.expires - now) << 8;

			rank |= choice * LB_CONN_WAYS + way;
			if (rank < first && bucket->tag[way] != LB_TAG_BUSY &&
			    conn_takeable(conn, life, LB_TAKE_HALF_OPEN, now))
				first = rank;
		}
	}
	return first & 0xff; /* LB_CONN_NOWHERE when there is none */
}

/*
 * Takes a way for a new conn, which is dead from then on and to be filled or freed. Returns
 * choice * LB_CONN_WAYS + way, LB_CONN_NOWHERE when there is none.
 */
static __always_inline __u32 conn_claim(__u32 buckets, __u64 hash, __u32 now)
{
	__u32 how = LB_TAKE_DEAD, id = conn_room(buckets, hash, now);

	if (id == LB_CONN_NOWHERE) {
		how = LB_TAKE_HALF_OPEN;
		id = conn_half_open(buckets, hash, now);
	}
	if (id == LB_CONN_NOWHERE || !conn_take(conn_number(buckets, hash, id), how, 0, now))
		return LB_CONN_NOWHERE;
	return id;
}

#endif
