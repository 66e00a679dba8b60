/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The contract between the dataplane and everything else: keys and values of
 * every map, and the names of every verdict. src/maps/generated.ts is made from
 * the BTF of this file by scripts/gen.ts; nothing here is written twice.
 *
 * Rules: fixed-width types, explicit padding, __be16/__be32 for wire order,
 * addresses are 16 bytes (IPv4 as ::ffff:a.b.c.d) so that one key serves both
 * families, every struct is named, enumerators are append-only.
 */
#ifndef LB_ABI_H
#define LB_ABI_H

#include <linux/bpf.h>
#include <linux/types.h>

/*
 * Of what has parts that are read and written as one 64-bit word: clang splits that in two where
 * the struct's alignment does not promise that it can be done.
 */
#define LB_WORDS      __attribute__((aligned(8)))

#define LB_NAME_LEN   64 /* service name, NUL included */
#define LB_IFNAME_LEN 16 /* IFNAMSIZ */

/* An enum, so that the numbers reach BTF and user space reads them from there. */
enum lb_limit {
	/* Bumped when a layout or a meaning below changes; pins of another version are not adopted. */
	LB_ABI_VERSION = 4,
	LB_MAX_VIPS = 4096,
	LB_MAX_SERVICES = 4096,
	LB_MAX_DESTS = 65536,
	LB_MAX_INTERFACES = 64,
	LB_INTERFACE_SLOTS = 256, /* a power of two */
	/* A changed ring is written to a free place before the service is pointed at it. */
	LB_MAX_RINGS = 2 * LB_MAX_SERVICES,
	LB_RING_CHUNK = 64,    /* slots in one value of an inner ring map */
	LB_RING_IDS = 512,     /* ids of inner ring maps that lb_ring_ids tells at once */
	LB_RING_MAX = 131072,  /* slots in one ring */
	LB_VIP_BUCKETS = 8192, /* a power of two */
	LB_VIP_WAYS = 4,       /* VIPs in one bucket */
	LB_CONN_WAYS = 8,      /* conns in one bucket */
	LB_CONN_LOAD = 5,      /* conns per bucket when the table holds conns.max of them */
	LB_REVERSE_WAYS = 8,   /* conns in one bucket of reverse, which has as many as conns */
	LB_TICK_JIFFIES = 16,  /* jiffies in one tick, the unit of conn timers */
	LB_MAX_PEERS = 64,
	LB_MAX_SIBLINGS = 16,     /* services in one persistence group */
	LB_MAX_FRAGMENTS = 32768, /* datagrams whose fragments are under way */
	LB_LIMIT_BUCKETS = 4096,  /* source prefixes that answers are limited for; a power of two */
	LB_ROUTES = 1024,         /* on each CPU; a power of two */
	LB_MAX_VERDICTS = 128,
	LB_MAX_PROBES = 16384,                        /* source ports that probes leave by */
	LB_MAX_PROBE_SOURCES = 2 * LB_MAX_INTERFACES, /* addresses that they leave from */
	LB_MAX_PING_SOURCES = 256,  /* networks that may ping through this director */
	LB_PING_MAGIC = 0x76656572, /* TCP timestamp value that marks a gateway ping: "veer" */
};

/* IPv6 address, or IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). */
struct lb_addr {
	__be32 word[4];
};

/* ---- virtual services ------------------------------------------------- */

enum lb_vip_flag {
	LB_VIP_F_ANNOUNCE = 1 << 0, /* the dataplane answers ARP and ND */
	LB_VIP_F_BIND = 1 << 1,  /* the host answers: the address belongs on an interface of it */
	LB_VIP_F_BOUND = 1 << 2, /* and it was we who put it there */
	LB_VIP_F_DROP_UNMATCHED = 1 << 3, /* unmatched: drop */
};

/* What to do with an ICMP echo request to a VIP. */
enum lb_echo {
	LB_ECHO_REPLY_IF_UP = 0,
	LB_ECHO_REPLY = 1,
	LB_ECHO_PASS = 2,
	LB_ECHO_DROP = 3,
};

