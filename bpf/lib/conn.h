/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* How packets move the state and timer of their conn, and how a new conn is recorded. */
#ifndef LB_CONN_H
#define LB_CONN_H

#include "conn_end.h"
#include "conn_table.h"
#include "reverse.h"
#include "settings.h"
#include "tcp_state.h"

/*
 * A SYN that meets a conn on its way out starts over at once (net/netfilter/ipvs/ip_vs_core.c,
 * is_new_conn_expected(); FIN_WAIT where the real's FIN is never seen). So does one whose real is down,
 * whatever its state: clients come back from the same port within seconds, and a real that is down gets no
 * new flow (there: expire_nodest_conn).
 */
static __always_inline int conn_reused(union lb_life life, const struct lb_dest *dest,
                                       const struct lb_packet *pkt)
{
	if (pkt->protocol != IPPROTO_TCP || !tcp_is_syn(pkt->tcp_flags))
		return 0;
	if (dest_is_out(dest))
		return 1;
	if (life.flags & LB_CONN_F_NO_REUSE)
		return 0;
	return life.state == LB_CONN_TIME_WAIT || life.state == LB_CONN_CLOSE ||
	       (life.state == LB_CONN_FIN_WAIT && (life.flags & LB_CONN_F_NOOUTPUT));
}

static __always_inline __u32 conn_timeout(const struct lb_settings *set, __u8 state)
{
	__u32 index = state;

	/* The verifier has to see one register checked and used. */
	asm volatile("" : "+r"(index));
	return index < LB_CONN_STATES ? set->timeout_ticks[index] : 0;
}

/* The life after a packet of a conn that has one, without its timer. */
static __always_inline union lb_life life_after(union lb_life life, const struct lb_packet *pkt,
                                                enum lb_direction direction)
{
	if (pkt->protocol == IPPROTO_TCP) {
		if (direction == LB_OUTPUT)
			life.flags &= ~LB_CONN_F_NOOUTPUT;
		life.state = tcp_next_state(
			direction == LB_INPUT && (life.flags & LB_CONN_F_NOOUTPUT) ? LB_INPUT_ONLY
										   : direction,
			life.state, pkt->tcp_flags);
	} else {
		life.flags |= LB_CONN_F_ASSURED;
	}
	return life;
}

/* A child that is established, or has had a second packet, assures its template (ip_vs_control_assure_ct()). */
static __always_inline void template_assure(__u32 control)
{
	struct lb_conn_place place = conn_numbered(control - 1);
	union lb_life life, assured;

	if (!place.bucket)
		return;
	life = conn_life(conn_at(&place));
	assured = life;
	assured.flags |= LB_CONN_F_ASSURED;
	if ((life.flags & LB_CONN_F_LIVE) && assured.word != life.word)
		conn_life_swap(conn_at(&place), life, assured);
}

/* What a change of state or flags brings with it. */
LB_SUBPROGRAM int conn_changed(__u32 number, __u32 before, __u32 after)
{
	struct lb_conn_place place = conn_numbered(number);
	__u64 change = count_of_state(after) - count_of_state(before);
	union lb_dest_ref ref;

	if (!place.bucket)
		return 0;
	ref = conn_dest(conn_at(&place));
	if (change)
		dest_count(ref.dest, ref.generation, change);
	if (conn_at(&place)->control &&
	    (after == LB_CONN_ESTABLISHED || after == LB_CONN_UDP || after == LB_CONN_ICMP))
		template_assure(conn_at(&place)->control);
	return 0;
}

/*
 * State and timer after this packet; a line that others read is written only when it changes. Returns 0
 * when the conn has been ended since its life was read: then what was read with it is not to be
 * used.
 */
static __always_inline int conn_advance(struct lb_conn *conn, union lb_life life,
                                        const struct lb_packet *pkt, const struct lb_settings *set,
                                        enum lb_direction direction, __u32 number, __u32 now)
{
	union lb_life next = life_after(life, pkt, direction);

	next.expires = now + conn_timeout(set, next.state);
	if (next.word == life.word || lb_dry_run)
		return conn_is_still(conn, life);
	compiler_barrier();
	if (!conn_life_swap(conn, life, next))
		/* Another packet of the flow was faster: its state and timer do as well. */
		return conn_is_still(conn, life);
	if (next.state != life.state || next.flags != life.flags)
		conn_changed(number, life.state, next.state);
	return 1;
}

