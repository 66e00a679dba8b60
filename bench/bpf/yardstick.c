// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/* Operations of the kernel alone: by what they take, figures of different machines can be compared. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define KNOWN_KEYS  16 /* looked up in one run */
#define LRU_ENTRIES 1000000

/* As large as the key of Katran's conns, and its value. */
struct yard_key {
	__u64 word[5];
};

struct yard_value {
	__u64 word[2];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, KNOWN_KEYS);
	__type(key, struct yard_key);
	__type(value, struct yard_value);
} yard_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, LRU_ENTRIES);
	__type(key, struct yard_key);
	__type(value, struct yard_value);
} yard_lru SEC(".maps");

__u64 yard_cursor;

SEC("xdp")
int yard_nothing(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_TX;
}

/* Makes the keys that yard_lookup() looks up. */
SEC("xdp")
int yard_fill(struct xdp_md *ctx)
{
	struct yard_value value = {};
	struct yard_key key = {};

	(void)ctx;
	for (key.word[0] = 0; key.word[0] < KNOWN_KEYS; key.word[0]++)
		if (bpf_map_update_elem(&yard_hash, &key, &value, BPF_ANY))
			return XDP_ABORTED;
	return XDP_TX;
}

SEC("xdp")
int yard_lookup(struct xdp_md *ctx)
{
	struct yard_key key = {};
	int i;

	(void)ctx;
#pragma unroll
	for (i = 0; i < KNOWN_KEYS; i++) {
		key.word[0] = i;
		if (!bpf_map_lookup_elem(&yard_hash, &key))
			return XDP_ABORTED;
	}
	return XDP_TX;
}

/* A key that was never there, in place of the oldest once the map is full. */
SEC("xdp")
int yard_insert(struct xdp_md *ctx)
{
	struct yard_value value = {};
	struct yard_key key = {};

	(void)ctx;
	key.word[0] = yard_cursor++;
	return bpf_map_update_elem(&yard_lru, &key, &value, BPF_ANY) ? XDP_ABORTED : XDP_TX;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