struct lb_vip_slot {
	struct lb_addr addr;
	__u16 id;     /* index into vips, part of the keys of services and conns */
	__u8 family;  /* 4 or 6: a v4-mapped destination in an IPv6 packet is no VIP */
	__u8 present; /* 1; written last, so that a half-written slot is no VIP */
	__u8 pad[4];
};

/*
 * vip_buckets[hash of the address]: the addresses that are VIPs. A hash table of our own in
 * an array, since every packet on the interface pays for this look-up: reading an array is
 * three instructions, a look-up in a BPF hash map is calls. lib/vip.h reads it,
 * src/dataplane/vip-table.ts writes it.
 */
struct lb_vip_bucket {
	__u32 overflow; /* 1: VIPs of this bucket lie in their second bucket */
	__u32 pad;
	struct lb_vip_slot slot[LB_VIP_WAYS];
};

/* vips[id]. Read by ARP, ND and echo only. */
struct lb_vip {
	struct lb_addr addr;
	__u8 flags; /* LB_VIP_F_* */
	__u8 echo;  /* enum lb_echo */
	__u8 up;    /* 1 while any service of the VIP has a usable destination */
	__u8 pad[5];
};

enum lb_scheduler {
	LB_SCHED_MH = 0,
	LB_SCHED_RR = 1,
	LB_SCHED_WRR = 2,
	LB_SCHED_SH = 3,
	LB_SCHED_DH = 4,
	LB_SCHED_LC = 5,
	LB_SCHED_WLC = 6,
	LB_SCHED_SED = 7,
	LB_SCHED_NQ = 8,
	LB_SCHED_FO = 9,
	LB_SCHED_OVF = 10,
	LB_SCHED_TWOS = 11,
	LB_SCHED_LBLC = 12,
	LB_SCHED_LBLCR = 13,
};

enum lb_forward {
	LB_FORWARD_DR = 0,
	LB_FORWARD_NAT = 1,
};

enum lb_service_flag {
	LB_SVC_F_SLOPPY = 1 << 0,     /* TCP without SYN may make a conn */
	LB_SVC_F_PORTS = 1 << 1,      /* mh, sh: the client port is part of the hash */
	LB_SVC_F_FALLBACK = 1 << 2,   /* mh, sh: flows of an overloaded destination go to another */
	LB_SVC_F_ONE_PACKET = 1 << 3, /* UDP: every packet is scheduled, no conn is made */
	LB_SVC_F_NO_REUSE = 1 << 4,   /* connReuse: false */
	LB_SVC_F_NO_REAL_DROP = 1 << 5,   /* noReal: drop; neither of the two: reject */
	LB_SVC_F_NO_REAL_PASS = 1 << 6,   /* noReal: pass */
	LB_SVC_F_KEEP_QUIESCENT = 1 << 7, /* persistence.expireQuiescent: false */
	LB_SVC_F_LOCAL = 1 << 8,          /* has a destination with LB_DEST_F_LOCAL */
};

/*
 * The era makes an apply atomic: the services of the next configuration are written under
 * the era that settings.era does not name, then settings.era is flipped, and only after a
 * grace period the services of the old era are deleted. (An element of a BPF hash map may
 * be given to another key while a program still reads it; elements of the era being read
 * are never touched.)
 */
struct lb_service_key {
	__u16 vip;     /* struct lb_vip_slot.id */
	__be16 port;   /* 0: every port without a service of its own; icmp: 0 */
	__u8 protocol; /* IPPROTO_TCP, IPPROTO_UDP; IPPROTO_ICMP for both families */
	__u8 era;      /* 0 or 1 */
	__u8 pad[2];
};

