/* SPDX-License-Identifier: ISC */
/*
 * The policies that are kept (RFC 8461 3.3, 5.1). An entry is made when a
 * domain announces a policy; one fetch at a time fills it. All under one lock,
 * which is not held during a fetch; an entry that is being fetched is not
 * removed.
 */
#include "lookup/sts.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "mailauth/mta_sts.h"
#include "mailauth/records.h"
#include "runtime/thread.h"

#define AGAIN_AFTER (5 * CLOCK_MINUTE)
#define FRESH_FOR CLOCK_DAY
#define KEPT_LEAST CLOCK_MINUTE
#define ENTRY_OCTETS 512 /* what an entry costs besides its patterns */

struct entry {
	struct list node; /* longest unused first */
	char *domain;
	bool fetching;
	char fetching_id[MTA_STS_ID_MAX + 1];
	/* The last fetch that failed: when, and what is told of it. */
	int64_t failed_at; /* 0: none since one went well */
	enum route_sts failure;
	char words[200];
	/* The policy, if fetched_at is not 0. */
	int64_t fetched_at, expires;
	char id[MTA_STS_ID_MAX + 1];
	enum mta_sts_mode mode;
	char **patterns;
	uint32_t pattern_count;
	size_t octets;
};

struct sts {
	const struct https_source *https;
	struct pool *pool;
	pthread_mutex_t lock;
	pthread_cond_t fetched;
	struct map by_domain;
	struct list by_use;
	size_t octets;
};

/* ---- entries ---- */

static void
drop_policy(struct sts *s, struct entry *e)
{
	for (uint32_t i = 0; i < e->pattern_count; i++)
		mem_free(e->patterns[i]);
	mem_free(e->patterns);
	e->patterns = NULL;
	e->pattern_count = 0;
	e->fetched_at = 0;
	s->octets -= e->octets;
	e->octets = 0;
}

static void
entry_free(struct sts *s, struct entry *e)
{
	drop_policy(s, e);
	(void)map_remove(&s->by_domain, text_of(e->domain));
	list_remove(&e->node);
	mem_free(e->domain);
	mem_free(e);
}

/* Makes room: the longest unused go. */
static void
trim(struct sts *s)
{
	LIST_EACH_SAFE(&s->by_use, it)
	{
		struct entry *e = LIST_OWNER(it, struct entry, node);

		if (s->by_domain.count < STS_KEPT_MAX && s->octets < STS_KEPT_OCTETS)
			return;
		if (!e->fetching)
			entry_free(s, e);
	}
}

static struct entry *
find(struct sts *s, struct text domain, bool make)
{
	struct entry *e = map_get(&s->by_domain, domain);

	if (e == NULL && make) {
		trim(s);
		e = MEM_NEW(struct entry);
		e->domain = mem_string(domain);
		list_init(&e->node);
		(void)map_put(&s->by_domain, domain, e);
	}
	if (e != NULL) {
		list_remove(&e->node);
		list_add_last(&s->by_use, &e->node);
	}
	return e;
}

static bool
is_kept(const struct entry *e, int64_t now)
{
	return e != NULL && e->fetched_at != 0 && now < e->expires;
}

/* ---- fetching ---- */

struct fetch {
	struct task task;
	struct sts *sts;
	struct entry *entry;
};

static bool
is_plain_text(struct text content)
{
	struct text type = text_trim(text_part(content, 0, text_find_byte(content, ';', 0)));

	return text_equal_ci(type, TEXT("text/plain"));
}

static enum route_sts
not_fetched(const struct https_answer *r, char words[200])
{
	bool untrusted = r->outcome == LOOKUP_HTTPS_UNTRUSTED;

	(void)snprintf(words, 200, "%.*s", TEXT_ARG(text_part(r->why, 0, 199)));
	return untrusted ? ROUTE_STS_UNTRUSTED : ROUTE_STS_UNFETCHED;
}

