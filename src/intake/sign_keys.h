/* SPDX-License-Identifier: ISC */
/*
 * Inside of intake: which keys sign for a domain (store_dkim_active), asked
 * once in a while and not for each message. A key begins or ceases to sign
 * that much later; one that is gone by then is noticed when it is used.
 */
#ifndef INTAKE_SIGN_KEYS_H
#define INTAKE_SIGN_KEYS_H

#include "base/arena.h"
#include "runtime/calls.h"

#define SIGN_KEYS_MAX 16 /* of one domain, as the store has it */
#define SIGN_KEYS_AGE (10 * CLOCK_SECOND)

struct sign_key {
	uint64_t number;
	uint64_t algorithm; /* enum dkim_algorithm */
	struct text selector;
};

struct sign_domain {
	struct text name;   /* in the directory's spelling, for auth */
	struct text domain; /* in A-labels, for d= */
	struct sign_key keys[SIGN_KEYS_MAX];
	uint32_t count;
};

struct sign_keys;
struct sign_keys *sign_keys_new(void);
void sign_keys_free(struct sign_keys *k);

/* Of the domain; count 0: the site has none of that name, or no key for it.
 * Texts are copies in the arena. k may be NULL: the store is asked each time. */
enum status sign_keys_find(struct sign_keys *k, struct calls *calls, struct text domain,
    struct arena *a, struct sign_domain *out, struct failure *f) MUST_CHECK;
/* Asks anew the next time. */
void sign_keys_forget(struct sign_keys *k, struct text domain);

#endif