/* Ends a conn that has this key, whoever was its owner; 0 when it has ended already. */
static __always_inline int conn_end(struct lb_query *query, __u32 number, __u32 now)
{
	struct lb_conn_place place = conn_numbered(number);
	union lb_life life;

	if (!place.bucket)
		return 0;
	life = conn_life(conn_at(&place));
	if (!life_alive(life, now) || !conn_key_is(conn_at(&place), query->key_word) ||
	    !conn_take_apart(number, LB_TAKE_ANY, life.seq, now))
		return 0;
	conn_free(number);
	return 1;
}

/* Of two conns that have this key, ends the later one. Returns 1 when that is `mine`. */
LB_SUBPROGRAM int conn_settle_pair(struct lb_query *query, __u32 buckets, __u32 mine, __u32 other,
                                   __u32 now)
{
	__u32 my_number, other_number, home;
	struct lb_conn_place place;
	int lost;

	if (!query)
		return 1;
	my_number = conn_number(buckets, query->hash, mine);
	other_number = conn_number(buckets, query->hash, other);
	place = conn_numbered(other_number);
	/* Both buckets of a flow may be the same one: then it is one conn under two ids. */
	if (my_number == other_number || !place.bucket ||
	    !life_alive(conn_life(conn_at(&place)), now))
		return 0;
	/* The order in which a conn is searched for: its home, then as conn_search() goes. */
	home = conn_home(query->hash);
	lost = other == home || (mine != home && other < mine);
	conn_end(query, lost ? my_number : other_number, now);
	return lost;
}

/* Of all conns that have this key and are alive, `mine` among them, leaves the first. Returns 0 when that is not `mine`. */
static __always_inline int conn_settle(struct lb_query *query, __u32 buckets, __u32 mine, __u32 now)
{
	__u32 i, among = places_but(mine);

	for (i = 0; i < 2 * LB_CONN_WAYS; i++) {
		__u32 found = conn_search(query, buckets, among);

		if (found == LB_CONN_NOWHERE)
			return 1;
		if (conn_settle_pair(query, buckets, mine, found, now))
			return 0;
		among &= places_but(found);
	}
	return 1;
}

/*
 * Brings to life what was written to a way that is ours; its key is that of the query. The exchanges
 * order what is before and after them.
 */
static __always_inline void conn_publish(const struct lb_conn_place *place, __u32 buckets,
                                         __u64 hash, union lb_life life)
{
	struct lb_conn *conn = conn_at(place);

	if (place->id >= LB_CONN_WAYS)
		conn_overflow(buckets, hash, conn_bucket_index(buckets, hash, 1), 1);
	life.flags |= LB_CONN_F_LIVE;
	life.seq = conn_life(conn).seq + 1;
	__sync_lock_test_and_set((__u64 *)&conn->expires, life.word);
	__sync_lock_test_and_set(conn_tag_at(place), conn_tag(hash));
}

static __always_inline void conn_set_key(struct lb_conn *conn, const struct lb_query *query)
{
	__u64 *key = (__u64 *)&conn->key;

	key[0] = query->key_word[0];
	key[1] = query->key_word[1];
	key[2] = query->key_word[2];
}

/* A way for a conn whose key has none, or has the one at `own` with this seq, which is to end. */
static __always_inline __u32 conn_way(struct lb_query *query, __u32 buckets, __u32 own, __u32 seq,
                                      __u32 now)
{
	if (own != LB_CONN_NOWHERE &&
	    conn_take_apart(conn_number(buckets, query->hash, own), LB_TAKE_ANY, seq, now))
		return own;
	return conn_claim(buckets, query->hash, now);
}

/* The state of a conn after its first packet. */
static __always_inline __u8 first_state(const struct lb_packet *pkt, const struct lb_dest *dest)
{
	if (pkt->protocol == IPPROTO_TCP)
		return tcp_next_state(dest->forward == LB_FORWARD_NAT ? LB_INPUT : LB_INPUT_ONLY,
		                      LB_CONN_NONE, pkt->tcp_flags);
	return pkt->protocol == IPPROTO_UDP ? LB_CONN_UDP : LB_CONN_ICMP;
}

/* The tuple of what the real of pkt->dest_id would send to the packet's client; 0 when there is no such real. */
static __always_inline int tuple_of(struct lb_tuple *tuple, const struct lb_packet *pkt)
{
	const struct lb_dest *dest = dest_lookup(pkt->dest_id);

	if (!dest)
		return 0;
	tuple->word[0] = pkt->key_word[0];
	tuple->word[1] = pkt->key_word[1];
	addr_words(&tuple->word[2], &dest->addr);
	tuple->word[4] =
		tuple_tail(pkt->key.client_port, dest_port(dest, pkt->key.port), pkt->key.protocol);
	return 1;
}

