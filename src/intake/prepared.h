/* SPDX-License-Identifier: ISC */
/*
 * What was made of messages whose command (RFC 3502) was still coming: it waits
 * here for the call that files them all, so that parsing and packing take no
 * time when that comes. Nothing depends on it: what is not here any more, since
 * there was too much of it or it had to wait too long, is made again from what
 * that call brings. It is people's mail, so it does not stay: a thread of its own
 * lets go of what is too old. Any thread may call.
 */
#ifndef INTAKE_PREPARED_H
#define INTAKE_PREPARED_H

#include "base/buffer.h"
#include "base/list.h"
#include "runtime/calls.h"

#define PREPARED_OCTETS (64u << 20)  /* that are kept; the oldest go first */
#define PREPARED_SHARE (16u << 20)   /* of them, with one key */
#define PREPARED_LEAST (16u << 10)   /* that a piece counts at least */
#define PREPARED_MINUTES 10	     /* for so long */
#define PREPARED_OVER 4096u	     /* ops that are remembered as over */
#define PREPARED_MESSAGES_MAX 256u   /* of one call */
#define PREPARED_CALL_MAX (1u << 20) /* octets of one call */

/* Messages first .. first + count - 1 of the call with that op. */
struct prepared {
	struct list node;
	uint64_t op, key; /* key: whose share it is of; 0 */
	uint32_t first, count;
	uint64_t *sizes, *summary_sizes, *content_sizes; /* of each */
	struct buffer summaries, contents;
	int64_t came;
};

/* Empty, with room for the sizes of so many messages, which are copied. */
struct prepared *prepared_new(uint64_t op, uint32_t first, struct numbers sizes);
void prepared_free(struct prepared *p);
/* Takes p. LIMIT: it was freed, since its key has too much here already. What comes
 * for an op that is over is freed, too: OK. */
enum status prepared_keep(struct prepared *p) MUST_CHECK;
/* Gives what there is for that op, by first; the caller frees it. The op is over: a
 * part that another thread still works on comes too late. */
void prepared_take(uint64_t op, struct list *out);
void prepared_free_all(struct list *all);
/* Whether p is what a call with messages of these sizes needs from number i on. */
bool prepared_fits(const struct prepared *p, uint32_t i, struct numbers sizes);
/* Octets that are kept. */
size_t prepared_octets(void);
/* Starts the thread that lets go of what is too old; and ends it, with all that is
 * kept. */
enum status prepared_tend(struct failure *f) MUST_CHECK;
void prepared_end(void);

#endif
