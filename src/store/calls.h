/* SPDX-License-Identifier: ISC */
/*
 * Calls that role store serves. Every call of a front carries the token of the
 * session (auth/token.h); every write carries an op, a random number that is
 * the same when the call is made again: the store remembers ops for at least
 * 15 minutes and answers the second time as it did the first.
 *
 * Mailboxes are named by number (stable over RENAME), messages by UID.
 * Mailbox names are UTF-8 with "/" between levels; "INBOX" is spelt so.
 */
#ifndef STORE_CALLS_H
#define STORE_CALLS_H

#include "runtime/calls.h"

/* ---- addresses and deliveries ---- */

enum rcpt_verdict {
	RCPT_OK,
	RCPT_NO_SUCH_USER, /* 550 5.1.1 */
	RCPT_NOT_OURS,	   /* 550 5.7.1: not a domain of this site */
	RCPT_SUSPENDED,	   /* 450 4.2.1 */
	RCPT_FULL,	   /* 452 4.2.2 */
};
/* size: of the message if the client told it, else 0. QUOTA: it could never
 * fit (552 5.2.2). canonical: the address
 * in the directory's spelling. forwards: it leads to an address elsewhere, too
 * or only: store_deliver needs forward_sender. */
#define store_rcpt_REQUEST(F, S) F(S, TEXT, address) F(S, U64, size)
#define store_rcpt_REPLY(F, S) \
	F(S, U64, verdict) F(S, TEXT, canonical) F(S, U64, account) F(S, U64, forwards)

/* content: container of store/content.h; size, raw octets. verdicts: one enum
 * status a recipient (OK, NOT_FOUND, EXISTS, QUOTA, DENIED, FULL, AMBIGUOUS, UNAVAILABLE). With one
 * recipient it is committed to the account; with several, a queue record is
 * committed and then applied recipient by recipient. Aliases and catch-alls
 * are followed; an account that is reached twice gets the message once.
 *
 * What addresses elsewhere get by way of an alias or a forward goes into the
 * queue in the same commit: under forward_sender (SRS; the sender's own is good
 * too), with forward_prefix in front (whole header fields). Without it, unless
 * the sender is "<>", such a recipient is UNAVAILABLE. The sender itself is told
 * of what becomes of it. body, needs, ret, envid: as in QUEUE_ENVELOPE; orcpts,
 * notify: parallel to recipients, or empty. A local recipient whose NOTIFY has
 * SUCCESS is told of by DSN. In front of forward_prefix stands "Delivered-To:"
 * with the recipient, if it is the only one that leads elsewhere: the others'
 * need not be known to who gets it. been: of such fields in the message; a
 * recipient that leads elsewhere and stands there is EXISTS: it went on from
 * here before, and came back (RFC 9228 1). came: how the message came, for
 * the trace, words like "ESMTPS from client.example [192.0.2.1] TLSv1.3
 * TLS_AES_256_GCM_SHA384". checked: of what leads elsewhere, for the trace: what
 * its signatures were found to be, like "arc=none; dkim=pass header.d=a.example". */
#define store_deliver_REQUEST(F, S) \
	F(S, U64, op)               \
	F(S, TEXT, id)              \
	F(S, TEXT, sender)          \
	F(S, TEXTS, recipients)     \
	F(S, TEXT, came)            \
	F(S, TEXT, summary)         \
	F(S, PAYLOAD, content)      \
	F(S, U64, size)             \
	F(S, I64, received)         \
	F(S, U64, body)             \
	F(S, U64, needs)            \
	F(S, U64, ret)              \
	F(S, TEXT, envid)           \
	F(S, TEXTS, orcpts)         \
	F(S, NUMBERS, notify)       \
	F(S, TEXT, forward_sender) F(S, TEXT, forward_prefix) F(S, TEXTS, been) F(S, TEXT, checked)
#define store_deliver_REPLY(F, S) F(S, NUMBERS, verdicts)

/* For what recipient leads on to an address elsewhere: forward_sender
 * (mailauth/srs.h), in the recipient's domain; empty for "<>", and the
 * recipient where the sender has no room in it. domain: the recipient's, in
 * A-labels. NOT_FOUND: not a domain of this site. */
