/* SPDX-License-Identifier: ISC */
/* See store/fresh.h. */
#include "store/fresh.h"

#include <string.h>

#include "store/keys.h"

struct fresh_row {
	struct list age;
	struct text key, value; /* one behind the other, after the struct */
};

void
fresh_init(struct fresh *f)
{
	*f = (struct fresh){ .bytes = 0 };
	CHECK(pthread_mutex_init(&f->lock, NULL) == 0);
	list_init(&f->ages);
}

/* Octets of memory: the map has the key once more. */
static size_t
cost_of(const struct fresh_row *r)
{
	return FRESH_ROW_COST + 2 * r->key.len + r->value.len;
}

/* ---- under the lock ---- */

static void
drop(struct fresh *f, struct fresh_row *r)
{
	(void)map_remove(&f->rows, r->key);
	list_remove(&r->age);
	f->bytes -= cost_of(r);
	mem_free(r);
}

static void
forget(struct fresh *f, struct text key)
{
	struct fresh_row *r = map_get(&f->rows, key);

	if (r != NULL)
		drop(f, r);
}

static void
shrink(struct fresh *f, size_t most)
{
	while (f->bytes > most)
		drop(f, LIST_OWNER(f->ages.next, struct fresh_row, age));
}

static void
keep(struct fresh *f, struct text key, struct text value)
{
	struct fresh_row *r = mem_new(sizeof(*r) + key.len + value.len);
	char *at = (char *)(r + 1);

	memcpy(at, key.ptr, key.len);
	memcpy(at + key.len, value.ptr, value.len);
	r->key = (struct text){ at, key.len };
	r->value = (struct text){ at + key.len, value.len };
	(void)map_put(&f->rows, r->key, r);
	list_add_last(&f->ages, &r->age);
	f->bytes += cost_of(r);
	shrink(f, FRESH_BYTES_MAX);
}

/* ---- the functions ---- */

/* What is read again soon after it was written. */
static bool
is_wanted(struct text key)
{
	switch (key.ptr[0]) {
	case KEY_Q_MESSAGE:
	case KEY_Q_ENVELOPE:
	case KEY_Q_RUN:
	case KEY_Q_SENT:
	case KEY_Q_KNOWN:
		return true;
	default:
		return false;
	}
}

void
fresh_follow(struct fresh *f, const struct engine_batch *b)
{
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < b->count; i++) {
		const struct engine_write *w = &b->writes[i];

		if ((w->kind != ENGINE_PUT && w->kind != ENGINE_DELETE) || !is_wanted(w->key))
			continue;
		forget(f, w->key);
		if (w->kind == ENGINE_PUT && w->value.len <= FRESH_ROW_MAX)
			keep(f, w->key, w->value);
	}
	pthread_mutex_unlock(&f->lock);
}

bool
fresh_get(struct fresh *f, struct text key, struct arena *a, struct text *value)
{
	const struct fresh_row *r;

	pthread_mutex_lock(&f->lock);
	r = map_get(&f->rows, key);
	if (r != NULL)
		*value = arena_copy(a, r->value);
	pthread_mutex_unlock(&f->lock);
	return r != NULL;
}

void
fresh_clear(struct fresh *f)
{
	pthread_mutex_lock(&f->lock);
	shrink(f, 0);
	pthread_mutex_unlock(&f->lock);
}

void
fresh_done(struct fresh *f)
{
	fresh_clear(f);
	map_done(&f->rows);
	(void)pthread_mutex_destroy(&f->lock);
}
