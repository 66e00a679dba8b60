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

#include <linux/types.h>

#define LB_NAME_LEN   64 /* service name, NUL included */
#define LB_IFNAME_LEN 16 /* IFNAMSIZ */

/* An enum, so that the numbers reach BTF and user space reads them from there. */
enum lb_limit {
	/* Bumped when a layout or a meaning below changes; pins of another version are not adopted. */
	LB_ABI_VERSION = 1,
	LB_MAX_VIPS = 4096,
	LB_MAX_SERVICES = 4096,
	LB_MAX_DESTS = 65536,
	LB_MAX_INTERFACES = 64,
	/* A changed ring is written to a free place before the service is pointed at it. */
	LB_MAX_RINGS = 2 * LB_MAX_SERVICES,
	LB_RING_CHUNK = 64,    /* slots in one value of an inner ring map */
	LB_RING_MAX = 131072,  /* slots in one ring */
	LB_VIP_BUCKETS = 8192, /* a power of two */
	LB_VIP_WAYS = 4,       /* VIPs in one bucket */
	LB_CONN_WAYS = 8,      /* conns in one bucket */
	LB_CONN_LOAD = 5,      /* conns per bucket when the table holds conns.max of them */
	LB_TICK_JIFFIES = 16,  /* jiffies in one tick, the unit of conn timers */
	LB_MAX_VERDICTS = 128,
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
};

enum lb_forward {
	LB_FORWARD_DR = 0,
};

enum lb_service_flag {
	LB_SVC_F_SLOPPY = 1 << 0, /* TCP without SYN may make a conn */
	LB_SVC_F_PORTS = 1 << 1,  /* mh, sh: the client port is part of the hash */
};

/*
 * The era makes an apply atomic: the services of the next configuration are written under
 * the era that settings.era does not name, then settings.era is flipped, and only after a
 * grace period the services of the old era are deleted. (An element of a BPF hash map may
 * be given to another key while a program still reads it; elements of the era being read
 * are never touched.)
 */
struct lb_service_key {
	__u16 vip; /* struct lb_vip_slot.id */
	__be16 port;
	__u8 protocol; /* IPPROTO_TCP or IPPROTO_UDP */
	__u8 era;      /* 0 or 1 */
	__u8 pad[2];
};

/* services: struct lb_service_key -> struct lb_service. Only a new flow reads it. */
struct lb_service {
	__u32 id;        /* index into svc_stats and cursors */
	__u32 ring;      /* index into rings */
	__u32 ring_size; /* slots; 0: no usable destination */
	__u8 scheduler;  /* enum lb_scheduler */
	__u8 forward;    /* enum lb_forward */
	__u16 flags;     /* LB_SVC_F_* */
	/* the rest is for user space */
	__u64 ring_digest; /* over the slots as (address, port): equal on all directors */
	__u32 ring_crc;    /* CRC-32 of the id of the ring's map and what it was made of */
	__u32 table_size;  /* mh: the configured number of slots */
	char name[LB_NAME_LEN];
};

/* ---- destinations ----------------------------------------------------- */

enum lb_dest_flag {
	LB_DEST_F_LIVE = 1 << 0,      /* in the configuration */
	LB_DEST_F_NEIGHBOUR = 1 << 1, /* mac is known */
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
	__be16 port;
	__u16 flags; /* LB_DEST_F_* */
	/* the rest is for user space */
	__u16 weight;           /* as configured */
	__u16 effective_weight; /* what the ring was built with */
	__u8 pad[16];
};

/* rings[service.ring][slot / LB_RING_CHUNK].slot[slot % LB_RING_CHUNK] = index into dests */
struct lb_ring_chunk {
	__u32 slot[LB_RING_CHUNK];
};

/* ---- conns ------------------------------------------------------------ */

struct lb_conn_key {
	struct lb_addr client;
	__u16 vip; /* struct lb_vip_slot.id */
	__u8 protocol;
	__u8 pad;
	__be16 client_port;
	__be16 port;
};

/* States and names of IPVS (include/net/ip_vs.h). */
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
	LB_CONN_STATES = 12,
};

/* A conn fills one cache line, and is all that a packet of a known flow reads of the table. */
struct lb_conn {
	struct lb_conn_key key;
	__u32 dest;       /* index into dests; read and written with generation as one word */
	__u32 generation; /* of that destination when the conn was made */
	__u32 expires;    /* tick; from then on the conn is dead */
	__u8 mac[6];      /* of ours, that its first packet was addressed to */
	__u8 state;       /* enum lb_conn_state */
	__u8 pad[21];
};

