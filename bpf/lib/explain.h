/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * What a dry run tells of its decisions. In the live program all of it is dead code, and what fills the map is
 * in subprograms: inline it would take registers and stack from what is around it, which costs an ICMP error
 * some 5 %.
 */
#ifndef LB_EXPLAIN_H
#define LB_EXPLAIN_H

#include "conn_table.h"
#include "settings.h"

static __always_inline struct lb_explanation *explanation_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&explanation, &zero);
}

LB_SUBPROGRAM int explain_step(__u32 step, __u32 detail)
{
	struct lb_explanation *out = explanation_get();

	if (!out)
		return 0;
	out->steps |= step;
	switch (step) {
	case LB_STEP_VIP:
		out->vip = detail;
		break;
	case LB_STEP_SERVICE:
		out->service = detail;
		break;
	case LB_STEP_TEMPLATE:
		out->template_dest = detail;
		break;
	case LB_STEP_DEST:
		out->dest = detail;
		break;
	default:
		break;
	}
	return 0;
}

LB_SUBPROGRAM int explain_life(__u64 word)
{
	struct lb_explanation *out = explanation_get();
	union lb_life life = {.word = word};

	if (!out)
		return 0;
	out->steps |= LB_STEP_CONN;
	out->conn_expires = life.expires;
	out->conn_state = life.state;
	out->conn_flags = life.flags;
	return 0;
}

LB_SUBPROGRAM int explain_end(int verdict)
{
	struct lb_explanation *out = explanation_get();

	if (out)
		out->verdict = verdict;
	return 0;
}

/* A step was taken; of some it says which. */
static __always_inline void explain(enum lb_step step, __u32 detail)
{
	if (lb_dry_run)
		explain_step(step, detail);
}

static __always_inline void explain_conn(union lb_life life)
{
	if (lb_dry_run)
		explain_life(life.word);
}

static __always_inline void explain_verdict(int verdict)
{
	if (lb_dry_run)
		explain_end(verdict);
}

#endif