/* services: struct lb_service_key -> struct lb_service. Only a new flow reads it. */
struct lb_service {
	__u32 id;                /* index into svc_stats and sched_state */
	__u32 ring;              /* index into rings */
	__u32 ring_size;         /* slots; 0: no usable destination */
	__u8 scheduler;          /* enum lb_scheduler */
	__u8 forward;            /* enum lb_forward */
	__u16 flags;             /* LB_SVC_F_* */
	__u32 persistence_ticks; /* lifetime of a template after its last new conn; 0: no persistence */
	__u32 persistence_scope; /* services of a VIP with the same one share templates */
	__u8 persistence_prefix; /* leading bits of the client's 16-byte address in a template's key */
	__u8 pad[3];
	/* the rest is for user space */
	__u32 table_size;  /* mh: the configured number of slots */
	__u64 ring_digest; /* over the slots as (address, port): equal on all directors */
	__u32 ring_crc;    /* CRC-32 of the id of the ring's map and what it was made of */
	__u32 persistence_seconds;
	char name[LB_NAME_LEN];
};

/* ---- destinations ----------------------------------------------------- */

enum lb_dest_flag {
	LB_DEST_F_LIVE = 1 << 0,      /* in the configuration */
	LB_DEST_F_NEIGHBOUR = 1 << 1, /* mac is known */
	LB_DEST_F_LOCAL = 1 << 2,     /* the address is the director's own: to the host's stack */
	LB_DEST_F_GATEWAY = 1 << 3,   /* nat: mac is of a router on the way to the real */
	LB_DEST_F_UP = 1 << 4,        /* its health check says so; neither of the two: unknown */
	LB_DEST_F_DOWN = 1 << 5,
	LB_DEST_F_SORRY = 1 << 6, /* serves only while the service has no quorum */
};

/*
 * dests[id]: one real in one service, with all that forwarding needs in 64 bytes.
 * A conn names a destination by (id, generation); the generation grows each time
 * the id is given to another destination or taken out of use, so a conn of a
 * removed destination can never reach the next owner of the id.
 */
struct lb_dest {
	struct lb_addr addr;
	__u8 mac[6];     /* the real's */
	__u8 src_mac[6]; /* of the interface it is reached by */
	__u32 ifindex;   /* of that interface */
	__u32 service;   /* struct lb_service.id */
	__u32 generation;
	__be16 port;            /* 0: the port that the packet came for */
	__u16 flags;            /* LB_DEST_F_* */
	__u16 weight;           /* as configured; 0: quiesced */
	__u16 effective_weight; /* what schedulers weigh by, and rings were built with */
	__u32 upper;            /* conns at which it counts as overloaded; 0: never */
	__u32 lower;  /* conns below which it does no longer; 0: three quarters of upper */
	__u8 forward; /* enum lb_forward */
	__u8 pad[3];
	/*
	 * 1 + id of the same real in another service of its persistence group, all of them in a circle; 0:
	 * there is none. A template names one of them and serves for all.
	 */
	__u32 sibling;
};

/*
 * dest_state[id]: what the dataplane counts for schedulers and for people. Conns are counted
 * while their generation is the destination's. One word holds both numbers, so that one
 * atomic addition moves a conn from one to the other.
 */
struct lb_dest_state {
	__u64 conns;      /* active << 32 | inactive, as IPVS tells them apart */
	__u32 persistent; /* templates */
	__u8 overloaded;  /* 1: reached upper, and has not fallen below lower since */
	__u8 in_set;      /* 1: lblcr: in the server set of its service */
	__u16 pad;
};

/* sched_state[service id]: what a scheduler remembers from one new conn to the next. */
struct lb_sched_state {
	__u64 cursor; /* rr, wrr: the next slot */
	__u32 dest; /* lblc: the cached destination; read and written with generation as one word */
	__u32 generation; /* of that destination */
	__u32 used; /* lblc, lblcr: tick of the last use; mh, rr, wrr, sh: of the last search in vain */
	__u32 modified; /* lblcr: tick at which the server set changed last */
};

