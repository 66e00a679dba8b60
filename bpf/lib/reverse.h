/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * From a real's packet to its conn (nat). reverse is an index of words, one for each nat conn, in the
 * first of two buckets that had room. An entry proves nothing: the conn that it names must
 * name it in turn, be alive, and be of this client, these ports and a destination that is this real.
 *
 * An entry is written while its conn's way is still LB_TAG_BUSY, and freed by who ends the conn, so
 * one whose conn neither is being written nor names it is left over and may be taken.
 */
#ifndef LB_REVERSE_H
#define LB_REVERSE_H

#include "conn_end.h"
#include "conn_table.h"
#include "dest.h"
#include "reverse_slot.h"

/* What a real's packet to a client tells. */
struct lb_tuple {
	union {
		struct {
			struct lb_addr client;
			struct lb_addr real;
			__be16 client_port;
			__be16 real_port;
			__u32 protocol;
		};
		__u64 word[5];
	};
};

/* The last word of a tuple. */
static __always_inline __u64 tuple_tail(__be16 client_port, __be16 real_port, __u32 protocol)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return word_of(client_port | (__u32)real_port << 16, protocol);
#else
	return word_of((__u32)client_port << 16 | real_port, protocol);
#endif
}

/* A conn, and what was read of it: valid while conn_is_still(conn, life). */
struct lb_found {
	struct lb_conn *conn;
	const struct lb_dest *dest;
	union lb_life life;
	__u32 number; /* of the conn */
	__u32 dest_id;
};

static __always_inline __u64 tuple_hash(const struct lb_tuple *tuple, __u64 seed)
{
	__u64 hash = seed;
	int i;

#pragma unroll
	for (i = 0; i < 5; i++)
		hash = hash_word(hash, tuple->word[i]);
	return hash_finish(hash);
}

/* Is the conn of this number one whose real sends this? Fills found. */
static __always_inline int reverse_confirms(__u32 number, __u32 entry, const struct lb_tuple *tuple,
                                            __u32 now, struct lb_found *found)
{
	struct lb_conn_place place = conn_numbered(number);
	union lb_dest_ref ref;
	struct lb_conn *conn;

	if (!place.bucket)
		return 0;
	conn = conn_at(&place);
	found->conn = conn;
	found->number = number;
	found->life = conn_life(conn);
	if (!life_alive(found->life, now) || conn->reverse != entry + 1 ||
	    !addr_equal(&conn->key.client, &tuple->client) ||
	    conn->key.client_port != tuple->client_port || conn->key.protocol != tuple->protocol)
		return 0;
	ref = conn_dest(conn);
	found->dest_id = ref.dest;
	found->dest = dest_lookup(ref.dest);
	return found->dest && dest_is(found->dest, ref.generation) &&
	       addr_equal(&found->dest->addr, &tuple->real) &&
	       dest_port(found->dest, conn->key.port) == tuple->real_port &&
	       conn_is_still(conn, found->life);
}

/*
 * The next entry with the tag of this hash that is not of the conn `but`, from a place on: choice *
 * LB_REVERSE_WAYS + way, or LB_CONN_NOWHERE.
 */
LB_SUBPROGRAM __u32 reverse_search(__u64 hash, __u32 buckets, __u32 from, __u32 but)
{
	__u32 tag = conn_tag(hash), choice, way;

	/* Unrolled: of a number that clang makes a truth value of, the verifier loses count. */
#pragma unroll
	for (choice = 0; choice < 2; choice++) {
		__u32 index = conn_bucket_index(buckets, hash, choice);
		struct lb_reverse_bucket *bucket = bpf_map_lookup_elem(&reverse, &index);

		if (!bucket)
			return LB_CONN_NOWHERE;
		for (way = 0; way < LB_REVERSE_WAYS; way++)
			if (bucket->slot[way].tag == tag && bucket->slot[way].conn != but &&
			    choice * LB_REVERSE_WAYS + way >= from)
				return choice * LB_REVERSE_WAYS + way;
	}
	return LB_CONN_NOWHERE;
}

/* The number of the entry at a place. */
static __always_inline __u32 reverse_number(__u32 buckets, __u64 hash, __u32 at)
{
	return conn_bucket_index(buckets, hash, at / LB_REVERSE_WAYS) * LB_REVERSE_WAYS +
	       at % LB_REVERSE_WAYS;
}

/* Flows that share a tag are one in billions; a clash that is being solved adds one. */
#define LB_REVERSE_TRIES 4

