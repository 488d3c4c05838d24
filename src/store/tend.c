/* SPDX-License-Identifier: ISC */
/*
 * The background thread and its lists; see store/tend.h. What it has to do is
 * told to it as it comes up; what an earlier life of the process left is found
 * by one walk over all accounts after the start, a few at a time.
 */
#include "store/tend.h"

#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "runtime/metrics.h"
#include "runtime/thread.h"
#include "store/core.h"
#include "store/reference.h"
#include "store/serve.h"

#define WALK_STEP 200u /* accounts a round */
#define ROUND_SECONDS 1
#define COMPACT_AFTER 10000u /* blobs: then soon, */
#define COMPACT_SOON (5 * CLOCK_MINUTE)
#define COMPACT_LATE CLOCK_HOUR /* else then */

void
tend_account(struct store *s, uint64_t account, bool urgent)
{
	struct tender *t = &s->tender;
	uintptr_t what = TEND_GARBAGE | (urgent ? TEND_DYING : 0);

	pthread_mutex_lock(&t->lock);
	what |= (uintptr_t)map_get_u64(&t->accounts, account);
	(void)map_put_u64(&t->accounts, account, (void *)what);
	if (urgent) {
		t->urgent = true;
		pthread_cond_signal(&t->wake);
	}
	pthread_mutex_unlock(&t->lock);
}

static void
note(struct tender *t, struct map *where, uint64_t account, struct text address)
{
	char *old;

	pthread_mutex_lock(&t->lock);
	old = map_put_u64(where, account, mem_string(address));
	pthread_mutex_unlock(&t->lock);
	mem_free(old);
}

void
tend_left(struct store *s, uint64_t account, struct text address)
{
	note(&s->tender, &s->tender.left, account, address);
}

void
tend_sender(struct store *s, uint64_t account, struct text address)
{
	note(&s->tender, &s->tender.senders, account, address);
}

void
tend_references(struct store *s)
{
	atomic_store(&s->tender.references, true);
}

/* ---- one round ---- */

static enum status
bury_account(struct store *s, uint64_t account)
{
	struct arena a = ARENA_INIT;
	struct account_op o = { .op = { .arena = &a }, .run = account_bury };
	enum status how = serve_wait(s, account, &o);

	arena_done(&a);
	return how;
}

static void
tend_one(struct store *s, uint64_t account, uintptr_t what)
{
	enum status how = STATUS_OK;
	bool left = false, more = true;

	if (what & TEND_DYING)
		how = bury_account(s, account);
	while (how == STATUS_OK && more && !atomic_load(&s->closing))
		how = collect_account(s, account, &left, &more);
	if (how != STATUS_OK)
		LOG_WARN("store.tend_failed", FIELD_U64("account", account), FIELD_STATUS(how));
	if (left || how != STATUS_OK)
		tend_account(s, account, false);
	if (how != STATUS_OK && (what & TEND_DYING))
		tend_account(s, account, true);
}

/* What is in the list by now. */
static struct map
take(struct tender *t, struct map *list)
{
	struct map now;

	pthread_mutex_lock(&t->lock);
	now = *list;
	*list = (struct map)MAP_INIT;
	if (list == &t->accounts)
		t->urgent = false;
	pthread_mutex_unlock(&t->lock);
	return now;
}

static void
tend_accounts(struct store *s)
{
	struct map now = take(&s->tender, &s->tender.accounts);
	uint64_t account;
	size_t at = 0;
	void *p;

	while (map_each(&now, &at, NULL, &account, &p)) {
		if (atomic_load(&s->closing))
			break;
		tend_one(s, account, (uintptr_t)p);
	}
	map_done(&now);
}

static void
forget_sender(struct store *s, uint64_t account, struct text address)
{
	enum status how = atomic_load(&s->closing) ? STATUS_CLOSED : sending_forget(s, account);

	if (how == STATUS_OK) {
		directory_forget_intent(s, account, address);
		return;
	}
	if (how != STATUS_CLOSED)
		LOG_WARN(
		    "store.sender_not_forgotten", FIELD_U64("account", account), FIELD_STATUS(how));
	tend_sender(s, account, address);
}

static void
tend_removals(struct store *s)
{
	struct map left = take(&s->tender, &s->tender.left),
		   senders = take(&s->tender, &s->tender.senders);
	uint64_t account;
	size_t at = 0;
	void *p;

	while (map_each(&left, &at, NULL, &account, &p)) {
		directory_remove_later(s, account, text_of(p));
		mem_free(p);
	}
	map_done(&left);
	at = 0;
	while (map_each(&senders, &at, NULL, &account, &p)) {
		forget_sender(s, account, text_of(p));
		mem_free(p);
	}
	map_done(&senders);
}