#define store_srs_REQUEST(F, S) F(S, TEXT, sender) F(S, TEXT, recipient)
#define store_srs_REPLY(F, S) F(S, TEXT, sender) F(S, TEXT, domain)

/* mailbox 0: the one of that name. flags: enum message_flag. date:
 * INTERNALDATE, seconds since 1970. */
#define store_append_REQUEST(F, S) \
	F(S, TEXT, token)          \
	F(S, U64, op)              \
	F(S, U64, mailbox)         \
	F(S, TEXT, name)           \
	F(S, U64, flags)           \
	F(S, TEXTS, keywords)      \
	F(S, I64, date) F(S, TEXT, summary) F(S, PAYLOAD, content) F(S, U64, size)
#define store_append_REPLY(F, S) F(S, U64, uidvalidity) F(S, U64, uid) F(S, U64, modseq)

/* Several messages in one commit, all of them or none; their UIDs are uid, uid
 * + 1 and so on. Each list has an element a message: flags, how many of the
 * keywords are its own, date, raw octets, and how many octets of summaries and
 * of contents are its own; what is its own stands behind what is those' before
 * it. LIMIT: more than APPEND_ALL_MAX messages. */
#define APPEND_ALL_MAX 10000u
#define store_append_all_REQUEST(F, S) \
	F(S, TEXT, token)              \
	F(S, U64, op)                  \
	F(S, U64, mailbox)             \
	F(S, TEXT, name)               \
	F(S, NUMBERS, flags)           \
	F(S, NUMBERS, keyword_counts)  \
	F(S, TEXTS, keywords)          \
	F(S, NUMBERS, dates)           \
	F(S, NUMBERS, sizes)           \
	F(S, NUMBERS, summary_sizes)   \
	F(S, PAYLOAD, summaries) F(S, NUMBERS, content_sizes) F(S, PAYLOAD, contents)
#define store_append_all_REPLY(F, S) F(S, U64, uidvalidity) F(S, U64, uid) F(S, U64, modseq)

/* ---- mailboxes ---- */

enum message_flag {
	FLAG_SEEN = 1,
	FLAG_ANSWERED = 2,
	FLAG_FLAGGED = 4,
	FLAG_DELETED = 8,
	FLAG_DRAFT = 16,
	FLAG_ALL = 31,
};

/* RFC 6154; one of each an account. */
#define MAILBOX_USE_TABLE(X)    \
	X(NONE, "")             \
	X(ALL, "\\All")         \
	X(ARCHIVE, "\\Archive") \
	X(DRAFTS, "\\Drafts")   \
	X(FLAGGED, "\\Flagged") \
	X(JUNK, "\\Junk")       \
	X(SENT, "\\Sent")       \
	X(TRASH, "\\Trash")     \
	X(IMPORTANT, "\\Important")
enum mailbox_use {
#define X(id, word) USE_##id,
	MAILBOX_USE_TABLE(X)
#undef X
	    USE_COUNT
};

#define MAILBOX_NAME_MAX 1000 /* octets of the whole name */
#define MAILBOX_DEPTH_MAX 50

/* A row of store_mailboxes; packed in the reply. */
struct store_mailbox {
	uint32_t id;
	struct text name;
	uint32_t use; /* enum mailbox_use */
	bool subscribed;
	bool exists;   /* false: only subscribed, or only a parent of others */
	bool children; /* some mailbox that exists is below it */
	uint32_t uidvalidity, uidnext;
	uint64_t highest_modseq;
	uint64_t messages, unseen, deleted, recent, octets;
};
void store_mailbox_pack(struct buffer *out, const struct store_mailbox *m);
/* Bad packing leaves u->bad set. */
void store_mailbox_unpack(struct unpack *u, struct store_mailbox *out);

/* The order of a list, in which a mailbox is followed by all below it: that of
 * octets, "/" before all others. */
int mailbox_order(struct text a, struct text b);

/* Mailboxes whose names begin with `prefix`, in mailbox_order, after the name
 * `after`; resume is empty at the end, else the `after` of the next call. most:
 * so many rows and no resume; 0: all. A name that is only a parent of others
 * has a row too. */
