/* SPDX-License-Identifier: ISC */
/*
 * Addresses elsewhere that refused mail for good because there is no such
 * mailbox, or it is disabled. Nobody of the site sends to them for a while
 * (suppression.keep): who goes on sending to addresses that bounce is taken for
 * a spammer by the providers who count.
 *
 * Only what a server, or the DNS, says of the address itself counts, the first
 * time it is said; a policy or a full mailbox does not. A delivery takes the
 * address off the list, and so does the operator. A row for each address, in the
 * shard of the queue that its hash names; it is written after the report whose
 * news it is, so that a crash between loses it until the next bounce.
 */
#ifndef STORE_SUPPRESSION_H
#define STORE_SUPPRESSION_H

#include "store/owner.h"

#define SUPPRESSION_SHARD_MAX 10000u /* addresses in one shard; more are not noted */
#define SUPPRESSION_WORDS_MAX 300u   /* octets of what the server said */

struct suppressed {
	int64_t at;	   /* seconds: when it refused */
	bool by_operator;  /* who put it on the list; then it stays */
	struct text words; /* "550 5.1.1 no such user" */
};
void suppressed_pack(struct buffer *out, const struct suppressed *s);
/* Texts are views. CORRUPT. */
enum status suppressed_unpack(struct text value, struct suppressed *out) MUST_CHECK;

/* The row's key; INVALID: no address, or too long for the list. */
enum status suppression_key(
    struct text address, struct arena *a, struct key *key, uint32_t *shard) MUST_CHECK;
/* Whether the reply ("550 5.1.1 words" or "5.1.2 words") says that the address
 * takes no mail at all. */
bool suppression_is_hard(struct text reply);
/* NOT_FOUND: it may be sent to. */
enum status suppression_find(
    struct store *s, struct text address, struct arena *a, struct suppressed *out) MUST_CHECK;

/* Reads which domains have one, of a shard, at the start. */
enum status suppression_load(struct store *s, struct entity shard) MUST_CHECK;
/* Whether any address of the domain, in ASCII and lower case, is on the list, or was
 * since the start. */
bool suppression_has_domain(struct store *s, struct text domain);

/* Why it is on the list, on one line: behind the code the address, the date and
 * what the server said. In the arena. */
struct text suppression_words(
    const struct suppressed *x, const char *code, struct text address, struct arena *a);

/* What a report says of an address: refused with these words, or (empty)
 * delivered. Returns at once. */
void suppression_learn(struct store *s, struct text address, struct text words);

#endif