/* rings[service.ring][slot / LB_RING_CHUNK].slot[slot % LB_RING_CHUNK] = index into dests */
struct lb_ring_chunk {
	__u32 slot[LB_RING_CHUNK];
};

/* ---- conns ------------------------------------------------------------ */

enum lb_key_kind {
	LB_KEY_CONN = 0,
	LB_KEY_TEMPLATE = 1,
};

/*
 * Of a conn: the client's half of the flow, and what it came for. ICMP queries have their
 * identifier as client_port and 0 as port.
 * Of a template: the client's address under the netmask, and in place of protocol and ports
 * 0 and struct lb_service.persistence_scope.
 */
struct lb_conn_key {
	struct lb_addr client;
	__u16 vip; /* struct lb_vip_slot.id */
	__u8 protocol;
	__u8 kind; /* enum lb_key_kind */
	__be16 client_port;
	__be16 port;
};

/* States and names of IPVS (include/net/ip_vs.h); ICMP queries, which it does not know, are ours. */
enum lb_conn_state {
	LB_CONN_NONE = 0,
	LB_CONN_ESTABLISHED = 1,
	LB_CONN_SYN_SENT = 2,
	LB_CONN_SYN_RECV = 3,
	LB_CONN_FIN_WAIT = 4,
	LB_CONN_TIME_WAIT = 5,
	LB_CONN_CLOSE = 6,
	LB_CONN_CLOSE_WAIT = 7,
	LB_CONN_LAST_ACK = 8,
	LB_CONN_LISTEN = 9,
	LB_CONN_SYNACK = 10,
	LB_CONN_UDP = 11,
	LB_CONN_ICMP = 12,
	LB_CONN_STATES = 13,
};

enum lb_conn_flag {
	LB_CONN_F_LIVE = 1 << 0,     /* counted, and in use until it expires */
	LB_CONN_F_NOOUTPUT = 1 << 1, /* nothing from the real is seen (or was so far) */
	LB_CONN_F_NO_REUSE =
		1 << 2, /* a SYN starts it over only if its real is down: conn_reused() */
	LB_CONN_F_ASSURED =
		1
		<< 3, /* UDP, ICMP: more than the first packet; template: a child was established */
};

/*
 * A conn fills one cache line, and is all that a packet of a known flow reads of the table.
 * expires … seq are one word, its life: it is changed by compare-and-swap only.
 */
struct lb_conn {
	struct lb_conn_key key;
	__u32 dest;       /* index into dests; read and written with generation as one word */
	__u32 generation; /* of that destination when the conn was made */
	__u32 expires;    /* tick; from then on the conn is dead */
	__u8 state;       /* enum lb_conn_state; template: LB_CONN_NONE */
	__u8 flags;       /* LB_CONN_F_* */
	__u16 seq;        /* grows each time the way is given to a conn */
	__u8 mac[6];      /* of ours, that its first packet was addressed to */
	__u16 pad;
	__u32 control;  /* 1 + place of the template that it is a child of; 0: none */
	__u32 reverse;  /* nat: 1 + place of its entry in reverse; 0: none */
	__u32 children; /* template: conns that have it as control */
	__u32 pad2;
} LB_WORDS;

/*
 * conns[hash of the key]: a set-associative table of our own in an array. A known flow costs
 * one cache line and no call; a new one is a few stores, where an insert into a BPF hash or
 * LRU map costs hundreds of nanoseconds. lib/conn_table.h says who may write what, and why that
 * needs no lock. The place of a conn is its bucket's index * LB_CONN_WAYS + its way.
 */
struct lb_conn_bucket {
	__u32 tag[LB_CONN_WAYS]; /* part of the hash; 0: free, 1: being written */
	__u32 overflow; /* conns that lie in their second bucket, since this, their first, was full */
	__u32 pad[7];
	struct lb_conn conn[LB_CONN_WAYS];
};

