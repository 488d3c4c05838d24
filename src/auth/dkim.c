/* SPDX-License-Identifier: ISC */
/*
 * DKIM private keys (RFC 6376 5, RFC 8463): made here, sealed before they leave,
 * and used here alone. They lie sealed in the store's directory and come when a
 * signature is asked for; the last DKIM_KEYS_HELD that were used stay loaded,
 * so that neither start nor memory depends on how many domains there are.
 */
#include <string.h>

#include "auth/seal.h"
#include "auth/serve.h"
#include "base/random.h"
#include "codec/idna.h"
#include "mailauth/key.h"

#define RSA_BITS 2048 /* what fits into answers of DNS, and is strong enough (RFC 8301 3.2) */
#define SELECTOR_MAX 63

struct held_key {
	struct list node;
	uint64_t number;
	struct dkim_private *key;
	unsigned users;
	bool dropped; /* the last user frees it */
};

struct dkim_keys {
	pthread_mutex_t lock;
	struct map by_number;
	struct list by_age; /* least recently used first */
};

struct dkim_keys *
dkim_keys_new(void)
{
	struct dkim_keys *k = MEM_NEW(struct dkim_keys);

	pthread_mutex_init(&k->lock, NULL);
	list_init(&k->by_age);
	return k;
}

static void
held_free(struct held_key *h)
{
	dkim_private_free(h->key);
	mem_free(h);
}

void
dkim_keys_free(struct dkim_keys *k)
{
	struct list *node;

	while ((node = list_take_first(&k->by_age)) != NULL)
		held_free(LIST_OWNER(node, struct held_key, node));
	map_done(&k->by_number);
	pthread_mutex_destroy(&k->lock);
	mem_free(k);
}

size_t
dkim_keys_held(struct dkim_keys *k)
{
	size_t n;

	pthread_mutex_lock(&k->lock);
	n = k->by_number.count;
	pthread_mutex_unlock(&k->lock);
	return n;
}

/* What a sealed key is sealed for: it opens in no other place. */
static void
purpose_of(struct text domain, struct text selector, struct buffer *out)
{
	buffer_addf(
	    out, "mailstead dkim %.*s._domainkey.%.*s", TEXT_ARG(selector), TEXT_ARG(domain));
}

/* ---- making ---- */

struct wanted_key {
	struct task task;
	struct auth *auth;
	struct call_in *in;
	const struct auth_dkim_generate_request *request; /* ends with its answer */
	struct text domain;				  /* A-labels */
};

static void
make_key(struct task *t)
{
	struct wanted_key *w = LIST_OWNER(t, struct wanted_key, task);
	struct buffer octets = BUFFER_INIT, sealed = BUFFER_INIT, record = BUFFER_INIT,
		      purpose = BUFFER_INIT;
	struct auth_dkim_generate_reply reply = { .number = random_u64() };
	struct dkim_private *key;

	dkim_private_generate((enum dkim_algorithm)w->request->algorithm, RSA_BITS, &octets);
	CHECK(dkim_private_load(buffer_text(&octets), &key) == STATUS_OK);
	dkim_private_record(key, &record);
	dkim_private_free(key);
	purpose_of(w->domain, w->request->selector, &purpose);
	seal_close_for(
	    key_text(w->auth->verifier_key), buffer_text(&purpose), buffer_text(&octets), &sealed);
	reply.domain = w->domain;
	reply.sealed = buffer_text(&sealed);
	reply.record = buffer_text(&record);
	call_reply(w->in, &reply);
	buffer_done_secret(&octets);
	buffer_done(&sealed);
	buffer_done(&record);
	buffer_done(&purpose);
}

/* Lower-case letters, digits, hyphens inside. */
static bool
selector_good(struct text selector)
{
	for (size_t i = 0; i < selector.len; i++) {
		char c = selector.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !byte_digit(c) &&
		    (c != '-' || i == 0 || i + 1 == selector.len))
			return false;
	}
	return selector.len > 0 && selector.len <= SELECTOR_MAX;
}

void
serve_dkim_generate(struct call_in *in, const void *request, void *context)
{
	const struct auth_dkim_generate_request *q = request;
	struct wanted_key *w = ARENA_NEW(call_arena(in), struct wanted_key);
	struct auth *a = context;
	struct buffer domain = BUFFER_INIT;
	enum status s = idna_to_ascii(q->domain, &domain);

	*w = (struct wanted_key){ .task.run = make_key,
		.auth = a,
		.in = in,
		.request = q,
		.domain = arena_copy(call_arena(in), buffer_text(&domain)) };
	buffer_done(&domain);
	if (s != STATUS_OK || !selector_good(q->selector) || q->algorithm > DKIM_ED25519_SHA256)
		call_refuse(in, STATUS_INVALID, "Not a domain, selector and kind of key.",
		    "dkim key of kind %llu", (unsigned long long)q->algorithm);
	else
		pool_run(a->hashers, &w->task); /* RSA takes a core for a while */
}

