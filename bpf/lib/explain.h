/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What a dry run tells of its decisions. In the live program all of it is dead code. */
#ifndef LB_EXPLAIN_H
#define LB_EXPLAIN_H

#include "conn_table.h"
#include "settings.h"

/* What is to be filled in; NULL in the live program. */
static __always_inline struct lb_explanation *explanation_get(void)
{
	__u32 zero = 0;

	return lb_dry_run ? bpf_map_lookup_elem(&explanation, &zero) : NULL;
}

/* A step was taken; of some it says which. */
static __always_inline void explain(enum lb_step step, __u32 detail)
{
	struct lb_explanation *out = explanation_get();

	if (!out)
		return;
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
}

static __always_inline void explain_conn(union lb_life life)
{
	struct lb_explanation *out = explanation_get();

	if (!out)
		return;
	out->steps |= LB_STEP_CONN;
	out->conn_expires = life.expires;
	out->conn_state = life.state;
	out->conn_flags = life.flags;
}

static __always_inline void explain_verdict(int verdict)
{
	struct lb_explanation *out = explanation_get();

	if (out)
		out->verdict = verdict;
}

#endif