#define store_mailboxes_REQUEST(F, S) \
	F(S, TEXT, token) F(S, TEXT, after) F(S, TEXT, prefix) F(S, U64, most)
#define store_mailboxes_REPLY(F, S) F(S, TEXT, rows) F(S, TEXT, resume)

/* One by name: the packed row. room: octets that the account may still take.
 * NOT_FOUND. */
#define store_mailbox_REQUEST(F, S) F(S, TEXT, token) F(S, TEXT, name)
#define store_mailbox_REPLY(F, S) F(S, TEXT, row) F(S, U64, room)

/* Parents are made too (RFC 9051 6.3.4). EXISTS, LIMIT, INVALID. */
#define store_create_REQUEST(F, S) F(S, TEXT, token) F(S, U64, op) F(S, TEXT, name) F(S, U64, use)
#define store_create_REPLY(F, S) F(S, U64, mailbox) F(S, U64, uidvalidity)
/* Children stay. Not INBOX: DENIED. */
#define store_remove_REQUEST(F, S) F(S, TEXT, token) F(S, U64, op) F(S, TEXT, name)
#define store_remove_REPLY(F, S)
/* With all children, without their subscriptions; INBOX: its messages move to
 * the new name (RFC 9051 6.3.6). */
#define store_rename_REQUEST(F, S) F(S, TEXT, token) F(S, U64, op) F(S, TEXT, from) F(S, TEXT, to)
#define store_rename_REPLY(F, S)
#define store_subscribe_REQUEST(F, S) F(S, TEXT, token) F(S, U64, op) F(S, TEXT, name) F(S, U64, on)
#define store_subscribe_REPLY(F, S)

/* Opens a mailbox for a session: what SELECT answers. claim: take the recent
 * messages (SELECT, not EXAMINE): recent_from is the first UID that was not
 * yet claimed by a session. keywords: the account's names; a message's keyword
 * numbers are positions in it; the list only grows. modseq: the account's;
 * highest: that of the mailbox's own last change, never 0 (RFC 7162 3.1.2.1).
 *
 * A process that knows the UIDs of this mailbox as of a modseq may say so: have,
 * the mailbox, and since. If it is the mailbox and the log says what happened
 * after that modseq, differs is 1, and added and vanished stand in place of
 * uids. */
#define store_open_REQUEST(F, S) \
	F(S, TEXT, token)        \
	F(S, TEXT, name)         \
	F(S, U64, claim)         \
	F(S, U64, have) F(S, U64, since)
#define store_open_REPLY(F, S)  \
	F(S, U64, mailbox)      \
	F(S, U64, uidvalidity)  \
	F(S, U64, uidnext)      \
	F(S, U64, modseq)       \
	F(S, U64, highest)      \
	F(S, RUNS, uids)        \
	F(S, U64, differs)      \
	F(S, RUNS, added)       \
	F(S, RUNS, vanished)    \
	F(S, U64, first_unseen) \
	F(S, U64, unseen) F(S, U64, recent_from) F(S, U64, use) F(S, TEXTS, keywords)

/* What happened in a mailbox after modseq `since`: new UIDs, vanished UIDs,
 * rows (as store_fetch, without items) whose flags changed, and keyword names
 * from position keywords_from on. If the log no longer reaches back, full is 1
 * and uids is all that is there now. recent as in store_open. highest as in
 * store_open. reach: a modseq that the caller has seen, which the answer
 * includes (0: whatever there is). NOT_FOUND: the mailbox is gone.
 *
 * resync: for a client that comes back (RFC 7162 3.2.5, 3.2.6). vanished is
 * then all that went, also what came after `since`; changed, the UIDs of what
 * came or has other flags, is there in place of added and rows, and full says
 * only that neither is known. */
#define store_changes_REQUEST(F, S) \
	F(S, TEXT, token)           \
	F(S, U64, mailbox)          \
	F(S, U64, since)            \
	F(S, U64, keywords_from)    \
	F(S, U64, claim) F(S, U64, reach) F(S, U64, resync)
