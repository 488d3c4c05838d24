/* SPDX-License-Identifier: ISC */
/* See outbound/tls_results.h. An entry is found by domain and type. */
#include "outbound/tls_results.h"

#include <pthread.h>

#include "base/map.h"

struct entry {
	struct arena arena; /* of its texts */
	struct tls_count count;
	struct tls_failure failures[TLS_COUNT_FAILURES];
};

struct tls_results {
	pthread_mutex_t lock;
	struct map entries; /* type, domain -> struct entry */
};

struct tls_results *
tls_results_new(void)
{
	struct tls_results *r = MEM_NEW(struct tls_results);

	pthread_mutex_init(&r->lock, NULL);
	return r;
}

static void
drop(struct tls_results *r)
{
	size_t at = 0;
	void *p;

	while (map_each(&r->entries, &at, NULL, NULL, &p)) {
		arena_done(&((struct entry *)p)->arena);
		mem_free(p);
	}
	map_done(&r->entries);
}

void
tls_results_free(struct tls_results *r)
{
	drop(r);
	pthread_mutex_destroy(&r->lock);
	mem_free(r);
}

/* NULL: there are too many. */
static struct entry *
entry_of(struct tls_results *r, const struct tls_session *s)
{
	struct buffer key = BUFFER_INIT;
	struct entry *e;

	buffer_addf(&key, "%u %.*s", (unsigned)s->type, TEXT_ARG(s->domain));
	e = map_get(&r->entries, buffer_text(&key));
	if (e == NULL && r->entries.count < TLS_RESULTS_DOMAINS) {
		e = MEM_NEW(struct entry);
		e->count.domain = arena_copy(&e->arena, s->domain);
		e->count.type = s->type;
		e->count.failures = e->failures;
		(void)map_put(&r->entries, buffer_text(&key), e);
	}
	buffer_done(&key);
	return e;
}

static void
add_failure(struct entry *e, const struct tls_session *s)
{
	for (uint32_t i = 0; i < e->count.failure_count; i++) {
		struct tls_failure *f = &e->failures[i];

		if (f->result == s->result && text_equal(f->mx, s->mx) &&
		    text_equal(f->remote, s->remote) && text_equal(f->local, s->local)) {
			f->sessions++;
			return;
		}
	}
	if (e->count.failure_count == TLS_COUNT_FAILURES)
		return;
	e->failures[e->count.failure_count++] = (struct tls_failure){
		.result = s->result,
		.mx = arena_copy(&e->arena, s->mx),
		.local = arena_copy(&e->arena, s->local),
		.remote = arena_copy(&e->arena, s->remote),
		.reason = arena_copy(&e->arena, s->reason),
		.sessions = 1,
	};
}

void
tls_results_add(struct tls_results *r, const struct tls_session *s)
{
	struct entry *e;

	pthread_mutex_lock(&r->lock);
	e = entry_of(r, s);
	if (e != NULL && s->policy.len > 0 && !text_equal(e->count.policy, s->policy))
		e->count.policy = arena_copy(&e->arena, s->policy);
	if (e != NULL && s->result == TLS_RESULT_GOOD) {
		e->count.good++;
	} else if (e != NULL) {
		e->count.failed++;
		add_failure(e, s);
	}
	pthread_mutex_unlock(&r->lock);
}

static void
copy(const struct entry *e, struct arena *a, struct tls_count *out)
{
	*out = e->count;
	out->domain = arena_copy(a, e->count.domain);
	out->policy = arena_copy(a, e->count.policy);
	out->failures = ARENA_ARRAY(a, struct tls_failure, e->count.failure_count + 1);
	for (uint32_t i = 0; i < e->count.failure_count; i++) {
		const struct tls_failure *f = &e->failures[i];

		out->failures[i] = *f;
		out->failures[i].mx = arena_copy(a, f->mx);
		out->failures[i].local = arena_copy(a, f->local);
		out->failures[i].remote = arena_copy(a, f->remote);
		out->failures[i].reason = arena_copy(a, f->reason);
	}
}

void
tls_results_take(struct tls_results *r, struct arena *a, struct tls_count **out, size_t *count)
{
	size_t at = 0, n = 0;
	void *p;

	pthread_mutex_lock(&r->lock);
	*out = ARENA_ARRAY(a, struct tls_count, r->entries.count + 1);
	while (map_each(&r->entries, &at, NULL, NULL, &p))
		copy(p, a, &(*out)[n++]);
	*count = n;
	drop(r);
	r->entries = (struct map)MAP_INIT;
	pthread_mutex_unlock(&r->lock);
}
