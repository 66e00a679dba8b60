/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ICMP and ICMPv6 on the wire (RFC 792, RFC 4443); linux/icmp.h needs a C library. */
#ifndef LB_ICMP_H
#define LB_ICMP_H

#include <linux/types.h>

#define ICMP_ECHOREPLY      0
#define ICMP_DEST_UNREACH   3
#define ICMP_SOURCE_QUENCH  4
#define ICMP_ECHO           8
#define ICMP_TIME_EXCEEDED  11
#define ICMP_PARAMETERPROB  12
#define ICMP_TIMESTAMP      13
#define ICMP_TIMESTAMPREPLY 14
#define ICMP_PORT_UNREACH   3 /* a code of ICMP_DEST_UNREACH */

#define ICMPV6_DEST_UNREACH 1
#define ICMPV6_PKT_TOOBIG   2
#define ICMPV6_TIME_EXCEED  3
#define ICMPV6_PARAMPROB    4
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY   129
#define ICMPV6_ND_SOLICIT   135
#define ICMPV6_ND_ADVERT    136
#define ICMPV6_PORT_UNREACH 4 /* a code of ICMPV6_DEST_UNREACH */

struct lb_icmp {
	__u8 type;
	__u8 code;
	__u16 check;
	__be32 rest; /* of a query: identifier and sequence number */
};

/* The errors that are brought to whom they concern. */
static __always_inline int icmp_is_error(__u8 type, __u8 family)
{
	if (family == 6)
		return type >= ICMPV6_DEST_UNREACH && type <= ICMPV6_PARAMPROB;
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB;
}

/* Questions that carry an identifier; RFC 6918 has done away with the others. */
static __always_inline int icmp_is_request(__u8 type, __u8 family)
{
	if (family == 6)
		return type == ICMPV6_ECHO_REQUEST;
	return type == ICMP_ECHO || type == ICMP_TIMESTAMP;
}

/* The answers to them. */
static __always_inline int icmp_is_reply(__u8 type, __u8 family)
{
	if (family == 6)
		return type == ICMPV6_ECHO_REPLY;
	return type == ICMP_ECHOREPLY || type == ICMP_TIMESTAMPREPLY;
}

#endif
