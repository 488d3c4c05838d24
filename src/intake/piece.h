/* SPDX-License-Identifier: ISC */
/*
 * Inside of intake: a message in hand, from octets to what the store takes.
 */
#ifndef INTAKE_PIECE_H
#define INTAKE_PIECE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "intake/intake.h"

/* A message of so many octets is large: few of them are worked on at a time. */
#define LARGE (1u << 20)

struct worker {
	struct arena arena;
	struct buffer summary, sent, content;
	/* of several messages: octets of each one's summary and content */
	uint64_t *summary_sizes, *content_sizes;
	uint32_t room;
};

/* This thread's, emptied; worker_rest when what it made was passed on. */
struct worker *worker_take(void);
void worker_rest(struct worker *w);

/* Around the work on a message of so many octets: waits for its turn if that
 * is large. */
void large_enter(const struct intake *in, size_t octets);
void large_leave(size_t octets);
/* Octets of the large ones that are worked on at the moment. */
size_t large_now(void);

/* A message in hand: what came, and what is made of it. */
struct piece_of_mail {
	uint64_t op;
	struct text id; /* for the log, may be empty */
	struct text trace, message;
	bool passes;		/* nobody here keeps it: it goes on as soon as it can */
	bool several;		/* message is several, */
	uint32_t prepared;	/* not in message is what was prepared of the first ones, */
	struct numbers sizes;	/* of so many octets each */
	struct text summary;	/* packed, in the worker's buffer */
	struct payload content; /* packed, in the worker's buffer */
	struct numbers summary_sizes, content_sizes;
	/* Who stands in its Bcc, which was taken out; and a summary that names
	 * them, empty where there is none, in the worker's buffer. */
	struct mime_addresses bcc;
	struct text sent_summary;
	/* How it goes on to addresses elsewhere; as in store_deliver. */
	struct {
		struct text sender, prefix, checked;
		uint64_t body, needs;
		struct texts been;
	} forward;
};

/* Octets of all of it, what was prepared too. */
size_t piece_octets(const struct piece_of_mail *m);
/* Parses and packs, into the worker. LIMIT: too large; INVALID: several that
 * are not whole. Of a large message the worker's arena is freed. */
enum status piece_prepare(
    struct intake *in, struct worker *w, struct piece_of_mail *m, struct failure *f) MUST_CHECK;

#endif