#define store_changes_REPLY(F, S) \
	F(S, U64, modseq)         \
	F(S, U64, highest)        \
	F(S, U64, uidnext)        \
	F(S, U64, full)           \
	F(S, RUNS, uids)          \
	F(S, RUNS, added)         \
	F(S, RUNS, changed)       \
	F(S, RUNS, vanished) F(S, TEXT, rows) F(S, U64, recent_from) F(S, TEXTS, keywords)

/* ---- messages ---- */

#define KEYWORDS_PER_MESSAGE 64
#define KEYWORDS_PER_ACCOUNT 10000
#define KEYWORD_MAX 100 /* octets */

enum fetch_item {
	FETCH_FLAGS = 1,   /* always there */
	FETCH_SUMMARY = 2, /* cold row: summary, prefix, thread */
	FETCH_PIECE0 = 4,  /* first piece of the content; implies the prefix */
	FETCH_HEADER = 8,  /* the same without the body in it; nothing beside PIECE0 */
	FETCH_SHOWN = 16, /* of the summary what mime_summary_shown gives; nothing beside SUMMARY */
};

struct store_row {
	uint32_t uid;
	uint64_t modseq;
	uint32_t flags; /* enum message_flag */
	uint32_t keyword_count;
	uint16_t keywords[KEYWORDS_PER_MESSAGE];
	uint64_t size;	     /* prefix included */
	int64_t date;	     /* INTERNALDATE, seconds since 1970 */
	uint64_t email;	     /* id of the message in the account (OBJECTID) */
	uint64_t thread;     /* FETCH_SUMMARY */
	struct text prefix;  /* all but SHOWN: octets in front of the content */
	struct text summary; /* FETCH_SUMMARY, FETCH_SHOWN */
	struct text piece0;  /* FETCH_PIECE0, FETCH_HEADER */
};
void store_row_pack(struct buffer *out, const struct store_row *r, unsigned items);
void store_row_unpack(struct unpack *u, unsigned items, struct store_row *out);

/* Rows of those UIDs that are there, in order; as many as fit a reply: go on
 * with the UIDs from resume on, 0 at the end. since: only rows whose modseq is
 * greater. keyword_total: how many keyword names the account and these rows
 * have now. */
#define store_fetch_REQUEST(F, S) \
	F(S, TEXT, token) F(S, U64, mailbox) F(S, RUNS, uids) F(S, U64, items) F(S, U64, since)
#define store_fetch_REPLY(F, S) \
	F(S, TEXT, rows) F(S, U64, resume) F(S, U64, modseq) F(S, U64, keyword_total)

/* What is asked of messages: that something is so (negate: is not). */
enum match_what {
	MATCH_FLAG,    /* any of the enum message_flag in low */
	MATCH_KEYWORD, /* the one at position low */
	MATCH_DATE,    /* seconds since 1970, low to high */
	MATCH_SIZE,    /* octets with the prefix, low to high */
};
struct store_question {
	enum match_what what;
	int64_t low, high;
	bool negate;
};
#define STORE_QUESTIONS_MAX 32
void store_question_pack(struct buffer *out, const struct store_question *q);
/* Bad packing leaves u->bad set. */
void store_question_unpack(struct unpack *u, struct store_question *out);

/* Of which of those UIDs all questions, packed, are true. absent: those that
 * are not there. changed: those whose modseq is above since, which is 0 or the
 * modseq of an earlier answer: what that said of them is not from the same moment.
 * Go on with the UIDs from resume on, 0 at the end. INVALID: these are no questions. */
#define store_match_REQUEST(F, S) \
	F(S, TEXT, token) F(S, U64, mailbox) F(S, RUNS, uids) F(S, TEXT, questions) F(S, U64, since)
#define store_match_REPLY(F, S) \
	F(S, RUNS, yes) F(S, RUNS, absent) F(S, RUNS, changed) F(S, U64, resume) F(S, U64, modseq)

/* One piece of a message's content. NOT_FOUND: expunged. */
#define store_piece_REQUEST(F, S) \
	F(S, TEXT, token) F(S, U64, mailbox) F(S, U64, uid) F(S, U64, piece)