/* RFC 8461 3.3: status 200 and nothing else, no redirect is followed. */
static enum route_sts
fetch_policy(const struct sts *s, const char *domain, struct arena *a,
    struct mta_sts_policy *policy, char words[200])
{
	const struct https_request q = {
		.url = arena_printf(a, "https://mta-sts.%s/.well-known/mta-sts.txt", domain),
		.most = MTA_STS_POLICY_MAX,
	};
	struct https_answer r;
	struct failure f;

	s->https->fetch(s->https->source, &q, a, &r);
	if (r.outcome != LOOKUP_HTTPS_ANSWERED)
		return not_fetched(&r, words);
	if (r.status != 200) {
		(void)snprintf(words, 200, "the host of the policy answered %u", r.status);
		return ROUTE_STS_UNFETCHED;
	}
	if (!is_plain_text(r.content)) {
		(void)snprintf(words, 200, "the policy is not text/plain but %.*s",
		    TEXT_ARG(text_part(r.content, 0, 100)));
		return ROUTE_STS_INVALID;
	}
	if (mta_sts_policy(r.body, a, policy, &f) != STATUS_OK) {
		(void)snprintf(words, 200, "the policy is not well-formed: %.150s", f.log);
		return ROUTE_STS_INVALID;
	}
	return ROUTE_STS_POLICY;
}

static void
keep(struct sts *s, struct entry *e, const struct mta_sts_policy *p, int64_t now)
{
	int64_t age = (int64_t)p->max_age * CLOCK_SECOND;

	drop_policy(s, e);
	e->octets = ENTRY_OCTETS;
	e->patterns = mem_array(p->pattern_count + 1, sizeof(*e->patterns));
	for (uint32_t i = 0; i < p->pattern_count; i++) {
		e->patterns[i] = mem_string(p->patterns[i]);
		e->octets += p->patterns[i].len + sizeof(char *) + 16;
	}
	s->octets += e->octets;
	e->pattern_count = p->pattern_count;
	e->mode = p->mode;
	memcpy(e->id, e->fetching_id, sizeof(e->id));
	e->fetched_at = now;
	e->expires = now + (age < KEPT_LEAST ? KEPT_LEAST : age);
	e->failed_at = 0;
}

static void
run_fetch(struct task *t)
{
	struct fetch *x = LIST_OWNER(t, struct fetch, task);
	struct sts *s = x->sts;
	struct entry *e = x->entry;
	struct arena a = ARENA_INIT;
	struct mta_sts_policy policy = { .max_age = 0 };
	char words[200] = "";
	enum route_sts state = fetch_policy(s, e->domain, &a, &policy, words);
	int64_t now = clock_mono();

	pthread_mutex_lock(&s->lock);
	if (state == ROUTE_STS_POLICY) {
		keep(s, e, &policy, now);
	} else {
		e->failed_at = now;
		e->failure = state;
		memcpy(e->words, words, sizeof(words));
	}
	e->fetching = false;
	pthread_cond_broadcast(&s->fetched);
	pthread_mutex_unlock(&s->lock);
	if (state != ROUTE_STS_POLICY)
		LOG_INFO("lookup.no_policy", FIELD_STRING("domain", e->domain),
		    FIELD_STRING("why", words));
	arena_done(&a);
	mem_free(x);
}

static void
start_fetch(struct sts *s, struct entry *e, const char *id)
{
	struct fetch *x = MEM_NEW(struct fetch);

	*x = (struct fetch){ .task.run = run_fetch, .sts = s, .entry = e };
	e->fetching = true;
	(void)snprintf(e->fetching_id, sizeof(e->fetching_id), "%s", id);
	pool_run(s->pool, &x->task);
}

/* ---- asking ---- */

static bool
is_announced(const struct dns_answer *txt, char id[40])
{
	struct text *texts, found;
	struct arena a = ARENA_INIT;
	uint32_t count = 0;
	bool is = txt->outcome == LOOKUP_OK;

	texts = ARENA_ARRAY(&a, struct text, txt->records.count + 1);
	for (uint32_t i = 0; is && i < txt->records.count; i++)
		if (record_txt(txt->records.at[i], &a, &texts[count]) == STATUS_OK)
			count++;
	is = is && mta_sts_record_of(texts, count, &found) == STATUS_OK &&
	     text_to_string(found, id, 40) == STATUS_OK;
	arena_done(&a);
	return is;
}

