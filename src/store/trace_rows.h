/* SPDX-License-Identifier: ISC */
/*
 * The story of a message, as the operator's trace tells it: rows of events, each
 * row what was noted at one moment about one message. They are written by many
 * and read by the store and the command line, so what is read is checked like
 * anything from outside. docs/store-format.md has them octet by octet.
 */
#ifndef STORE_TRACE_ROWS_H
#define STORE_TRACE_ROWS_H

#include "base/pack.h"
#include "runtime/calls.h"

#define TRACE_ID_MAX 64u	  /* octets of a message's id; longer ones are not traced */
#define TRACE_EVENTS_MAX 256u	  /* of a row */
#define TRACE_RECIPIENTS_MAX 500u /* named in an event; the others are counted */
#define TRACE_WORDS_MAX 1000u	  /* octets kept of any text of an event */

/* id, word. On disk: never change the order, add at the end. */
#define TRACE_EVENTS(X)                                                                    \
	X(ACCEPTED, "accepted")	  /* of a client; came, sender, recipients, size */        \
	X(REFUSED, "refused")	  /* as a whole, after RCPT; the same, words: the reply */ \
	X(CHECKED, "checked")	  /* words: of what leads on: its signatures */            \
	X(DELIVERED, "delivered") /* to an account of this site */                         \
	X(QUEUED, "queued")	  /* for others; server: destination, until: due */        \
	X(SENT, "sent")		  /* a server took it; server, facts, words, took */       \
	X(RELAYED, "relayed")	  /* the same, one that does not tell of success */        \
	X(DEFERRED, "deferred")	  /* the same, it did not; until: the next attempt */      \
	X(FAILED, "failed")	  /* the same, it refused for good */                      \
	X(EXPIRED, "expired")	  /* the same, and the time is over */                     \
	X(NOTIFIED, "notified")	  /* the sender was told; other: id of the DSN */          \
	X(HELD, "held")		  /* by the operator, as the following */                  \
	X(RELEASED, "released")                                                            \
	X(RETRIED, "retried")                                                              \
	X(DROPPED, "dropped")

enum trace_what {
#define X(id, word) TRACE_##id,
	TRACE_EVENTS(X)
#undef X
	    TRACE_WHATS
};
const char *trace_word(enum trace_what what);

/* What an event does not have is empty or 0. */
struct trace_event {
	enum trace_what what;
	int64_t at; /* microseconds, wall clock */
	bool has_sender;
	struct text sender; /* empty: the null sender, if it has one */
	struct texts recipients;
	uint64_t more; /* recipients that are not named */
	struct text message_id;
	struct text facts;  /* how it came, or of the connection it went by */
	struct text server; /* that said the words */
	struct text words;
	struct text other; /* id of another message */
	uint64_t account;
	uint64_t size;	/* octets */
	int64_t until;	/* seconds */
	uint64_t took;	/* milliseconds */
	uint32_t tries; /* made so far, this one counted */
};

struct trace_row {
	const struct trace_event *at;
	uint32_t count; /* 1 to TRACE_EVENTS_MAX */
};

/* Texts are cut to their bounds, and further recipients counted. */
void trace_row_pack(struct buffer *out, const struct trace_row *r);
/* Views of value and arena; CORRUPT for what is no such row. */
enum status trace_row_unpack(struct text value, struct arena *a, struct trace_row *out) MUST_CHECK;

/* Under what a row is found again. */
#define TRACE_MARKS_MAX 1024u /* of a row; further recipients are not found by */
struct trace_mark {
	uint8_t kind; /* KEY_T_MESSAGE_ID, KEY_T_SENDER, KEY_T_RECIPIENT */
	uint64_t hash;
};
struct trace_mark trace_mark_message_id(struct text id);
struct trace_mark trace_mark_sender(struct text address);
struct trace_mark trace_mark_recipient(struct text address);
/* How many a row may have, at most; and all of them, in room for so many. */
uint32_t trace_marks_most(const struct trace_row *r);
uint32_t trace_marks(const struct trace_row *r, struct trace_mark *out);

/* What one batch wrote, for trimming and for walking in the order of time. */
struct trace_noted {
	struct text id;
	int64_t at;
	uint32_t number;
	uint32_t marks;
	struct trace_mark *mark;
};
void trace_noted_pack(struct buffer *out, int64_t base, const struct trace_noted *n);
/* CORRUPT; the marks live in the arena. */
enum status trace_noted_unpack(
    struct unpack *u, int64_t base, struct arena *a, struct trace_noted *out) MUST_CHECK;

#endif