/*
 * reverse[hash of client, real, both ports, protocol]: which conn a reply belongs to. An index,
 * not a table of its own: the conn says whether the entry still holds. lib/reverse.h.
 */
struct lb_reverse_slot {
	__u32 tag;  /* part of the hash; 0: free */
	__u32 conn; /* place; read and written with tag as one word */
} LB_WORDS;

struct lb_reverse_bucket {
	struct lb_reverse_slot slot[LB_REVERSE_WAYS];
};

/* ---- probes ------------------------------------------------------------- */

enum lb_probe_kind {
	LB_PROBE_NONE = 0, /* nothing leaves by this port */
	LB_PROBE_REAL = 1, /* to a destination, by dests */
	LB_PROBE_PING = 2, /* to another director, by mac and ifindex */
};

/*
 * probes[source port - settings.probe_first]: what leaves the probes' namespace by that port, and where
 * to. A packet that is not addressed as its entry says leaves for nowhere.
 */
struct lb_probe {
	struct lb_addr dst; /* it is addressed to: a VIP, or the real's own address */
	__u32 dest;         /* REAL: index into dests */
	__u32 generation;   /* of that destination */
	__be16 port;        /* it is addressed to */
	__u8 protocol;      /* IPPROTO_TCP, IPPROTO_UDP */
	__u8 kind;          /* enum lb_probe_kind */
	__u32 ifindex;      /* PING: the way out */
	__u8 mac[6];        /* PING: of the director */
	__u8 pad[2];
};

/* probe_sources: an address inside the probes' namespace. */
struct lb_probe_source {
	__u32 ifindex; /* of the interface that has the address on the host */
};

/* ping_sources: a network that gateway pings may come from; for IPv4 prefix_len counts from 96 on. */
struct lb_ping_source_key {
	__u32 prefix_len;
	struct lb_addr addr;
};

/* ---- fragments ---------------------------------------------------------- */

/* What fragments of one datagram have in common (RFC 791 section 3.2, RFC 8200 section 4.5). */
struct lb_fragment_key {
	struct lb_addr src;
	struct lb_addr dst;
	__u32 id; /* as it lies in the packet */
	__u8 protocol;
	__u8 pad[3];
};

enum lb_fragment_way {
	LB_FRAGMENT_TO_REAL = 0,
	LB_FRAGMENT_TO_CLIENT = 1,
	LB_FRAGMENT_PASS = 2,
};

/* fragments: where the first fragment went; the others follow. */
struct lb_fragment {
	__u32 dest; /* index into dests */
	__u32 generation;
	__u32 expires; /* tick */
	__u16 vip;     /* to the client: whose address is the source */
	__u8 way;      /* enum lb_fragment_way */
	__u8 pad;
};

/* ---- routes ------------------------------------------------------------- */

/* What the answer depends on. */
struct lb_route_key {
	struct lb_addr dst;
	struct lb_addr src;
	__u32 ifindex;  /* that the packet came in by */
	__be32 flow;    /* TOS, or traffic class and flow label as they lie in the header */
	__u32 tick;     /* in which it was given: it holds no longer */
	__u16 protocol; /* as in the IP header */
	__u16 family;   /* 4 or 6 */
};

/*
 * routes[hash of the client]: the host's latest answers to the question for a way to a client, of
 * those that name one.
 */
struct lb_route {
	struct lb_route_key key;
	__u32 ifindex; /* that it leaves by */
	__u32 fits;    /* bytes of IP that the MTU allows for certain; it may allow more */
	__u32 pad;
	/* struct bpf_redir_neigh: the next hop of an IPv4 route may be an IPv6 one (RFC 8950) */
	__u32 next_family; /* AF_INET, AF_INET6 */
	__be32 next_hop[4];
};

/* ---- answers of our own -------------------------------------------------- */

/* limits[hash of a source prefix]: a token bucket for ICMP errors and resets that we make. */
struct lb_limit_bucket {
	__u32 tick; /* of the last refill; read and written with tokens as one word */
	__u32 tokens;
} LB_WORDS;