#define store_piece_REPLY(F, S) F(S, TEXT, prefix) F(S, PAYLOAD, bytes)

/* Messages without a hole between them that have all of this in common. */
struct store_span {
	uint32_t first, last; /* UIDs */
	uint64_t modseq;
	uint32_t flags; /* enum message_flag */
	uint32_t keyword_count;
	uint16_t keywords[KEYWORDS_PER_MESSAGE];
};
void store_span_pack(struct buffer *out, const struct store_span *s);
/* out is good if unpack_ok says so. */
void store_span_unpack(struct unpack *u, struct store_span *out);

enum flags_mode { FLAGS_ADD, FLAGS_REMOVE, FLAGS_REPLACE };
/* One commit and one row of the change log for the whole set. unchanged_since:
 * only messages whose modseq is not greater (RFC 7162 3.1.3), UINT64_MAX: all;
 * the others come back in stale. spans: the messages that were touched, changed
 * or not, in order. There is room for 768 KiB of spans: messages from UID resume
 * on (0: none) are to be had by store_fetch. newest: the greatest modseq among
 * them; quiet: no spans are wanted, only that. */
#define store_flags_REQUEST(F, S) \
	F(S, TEXT, token)         \
	F(S, U64, op)             \
	F(S, U64, mailbox)        \
	F(S, RUNS, uids)          \
	F(S, U64, mode)           \
	F(S, U64, flags) F(S, TEXTS, keywords) F(S, U64, unchanged_since) F(S, U64, quiet)
#define store_flags_REPLY(F, S) \
	F(S, TEXT, spans)       \
	F(S, RUNS, stale)       \
	F(S, U64, modseq) F(S, U64, newest) F(S, U64, keyword_total) F(S, U64, resume)

/* Into another (or the same) mailbox, new UIDs in order of the old ones. from:
 * the UIDs that were there; the new ones are first .. first + count - 1. whole:
 * all of them or none, CONFLICT where one is not there. NOT_FOUND: no mailbox
 * `to`; INVALID: the one they are in is gone; LIMIT: more than 200,000, none of
 * which is copied. */
#define store_copy_REQUEST(F, S) \
	F(S, TEXT, token)        \
	F(S, U64, op)            \
	F(S, U64, mailbox) F(S, RUNS, uids) F(S, TEXT, to) F(S, U64, move) F(S, U64, whole)
#define store_copy_REPLY(F, S) \
	F(S, U64, uidvalidity) F(S, RUNS, from) F(S, U64, first) F(S, U64, modseq)

/* Those of uids (all: every UID) that have \Deleted, or all of them if force
 * (POP3). */
#define store_expunge_REQUEST(F, S) \
	F(S, TEXT, token)           \
	F(S, U64, op) F(S, U64, mailbox) F(S, U64, all) F(S, RUNS, uids) F(S, U64, force)
#define store_expunge_REPLY(F, S) F(S, RUNS, gone) F(S, U64, modseq)

#define store_quota_REQUEST(F, S) F(S, TEXT, token)
#define store_quota_REPLY(F, S) F(S, U64, octets) F(S, U64, octets_max) F(S, U64, messages)

/* POP3: the maildrop for one session, until released or the link is lost.
 * holder: a random number that stands for the session, which may take it again
 * at any time, over another link too. CONFLICT: another session has it. */
#define store_maildrop_REQUEST(F, S) F(S, TEXT, token) F(S, U64, holder) F(S, U64, take)
#define store_maildrop_REPLY(F, S)

/* ---- the change feed ---- */

/* One stream a process; pushes the account and its new modseq for each account
 * that was added on the same link by store_watch. */
#define store_feed_REQUEST(F, S)
#define store_feed_REPLY(F, S) F(S, U64, account) F(S, U64, modseq)
#define store_watch_REQUEST(F, S) F(S, TEXT, token) F(S, U64, on)
#define store_watch_REPLY(F, S) F(S, U64, modseq)

/* ---- for auth ---- */

/* NOT_FOUND: no such account. The verifier is sealed (auth/verifier.h). stopped: words for
 * the owner, if sending is stopped; else empty. */