static bool
has_rows(struct store *s, uint64_t account, enum key_kind kind)
{
	struct key from = key_of(kind), until = key_behind(from);
	struct entity entity = { ENTITY_ACCOUNT, account };
	struct engine_scan *scan;
	struct text key, value;
	bool has;

	if (engine_scan_open(s->engine, entity, key_text(&from), key_text(&until), &scan) !=
	    STATUS_OK)
		return true; /* look again later */
	has = engine_scan_next(scan, &key, &value) != STATUS_NOT_FOUND;
	engine_scan_close(scan);
	return has;
}

static void
walk_one(struct store *s, enum tend_walk walk, uint64_t id)
{
	if (walk == WALK_REFERENCES)
		reference_walk_one(s, id);
	else if (has_rows(s, id, KEY_DYING))
		tend_account(s, id, true);
	else if (has_rows(s, id, KEY_GARBAGE) || has_rows(s, id, KEY_STAGED) ||
		 has_rows(s, id, KEY_LEAVING))
		tend_account(s, id, false);
}

/* Not while the disk takes nothing: the walk would leave them again. */
static bool
walk_again(struct store *s)
{
	struct engine_facts facts;

	if (!atomic_load(&s->tender.references))
		return false;
	engine_facts_of(s->engine, &facts);
	return !facts.read_only && atomic_exchange(&s->tender.references, false);
}

static void
walk(struct store *s)
{
	static const enum entity_kind kinds[] = { ENTITY_ACCOUNT, ENTITY_REFERENCE };
	struct tender *t = &s->tender;

	if (t->walk == WALK_OVER && walk_again(s)) {
		t->walk = WALK_REFERENCES;
		t->walking = false;
	}
	for (unsigned i = 0; i < WALK_STEP && t->walk != WALK_OVER; i++) {
		uint64_t id;
		enum status how =
		    engine_next_entity(s->engine, kinds[t->walk], t->walked, !t->walking, &id);

		if (atomic_load(&s->closing) || (how != STATUS_OK && how != STATUS_NOT_FOUND))
			return;
		t->walking = how == STATUS_OK;
		if (t->walking)
			walk_one(s, t->walk, t->walked = id);
		else
			t->walk = (enum tend_walk)(t->walk + 1);
	}
}

static void
compact(struct store *s)
{
	struct tender *t = &s->tender;
	int64_t now = clock_mono(), since = now - t->compacted;

	if (t->collected == 0 ||
	    since < (t->collected < COMPACT_AFTER ? COMPACT_LATE : COMPACT_SOON))
		return;
	engine_compact(s->engine);
	t->collected = 0;
	t->compacted = now;
}

static void
count_syncs(struct store *s)
{
	struct engine_facts facts;

	engine_facts_of(s->engine, &facts);
	metric_set(METRIC_STORE_SYNCS, (int64_t)facts.groups);
}

void
store_tend(struct store *s)
{
	count_syncs(s);
	walk(s);
	queue_retry(s);
	outgoing_tend(s);
	sending_tend(s);
	tend_removals(s);
	tend_accounts(s);
	trace_tend(s);
	compact(s);
}

/* ---- the thread ---- */

static void
rest(struct tender *t)
{
	struct timespec until;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_sec += ROUND_SECONDS;
	while (!t->stop && !t->urgent && t->walk == WALK_OVER)
		if (pthread_cond_timedwait(&t->wake, &t->lock, &until) != 0)
			return;
}

static void *
run(void *arg)
{
	struct store *s = arg;
	struct tender *t = &s->tender;

	pthread_mutex_lock(&t->lock);
	while (!t->stop) {
		pthread_mutex_unlock(&t->lock);
		store_tend(s);
		pthread_mutex_lock(&t->lock);
		rest(t);
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

void
tender_init(struct store *s)
{
	struct tender *t = &s->tender;
	pthread_condattr_t attr;

	CHECK(pthread_mutex_init(&t->lock, NULL) == 0);
	CHECK(pthread_condattr_init(&attr) == 0);
	CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	CHECK(pthread_cond_init(&t->wake, &attr) == 0);
	(void)pthread_condattr_destroy(&attr);
	t->compacted = clock_mono();
}

void
tender_start(struct store *s)
{
	if (thread_start("store-tend", 0, run, s, &s->tender.thread) != STATUS_OK)
		die("store: no thread for the background");
	s->tender.running = true;
}

void
tender_stop(struct store *s)
{
	struct tender *t = &s->tender;

	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	if (t->running)
		CHECK(pthread_join(t->thread, NULL) == 0);
	t->running = false;
}

void
tender_done(struct store *s)
{
	struct tender *t = &s->tender;
	struct map lists[] = { t->left, t->senders };
	void *p;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		size_t at = 0;

		while (map_each(&lists[i], &at, NULL, NULL, &p))
			mem_free(p);
		map_done(&lists[i]);
	}
	map_done(&t->accounts);
	(void)pthread_cond_destroy(&t->wake);
	(void)pthread_mutex_destroy(&t->lock);
}
