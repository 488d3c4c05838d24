/* SPDX-License-Identifier: ISC */
/*
 * A table of keyed hashes, sets of four entries: a full set gives up the entry
 * that ends first.
 */
#include "auth/remember.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>

#include "base/arena.h"
#include "base/random.h"

#define WAYS 4
#define MARK 24 /* octets of the hash that are kept */

struct entry {
	uint64_t account;
	int64_t until;
	uint8_t mark[MARK];
};

struct remember {
	pthread_mutex_t lock;
	uint8_t key[32];
	size_t sets;
	struct entry *entries;
};

struct remember *
remember_new(unsigned entries)
{
	struct remember *r = MEM_NEW(struct remember);

	CHECK(entries >= WAYS && (entries & (entries - 1)) == 0);
	pthread_mutex_init(&r->lock, NULL);
	random_bytes(r->key, sizeof(r->key));
	r->sets = entries / WAYS;
	r->entries = mem_array(entries, sizeof(struct entry));
	return r;
}

void
remember_free(struct remember *r)
{
	secret_wipe(r->key, sizeof(r->key));
	pthread_mutex_destroy(&r->lock);
	mem_free(r->entries);
	mem_free(r);
}

static void
mark_of(struct remember *r, uint64_t account, struct text verifier, struct text password,
    uint8_t mark[32])
{
	uint8_t inner[32];
	uint64_t parts[2] = { account, verifier.len };
	unsigned n = 32;

	/* HMAC(HMAC(key, account, length of verifier) , verifier || password): the
	 * lengths make the cut between the two unambiguous. */
	CHECK(HMAC(EVP_sha256(), r->key, 32, (const uint8_t *)parts, sizeof(parts), inner, &n));
	CHECK(
	    HMAC(EVP_sha256(), inner, 32, (const uint8_t *)verifier.ptr, verifier.len, inner, &n));
	CHECK(HMAC(EVP_sha256(), inner, 32, (const uint8_t *)password.ptr, password.len, mark, &n));
	secret_wipe(inner, sizeof(inner));
}

static struct entry *
set_of(struct remember *r, uint64_t account, const uint8_t mark[32])
{
	uint64_t at;

	memcpy(&at, mark + MARK, sizeof(at));
	return &r->entries[((at ^ account) % r->sets) * WAYS];
}

bool
remember_knows(
    struct remember *r, uint64_t account, struct text verifier, struct text password, int64_t now)
{
	uint8_t mark[32];
	struct entry *set;
	bool known = false;

	mark_of(r, account, verifier, password, mark);
	pthread_mutex_lock(&r->lock);
	set = set_of(r, account, mark);
	for (size_t i = 0; i < WAYS; i++)
		known = known || (set[i].account == account && set[i].until > now &&
				     secret_equal((struct text){ (const char *)set[i].mark, MARK },
					 (struct text){ (const char *)mark, MARK }));
	pthread_mutex_unlock(&r->lock);
	return known;
}

void
remember_add(
    struct remember *r, uint64_t account, struct text verifier, struct text password, int64_t until)
{
	uint8_t mark[32];
	struct entry *set, *take;

	mark_of(r, account, verifier, password, mark);
	pthread_mutex_lock(&r->lock);
	take = set = set_of(r, account, mark);
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].account == account && memcmp(set[i].mark, mark, MARK) == 0) {
			take = &set[i];
			break;
		}
		if (set[i].until < take->until)
			take = &set[i];
	}
	take->account = account;
	take->until = until;
	memcpy(take->mark, mark, MARK);
	pthread_mutex_unlock(&r->lock);
}

void
remember_forget(struct remember *r, uint64_t account)
{
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->sets * WAYS; i++)
		if (r->entries[i].account == account)
			r->entries[i].until = 0;
	pthread_mutex_unlock(&r->lock);
}
