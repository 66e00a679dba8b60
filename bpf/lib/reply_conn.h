/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* TC: the conn that a real's packet belongs to, at the least price where nothing unusual is in the way. */
#ifndef LB_REPLY_CONN_H
#define LB_REPLY_CONN_H

#include "reverse.h"

/* An entry of reverse. */
struct lb_entry {
	__u32 number; /* its own; LB_NO_NUMBER: there is none */
	__u32 conn;   /* number of the conn that it names */
};

/* The first entry with the tag of this hash in the second of its buckets. */
LB_SUBPROGRAM __u32 reply_second_entry(__u64 hash, __u32 buckets)
{
	__u32 at = reverse_search(hash, buckets, LB_REVERSE_WAYS, LB_NO_NUMBER);

	return at == LB_CONN_NOWHERE ? LB_NO_NUMBER : reverse_number(buckets, hash, at);
}

/* The first entry with the tag of this hash. */
static __always_inline struct lb_entry reply_first_entry(__u64 hash, __u32 buckets)
{
	struct lb_entry entry = {.number = LB_NO_NUMBER, .conn = LB_NO_NUMBER};
	__u32 index = conn_bucket_index(buckets, hash, 0), tag = conn_tag(hash), way;
	struct lb_reverse_bucket *bucket = bpf_map_lookup_elem(&reverse, &index);
	union lb_reverse_word word;
	__u64 *slot;

	if (!bucket)
		return entry;
#pragma unroll
	for (way = 0; way < LB_REVERSE_WAYS; way++) {
		word.word = *(volatile __u64 *)&bucket->slot[way];
		if (word.slot.tag == tag) {
			entry.number = index * LB_REVERSE_WAYS + way;
			entry.conn = word.slot.conn;
			return entry;
		}
	}
	entry.number = reply_second_entry(hash, buckets);
	slot = reverse_numbered(entry.number);
	if (slot) {
		word.word = *(volatile __u64 *)slot;
		entry.conn = word.slot.conn;
	}
	return entry;
}

/* As reverse_find(). Returns 1 + the number of the conn's entry, 0 when there is none. */
LB_SUBPROGRAM __u32 reply_search(struct lb_tuple *tuple, __u32 now)
{
	const struct lb_settings *set = settings_get();
	struct lb_found found;

	return tuple && set && reverse_find(tuple, set, now, &found) ? found.conn->reverse : 0;
}

/* As reverse_find(). Entries that share a tag, or are left over, are rare: behind one of them, all are looked at. */
static __always_inline int reply_conn(const struct lb_tuple *tuple, const struct lb_settings *set,
                                      __u32 now, struct lb_found *found)
{
	struct lb_entry entry =
		reply_first_entry(tuple_hash(tuple, set->hash_seed), set->conn_buckets);
	struct lb_tuple copy;
	__u64 *slot;
	union lb_reverse_word word;

	if (entry.conn == LB_NO_NUMBER)
		return 0;
	if (reverse_confirms(entry.conn, entry.number, tuple, now, found))
		return 1;
	/* Not of `tuple` itself, which would have to lie in memory then. */
	copy = *tuple;
	entry.number = reply_search(&copy, now) - 1;
	slot = reverse_numbered(entry.number);
	if (!slot)
		return 0;
	word.word = *(volatile __u64 *)slot;
	return reverse_confirms(word.slot.conn, entry.number, tuple, now, found);
}

#endif
