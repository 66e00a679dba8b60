/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP and ICMPv6 on the wire (RFC 792, RFC 4443); linux/icmp.h needs a C library. */
#ifndef LB_ICMP_H
#define LB_ICMP_H

#include <linux/types.h>

#define ICMP_ECHOREPLY      0
#define ICMP_ECHO           8
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY   129
#define ICMPV6_ND_SOLICIT   135
#define ICMPV6_ND_ADVERT    136

struct lb_icmp {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 rest;
};

#endif