#define store_verifier_REQUEST(F, S) F(S, TEXT, address)
#define store_verifier_REPLY(F, S) \
	F(S, U64, account)         \
	F(S, TEXT, canonical)      \
	F(S, TEXT, verifier)       \
	F(S, U64, generation) F(S, U64, suspended) F(S, U64, admin) F(S, TEXT, stopped)
/* An upgraded verifier in place of `old`; CONFLICT if it is another by now. */
#define store_verifier_set_REQUEST(F, S) \
	F(S, U64, account) F(S, TEXT, old) F(S, TEXT, verifier) F(S, U64, has_scram)
#define store_verifier_set_REPLY(F, S)
/* How many accounts there are, and how many have no SCRAM verifier. */
#define store_verifier_census_REQUEST(F, S)
#define store_verifier_census_REPLY(F, S) F(S, U64, accounts) F(S, U64, without_scram)

/* ---- for the operator ---- */

#define store_domain_add_REQUEST(F, S) F(S, TEXT, name)
#define store_domain_add_REPLY(F, S)
/* DENIED while it has accounts or aliases. */
#define store_domain_remove_REQUEST(F, S) F(S, TEXT, name)
#define store_domain_remove_REPLY(F, S)
#define store_domains_REQUEST(F, S) F(S, TEXT, after)
#define store_domains_REPLY(F, S) \
	F(S, TEXTS, names)        \
	F(S, NUMBERS, accounts) F(S, NUMBERS, aliases) F(S, TEXTS, catch_all) F(S, TEXT, resume)
/* Empty address: none. */
#define store_catch_all_REQUEST(F, S) F(S, TEXT, domain) F(S, TEXT, address)
#define store_catch_all_REPLY(F, S)

/* DKIM keys of a domain, at most 16. Keeps one that auth made (active: seconds,
 * when it begins to sign). retire: others of the same kind stop then. The same
 * number again: done. EXISTS: a key of that selector; LIMIT. */
#define store_dkim_add_REQUEST(F, S) \
	F(S, TEXT, domain)           \
	F(S, TEXT, selector)         \
	F(S, U64, number)            \
	F(S, U64, algorithm)         \
	F(S, TEXT, record) F(S, TEXT, sealed) F(S, I64, active) F(S, U64, retire)
#define store_dkim_add_REPLY(F, S)
#define store_dkim_remove_REQUEST(F, S) F(S, TEXT, domain) F(S, TEXT, selector)
#define store_dkim_remove_REPLY(F, S)
/* All of them, oldest first, parallel lists; retired 0: not yet told. domain: in
 * the directory's spelling; hostname: of this site. */
#define store_dkim_keys_REQUEST(F, S) F(S, TEXT, domain)
#define store_dkim_keys_REPLY(F, S) \
	F(S, TEXT, domain)          \
	F(S, TEXT, hostname)        \
	F(S, NUMBERS, numbers)      \
	F(S, TEXTS, selectors)      \
	F(S, NUMBERS, algorithms)   \
	F(S, TEXTS, records)        \
	F(S, NUMBERS, created) F(S, NUMBERS, active) F(S, NUMBERS, retired)
/* Those that sign now, for who asks auth_dkim_sign. NOT_FOUND: no such domain. */
#define store_dkim_active_REQUEST(F, S) F(S, TEXT, domain)
#define store_dkim_active_REPLY(F, S) \
	F(S, TEXT, domain) F(S, NUMBERS, numbers) F(S, TEXTS, selectors) F(S, NUMBERS, algorithms)
/* One of them, sealed, for auth. */
#define store_dkim_sealed_REQUEST(F, S) F(S, TEXT, domain) F(S, U64, number)
#define store_dkim_sealed_REPLY(F, S) F(S, TEXT, selector) F(S, TEXT, sealed)

/* Makes the account with INBOX, Drafts, Sent, Archive, Junk and Trash. */
#define store_account_add_REQUEST(F, S) \
	F(S, TEXT, address)             \
	F(S, TEXT, verifier) F(S, U64, has_scram) F(S, U64, admin) F(S, U64, quota)
