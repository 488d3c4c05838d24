/* SPDX-License-Identifier: ISC */
/*
 * Limits against abuse of sending. Whoever sends (an account, or a network that
 * may relay by its address) has windows of what it sent (store/sending_counts.h)
 * and a memory of whom it wrote to. They live in memory while it sends; on the
 * disk they are rows in the shards of the queue, a part of the whole in each,
 * put in the batch that brings a message: one row, and one more if there are
 * recipients it never wrote to.
 *
 *	counted in memory -> message and rows in one batch
 *	                  -> or taken back, if it came to nothing
 *
 * Since a message is counted before its batch is written, sessions side by side
 * do not come over a limit together. What a sender may do besides, and
 * whether its sending is stopped, are rules: rows of the site's second entity.
 *
 *	FREE -> frozen: HOLD and TELL to be done -> frozen
 *	     -> resumed: RELEASE to be done -> FREE
 *
 * What is to be done stands in the row, is done in the background in bounded
 * steps, and goes on after a restart.
 */
#ifndef STORE_SENDING_H
#define STORE_SENDING_H

#include <stdatomic.h>

#include "store/limits_calls.h"
#include "store/owner.h"
#include "store/sending_counts.h"
#include "store/submission_calls.h"

#define SENDING_WHY_MAX 500u			/* octets */
#define SENDING_BOUNCES_KEPT 4u			/* bounces in a row are written down by so many */
#define SENDING_BOUNCES_SECONDS (7 * 24 * 3600) /* and count no more, if no other came */

enum sending_kind { SENDING_ACCOUNT = 1, SENDING_NETWORK = 2 };

struct sending_key {
	enum sending_kind kind;
	uint64_t id; /* account, or hash of the network's name */
};

/* A sender's number, by which rules and the rows of its mail name it: that of the
 * account, or of a network one with the uppermost bit, which no account has. */
#define SENDING_NETWORK_BIT (UINT64_C(1) << 63)

static inline uint64_t
sending_number(struct sending_key who)
{
	return who.kind == SENDING_NETWORK ? who.id | SENDING_NETWORK_BIT : who.id;
}

static inline bool
sending_is_network(uint64_t sender)
{
	return (sender & SENDING_NETWORK_BIT) != 0;
}

/* FORGET: the account is removed, the row goes when nothing else is to be done. */
enum sending_todo { SENDING_HOLD = 1, SENDING_TELL = 2, SENDING_RELEASE = 4, SENDING_FORGET = 8 };
#define SENDING_TODO_ALL 15u

/* A limit of its own: the number and 1; 0: the setting's. Limit 0 is none. */
struct sending_rule {
	int64_t since; /* it is stopped since then, seconds; 0: it is not */
	uint32_t todo; /* enum sending_todo, or-ed */
	bool by_operator;
	struct text why; /* a sentence without its end */
	uint64_t limit[SENDING_LIMITS];
	struct text name; /* of a network, or address, once it was stopped or has limits */
	uint64_t bounces; /* in a row, as many as a multiple of SENDING_BOUNCES_KEPT */
	int64_t bounced;  /* when that was written down, seconds */
};

/* How far the background is in changing the mail of an account. */
struct sending_pass {
	uint64_t sender; /* 0: none */
	int64_t since;	 /* of its rule */
	char after[64];	 /* where the next step begins */
	size_t after_len;
	uint64_t left; /* recipients that were changed, or are busy */
};

struct sending {
	pthread_mutex_t lock;
	struct map senders[SENDING_NETWORK + 1]; /* id -> struct sender */
	struct map bounces;			 /* sender -> bounces in a row */
	int64_t swept;				 /* seconds */
	int64_t next;	    /* when what is to be done is tried again, seconds */
	_Atomic bool late;  /* mail of a removed account came in after it was forgotten */
	_Atomic bool hurry; /* a rule was changed: now */
	struct sending_pass pass;
	struct owner owner; /* of the rules */
	struct map rules;   /* sender -> struct sending_rule, under the owner's lock */
};

void sending_init(struct store *s);
enum status sending_load(struct store *s) MUST_CHECK;
void sending_done(struct store *s);
/* What is to be done, and what need not be in memory any more; each second. */
void sending_tend(struct store *s);

/* ---- asking (sending.c) ---- */

/* Who asks. address: of the account, in the directory's spelling, or the client's.
 * network: its name, if it is one. */
struct sending_who {
	struct sending_key key;
	struct text address, network;
};

/* An answer: OK, LIMITED or FROZEN with words in the arena. */
struct sending_answer {
	enum submission_verdict verdict;
	struct text words;
	bool calm; /* many more would be OK, too */
};

/* Words for the owner, in the arena, if sending of the account is stopped; else empty. */
struct text sending_stopped(
    struct store *s, uint64_t account, struct text address, struct arena *a);
/* Whether one more message may be begun. What is refused for a limit too often
 * in an hour stops the account. May read rows. */
enum status sending_may_begin(struct store *s, const struct sending_who *who, struct arena *a,
    struct sending_answer *out) MUST_CHECK;
/* Whether it may go to one more recipient, beside so many of the message. */
enum status sending_may_address(struct store *s, const struct sending_who *who,
    struct text recipient, uint64_t before, struct arena *a, struct sending_answer *out) MUST_CHECK;