/* Whether a conn other than the one of number `but` has the real's side that the packet's to pkt->dest_id would have. */
LB_SUBPROGRAM int conn_clashes_with(struct lb_packet *pkt, __u32 but)
{
	const struct lb_settings *set = settings_get();
	struct lb_tuple tuple;
	struct lb_found found;

	if (!pkt || !set || !tuple_of(&tuple, pkt))
		return 0;
	return reverse_find_but(&tuple, set, ticks_now(), but, &found);
}

/* The hash of that side, which the entry in reverse lies by. */
LB_SUBPROGRAM __u64 conn_reverse_hash(struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();
	struct lb_tuple tuple;

	if (!pkt || !set || !tuple_of(&tuple, pkt))
		return 0;
	return tuple_hash(&tuple, set->hash_seed);
}

/* conn_clashes_with(), by that hash first: hardly ever is there an entry with its tag. */
static __always_inline int conn_clashes(struct lb_packet *pkt, const struct lb_settings *set,
                                        __u64 hash, __u32 but)
{
	return reverse_search(hash, set->conn_buckets, 0, but) != LB_CONN_NOWHERE &&
	       conn_clashes_with(pkt, but);
}

/*
 * Records that the flow of a packet goes to pkt->dest_id. flags: LB_CONN_F_*; control: see struct
 * lb_conn; hash, nat: conn_reverse_hash(). Leaves in pkt->conn_id where the conn is. Returns 0 when there
 * is no room.
 */
LB_SUBPROGRAM int conn_record(struct lb_packet *pkt, __u32 flags, __u32 control, __u64 hash)
{
	const struct lb_settings *set = settings_get();
	__u32 now = ticks_now(), number, entry = 0;
	const struct lb_dest *dest;
	struct lb_conn_place place;
	struct lb_conn *conn;
	union lb_life life;

	if (!pkt || !set)
		return 0;
	dest = dest_lookup(pkt->dest_id);
	if (!dest)
		return 0;
	pkt->conn_id = conn_way(&pkt->query, set->conn_buckets, pkt->conn_id, pkt->conn_seq, now);
	place = conn_place(set->conn_buckets, pkt->conn_hash, pkt->conn_id);
	if (!place.bucket)
		return 0;
	number = conn_number(set->conn_buckets, pkt->conn_hash, pkt->conn_id);
	if (dest->forward == LB_FORWARD_NAT) {
		entry = reverse_insert(hash, number, set);
		if (!entry) {
			conn_free(number);
			return 0;
		}
	} else {
		flags |= LB_CONN_F_NOOUTPUT;
	}
	conn = conn_at(&place);
	conn_set_key(conn, &pkt->query);
	conn_set_dest(conn, pkt->dest_id, dest->generation);
	mac_copy(conn->mac, pkt->mac);
	conn->control = control;
	conn->reverse = entry;
	life.state = first_state(pkt, dest);
	life.flags = flags;
	life.expires = now + conn_timeout(set, life.state);
	dest_count(pkt->dest_id, dest->generation, count_of_state(life.state));
	conn_publish(&place, set->conn_buckets, pkt->conn_hash, life);
	return 1;
}

/* conn_settle() of a packet's conn. */
LB_SUBPROGRAM int conn_settle_own(struct lb_packet *pkt)
{
	const struct lb_settings *set = settings_get();

	if (!pkt || !set)
		return 0;
	return conn_settle(&pkt->query, set->conn_buckets, pkt->conn_id, ticks_now());
}

/* After conn_record(): returns 0 when another CPU had a conn for this flow, and that one stays. */
static __always_inline int conn_confirm(struct lb_packet *pkt, const struct lb_settings *set)
{
	const struct lb_conn_bucket *first = conn_bucket(set->conn_buckets, pkt->conn_hash, 0);

	/* In its first bucket it is the only one of its tag. */
	if (first && pkt->conn_id < LB_CONN_WAYS && conn_tags_are(first, pkt->conn_hash, 1))
		return 1;
	return is_true(conn_settle_own(pkt));
}

/*
 * nat, after conn_record(): returns 1 when another conn got the same real's side meanwhile; then this one is
 * ended, since replies could not be told apart.
 */
static __always_inline int conn_clashed(struct lb_packet *pkt, const struct lb_settings *set,
                                        __u64 hash)
{
	__u32 number = conn_number(set->conn_buckets, pkt->conn_hash, pkt->conn_id);

	if (!conn_clashes(pkt, set, hash, number))
		return 0;
	conn_end(&pkt->query, number, ticks_now());
	return 1;
}

#endif