#define store_account_add_REPLY(F, S) F(S, U64, account)
/* forwards: addresses that its mail goes on to; keep: it gets the mail, too. */
#define store_account_REQUEST(F, S) F(S, TEXT, address)
#define store_account_REPLY(F, S) \
	F(S, U64, account)        \
	F(S, TEXT, address)       \
	F(S, U64, suspended)      \
	F(S, U64, admin)          \
	F(S, U64, quota)          \
	F(S, U64, octets)         \
	F(S, U64, messages)       \
	F(S, U64, mailboxes)      \
	F(S, I64, created) F(S, U64, has_scram) F(S, TEXTS, forwards) F(S, U64, keep)
/* In order of domain and address; domain empty: all. */
#define store_accounts_REQUEST(F, S) F(S, TEXT, domain) F(S, TEXT, after)
#define store_accounts_REPLY(F, S) \
	F(S, TEXTS, addresses) F(S, NUMBERS, accounts) F(S, NUMBERS, suspended) F(S, TEXT, resume)
/* Fields: enum account_change says which one. */
enum account_change { ACCOUNT_VERIFIER, ACCOUNT_SUSPENDED, ACCOUNT_ADMIN, ACCOUNT_QUOTA };
#define store_account_set_REQUEST(F, S) \
	F(S, TEXT, address)             \
	F(S, U64, change) F(S, TEXT, verifier) F(S, U64, has_scram) F(S, U64, value)
#define store_account_set_REPLY(F, S)
/* Its mail goes on to these addresses, here or elsewhere, and with keep into its
 * own mailboxes, too; without targets it stays here again. Mail that its targets
 * lead back to it ends here. INVALID: a target leads nowhere, or more than
 * ALIAS_TARGETS_MAX of them. */
#define store_account_forward_REQUEST(F, S) F(S, TEXT, address) F(S, TEXTS, targets) F(S, U64, keep)
#define store_account_forward_REPLY(F, S)
/* Mail and all; the address is free again. */
#define store_account_remove_REQUEST(F, S) F(S, TEXT, address)
#define store_account_remove_REPLY(F, S)

/* Tells by a push without fields that the directory changed, or a setting, the
 * right of an account to send or the suppression list: what was asked before may be
 * out of date. The first push says that the feed stands. */
#define store_directory_feed_REQUEST(F, S)
#define store_directory_feed_REPLY(F, S)

/* Replaces the targets: addresses of this site that lead somewhere, and any
 * elsewhere (INVALID with words). */
#define store_alias_add_REQUEST(F, S) F(S, TEXT, address) F(S, TEXTS, targets)
#define store_alias_add_REPLY(F, S)
#define store_alias_remove_REQUEST(F, S) F(S, TEXT, address)
#define store_alias_remove_REPLY(F, S)
#define store_aliases_REQUEST(F, S) F(S, TEXT, domain) F(S, TEXT, after)
#define store_aliases_REPLY(F, S) F(S, TEXTS, addresses) F(S, TEXTS, targets) F(S, TEXT, resume)

/* Live settings (runtime/settings.h); an empty value gives the default back.
 * Every role asks once at start, and is told of changes by runtime_setting. */
#define store_settings_REQUEST(F, S)
#define store_settings_REPLY(F, S) F(S, TEXTS, names) F(S, TEXTS, values)
#define store_setting_set_REQUEST(F, S) F(S, TEXT, name) F(S, TEXT, value)
#define store_setting_set_REPLY(F, S)

/* Verifies one account (0: directory, queue and references) against itself:
 * rows, counters, change log, blobs. problems: words, one each, at most 100. */
#define store_check_REQUEST(F, S) F(S, U64, account)
#define store_check_REPLY(F, S) F(S, TEXTS, problems) F(S, U64, rows) F(S, U64, next)

#define STORE_FRONTS (BY_ACCESS | BY_WEB)
#define STORE_ANY_ROLE \
	(BY_AUTH | BY_INTAKE | BY_MX | BY_ACCESS | BY_WEB | BY_LOOKUP | BY_SCAN | BY_OUTBOUND)