/* ---- sweeping ------------------------------------------------------------ */

/* sweeper[0]: the timer that walks over conns, and how far it has come. */
struct lb_sweeper {
	struct bpf_timer timer;
	__u64 freed;  /* conns and templates that it has taken out */
	__u32 cursor; /* the next bucket */
	__u32 passes; /* over the whole table */
};

/* ---- explain -------------------------------------------------------------- */

enum lb_step {
	LB_STEP_VIP = 1 << 0,          /* the destination is a VIP: vip */
	LB_STEP_CONN = 1 << 1,         /* a conn was found: conn_state, conn_flags */
	LB_STEP_EXPIRED = 1 << 2,      /* and it was past its time */
	LB_STEP_REUSED = 1 << 3,       /* and a SYN started it over */
	LB_STEP_REAL_GONE = 1 << 4,    /* and its real is not configured any more */
	LB_STEP_SERVICE = 1 << 5,      /* a service was found: service */
	LB_STEP_TEMPLATE = 1 << 6,     /* a template was found: template_dest */
	LB_STEP_TEMPLATE_BAD = 1 << 7, /* and its real is gone, down or quiesced */
	LB_STEP_SCHEDULED = 1 << 8,    /* the scheduler chose */
	LB_STEP_CLASH = 1 << 9,   /* nat: the choice would have clashed with another conn; next */
	LB_STEP_DEST = 1 << 10,   /* a destination was decided on: dest */
	LB_STEP_QUOTED = 1 << 11, /* an ICMP error: the quoted packet was matched */
	LB_STEP_PING = 1 << 12,   /* a gateway ping */
};

/* explanation[0]: what a dry run decided; written only by programs loaded with lb_dry_run set. */
struct lb_explanation {
	__u32 steps; /* LB_STEP_* */
	__u32 verdict;
	__u32 vip;
	__u32 service;
	__u32 dest;
	__u32 template_dest;
	__u32 conn_expires;
	__u8 conn_state;
	__u8 conn_flags;
	__u8 pad[2];
};

/* ---- interfaces, settings, counters ------------------------------------ */

enum lb_xdp_mode {
	LB_XDP_NATIVE = 0,
	LB_XDP_GENERIC = 1,
};

struct lb_interface {
	__u8 mac[6];
	__u8 mode; /* enum lb_xdp_mode */
	__u8 pad;
	char name[LB_IFNAME_LEN];
};

/*
 * interfaces[ifindex % LB_INTERFACE_SLOTS], or where that is taken the next free entry. An array, since
 * each new flow asks. lib/interface.h reads it, src/dataplane/interface-table.ts writes it.
 */
struct lb_interface_slot {
	__u32 ifindex; /* 0: free */
	struct lb_interface interface;
};

/* settings[0]: what may change without loading the program again. */
struct lb_settings {
	__u64 hash_seed;                     /* of the conn table; random, never changed */
	__u32 timeout_ticks[LB_CONN_STATES]; /* by enum lb_conn_state */
	__u32 era;                           /* of the services in force, see lb_service_key */
	__u32 conn_buckets;                  /* entries of conns */
	__u32 hz;                            /* jiffies a second */
	__u32 peers;                         /* entries of peers */
	__u32 rearm_ticks;    /* a template that runs out while it has children: 60 s */
	__u32 fragment_ticks; /* first to last fragment: 30 s */
	__u32 lblc_ticks;    /* lblc, lblcr: an unused cache entry, an unchanged server set: 24 h */
	__u32 answer_tokens; /* ICMP errors and resets to one source prefix, a second and at once */
	__u32 ping_sources;  /* entries of ping_sources; 0: a marked SYN is like any other */
	__u16 probe_first;   /* the ports that probes leave by; count 0: there are no probes */
	__u16 probe_count;
	__u8 probe_mac[6]; /* of the veth in the probes' namespace */
	__u8 pad[6];
};