/*
 * conns[hash of the key]: a set-associative table of our own in an array. A known flow costs
 * one cache line and no call; a new one is a few stores, where an insert into a BPF hash or
 * LRU map costs hundreds of nanoseconds. lib/conn_table.h says who may write what, and why that
 * needs no lock.
 */
struct lb_conn_bucket {
	__u32 tag[LB_CONN_WAYS]; /* part of the hash; 0: free, 1: being written */
	__u32 pad[8];
	struct lb_conn conn[LB_CONN_WAYS];
};

/* ---- interfaces, settings, counters ------------------------------------ */

enum lb_xdp_mode {
	LB_XDP_NATIVE = 0,
	LB_XDP_GENERIC = 1,
};

/* interfaces: ifindex -> struct lb_interface */
struct lb_interface {
	__u8 mac[6];
	__u8 mode; /* enum lb_xdp_mode */
	__u8 pad;
	char name[LB_IFNAME_LEN];
};

/* settings[0]: what may change without loading the program again. */
struct lb_settings {
	__u64 hash_seed;                     /* of the conn table; random, never changed */
	__u32 timeout_ticks[LB_CONN_STATES]; /* by enum lb_conn_state */
	__u32 era;                           /* of the services in force, see lb_service_key */
	__u32 conn_buckets;                  /* entries of conns */
	__u32 hz;                            /* jiffies a second, for user space */
	__u32 pad;
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
	LB_FORWARD_KNOWN = 0,     /* its conn decided */
	LB_FORWARD_NEW = 1,       /* scheduled, conn made */
	LB_FORWARD_STATELESS = 2, /* scheduled, no room for a conn */
	/* 16..31: answered from here */
	LB_REPLY_ARP = 16,
	LB_REPLY_ND = 17,
	LB_REPLY_ECHO = 18,
	/* 32..63: to the host's own stack, untouched */
	LB_PASS_NOT_IP = 32, /* neither IP nor an ARP question about a VIP */
	LB_PASS_NOT_VIP = 33,
	LB_PASS_OTHER_HOST = 34, /* for a VIP, but the frame is not addressed to us */
	LB_PASS_PROTOCOL = 35,   /* for a VIP: a protocol that we do not forward */
	LB_PASS_UNMATCHED = 36,  /* for a VIP: no service on that port */
	LB_PASS_NO_CONN = 37,    /* TCP without SYN, without conn, service not sloppy */
	LB_PASS_ICMP = 38,       /* for a VIP: ICMP other than echo, or echo: pass */
	LB_PASS_INCOMPLETE = 39, /* headers end before the destination is known */
	/* 64..127: dropped */
	LB_DROP_MALFORMED = 64,    /* for a VIP: lengths or headers contradict each other */
	LB_DROP_FRAGMENT = 65,     /* for a VIP: an IP fragment */
	LB_DROP_TTL = 66,          /* TTL or hop limit used up */
	LB_DROP_NO_REAL = 67,      /* the service has no usable destination */
	LB_DROP_NO_NEIGHBOUR = 68, /* the real's MAC is not known */
	LB_DROP_REAL_GONE = 69,    /* TCP, not SYN, and its destination was removed */
	LB_DROP_NO_INTERFACE = 70, /* the way out is not attached */
	LB_DROP_ECHO = 71,         /* echo: drop, or reply-if-up and not up */
	LB_DROP_NOT_LINEAR = 72,   /* headers lie outside the frame's first buffer */
};

_Static_assert(sizeof(struct lb_vip_slot) == 24, "lb_vip_slot");
_Static_assert(sizeof(struct lb_vip_bucket) == 104, "lb_vip_bucket");
_Static_assert(sizeof(struct lb_vip) == 24, "lb_vip");
_Static_assert(sizeof(struct lb_service_key) == 8, "lb_service_key");
_Static_assert(sizeof(struct lb_service) == 96, "lb_service");
_Static_assert(sizeof(struct lb_dest) == 64, "lb_dest");
_Static_assert(sizeof(struct lb_conn_key) == 24, "lb_conn_key");
_Static_assert(sizeof(struct lb_conn) == 64, "lb_conn");
_Static_assert(sizeof(struct lb_conn_bucket) == 576, "lb_conn_bucket");
_Static_assert(sizeof(struct lb_interface) == 24, "lb_interface");
_Static_assert(sizeof(struct lb_meta) == 80, "lb_meta");

#endif
