/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Persistence templates (ip_vs_sched_persist() and ip_vs_check_template() in
 * net/netfilter/ipvs): entries of the conn table whose key is a client under a netmask and what
 * services it is for.
 *
 * While a template has children nobody takes its way. Who joins it counts the child first and then
 * renews its life; when that has ended in between the child is taken back, so the count of a way
 * is right whoever has it, and is never reset. The destination is replaced in place, by
 * compare-and-swap.
 */
#ifndef LB_TEMPLATE_H
#define LB_TEMPLATE_H

#include "conn.h"
#include "explain.h"

/* The first `bits` of the word that lies in memory in network order. */
static __always_inline __u64 leading_bits(__u64 word, __s32 bits)
{
	if (bits <= 0)
		return 0;
	return bits >= 64 ? word : word & bpf_cpu_to_be64(~0ULL << (64 - bits));
}

/* The key of the template of the packet's client; scope and prefix: see struct lb_service. */
static __always_inline void template_query(struct lb_query *query, const struct lb_packet *pkt,
                                           __u32 scope, __u32 prefix, __u64 seed)
{
	query->key_word[0] = leading_bits(pkt->key_word[0], prefix);
	query->key_word[1] = leading_bits(pkt->key_word[1], (__s32)prefix - 64);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	query->key_word[2] = word_of(pkt->key.vip | (__u32)LB_KEY_TEMPLATE << 24, scope);
#else
	query->key_word[2] = word_of((__u32)pkt->key.vip << 16 | LB_KEY_TEMPLATE, scope);
#endif
	query->hash = conn_hash(query->key_word, seed);
}

/* A template that ran out while it had children goes on for 60 s at a time. Returns 0 when it is dead. */
static __always_inline int template_rearmed(struct lb_conn *conn, union lb_life life,
                                            const struct lb_settings *set, __u32 now)
{
	__u32 late = now - life.expires, step = set->rearm_ticks;
	union lb_life next = life;

	if (!conn->children || !step)
		return 0;
	next.expires += (late / step + 1) * step;
	if (!lb_dry_run)
		conn_life_swap(conn, life, next);
	return 1;
}

/*
 * Whether a template's destination gets new conns. Weight 0 by the configuration is quiescence, unless it is
 * down besides.
 */
static __always_inline int dest_takes_clients(const struct lb_dest *dest, __u32 flags)
{
	return dest->effective_weight || (!dest->weight && !(dest->flags & LB_DEST_F_DOWN) &&
	                                  (flags & LB_SVC_F_KEEP_QUIESCENT));
}

/* The same real in a service of its group; LB_NO_DEST when it is not in that. */
LB_SUBPROGRAM __u32 dest_in_service(__u32 id, __u32 service)
{
	__u32 i;

	for (i = 0; i < LB_MAX_SIBLINGS; i++) {
		const struct lb_dest *dest = dest_lookup(id);

		if (!dest || !(dest->flags & LB_DEST_F_LIVE))
			return LB_NO_DEST;
		if (dest->service == service)
			return id;
		if (!dest->sibling)
			return LB_NO_DEST;
		id = dest->sibling - 1;
	}
	return LB_NO_DEST;
}

/* Where the template of a query is, its time is not over and its real is still configured: `ref`; 0 when not. */
static __always_inline int template_find(struct lb_packet *pkt, struct lb_query *query,
                                         const struct lb_settings *set, union lb_dest_ref *ref)
{
	struct lb_conn_place place = conn_find(query, set->conn_buckets);
	__u32 now = ticks_now();
	const struct lb_dest *dest;

	pkt->template = LB_CONN_NOWHERE;
	if (!place.bucket || !(place.life.flags & LB_CONN_F_LIVE))
		return 0;
	pkt->template = place.id;
	*ref = conn_dest(conn_at(&place));
	if (tick_passed(place.life.expires, now) &&
	    !template_rearmed(conn_at(&place), place.life, set, now))
		return 0;
	explain(LB_STEP_TEMPLATE, ref->dest);
	dest = dest_lookup(ref->dest);
	return dest && dest_is(dest, ref->generation);
}

/*
 * The destination that the client of a packet has by its template in this service; LB_NO_DEST when it has
 * none, or it gets no new conns. flags: LB_SVC_F_*. Leaves in pkt->template where the template is.
 */
LB_SUBPROGRAM __u32 template_dest(struct lb_packet *pkt, __u32 scope, __u32 prefix, __u32 flags,
                                  __u32 service)
{
	const struct lb_settings *set = settings_get();
	const struct lb_dest *dest;
	struct lb_query query;
	union lb_dest_ref ref;
	__u32 id;

	if (!pkt || !set)
		return LB_NO_DEST;
	template_query(&query, pkt, scope, prefix, set->hash_seed);
	id = LB_NO_DEST;
	if (template_find(pkt, &query, set, &ref))
		id = dest_in_service(ref.dest, service);
	dest = dest_lookup(id);
	if (dest && dest_takes_clients(dest, flags))
		return id;
	if (pkt->template != LB_CONN_NOWHERE)
		explain(LB_STEP_TEMPLATE_BAD, 0);
	return LB_NO_DEST;
}