/* peers: the MAC of another director. */
struct lb_peer_key {
	__u8 mac[6];
	__u8 pad[2];
};

/* meta[0]: for user space only; written by attach. */
struct lb_meta {
	__u32 abi_version;
	__u32 pad;
	__u64 netns;            /* inode of the network namespace attached in */
	char object_digest[64]; /* SHA-256 of the object, hex, not terminated */
};

/* Per-CPU. in_*: from clients, counted by the IP packet's length. */
struct lb_counters {
	__u64 conns;
	__u64 in_pkts;
	__u64 in_bytes;
	__u64 out_pkts;
	__u64 out_bytes;
};

/*
 * verdicts[v]: packets per verdict; every packet is counted once. The prefix is the class,
 * and so is the range, which leaves room to append (lib/verdict.h turns it into an action);
 * the rest is the name that `stats` prints. docs/verdicts.md says of each when and what to do.
 */
enum lb_verdict {
	/* 0..15: to a real */
	LB_FORWARD_KNOWN = 0,            /* its conn decided */
	LB_FORWARD_NEW = 1,              /* scheduled, conn made */
	LB_FORWARD_STATELESS = 2,        /* scheduled, no room for a conn */
	LB_FORWARD_ICMP_ERROR = 3,       /* about a reply: to the real that sent it */
	LB_FORWARD_FRAGMENT = 4,         /* after the first fragment */
	LB_FORWARD_ONE_PACKET = 5,       /* scheduled, and none is wanted */
	LB_FORWARD_REPLY = 6,            /* nat, tc_reply: a real's packet to the client */
	LB_FORWARD_REPLY_ICMP_ERROR = 7, /* nat, tc_reply: about a request, to the client */
	LB_FORWARD_REPLY_FRAGMENT = 8,   /* nat, tc_reply: after the first fragment */
	LB_FORWARD_PROBE = 9,         /* xdp_ping: to the real under test, or the director pinged */
	LB_FORWARD_PROBE_ANSWER = 10, /* into the probes' namespace */
	LB_FORWARD_PING = 11,         /* a gateway ping: scheduled, no conn made */
	/* 16..31: answered from here */
	LB_REPLY_ARP = 16,
	LB_REPLY_ND = 17,
	LB_REPLY_ECHO = 18,
	LB_REPLY_NO_REAL = 19,   /* port unreachable: the service has no usable destination */
	LB_REPLY_TTL = 20,       /* time exceeded */
	LB_REPLY_RESET = 21,     /* TCP reset: the conn's destination was removed */
	LB_REPLY_UNMATCHED = 22, /* port unreachable: no service, and its TTL ends here */
	/* 32..63: to the host's own stack, untouched */
	LB_PASS_NOT_IP = 32, /* neither IP nor an ARP question about a VIP */
	LB_PASS_NOT_VIP = 33,
	LB_PASS_OTHER_HOST = 34, /* for a VIP, but the frame is not addressed to us */
	LB_PASS_PROTOCOL = 35,   /* for a VIP: a protocol that we do not forward */
	LB_PASS_UNMATCHED = 36,  /* for a VIP: no service on that port */
	LB_PASS_NO_CONN = 37,    /* TCP without SYN, without conn, service not sloppy */
	LB_PASS_ICMP = 38,       /* for a VIP: ICMP other than echo, or echo: pass */
	LB_PASS_INCOMPLETE = 39, /* headers end before the destination is known */
	LB_PASS_FRAGMENT = 40,   /* after a first fragment that was passed */
	LB_PASS_NO_REAL = 41,    /* noReal: pass */
	LB_PASS_PEER = 42, /* from a peer director, and a real of the service is on this host */
	LB_PASS_NOT_REPLY = 43, /* tc_reply: belongs to no conn */
	LB_PASS_TOO_BIG = 44,   /* tc_reply: exceeds the MTU of the way out; the host says so */
	LB_PASS_TTL = 45,       /* tc_reply: TTL or hop limit used up; the host says so */
	LB_PASS_PING = 46,      /* a gateway ping that another director forwarded to this host */
	/* 64..127: dropped */
	LB_DROP_MALFORMED = 64,    /* for a VIP: lengths or headers contradict each other */
	LB_DROP_FRAGMENT = 65,     /* a fragment whose first one was not seen */
	LB_DROP_TTL = 66,          /* TTL or hop limit used up */
	LB_DROP_NO_REAL = 67,      /* the service has no usable destination */
	LB_DROP_NO_NEIGHBOUR = 68, /* the real's MAC is not known */
	LB_DROP_REAL_GONE = 69,    /* TCP, not SYN, and its destination was removed */
	LB_DROP_NO_INTERFACE = 70, /* the way out is not attached */
	LB_DROP_ECHO = 71,         /* echo: drop, or reply-if-up and not up */
	LB_DROP_NOT_LINEAR = 72,   /* headers lie outside the frame's first buffer */
	LB_DROP_LOOP = 73,         /* from a peer director, or from the real it would go to */
	LB_DROP_UNMATCHED = 74,    /* for a VIP: no service on that port, unmatched: drop */
	LB_DROP_ICMP_NO_CONN = 75, /* an ICMP error about a flow that is not known */
	LB_DROP_ICMP_CHECKSUM =
		76,         /* an ICMP error with a wrong checksum, its own or the quoted one */
	LB_DROP_CLASH = 77, /* nat: every real's side of the conn is taken by another conn */
	LB_DROP_TABLE_FULL = 78, /* nat: no room for a conn */
	LB_DROP_NO_ROUTE = 79,   /* tc_reply: the host has no way to the client */
	LB_DROP_PROBE =
		80, /* xdp_ping: from the probes' namespace, and no probe that is under way */
	LB_DROP_PING = 81, /* a gateway ping from a source that may not */
};