/* The conn, other than that of number `but`, that a real's packet belongs to; 0 when there is none. */
static __always_inline int reverse_find_but(const struct lb_tuple *tuple,
                                            const struct lb_settings *set, __u32 now, __u32 but,
                                            struct lb_found *found)
{
	__u64 hash = tuple_hash(tuple, set->hash_seed);
	__u32 from = 0;
	__u64 i; /* 64 bits: when it lies on the stack, the verifier still knows its value */

	for (i = 0; i < LB_REVERSE_TRIES; i++) {
		__u32 at = reverse_search(hash, set->conn_buckets, from, but), entry;
		union lb_reverse_word word;
		__u64 *slot;

		if (at == LB_CONN_NOWHERE)
			return 0;
		entry = reverse_number(set->conn_buckets, hash, at);
		slot = reverse_numbered(entry);
		if (!slot)
			return 0;
		word.word = *(volatile __u64 *)slot;
		if (reverse_confirms(word.slot.conn, entry, tuple, now, found))
			return 1;
		from = at + 1;
	}
	return 0;
}

/* The conn that a real's packet belongs to; 0 when there is none. */
static __always_inline int reverse_find(const struct lb_tuple *tuple, const struct lb_settings *set,
                                        __u32 now, struct lb_found *found)
{
	return reverse_find_but(tuple, set, now, LB_NO_NUMBER, found);
}

/* An entry whose conn does not name it, and is not just about to. */
static __always_inline int reverse_left_over(union lb_reverse_word word, __u32 entry)
{
	struct lb_conn_place place = conn_numbered(word.slot.conn);

	if (!place.bucket)
		return 1;
	return *conn_tag_at(&place) != LB_TAG_BUSY &&
	       (conn_at(&place)->reverse != entry + 1 ||
	        !(conn_life(conn_at(&place)).flags & LB_CONN_F_LIVE));
}

/*
 * Writes an entry where there is none, or, with left_over, over that of a conn that is gone; 1 + its
 * number, 0 when there is no room.
 */
LB_SUBPROGRAM __u32 reverse_write(__u64 hash, __u32 conn, __u32 buckets, __u32 left_over)
{
	union lb_reverse_word mine = {.slot = {.tag = conn_tag(hash), .conn = conn}};
	__u32 choice, way;

	for (choice = 0; choice < 2; choice++) {
		__u32 index = conn_bucket_index(buckets, hash, choice);
		struct lb_reverse_bucket *bucket = bpf_map_lookup_elem(&reverse, &index);

		if (!bucket)
			return 0;
		for (way = 0; way < LB_REVERSE_WAYS; way++) {
			__u32 entry = index * LB_REVERSE_WAYS + way;
			__u64 *slot = (__u64 *)&bucket->slot[way];
			union lb_reverse_word old = {.word = *(volatile __u64 *)slot};

			if ((!old.word || (left_over && reverse_left_over(old, entry))) &&
			    __sync_val_compare_and_swap(slot, old.word, mine.word) == old.word)
				return entry + 1;
		}
	}
	return 0;
}

/* Makes an entry for a conn whose tuple has this hash; 1 + its number, 0 when there is no room. */
static __always_inline __u32 reverse_insert(__u64 hash, __u32 conn, const struct lb_settings *set)
{
	__u32 entry = reverse_write(hash, conn, set->conn_buckets, 0);

	return entry ? entry : reverse_write(hash, conn, set->conn_buckets, 1);
}

/*
 * Ends one conn that is dead or half-open, of those whose entries are where one of this hash belongs: a
 * flood that fills this index shuts nobody out.
 */
LB_SUBPROGRAM int reverse_make_room(__u64 hash, __u32 buckets, __u32 now)
{
	__u32 choice, way;

	for (choice = 0; choice < 2; choice++) {
		__u32 index = conn_bucket_index(buckets, hash, choice);
		struct lb_reverse_bucket *bucket = bpf_map_lookup_elem(&reverse, &index);

		if (!bucket)
			return 0;
		for (way = 0; way < LB_REVERSE_WAYS; way++) {
			union lb_reverse_word word = {
				.word = *(volatile __u64 *)&bucket->slot[way]};

			if (word.slot.tag &&
			    conn_take_apart(word.slot.conn, LB_TAKE_HALF_OPEN, 0, now)) {
				conn_free(word.slot.conn);
				return 1;
			}
		}
	}
	return 0;
}

#endif
