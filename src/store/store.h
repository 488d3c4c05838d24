/* SPDX-License-Identifier: ISC */
/*
 * The store: accounts, mailboxes, messages, the directory and the queue on one
 * engine, served as the calls of store/calls.h. DESIGN section 4;
 * docs/store-format.md.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "runtime/calls.h"
#include "store/engine.h"

struct board;
struct store;

struct store_config {
	struct text token_key; /* 32 octets, SECRET_TOKEN; copied */
	struct text hostname;  /* of this site; outlives the store */
	unsigned threads;      /* of its own pool; 0: 2 */
	/* A setting was changed (it is durable, and applied in this process);
	 * the role tells the others. Any thread; must not block. May be NULL. */
	void (*setting_changed)(void *arg, struct text name, struct text value);
	/* An account's password, suspension or existence changed: auth forgets
	 * it. As above. */
	void (*account_changed)(void *arg, uint64_t account);
	/* Runs done(what) when all that was changed before has been told. As
	 * above; NULL: done at once. */
	void (*when_told)(void *arg, void (*done)(void *what), void *what);
	void *arg;
	struct board *board; /* store/board.h; outlives the store. NULL: none */
	bool untended;	     /* tests: no background thread, they call store_tend */
	/* Tests: all mailboxes have index rows, written again after so many
	 * modseqs; 0: as store/index.h says. */
	unsigned index_every;
};

/* Opens what is in the engine: checks the format's version, applies settings,
 * finishes accounts that were being made or removed, and takes up the queue.
 * The engine stays the caller's. INVALID: another format; IO, CORRUPT. */
enum status store_new(struct engine *e, const struct store_config *config, struct store **out,
    struct failure *f) MUST_CHECK;
/* Fills in rows, context and the hook for lost links. */
void store_serve(struct store *s, struct call_server_config *out);
/* One round of what is done in the background: the rest of the queue, content
 * that nobody refers to any more, removed mailboxes and accounts. */
void store_tend(struct store *s);
/* Waits until nothing is under way at the moment. */
void store_settle(struct store *s);
/* The same, then frees it all. No call may come any more. */
void store_free(struct store *s);

#endif