#define STORE_CALLS(X)                                            \
	X(store_rcpt, BY_MX | BY_ACCESS, CALL_AGAIN | CALL_QUICK) \
	X(store_deliver, BY_INTAKE, CALL_AGAIN | CALL_SHORT)      \
	X(store_srs, BY_INTAKE, CALL_AGAIN)                       \
	X(store_append, BY_INTAKE, CALL_AGAIN | CALL_SHORT)       \
	X(store_append_all, BY_INTAKE, CALL_AGAIN)                \
	X(store_mailboxes, STORE_FRONTS, CALL_AGAIN)              \
	X(store_mailbox, STORE_FRONTS, CALL_AGAIN | CALL_SHORT)   \
	X(store_create, STORE_FRONTS, CALL_AGAIN)                 \
	X(store_remove, STORE_FRONTS, CALL_AGAIN)                 \
	X(store_rename, STORE_FRONTS, CALL_AGAIN)                 \
	X(store_subscribe, STORE_FRONTS, CALL_AGAIN)              \
	X(store_open, STORE_FRONTS, CALL_AGAIN | CALL_SHORT)      \
	X(store_changes, STORE_FRONTS, CALL_AGAIN | CALL_SHORT)   \
	X(store_fetch, STORE_FRONTS, CALL_AGAIN)                  \
	X(store_match, STORE_FRONTS, CALL_AGAIN)                  \
	X(store_piece, STORE_FRONTS, CALL_AGAIN)                  \
	X(store_flags, STORE_FRONTS, CALL_AGAIN)                  \
	X(store_copy, STORE_FRONTS, CALL_AGAIN)                   \
	X(store_expunge, STORE_FRONTS, CALL_AGAIN)                \
	X(store_quota, STORE_FRONTS, CALL_AGAIN)                  \
	X(store_maildrop, STORE_FRONTS, CALL_AGAIN)               \
	X(store_feed, STORE_FRONTS, CALL_STREAM)                  \
	X(store_watch, STORE_FRONTS, CALL_AGAIN | CALL_SHORT)     \
	X(store_directory_feed, BY_MX | BY_ACCESS, CALL_STREAM)   \
	X(store_verifier, BY_AUTH, CALL_AGAIN)                    \
	X(store_verifier_set, BY_AUTH, CALL_AGAIN)                \
	X(store_verifier_census, BY_AUTH, CALL_AGAIN)             \
	X(store_domain_add, BY_ADMIN, CALL_AGAIN)                 \
	X(store_domain_remove, BY_ADMIN, CALL_AGAIN)              \
	X(store_domains, BY_ADMIN, CALL_AGAIN)                    \
	X(store_catch_all, BY_ADMIN, CALL_AGAIN)                  \
	X(store_dkim_add, BY_ADMIN, CALL_AGAIN)                   \
	X(store_dkim_remove, BY_ADMIN, CALL_AGAIN)                \
	X(store_dkim_keys, BY_ADMIN, CALL_AGAIN)                  \
	X(store_dkim_active, BY_INTAKE, CALL_AGAIN)               \
	X(store_dkim_sealed, BY_AUTH, CALL_AGAIN)                 \
	X(store_account_add, BY_ADMIN, CALL_AGAIN)                \
	X(store_account, BY_ADMIN, CALL_AGAIN)                    \
	X(store_accounts, BY_ADMIN, CALL_AGAIN)                   \
	X(store_account_set, BY_ADMIN, CALL_AGAIN)                \
	X(store_account_remove, BY_ADMIN, CALL_AGAIN)             \
	X(store_account_forward, BY_ADMIN, CALL_AGAIN)            \
	X(store_alias_add, BY_ADMIN, CALL_AGAIN)                  \
	X(store_alias_remove, BY_ADMIN, CALL_AGAIN)               \
	X(store_aliases, BY_ADMIN, CALL_AGAIN)                    \
	X(store_settings, STORE_ANY_ROLE | BY_ADMIN, CALL_AGAIN)  \
	X(store_setting_set, BY_ADMIN, CALL_AGAIN)                \
	X(store_check, BY_ADMIN, CALL_AGAIN)

CALLS_DECLARE(store, STORE_CALLS)

#endif
