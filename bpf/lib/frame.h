/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The frame that a program runs on. lb_ctx is struct xdp_md, or struct __sk_buff in a program
 * that defines LB_TC before it includes anything, so that parsing is written once.
 */
#ifndef LB_FRAME_H
#define LB_FRAME_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#ifdef LB_TC
typedef struct __sk_buff lb_ctx;
#else
typedef struct xdp_md lb_ctx;
#endif

/*
 * ctx->data and ctx->data_end are u32 in the header but pointers to the verifier. Plain C
 * lets clang split the load from the widening, and then the verifier sees a number.
 */
#define LB_CTX_POINTER(ctx, field)                                                \
	({                                                                        \
		void *__pointer;                                                  \
		asm volatile("%0 = *(u32 *)(%1 + %2)"                             \
		             : "=r"(__pointer)                                    \
		             : "r"(ctx), "i"(__builtin_offsetof(lb_ctx, field))); \
		__pointer;                                                        \
	})

static __always_inline void *frame_data(const lb_ctx *ctx)
{
	return LB_CTX_POINTER(ctx, data);
}

static __always_inline void *frame_end(const lb_ctx *ctx)
{
	return LB_CTX_POINTER(ctx, data_end);
}

/* Bytes of the frame, those outside its first buffer too. */
static __always_inline __u32 frame_length(lb_ctx *ctx)
{
#ifdef LB_TC
	return ctx->len;
#else
	return bpf_xdp_get_buff_len(ctx);
#endif
}

#endif
