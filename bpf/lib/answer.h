/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Packets that we make in answer to one that goes no further. They are few: lib/limit.h. */
#ifndef LB_ANSWER_H
#define LB_ANSWER_H

#include "answer_error.h"
#include "answer_reset.h"

#endif