/* A message's share of the counts. */
struct sending_share {
	struct sending_key key;
	int64_t at; /* seconds; 0: nothing is counted */
	uint32_t n[SENDING_WHATS + 1];
	uint32_t *first; /* hashes of recipients that were never written to before */
};
/* Counts the message, unless that would be too much. */
enum status sending_count(struct store *s, const struct sending_who *who,
    const struct texts *recipients, struct arena *a, struct sending_share *share,
    struct sending_answer *out) MUST_CHECK;
/* For apply() on a shard of the queue: its rows. */
enum status sending_put(struct txn *t, const struct sending_share *share) MUST_CHECK;
/* The batch was written, or else nothing came of it. */
void sending_counted(struct store *s, const struct sending_share *share, bool written);
/* What became of a recipient elsewhere: there is nobody of that name, or not.
 * sender: 0: nobody's. */
void sending_bounced(struct store *s, uint64_t sender, bool nobody);

/* Its rows in a shard of the queue; NOT_FOUND: there are none. */
enum status sending_has_rows(struct store *s, struct sending_key who, uint32_t shard) MUST_CHECK;
void sending_delete(struct txn *t, struct sending_key who);
/* What is in memory, unless a message of it is under way: then it goes when it is idle,
 * and the account is forgotten once more, since the message has brought rows. */
void sending_unlearn(struct store *s, struct sending_key who);
/* All that is known of an account that was removed, in memory and in rows; waits.
 * For the background thread. */
enum status sending_forget(struct store *s, uint64_t account) MUST_CHECK;

/* What holds for a sender: its rule, and of a network the limits of so many accounts. */
void sending_rule_in_force(
    struct store *s, struct sending_key who, struct arena *a, struct sending_rule *out);
/* In force by that. */
uint64_t sending_limit(const struct sending_rule *r, unsigned limit);
/* So much of each limit is used now. */
enum status sending_used(
    struct store *s, struct sending_key key, uint64_t used[SENDING_LIMITS]) MUST_CHECK;

/* Rows: CORRUPT. */
enum status sending_row_check(struct text key, struct text value) MUST_CHECK;

/* ---- rules (sending_rules.c) ---- */

enum sending_change {
	SENDING_FREEZE,
	SENDING_RESUME,
	SENDING_SET_LIMIT,
	SENDING_FINISHED, /* todo: what was done of a rule that began `since` */
	SENDING_GONE,	  /* the account was removed */
	SENDING_BOUNCES,  /* value: in a row */
	SENDING_CHANGES
};

struct sending_order {
	struct op op; /* first */
	uint64_t sender;
	enum sending_change change;
	struct text name; /* of a network, or address, if it is known */
	struct text why;  /* freeze */
	bool by_operator;
	unsigned limit;
	uint64_t value;
	uint32_t todo;
	int64_t since;
	bool changed; /* filled in: it was not so before */
	struct store *store;
	struct arena own; /* if there is no call */
};

void sending_rules_init(struct store *s);
/* The rule as it is, texts in the arena; one of zeros if there is none. */
void sending_rule(struct store *s, uint64_t sender, struct arena *a, struct sending_rule *out);
/* Whether its sending is stopped, and some of its mail may not be held yet. */
bool sending_is_holding(struct store *s, uint64_t sender);
/* op.in, op.arena and op.finish are the caller's. */
void sending_order(struct store *s, struct sending_order *o);
/* The same, waiting for its end; op.arena is set. */
enum status sending_order_wait(struct store *s, struct sending_order *o) MUST_CHECK;
/* Stops it in the background, for a reason that this sentence gives. name: of a network. */
void sending_freeze(struct store *s, uint64_t sender, struct text name, const char *why, ...)
    PRINTF_LIKE(4, 5);
/* Writes down in the background how many bounces it has in a row. */
void sending_keep_bounces(struct store *s, uint64_t sender, uint64_t bounces);
/* Senders with something to be done, in the arena. */
struct numbers sending_unfinished(struct store *s, struct arena *a);
/* Those with bounces that were written down before then. */
struct numbers sending_bounced_before(struct store *s, int64_t then, struct arena *a);
void sending_rule_pack(struct buffer *out, const struct sending_rule *r);
enum status sending_rule_unpack(struct text value, struct sending_rule *out) MUST_CHECK;

/* ---- networks that may relay (sending_networks.c) ---- */

struct sending_key sending_network(struct text name);
/* The name of the one that has this number, of those that may relay; else empty. */
struct text sending_network_name(uint64_t sender, struct arena *a);
/* The name as far as it is known, to show it. Empty: the sender is an account, or nobody. */
struct text sending_network_of(struct store *s, uint64_t sender, struct arena *a);
/* Senders that are stopped and have a name, networks that may relay no more, too. */
struct numbers sending_all_stopped(struct store *s, struct arena *a);
/* The one that is meant: by its name, or by an address in it. Empty: there is none. */
struct text sending_network_find(struct store *s, struct text word, struct arena *a);

/* Every call has a handler of this name. */
#define LIMITS_SERVE(name, roles, flags) \
	void serve_##name(struct call_in *in, const void *request, void *context);
LIMITS_CALLS(LIMITS_SERVE)

/* ---- what follows (sending_follow.c) ---- */

void sending_follow(struct store *s);

#endif
