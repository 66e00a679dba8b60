/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Entries of reverse: words of a tag and the number of a conn. */
#ifndef LB_REVERSE_SLOT_H
#define LB_REVERSE_SLOT_H

#include "conn_table.h"

union lb_reverse_word {
	struct lb_reverse_slot slot;
	__u64 word;
};

/* The entry of this number (bucket * LB_REVERSE_WAYS + way), or NULL. */
static __always_inline __u64 *reverse_numbered(__u32 number)
{
	__u32 index = number / LB_REVERSE_WAYS;
	struct lb_reverse_bucket *bucket = bpf_map_lookup_elem(&reverse, &index);

	return bucket ? (__u64 *)&bucket->slot[number % LB_REVERSE_WAYS] : NULL;
}

/* Frees an entry, if it is the one of this conn. */
static __always_inline void reverse_free(__u32 number, __u32 conn)
{
	__u64 *slot = reverse_numbered(number);
	union lb_reverse_word word;

	if (!slot)
		return;
	word.word = *(volatile __u64 *)slot;
	if (word.slot.tag && word.slot.conn == conn)
		__sync_val_compare_and_swap(slot, word.word, 0);
}

#endif
