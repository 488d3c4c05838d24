/* SPDX-License-Identifier: ISC */
/* See intake/sign_keys.h. A small table, each domain at the place that its
 * name gives: one that comes in place of another costs a question, no more. */
#include "intake/sign_keys.h"

#include <pthread.h>

#include "base/clock.h"
#include "codec/idna.h"
#include "store/calls.h"

#define PLACES 256

struct place {
	struct arena arena;
	struct text domain; /* as it was asked for; empty: nothing here */
	struct sign_domain found;
	int64_t until; /* monotonic */
};

struct sign_keys {
	pthread_mutex_t lock;
	struct place places[PLACES];
};

struct sign_keys *
sign_keys_new(void)
{
	struct sign_keys *k = MEM_NEW(struct sign_keys);

	(void)pthread_mutex_init(&k->lock, NULL);
	return k;
}

void
sign_keys_free(struct sign_keys *k)
{
	for (size_t i = 0; i < PLACES; i++)
		arena_done(&k->places[i].arena);
	(void)pthread_mutex_destroy(&k->lock);
	mem_free(k);
}

static struct place *
place_of(struct sign_keys *k, struct text domain)
{
	return &k->places[text_hash(domain) % PLACES];
}

static void
copy(struct arena *a, const struct sign_domain *from, struct sign_domain *to)
{
	*to = *from;
	to->name = arena_copy(a, from->name);
	to->domain = arena_copy(a, from->domain);
	for (uint32_t i = 0; i < from->count; i++)
		to->keys[i].selector = arena_copy(a, from->keys[i].selector);
}

static bool
remembered(struct sign_keys *k, struct text domain, struct arena *a, struct sign_domain *out)
{
	struct place *p;
	bool is;

	if (k == NULL)
		return false;
	p = place_of(k, domain);
	(void)pthread_mutex_lock(&k->lock);
	is = text_equal(p->domain, domain) && clock_mono() < p->until;
	if (is)
		copy(a, &p->found, out);
	(void)pthread_mutex_unlock(&k->lock);
	return is;
}

static void
remember(struct sign_keys *k, struct text domain, const struct sign_domain *found)
{
	struct place *p;

	if (k == NULL)
		return;
	p = place_of(k, domain);
	(void)pthread_mutex_lock(&k->lock);
	arena_reset(&p->arena);
	p->domain = arena_copy(&p->arena, domain);
	copy(&p->arena, found, &p->found);
	p->until = clock_mono() + SIGN_KEYS_AGE;
	(void)pthread_mutex_unlock(&k->lock);
}

void
sign_keys_forget(struct sign_keys *k, struct text domain)
{
	struct place *p;

	if (k == NULL)
		return;
	p = place_of(k, domain);
	(void)pthread_mutex_lock(&k->lock);
	if (text_equal(p->domain, domain))
		p->until = 0;
	(void)pthread_mutex_unlock(&k->lock);
}

static void
take(const struct store_dkim_active_reply *r, struct arena *a, struct sign_domain *out)
{
	struct buffer ascii = BUFFER_INIT;

	if (r->selectors.count != r->numbers.count || r->algorithms.count != r->numbers.count ||
	    idna_to_ascii(r->domain, &ascii) != STATUS_OK)
		return;
	out->name = r->domain;
	out->domain = arena_copy(a, buffer_text(&ascii));
	for (uint32_t i = 0; i < r->numbers.count && i < SIGN_KEYS_MAX; i++)
		out->keys[out->count++] = (struct sign_key){ .number = r->numbers.at[i],
			.algorithm = r->algorithms.at[i],
			.selector = r->selectors.at[i] };
	buffer_done(&ascii);
}

enum status
sign_keys_find(struct sign_keys *k, struct calls *calls, struct text domain, struct arena *a,
    struct sign_domain *out, struct failure *f)
{
	const struct store_dkim_active_request q = { .domain = domain };
	struct store_dkim_active_reply reply;
	struct sign_domain found = { .count = 0 };
	enum status s;

	if (remembered(k, domain, a, out))
		return STATUS_OK;
	s = store_dkim_active(calls, &q, a, &reply, f);
	if (s == STATUS_OK)
		take(&reply, a, &found);
	else if (s != STATUS_NOT_FOUND && s != STATUS_INVALID)
		return s;
	remember(k, domain, &found);
	*out = found;
	return STATUS_OK;
}