_Static_assert(sizeof(struct lb_vip_slot) == 24, "lb_vip_slot");
_Static_assert(sizeof(struct lb_vip_bucket) == 104, "lb_vip_bucket");
_Static_assert(sizeof(struct lb_vip) == 24, "lb_vip");
_Static_assert(sizeof(struct lb_service_key) == 8, "lb_service_key");
_Static_assert(sizeof(struct lb_service) == 112, "lb_service");
_Static_assert(sizeof(struct lb_dest) == 64, "lb_dest");
_Static_assert(sizeof(struct lb_dest_state) == 16, "lb_dest_state");
_Static_assert(sizeof(struct lb_sched_state) == 24, "lb_sched_state");
_Static_assert(sizeof(struct lb_conn_key) == 24, "lb_conn_key");
_Static_assert(sizeof(struct lb_conn) == 64, "lb_conn");
_Static_assert(sizeof(struct lb_conn_bucket) == 576, "lb_conn_bucket");
_Static_assert(sizeof(struct lb_reverse_bucket) == 64, "lb_reverse_bucket");
_Static_assert(sizeof(struct lb_fragment_key) == 40, "lb_fragment_key");
_Static_assert(sizeof(struct lb_fragment) == 16, "lb_fragment");
_Static_assert(sizeof(struct lb_route_key) == 48, "lb_route_key");
_Static_assert(sizeof(struct lb_route) == 80, "lb_route");
_Static_assert(sizeof(struct lb_probe) == 40, "lb_probe");
_Static_assert(sizeof(struct lb_ping_source_key) == 20, "lb_ping_source_key");
_Static_assert(sizeof(struct lb_sweeper) == 32, "lb_sweeper");
_Static_assert(sizeof(struct lb_explanation) == 32, "lb_explanation");
_Static_assert(sizeof(struct lb_interface) == 24, "lb_interface");
_Static_assert(sizeof(struct lb_interface_slot) == 28, "lb_interface_slot");
_Static_assert(sizeof(struct lb_meta) == 80, "lb_meta");

#endif
