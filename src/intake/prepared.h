/* SPDX-License-Identifier: ISC */
/*
 * What was made of messages whose command (RFC 3502) was still coming: it waits
 * here for the call that files them all, so that parsing and packing take no
 * time when that comes. Nothing depends on it: what is not here any more, since
 * there was too much of it or it had to wait too long, is made again from what
 * that call brings. Any thread may call.
 */
#ifndef INTAKE_PREPARED_H
#define INTAKE_PREPARED_H

#include "base/buffer.h"
#include "base/list.h"
#include "runtime/calls.h"

#define PREPARED_OCTETS (64u << 20)  /* that are kept; the oldest go first */
#define PREPARED_MINUTES 10	     /* for so long */
#define PREPARED_MESSAGES_MAX 256u   /* of one call */
#define PREPARED_CALL_MAX (1u << 20) /* octets of one call */

/* Messages first .. first + count - 1 of the call with that op. */
struct prepared {
	struct list node;
	uint64_t op;
	uint32_t first, count;
	uint64_t *sizes, *summary_sizes, *content_sizes; /* of each */
	struct buffer summaries, contents;
	int64_t came;
};

/* Empty, with room for the sizes of so many messages, which are copied. */
struct prepared *prepared_new(uint64_t op, uint32_t first, struct numbers sizes);
void prepared_free(struct prepared *p);
/* Takes p. */
void prepared_keep(struct prepared *p);
/* Gives what there is for that op, by first; the caller frees it. */
void prepared_take(uint64_t op, struct list *out);
void prepared_free_all(struct list *all);
/* Whether p is what a call with messages of these sizes needs from number i on. */
bool prepared_fits(const struct prepared *p, uint32_t i, struct numbers sizes);

#endif
