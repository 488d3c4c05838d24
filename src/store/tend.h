/* SPDX-License-Identifier: ISC */
/*
 * What is done in the background, by one thread: content that became garbage,
 * the rest of removed mailboxes and accounts, queue records that could not be
 * applied at once, and compaction of the engine.
 */
#ifndef STORE_TEND_H
#define STORE_TEND_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "base/text.h"

struct store;

struct tender {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool running, stop, urgent;
	struct map accounts; /* id -> TEND_*: have garbage or dying mailboxes */
	struct map left;     /* id -> address: accounts whose removal failed */
	struct map senders;  /* id -> address: removed, but for what is counted of them */
	/* What was looked at since the start: up to this entity of this kind. */
	uint64_t walked;
	bool walking;
	enum tend_walk { WALK_ACCOUNTS, WALK_REFERENCES, WALK_OVER } walk;
	_Atomic bool references; /* holders were left behind: walk there again */
	uint64_t collected;	 /* blobs since the last compaction */
	int64_t compacted;	 /* monotonic */
};

enum tend { TEND_GARBAGE = 1, TEND_DYING = 2 };

void tender_init(struct store *s);
void tender_start(struct store *s);
void tender_stop(struct store *s);
void tender_done(struct store *s);

/* An account has something to do; urgent: soon. Any thread. */
void tend_account(struct store *s, uint64_t account, bool urgent);
/* Holders of shared content could not be dropped: they are looked for again.
 * Any thread. */
void tend_references(struct store *s);
/* One step of collection in an account; *left: it has garbage still, *more:
 * some of it is due. */
enum status collect_account(struct store *s, uint64_t account, bool *left, bool *more) MUST_CHECK;
/* The removal of an account failed and is tried again. */
void tend_left(struct store *s, uint64_t account, struct text address);
/* The account is removed but for what is counted of its sending; then its intent
 * goes (directory_forget_intent). */
void tend_sender(struct store *s, uint64_t account, struct text address);

#endif