/* Whether this question must wait for a fetch. */
static bool
wants_fetch(struct sts *s, struct entry *e, const char *id, int64_t now)
{
	bool current = is_kept(e, now) && strcmp(e->id, id) == 0;

	if (!e->fetching && (e->failed_at == 0 || now - e->failed_at >= AGAIN_AFTER) &&
	    (!current || now - e->fetched_at >= FRESH_FOR))
		start_fetch(s, e, id);
	return e->fetching && !current;
}

struct sts_wait
sts_begin(struct sts *s, struct text domain, const struct dns_answer *txt)
{
	struct sts_wait w = { .sts = s, .domain = domain };

	w.announced = is_announced(txt, w.id);
	if (!w.announced)
		return w;
	pthread_mutex_lock(&s->lock);
	w.waits = wants_fetch(s, find(s, domain, true), w.id, clock_mono());
	pthread_mutex_unlock(&s->lock);
	return w;
}

static void
tell_policy(const struct entry *e, struct arena *a, struct route *out)
{
	out->sts = e->mode == MTA_STS_MODE_NONE ? ROUTE_STS_NONE : ROUTE_STS_POLICY;
	out->sts_mode = e->mode;
	out->sts_id = arena_copy(a, text_of(e->id));
	out->sts_patterns.at = ARENA_ARRAY(a, struct text, e->pattern_count + 1);
	out->sts_patterns.count = e->pattern_count;
	for (uint32_t i = 0; i < e->pattern_count; i++)
		out->sts_patterns.at[i] = arena_copy(a, text_of(e->patterns[i]));
}

static void
await(struct sts *s, struct text domain, int64_t deadline)
{
	const struct timespec until = {
		.tv_sec = (time_t)(deadline / CLOCK_SECOND),
		.tv_nsec = (long)(deadline % CLOCK_SECOND * 1000),
	};
	struct entry *e = find(s, domain, false);

	thread_blocks();
	while (
	    e != NULL && e->fetching && pthread_cond_timedwait(&s->fetched, &s->lock, &until) == 0)
		e = find(s, domain, false);
	thread_goes_on();
}

void
sts_end(struct sts_wait *w, int64_t deadline, struct arena *a, struct route *out)
{
	struct sts *s = w->sts;
	const struct entry *e;

	out->sts = ROUTE_STS_NONE;
	pthread_mutex_lock(&s->lock);
	if (w->waits)
		await(s, w->domain, deadline);
	e = find(s, w->domain, false);
	if (is_kept(e, clock_mono())) {
		tell_policy(e, a, out);
	} else if (w->announced && e != NULL && !e->fetching && e->failed_at != 0) {
		out->sts = e->failure;
		out->sts_words = arena_copy(a, text_of(e->words));
	} else if (w->announced) {
		out->sts = ROUTE_STS_UNFETCHED;
		out->sts_words = TEXT("the host of the policy did not answer in time");
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- life ---- */

struct sts *
sts_new(const struct https_source *https, struct pool *pool)
{
	struct sts *s = MEM_NEW(struct sts);
	pthread_condattr_t attr;

	s->https = https;
	s->pool = pool;
	list_init(&s->by_use);
	pthread_mutex_init(&s->lock, NULL);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->fetched, &attr);
	(void)pthread_condattr_destroy(&attr);
	return s;
}

void
sts_free(struct sts *s)
{
	while (!list_empty(&s->by_use))
		entry_free(s, LIST_OWNER(s->by_use.next, struct entry, node));
	map_done(&s->by_domain);
	pthread_cond_destroy(&s->fetched);
	pthread_mutex_destroy(&s->lock);
	mem_free(s);
}
