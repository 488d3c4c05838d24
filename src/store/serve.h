/* SPDX-License-Identifier: ISC */
/*
 * From a call to an operation on an account and back to its answer. A handler
 * fills a struct that begins with struct account_op, in the request's arena,
 * and gives it here; the token is checked, the account is found, and
 *  - a write is queued: run() is its apply(), answer() replies when the commit
 *    is durable. What a repeated call must be told again, run() leaves in
 *    op.result, and answer() makes the reply from it.
 *  - a read is done at once on this thread if the account is in memory, from
 *    its published state and the engine; else it is queued behind the loading.
 */
#ifndef STORE_SERVE_H
#define STORE_SERVE_H

#include "auth/token.h"
#include "store/account.h"
#include "store/cold.h"

struct address;
struct address_key;

struct account_op {
	struct op op; /* first */
	struct account *a;
	struct token token; /* account 0: none, the store's own business */
	enum status (*run)(struct account_txn *t, struct op *op);
	/* Takes the account's lock for what it looks at. AGAIN: do it in the
	 * queue, where prepare() may complete the cached state. */
	enum status (*read)(struct account *a, struct op *op);
	enum status (*prepare)(struct account_txn *t, struct op *op);
	/* The call is repeated: what answer() needs beside op.result. Or NULL. */
	enum status (*again)(struct account_txn *t, struct op *op);
	void (*answer)(struct op *op);
	void (*drop)(struct op *op); /* frees what answer() would have; or NULL */
};

void serve_write(struct store *s, struct call_in *in, const void *request, struct account_op *o,
    struct text token, uint64_t op);
/* The same for an op that has nothing of its own. */
void serve_write_plain(struct store *s, struct call_in *in, const void *request,
    enum status (*run)(struct account_txn *t, struct op *op), void (*answer)(struct op *op),
    struct text token, uint64_t op);
void serve_read(struct store *s, struct call_in *in, const void *request, struct account_op *o,
    struct text token);
/* Has the call taken up by the pool (call_step_aside) if the account must be
 * loaded first: true, and in is not the handler's any more. */
bool serve_steps_aside(struct store *s, uint64_t account, struct call_in *in) MUST_CHECK;
/* The account of exactly that address; refuses the call otherwise. */
bool serve_find_account(struct store *s, struct call_in *in, struct text address,
    struct address_key *k, struct address *out) MUST_CHECK;
/* Without a token: for calls of auth, the operator and the store itself. op.in
 * may be NULL if answer and op.finish do not need it. */
void serve_trusted(struct store *s, uint64_t account, struct account_op *o);
/* A read, at once if the account is in memory. */
void serve_read_trusted(struct store *s, uint64_t account, struct account_op *o);
/* The same, or false and nothing done if it is not. */
bool serve_read_now(struct store *s, uint64_t account, struct account_op *o) MUST_CHECK;
/* As serve_trusted, from finish(). */
void serve_trusted_later(struct store *s, uint64_t account, struct account_op *o);
/* The same, waiting for the end; op.arena is set. For the background thread. */
enum status serve_wait(struct store *s, uint64_t account, struct account_op *o) MUST_CHECK;
/* Checks a token by itself. */
enum status serve_token(struct store *s, struct text bytes, unsigned scope, struct token *out,
    struct failure *f) MUST_CHECK;
/* The published mailbox of that number; NULL if it does not exist. Under the
 * lock. */
struct kept_mailbox *serve_mailbox(struct account *a, uint64_t id);
/* The same, by name. */
struct kept_mailbox *serve_named(struct account *a, struct text name);
/* Replies with a reply that has no fields. */
void serve_done(struct op *op);

/* Every call has a handler of this name. */
#define SERVE_DECLARE(name, roles, flags) \
	void serve_##name(struct call_in *in, const void *request, void *context);
STORE_CALLS(SERVE_DECLARE)

/* ---- shared by operations on messages ---- */

struct new_message {
	struct text summary, prefix;
	struct text container; /* of content, not packed into pieces yet */
	const struct text *piece;
	uint32_t pieces;
	struct blob_id blob;
	uint8_t shared; /* the blob is there already, under a reference: enum holder_kind */
	bool stored;	/* the blob is there already: do not write it */
	bool staged;	/* it is written in steps (store/stage.h) */
	uint32_t first; /* piece that is not written yet */
	uint64_t size;	/* raw octets of the content */
	uint8_t flags;
	uint16_t keywords[KEYWORDS_PER_MESSAGE];
	uint32_t keyword_count;
	int64_t date; /* seconds since 1970 */
	/* Filled in. */
	uint32_t uid;
};
/* Puts a new message into a mailbox: rows, blob, counters, event. */
enum status message_add(
    struct account_txn *t, struct op *op, struct edit *e, struct new_message *m) MUST_CHECK;
/* The same without the event, for who tells of several at once. */
enum status message_add_untold(
    struct account_txn *t, struct op *op, struct edit *e, struct new_message *m) MUST_CHECK;
/* Cuts a container; words for the client if it is none. */
enum status message_pieces(
    struct op *op, struct text container, const struct text **piece, uint32_t *count) MUST_CHECK;

/* A delivery into the INBOX of an account. */
struct delivery {
	struct text sender, summary;
	int64_t received;
	uint64_t size;
	const struct text *piece;
	uint32_t pieces;
	bool shared;	    /* blob is the content, under a reference that is written */
	struct text prefix; /* between the fields of the delivery and the content */
	bool staged;	    /* blob is being written (store/stage.h) */
	struct blob_id blob;
	bool over_quota; /* it was promised already */
};
enum status deliver_into(struct account_txn *t, struct op *op, const struct delivery *d) MUST_CHECK;

/* Messages of one mailbox to another: copies entries, or moves them. from: the
 * UIDs that were there; first: the first new UID. */
enum status messages_copy(struct account_txn *t, struct op *op, struct edit *src, struct edit *dst,
    const struct runs *uids, bool move, struct runs *from, uint32_t *first) MUST_CHECK;
/* Takes these entries, all of which are there, out of their mailbox, and tells
 * of it. left: where they stood is added, or NULL. */
struct leavings;
enum status messages_take_out(
    struct account_txn *t, struct edit *e, struct runs *uids, struct leavings *left) MUST_CHECK;
/* Removes them: out of the account's counters too, and their emails are left. */
enum status messages_remove(struct account_txn *t, struct edit *e, struct runs *uids) MUST_CHECK;

/* Content that may be deleted from then on (microseconds, wall clock). */
void garbage_put(struct account_txn *t, const struct email *e, int64_t due);
struct garbage {
	int64_t due; /* seconds */
	struct blob_id blob;
	uint32_t pieces;
	uint8_t shared; /* as struct email has it */
};
enum status garbage_unpack(struct text key, struct text value, struct garbage *out) MUST_CHECK;

/* run() of account_op: rows and content of an account that goes, of a mailbox
 * that goes, and content that is garbage; AGAIN until all is done. */
enum status account_purge(struct account_txn *t, struct op *op) MUST_CHECK;
enum status account_bury(struct account_txn *t, struct op *op) MUST_CHECK;

#define NAME_INBOX TEXT("INBOX")
/* The name as it is kept; words for the client. INVALID, LIMIT. */
enum status mailbox_name(
    struct op *op, struct text in, struct arena *a, struct text *out) MUST_CHECK;
bool mailbox_name_below(struct text name, struct text parent);
/* The mailbox and its missing parents. */
enum status mailbox_make(struct account_txn *t, struct op *op, struct text name, uint32_t use,
    struct edit **out) MUST_CHECK;

#endif