/* ---- signing ---- */

static struct held_key *
take_held(struct dkim_keys *k, uint64_t number)
{
	struct held_key *h;

	pthread_mutex_lock(&k->lock);
	h = map_get_u64(&k->by_number, number);
	if (h != NULL) {
		h->users++;
		list_remove(&h->node);
		list_add_last(&k->by_age, &h->node);
	}
	pthread_mutex_unlock(&k->lock);
	return h;
}

/* Out of map and list, under the lock. */
static void
drop_held(struct dkim_keys *k, struct held_key *h)
{
	(void)map_remove_u64(&k->by_number, h->number);
	list_remove(&h->node);
	h->dropped = true;
}

static void
give_back(struct dkim_keys *k, struct held_key *h)
{
	bool gone;

	pthread_mutex_lock(&k->lock);
	h->users--;
	gone = h->users == 0 && h->dropped;
	pthread_mutex_unlock(&k->lock);
	if (gone)
		held_free(h);
}

/* Another thread may have brought the same key meanwhile; this one is newer. */
static struct held_key *
keep(struct dkim_keys *k, uint64_t number, struct dkim_private *key)
{
	struct held_key *h = MEM_NEW(struct held_key), *old[2] = { NULL, NULL };

	*h = (struct held_key){ .number = number, .key = key, .users = 1 };
	list_init(&h->node);
	pthread_mutex_lock(&k->lock);
	old[0] = map_get_u64(&k->by_number, number);
	if (old[0] != NULL)
		drop_held(k, old[0]);
	if (k->by_number.count >= DKIM_KEYS_HELD) {
		old[1] = LIST_OWNER(k->by_age.next, struct held_key, node);
		drop_held(k, old[1]);
	}
	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		if (old[i] != NULL && old[i]->users > 0)
			old[i] = NULL; /* its user frees it */
	(void)map_put_u64(&k->by_number, number, h);
	list_add_last(&k->by_age, &h->node);
	pthread_mutex_unlock(&k->lock);
	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		if (old[i] != NULL)
			held_free(old[i]);
	return h;
}

static enum status
fetch(struct auth *a, const struct auth_dkim_sign_request *q, struct arena *arena,
    struct held_key **out)
{
	struct buffer octets = BUFFER_INIT, purpose = BUFFER_INIT;
	struct auth_dkim_key found;
	struct dkim_private *key;
	enum status s;

	s = a->directory.dkim_key(a->directory.arg, q->domain, q->number, arena, &found);
	if (s != STATUS_OK)
		return s;
	purpose_of(q->domain, found.selector, &purpose);
	s = seal_open_for(key_text(a->verifier_key), buffer_text(&purpose), found.sealed, &octets);
	if (s == STATUS_OK)
		s = dkim_private_load(buffer_text(&octets), &key);
	if (s == STATUS_OK)
		*out = keep(a->dkim_keys, q->number, key);
	buffer_done_secret(&octets);
	buffer_done(&purpose);
	return s;
}

void
serve_dkim_sign(struct call_in *in, const void *request, void *context)
{
	const struct auth_dkim_sign_request *q = request;
	struct auth *a = context;
	struct auth_dkim_sign_reply reply = { 0 };
	struct buffer signature = BUFFER_INIT;
	enum status s = STATUS_OK;
	struct held_key *h;

	if (q->digest.len != DIGEST_LENGTH) {
		call_refuse(
		    in, STATUS_INVALID, "Not a digest.", "digest of %zu octets", q->digest.len);
		return;
	}
	h = take_held(a->dkim_keys, q->number);
	if (h == NULL)
		s = fetch(a, q, call_arena(in), &h);
	if (s != STATUS_OK) {
		call_refuse(in, s, "There is no such key to sign with.", "dkim key %llx of %.*s",
		    (unsigned long long)q->number, TEXT_ARG(q->domain));
		return;
	}
	dkim_private_sign(h->key, (const uint8_t *)q->digest.ptr, &signature);
	give_back(a->dkim_keys, h);
	reply.signature = buffer_text(&signature);
	call_reply(in, &reply);
	buffer_done(&signature);
}