/* Two CPUs may make one template at once: the one that was just made goes, since the other may have children. */
static __always_inline int template_is_alone(struct lb_query *query, __u32 buckets, __u32 mine,
                                             __u32 now)
{
	__u32 number = conn_number(buckets, query->hash, mine);
	__u32 other = conn_search(query, buckets, places_but(mine));

	/* Both buckets may be the same one: then it is one template under two ids. */
	if (other == LB_CONN_NOWHERE || conn_number(buckets, query->hash, other) == number)
		return 1;
	conn_end(query, number, now);
	return 0;
}

/* Makes a template with one child; its place, LB_CONN_NOWHERE when there is no room. */
static __always_inline __u32 template_make(struct lb_query *query, union lb_dest_ref ref,
                                           __u32 ticks, const struct lb_settings *set, __u32 now)
{
	__u32 id = conn_claim(set->conn_buckets, query->hash, now);
	struct lb_conn_place place = conn_place(set->conn_buckets, query->hash, id);
	union lb_life life = {.expires = now + ticks};
	struct lb_conn *conn;

	if (!place.bucket)
		return LB_CONN_NOWHERE;
	conn = conn_at(&place);
	conn_set_key(conn, query);
	conn_set_dest(conn, ref.dest, ref.generation);
	conn->control = 0;
	conn->reverse = 0;
	__sync_fetch_and_add(&conn->children, 1);
	dest_count_template(ref.dest, ref.generation, 1);
	conn_publish(&place, set->conn_buckets, query->hash, life);
	if (template_is_alone(query, set->conn_buckets, id, now))
		return id;
	__sync_fetch_and_add(&conn->children, -1);
	return LB_CONN_NOWHERE;
}

/* Whether what a template has will do: the destination itself, or another service's of the same real. */
static __always_inline int same_real(union lb_dest_ref had, union lb_dest_ref wanted)
{
	const struct lb_dest *dest = dest_lookup(had.dest), *other = dest_lookup(wanted.dest);

	if (had.word == wanted.word)
		return 1;
	return dest && other && dest_is(dest, had.generation) && dest->sibling &&
	       addr_equal(&dest->addr, &other->addr);
}

/*
 * Restarts the timer of a template that has a new child, and gives it a destination. Returns 0 when it
 * has ended meanwhile.
 */
static __always_inline int template_renew(struct lb_conn *conn, const struct lb_query *query,
                                          union lb_dest_ref wanted, __u32 ticks, __u32 now)
{
	union lb_life life = conn_life(conn), next = life;
	union lb_dest_ref had;

	next.expires = now + ticks;
	/* One that was dead starts anew. */
	if (tick_passed(life.expires, now) && conn->children == 1)
		next.flags &= ~LB_CONN_F_ASSURED;
	if (!(life.flags & LB_CONN_F_LIVE) || !conn_key_is(conn, query->key_word) ||
	    !conn_life_swap(conn, life, next))
		return 0;
	had = conn_dest(conn);
	if (!same_real(had, wanted) &&
	    __sync_val_compare_and_swap((__u64 *)&conn->dest, had.word, wanted.word) == had.word) {
		dest_count_template(had.dest, had.generation, -1);
		dest_count_template(wanted.dest, wanted.generation, 1);
	}
	return 1;
}

/* Counts a child of the template at `id` and renews it; 0 when it has ended meanwhile. */
static __always_inline int template_adopt(const struct lb_query *query, __u32 id,
                                          union lb_dest_ref wanted, __u32 ticks,
                                          const struct lb_settings *set, __u32 now)
{
	struct lb_conn_place place = conn_place(set->conn_buckets, query->hash, id);
	struct lb_conn *conn;

	if (!place.bucket)
		return 0;
	conn = conn_at(&place);
	__sync_fetch_and_add(&conn->children, 1);
	if (template_renew(conn, query, wanted, ticks, now))
		return 1;
	__sync_fetch_and_add(&conn->children, -1);
	return 0;
}

/*
 * A new conn of the packet's client goes to a destination: makes, renews or redirects the template and
 * counts the conn as its child. After template_dest(). Returns struct lb_conn.control for the conn, 0
 * when there was no room.
 */
LB_SUBPROGRAM __u32 template_join(struct lb_packet *pkt, __u32 dest_id, __u32 ticks, __u32 scope,
                                  __u32 prefix)
{
	const struct lb_dest *dest = dest_lookup(dest_id);
	const struct lb_settings *set = settings_get();
	union lb_dest_ref ref = {.dest = dest_id};
	__u32 now = ticks_now(), id;
	struct lb_query query;

	if (!pkt || !dest || !set)
		return 0;
	ref.generation = dest->generation;
	template_query(&query, pkt, scope, prefix, set->hash_seed);
	id = pkt->template;
	if (id == LB_CONN_NOWHERE || !template_adopt(&query, id, ref, ticks, set, now))
		id = template_make(&query, ref, ticks, set, now);
	if (id == LB_CONN_NOWHERE)
		return 0;
	return conn_number(set->conn_buckets, query.hash, id) + 1;
}

#endif
