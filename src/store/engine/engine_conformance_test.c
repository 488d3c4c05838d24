/* SPDX-License-Identifier: ISC */
/*
 * The conformance suite: what store/engine.h promises, held against every
 * engine. A test gets its engine by the group's state and says through
 * `exact` where it needs a batch to end as its guard alone decides.
 */
#include <pthread.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/engine/backend.h"
#include "store/engine/engine_subject.h"

static struct engine *
fresh(void **state)
{
	struct subject *s = *state;

	return s->engine;
}

static bool
exact(void **state)
{
	return ((struct subject *)*state)->exact;
}

static void
reopen(void **state)
{
	struct subject *s = *state;

	s->engine = s->reopen(s);
	assert_non_null(s->engine);
}

static struct text
bytes_of(char *dst, size_t len, char fill)
{
	memset(dst, fill, len);
	return (struct text){ dst, len };
}

static void
assert_value(struct engine *e, struct entity entity, struct text key, struct text expected)
{
	struct arena a = ARENA_INIT;
	struct text value;

	assert_ok(engine_get(e, entity, key, &a, &value));
	assert_true(text_equal(value, expected));
	arena_done(&a);
}

static void
assert_missing(struct engine *e, struct entity entity, struct text key)
{
	struct arena a = ARENA_INIT;
	struct text value;

	assert_int_equal(engine_get(e, entity, key, &a, &value), STATUS_NOT_FOUND);
	arena_done(&a);
}

/* The scan gives exactly these rows, "key=value" each with a space between. */
static void
assert_rows(struct engine_scan *scan, const char *expected)
{
	struct buffer b = BUFFER_INIT;
	struct text key, value;
	enum status s;

	while ((s = engine_scan_next(scan, &key, &value)) == STATUS_OK)
		buffer_addf(
		    &b, "%s%.*s=%.*s", b.len > 0 ? " " : "", TEXT_ARG(key), TEXT_ARG(value));
	assert_int_equal(s, STATUS_NOT_FOUND);
	assert_int_equal(engine_scan_next(scan, &key, &value), STATUS_NOT_FOUND);
	assert_string_equal(buffer_string(&b), expected);
	buffer_done(&b);
	engine_scan_close(scan);
}

static void
assert_scan(struct engine *e, struct entity entity, const char *from, const char *until,
    const char *expected)
{
	struct engine_scan *scan;

	assert_ok(engine_scan_open(e, entity, text_of(from), text_of(until), &scan));
	assert_rows(scan, expected);
}

static void
a_guard_decides(void **state)
{
	struct engine *e = fresh(state);
	struct engine_batch b;
	uint64_t version = 99;

	assert_ok(engine_version(e, account, &version));
	assert_int_equal(version, 0);
	engine_batch_init(&b, account, 0);
	engine_put(&b, TEXT("a"), TEXT("1"));
	version = commit_surely(e, &b);
	engine_batch_init(&b, account, version - 1);
	engine_put(&b, TEXT("a"), TEXT("2"));
	engine_put(&b, TEXT("b"), TEXT("2"));
	engine_blob_put(&b, (struct blob_id){ { 1 } }, 0, TEXT("blob"));
	while (engine_commit_wait(e, &b) == STATUS_FULL)
		;
	engine_batch_done(&b);
	assert_value(e, account, TEXT("a"), TEXT("1"));
	assert_missing(e, account, TEXT("b"));
	reopen(state);
	e = fresh(state);
	assert_value(e, account, TEXT("a"), TEXT("1"));
	engine_batch_init(&b, account, version + 5);
	engine_put(&b, TEXT("a"), TEXT("3"));
	while (engine_commit_wait(e, &b) == STATUS_FULL)
		;
	engine_batch_done(&b);
	assert_value(e, account, TEXT("a"), TEXT("1"));
	begin_batch(e, &b, account);
	engine_put(&b, TEXT("a"), TEXT("4"));
	(void)commit_surely(e, &b);
	assert_value(e, account, TEXT("a"), TEXT("4"));
}

static void
exact_ends(void **state)
{
	struct engine *e = fresh(state);
	struct engine_batch b;
	uint64_t version;

	if (!exact(state))
		return;
	for (uint64_t v = 0; v < 3; v++) {
		engine_batch_init(&b, account, v);
		assert_int_equal(
		    engine_commit_wait(e, &b), STATUS_OK); /* nothing but the version */
		assert_int_equal(engine_commit_wait(e, &b), STATUS_CONFLICT);
		engine_batch_done(&b);
		assert_ok(engine_version(e, account, &version));
		assert_int_equal(version, v + 1);
	}
	engine_batch_init(&b, account, 2);
	assert_int_equal(engine_commit_wait(e, &b), STATUS_CONFLICT);
	b.guard = 4;
	assert_int_equal(engine_commit_wait(e, &b), STATUS_CONFLICT);
	b.guard = 3;
	assert_int_equal(engine_commit_wait(e, &b), STATUS_OK);
	engine_batch_done(&b);
	reopen(state);
	assert_ok(engine_version(fresh(state), account, &version));
	assert_int_equal(version, 4);
}

static void
writes_of_a_batch_are_in_order(void **state)
{
	struct engine *e = fresh(state);
	struct engine_batch b;

	begin_batch(e, &b, account);
	engine_put(&b, TEXT("a"), TEXT("1"));
	engine_put(&b, TEXT("a"), TEXT("2"));
	engine_put(&b, TEXT("b"), TEXT("1"));
	engine_delete(&b, TEXT("b"));
	engine_delete(&b, TEXT("c"));
	engine_put(&b, TEXT("c"), TEXT_EMPTY);
	engine_delete(&b, TEXT("never"));
	(void)commit_surely(e, &b);
	assert_scan(e, account, "", "", "a=2 c=");
}

static void
keys_and_values_of_any_bytes(void **state)
{
	static char large[ENGINE_VALUE_MAX], key[ENGINE_KEY_MAX], high[ENGINE_KEY_MAX];
	struct text k = bytes_of(key, sizeof(key), 0), h = bytes_of(high, sizeof(high), '\xff');
	struct engine *e = fresh(state);
	struct engine_batch b;

	begin_batch(e, &b, account);
	engine_put(&b, k, TEXT("zeros"));
	engine_put(&b, h, TEXT("ones"));
	engine_put(&b, TEXT("\0"), TEXT("\0"));
	engine_put(&b, TEXT("large"), bytes_of(large, sizeof(large), 'x'));
	(void)commit_surely(e, &b);
	assert_value(e, account, k, TEXT("zeros"));
	assert_value(e, account, h, TEXT("ones"));
	assert_value(e, account, TEXT("\0"), TEXT("\0"));
	reopen(state);
	e = fresh(state);
	assert_value(e, account, TEXT("large"), (struct text){ large, sizeof(large) });
	assert_missing(e, account, TEXT_EMPTY);
	assert_missing(e, account, TEXT("larg"));
	assert_missing(e, account, TEXT("large\0"));
}

static void
entities_are_apart(void **state)
{
	const struct entity each[] = { { ENTITY_ACCOUNT, 0 }, { ENTITY_ACCOUNT, 1 },
		{ ENTITY_ACCOUNT, 255 }, { ENTITY_ACCOUNT, 256 }, { ENTITY_ACCOUNT, UINT64_MAX },
		{ ENTITY_DIRECTORY, 0 }, { ENTITY_QUEUE, 63 }, { ENTITY_SITE, 0 } };
	struct engine *e = fresh(state);
	char name[2] = "0";

	for (size_t i = 0; i < ARRAY_LEN(each); i++, name[0]++)
		put_now(e, each[i], TEXT("k"), text_of(name));
	name[0] = '0';
	for (size_t i = 0; i < ARRAY_LEN(each); i++, name[0]++) {
		char expected[] = "k=?";

		expected[2] = name[0];
		assert_scan(e, each[i], "", "", expected);
		assert_value(e, each[i], TEXT("k"), text_of(name));
	}
	assert_scan(e, (struct entity){ ENTITY_ACCOUNT, 2 }, "", "", "");
	assert_scan(e, (struct entity){ ENTITY_REFERENCE, 0 }, "", "", "");
}

static void
scans_have_bounds(void **state)
{
	struct engine *e = fresh(state);
	struct engine_batch b;
	static const char *const keys[] = { "b", "a", "ab", "c", "aa" };

	begin_batch(e, &b, account);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		engine_put(&b, text_of(keys[i]), TEXT("."));
	(void)commit_surely(e, &b);
	assert_scan(e, account, "", "", "a=. aa=. ab=. b=. c=.");
	assert_scan(e, account, "a", "b", "a=. aa=. ab=.");
	assert_scan(e, account, "aa", "ab", "aa=.");
	assert_scan(e, account, "b", "", "b=. c=.");
	assert_scan(e, account, "", "b", "a=. aa=. ab=.");
	assert_scan(e, account, "b", "b", "");
	assert_scan(e, account, "c", "a", "");
	assert_scan(e, account, "d", "", "");
	assert_scan(e, account, "ac", "az", "");
}

static void
a_scan_sees_one_moment(void **state)
{
	struct engine *e = fresh(state);
	struct engine_scan *scan;
	struct engine_batch b;
	struct text key, value;

	begin_batch(e, &b, account);
	engine_put(&b, TEXT("a"), TEXT("1"));
	engine_put(&b, TEXT("b"), TEXT("1"));
	engine_put(&b, TEXT("c"), TEXT("1"));
	(void)commit_surely(e, &b);
	assert_ok(engine_scan_open(e, account, TEXT_EMPTY, TEXT_EMPTY, &scan));
	assert_ok(engine_scan_next(scan, &key, &value));
	assert_text(key, "a");
	begin_batch(e, &b, account);
	engine_put(&b, TEXT("b"), TEXT("2"));
	engine_delete(&b, TEXT("c"));
	engine_put(&b, TEXT("d"), TEXT("2"));
	(void)commit_surely(e, &b);
	assert_text(key, "a"); /* views live until the next call */
	assert_text(value, "1");
	assert_rows(scan, "b=1 c=1");
	assert_scan(e, account, "", "", "a=1 b=2 d=2");
}

static void
assert_piece(struct engine *e, struct blob_id id, uint16_t piece, struct text expected)
{
	struct arena a = ARENA_INIT;
	struct text bytes;

	assert_ok(engine_blob_get(e, id, piece, &a, &bytes));
	assert_true(text_equal(bytes, expected));
	arena_done(&a);
}

static void
assert_no_piece(struct engine *e, struct blob_id id, uint16_t piece)
{
	struct arena a = ARENA_INIT;
	struct text bytes;

	assert_int_equal(engine_blob_get(e, id, piece, &a, &bytes), STATUS_NOT_FOUND);
	arena_done(&a);
}

static void
blobs_have_pieces(void **state)
{
	static char large[ENGINE_PIECE_MAX];
	const struct blob_id x = { { 0xff, 1 } }, y = { { 0xff, 1, 1 } };
	struct engine *e = fresh(state);
	struct engine_batch b;

	begin_batch(e, &b, account);
	engine_blob_put(&b, x, 0, TEXT("first"));
	engine_blob_put(&b, x, 1, bytes_of(large, sizeof(large), 'l'));
	engine_blob_put(&b, x, 2, TEXT_EMPTY);
	engine_blob_put(&b, y, 0, TEXT("other"));
	(void)commit_surely(e, &b);
	reopen(state);
	e = fresh(state);
	assert_piece(e, x, 0, TEXT("first"));
	assert_piece(e, x, 1, (struct text){ large, sizeof(large) });
	assert_piece(e, x, 2, TEXT_EMPTY);
	assert_no_piece(e, x, 3);
	begin_batch(e, &b, account);
	engine_blob_delete(&b, x, 3);
	engine_blob_delete(&b, (struct blob_id){ { 9 } }, 2); /* unknown: nothing happens */
	(void)commit_surely(e, &b);
	for (uint16_t i = 0; i < 4; i++)
		assert_no_piece(e, x, i);
	assert_piece(e, y, 0, TEXT("other"));
	assert_no_piece(e, y, 1);
}

static void
all_entities_are_found(void **state)
{
	const uint64_t ids[] = { 0, 5, 6, 1000, UINT64_MAX };
	struct engine *e = fresh(state);
	struct engine_batch b;
	uint64_t id = 77;

	assert_int_equal(engine_next_entity(e, ENTITY_QUEUE, 0, true, &id), STATUS_NOT_FOUND);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		put_now(e, (struct entity){ ENTITY_QUEUE, ids[i] }, TEXT("k"), TEXT("v"));
	put_now(e, (struct entity){ ENTITY_REFERENCE, 1 }, TEXT("k"), TEXT("v"));
	begin_batch(e, &b, (struct entity){ ENTITY_QUEUE, 6 });
	engine_delete(&b, TEXT("k")); /* has no rows now */
	(void)commit_surely(e, &b);
	assert_ok(engine_next_entity(e, ENTITY_QUEUE, 0, true, &id));
	assert_int_equal(id, 0);
	assert_ok(engine_next_entity(e, ENTITY_QUEUE, id, false, &id));
	assert_int_equal(id, 5);
	assert_ok(engine_next_entity(e, ENTITY_QUEUE, id, false, &id));
	assert_int_equal(id, 1000);
	assert_ok(engine_next_entity(e, ENTITY_QUEUE, id, false, &id));
	assert_true(id == UINT64_MAX);
	assert_int_equal(engine_next_entity(e, ENTITY_QUEUE, id, false, &id), STATUS_NOT_FOUND);
	assert_int_equal(engine_next_entity(e, ENTITY_SITE, 0, true, &id), STATUS_NOT_FOUND);
}

static void
all_blobs_are_found(void **state)
{
	const struct blob_id x = { { 1 } }, y = { { 1, 2 } }, z = { { 0xff, [15] = 0xff } };
	struct engine *e = fresh(state);
	struct blob_id id = { { 0 } };
	struct engine_batch b;
	uint32_t pieces = 0;

	assert_int_equal(engine_next_blob(e, id, &id, &pieces), STATUS_NOT_FOUND);
	begin_batch(e, &b, account);
	for (uint16_t i = 0; i < 3; i++)
		engine_blob_put(&b, z, i, TEXT("z"));
	engine_blob_put(&b, x, 0, TEXT("x"));
	for (uint16_t i = 0; i < 300; i++)
		engine_blob_put(&b, y, i, TEXT("y"));
	(void)commit_surely(e, &b);
	assert_ok(engine_next_blob(e, id, &id, &pieces));
	assert_memory_equal(&id, &x, sizeof(id));
	assert_int_equal(pieces, 1);
	assert_ok(engine_next_blob(e, id, &id, &pieces));
	assert_memory_equal(&id, &y, sizeof(id));
	assert_int_equal(pieces, 300);
	assert_ok(engine_next_blob(e, id, &id, &pieces));
	assert_memory_equal(&id, &z, sizeof(id));
	assert_int_equal(pieces, 3);
	assert_int_equal(engine_next_blob(e, id, &id, &pieces), STATUS_NOT_FOUND);
	engine_compact(e);
	assert_piece(e, y, 299, TEXT("y"));
}

/* ---- batches in flight ---- */

struct flight {
	pthread_mutex_t lock;
	pthread_cond_t change;
	pthread_t self;
	unsigned ended, wrong, on_caller;
};

static void
flight_init(struct flight *f)
{
	*f = (struct flight){ .self = pthread_self() };
	assert_int_equal(pthread_mutex_init(&f->lock, NULL), 0);
	assert_int_equal(pthread_cond_init(&f->change, NULL), 0);
}

static void
flight_end(struct flight *f, bool right)
{
	pthread_mutex_lock(&f->lock);
	f->ended++;
	f->wrong += !right;
	f->on_caller += pthread_equal(f->self, pthread_self()) != 0;
	pthread_cond_signal(&f->change);
	pthread_mutex_unlock(&f->lock);
}

static void
flight_wait(struct flight *f, unsigned n)
{
	pthread_mutex_lock(&f->lock);
	while (f->ended < n)
		pthread_cond_wait(&f->change, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

struct flying {
	struct engine_batch batch;
	struct flight *flight;
	enum status expected;
};

static void
landed(struct engine_batch *b, enum status s)
{
	struct flying *one = b->context;

	flight_end(one->flight, s == one->expected);
}

/* Guards follow each other without waiting; every third has a wrong one. */
static void
batches_of_one_entity_chain(void **state)
{
	enum { COUNT = 300 };
	struct flying *each = mem_array(COUNT, sizeof(*each));
	struct engine *e = fresh(state);
	struct flight f;
	uint64_t guard = 0;

	flight_init(&f);
	for (unsigned i = 0; exact(state) && i < COUNT; i++) {
		bool wrong = i % 3 == 2;

		each[i].flight = &f;
		each[i].expected = wrong ? STATUS_CONFLICT : STATUS_OK;
		engine_batch_init(&each[i].batch, account, wrong ? guard - 1 : guard++);
		each[i].batch.done = landed;
		each[i].batch.context = &each[i];
		engine_put(&each[i].batch, wrong ? TEXT("bad") : TEXT("good"), TEXT("1"));
		engine_commit(e, &each[i].batch);
	}
	if (exact(state)) {
		flight_wait(&f, COUNT);
		assert_int_equal(f.wrong, 0);
		assert_int_equal(f.on_caller, 0);
		assert_scan(e, account, "", "", "good=1");
		for (unsigned i = 0; i < COUNT; i++)
			engine_batch_done(&each[i].batch);
	}
	mem_free(each);
}

static void
free_in_done(struct engine_batch *b, enum status s)
{
	struct flight *f = b->context;

	engine_batch_done(b);
	mem_free(b);
	flight_end(f, true);
}

/* engine_free waits for what is under way; done() may free its batch. */
static void
freeing_waits(void **state)
{
	struct engine *e = fresh(state);
	struct flight f;

	flight_init(&f);
	for (uint64_t i = 0; i < 200; i++) {
		struct engine_batch *b = MEM_NEW(struct engine_batch);

		engine_batch_init(b, (struct entity){ ENTITY_ACCOUNT, i }, 0);
		engine_put(b, TEXT("k"), TEXT("v"));
		b->done = free_in_done;
		b->context = &f;
		engine_commit(e, b);
	}
	reopen(state);
	flight_wait(&f, 200);
	assert_int_equal(f.on_caller, 0);
}

static void
too_large_a_batch(void **state)
{
	static char piece[ENGINE_PIECE_MAX];
	struct engine *e = fresh(state);
	struct engine_batch b;
	uint64_t version;

	begin_batch(e, &b, account);
	for (uint16_t i = 0; i < 65; i++)
		engine_blob_put(
		    &b, (struct blob_id){ { 3 } }, i, bytes_of(piece, sizeof(piece), 1));
	assert_int_equal(engine_commit_wait(e, &b), STATUS_LIMIT);
	engine_batch_done(&b);
	assert_ok(engine_version(e, account, &version));
	assert_int_equal(version, 0);
	assert_no_piece(e, (struct blob_id){ { 3 } }, 0);
}

/* ---- notices, leases, facts ---- */

struct watcher {
	struct flight flight;
	struct engine *engine;
	uint64_t id;
	bool once;
};

static void
noticed(void *arg, struct entity entity)
{
	struct watcher *w = arg;

	if (w->once)
		engine_unwatch(w->engine, w->id);
	flight_end(&w->flight, entity.kind == account.kind && entity.id == account.id);
}

static void
watches_tell_of_commits(void **state)
{
	struct engine *e = fresh(state);
	struct watcher always = { .engine = e }, once = { .engine = e, .once = true };
	uint64_t version = 0;

	flight_init(&always.flight);
	flight_init(&once.flight);
	always.id = engine_watch(e, account, noticed, &always);
	once.id = engine_watch(e, account, noticed, &once);
	assert_int_not_equal(always.id, once.id);
	do {
		put_now(e, account, TEXT("k"), TEXT("v"));
		put_now(e, (struct entity){ ENTITY_ACCOUNT, 8 }, TEXT("k"), TEXT("v"));
		assert_ok(engine_version(e, account, &version));
	} while (version < 40);
	flight_wait(&once.flight, 1);
	flight_wait(&always.flight, exact(state) ? 40 : 1);
	engine_unwatch(e, always.id);
	put_now(e, account, TEXT("k"), TEXT("v"));
	engine_unwatch(e, always.id); /* unknown: nothing happens */
	assert_int_equal(once.flight.ended, 1);
	if (exact(state))
		assert_int_equal(always.flight.ended, 40);
	assert_int_equal(once.flight.wrong + always.flight.wrong, 0);
}

static void
a_lease_has_one_owner_for_a_time(void **state)
{
	struct engine *e = fresh(state);

	clock_set_for_test(0, 1000);
	assert_ok(engine_lease(e, account, TEXT("x"), 100));
	assert_int_equal(engine_lease(e, account, TEXT("y"), 100), STATUS_DENIED);
	assert_ok(engine_lease(e, (struct entity){ ENTITY_ACCOUNT, 8 }, TEXT("y"), 100));
	clock_set_for_test(0, 1050);
	assert_ok(engine_lease(e, account, TEXT("x"), 100));
	clock_set_for_test(0, 1149);
	assert_int_equal(engine_lease(e, account, TEXT("y"), 100), STATUS_DENIED);
	clock_set_for_test(0, 1150);
	assert_ok(engine_lease(e, account, TEXT("y"), INT64_MAX));
	assert_int_equal(engine_lease(e, account, TEXT("x"), 100), STATUS_DENIED);
	assert_ok(engine_lease(e, account, TEXT("y"), 0));
	assert_ok(engine_lease(e, account, TEXT("x"), 100));
	clock_set_for_test(-1, -1);
}

static void
facts_are_counted(void **state)
{
	struct engine *e = fresh(state);
	struct engine_facts f;

	put_now(e, account, TEXT("key"), TEXT("value"));
	assert_value(e, account, TEXT("key"), TEXT("value"));
	assert_scan(e, account, "", "", "key=value");
	engine_facts_of(e, &f);
	if (exact(state)) {
		assert_int_equal(f.commits, 1);
		assert_true(f.bytes_written >= 8);
		assert_false(f.read_only);
	}
	assert_true(f.groups >= 1);
	assert_int_equal(f.keys_read, 1);
	assert_int_equal(f.keys_scanned, 1);
}

/* ---- a model ---- */

#define ENTITIES 3
#define KEYS 40

struct model {
	unsigned value[ENTITIES][KEYS]; /* 0: not there */
	uint64_t version[ENTITIES];
};

static struct text
numbered(const char *prefix, unsigned i, char out[static 24])
{
	return (struct text){ out, (size_t)snprintf(out, 24, "%s%u", prefix, i) };
}

static void
random_batch(struct engine_batch *b, unsigned now[KEYS])
{
	char key[24], value[24];

	for (uint64_t n = random_below(12); n > 0; n--) {
		unsigned k = (unsigned)random_below(KEYS);
		unsigned v = random_below(4) == 0 ? 0 : (unsigned)random_below(1000000) + 1;

		if (v == 0)
			engine_delete(b, numbered("key", k, key));
		else
			engine_put(b, numbered("key", k, key), numbered("", v, value));
		now[k] = v;
	}
}

static void
model_step(struct engine *e, struct model *m)
{
	unsigned i = (unsigned)random_below(ENTITIES), now[KEYS];
	struct engine_batch b;

	memcpy(now, m->value[i], sizeof(now));
	begin_batch(e, &b, (struct entity){ ENTITY_ACCOUNT, i });
	if (random_below(10) == 0) {
		b.guard += 1 + random_below(3); /* stale or invented: nothing happens */
		random_batch(&b, now);
		assert_int_not_equal(engine_commit_wait(e, &b), STATUS_OK);
		engine_batch_done(&b);
		return;
	}
	random_batch(&b, now);
	m->version[i] = commit_surely(e, &b);
	memcpy(m->value[i], now, sizeof(now));
}

static void
assert_entity(struct engine *e, unsigned i, const unsigned expected[KEYS])
{
	unsigned seen[KEYS] = { 0 };
	struct engine_scan *scan;
	struct text key, value;
	uint32_t k, v;

	assert_ok(engine_scan_open(
	    e, (struct entity){ ENTITY_ACCOUNT, i }, TEXT("key"), TEXT("kez"), &scan));
	while (engine_scan_next(scan, &key, &value) == STATUS_OK) {
		assert_ok(text_to_u32(text_part(key, 3, key.len), &k));
		assert_ok(text_to_u32(value, &v));
		assert_true(k < KEYS);
		seen[k] = v;
	}
	engine_scan_close(scan);
	assert_memory_equal(seen, expected, sizeof(seen));
}

static void
assert_model(struct engine *e, const struct model *m)
{
	for (unsigned i = 0; i < ENTITIES; i++) {
		uint64_t version;

		assert_ok(engine_version(e, (struct entity){ ENTITY_ACCOUNT, i }, &version));
		assert_true(version >= m->version[i]);
		assert_entity(e, i, m->value[i]);
	}
}

static void
random_batches_agree_with_a_model(void **state)
{
	struct model m = { .version = { 0 } };

	random_seed_for_test(3);
	for (unsigned round = 1; round <= 1500; round++) {
		model_step(fresh(state), &m);
		if (round % 50 == 0)
			assert_model(fresh(state), &m);
		if (round % 300 == 0) {
			reopen(state);
			assert_model(fresh(state), &m);
		}
	}
	random_seed_for_test(0);
}

/* ---- many threads ---- */

#define WRITERS 8
#define COMMITS 60

struct hand {
	pthread_t thread;
	struct engine *engine;
	uint64_t id;
	_Atomic unsigned acked; /* the last value that was committed */
	_Atomic bool *stop;
	unsigned wrong;
};

static void *
write_pairs(void *arg)
{
	struct hand *h = arg;
	struct entity entity = { ENTITY_ACCOUNT, h->id };
	char value[24];

	for (unsigned i = 1; i <= COMMITS; i++) {
		struct engine_batch b;

		begin_batch(h->engine, &b, entity);
		engine_put(&b, TEXT("first"), numbered("", i, value));
		engine_put(&b, TEXT("second"), numbered("", i, value));
		(void)commit_surely(h->engine, &b);
		atomic_store(&h->acked, i);
	}
	return NULL;
}

/* Both rows say the same, and nothing acknowledged before the scan is missing. */
static unsigned
look_at_pair(struct hand *h)
{
	unsigned least = atomic_load(&h->acked);
	struct engine_scan *scan;
	uint32_t seen[2] = { 0, 0 };
	struct text key, value;

	if (engine_scan_open(h->engine, (struct entity){ ENTITY_ACCOUNT, h->id }, TEXT_EMPTY,
		TEXT_EMPTY, &scan) != STATUS_OK)
		return 1;
	for (size_t i = 0; i < 2 && engine_scan_next(scan, &key, &value) == STATUS_OK; i++)
		if (text_to_u32(value, &seen[i]) != STATUS_OK)
			seen[i] = UINT32_MAX;
	engine_scan_close(scan);
	return seen[0] != seen[1] || seen[0] < least;
}

struct reader {
	pthread_t thread;
	struct hand *hands;
	_Atomic bool *stop;
	unsigned wrong, looks;
};

static void *
read_pairs(void *arg)
{
	struct reader *r = arg;

	while (!atomic_load(r->stop))
		for (size_t i = 0; i < WRITERS; i++, r->looks++)
			r->wrong += look_at_pair(&r->hands[i]);
	return NULL;
}

static void
scans_and_commits_side_by_side(void **state)
{
	struct hand hands[WRITERS] = { { .id = 0 } };
	_Atomic bool stop = false;
	struct reader readers[2] = { { .hands = hands, .stop = &stop },
		{ .hands = hands, .stop = &stop } };

	for (size_t i = 0; i < WRITERS; i++) {
		hands[i].engine = fresh(state);
		hands[i].id = i;
	}
	for (size_t i = 0; i < ARRAY_LEN(readers); i++)
		assert_int_equal(
		    pthread_create(&readers[i].thread, NULL, read_pairs, &readers[i]), 0);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&hands[i].thread, NULL, write_pairs, &hands[i]), 0);
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_join(hands[i].thread, NULL), 0);
	atomic_store(&stop, true);
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
		assert_int_equal(readers[i].wrong, 0);
	}
	for (size_t i = 0; i < WRITERS; i++)
		assert_int_equal(look_at_pair(&hands[i]), 0);
}

/* Threads that fight for one entity: each success raises the counter by one. */
static void *
raise_counter(void *arg)
{
	struct hand *h = arg;

	for (unsigned won = 0; won < 20;) {
		struct arena a = ARENA_INIT;
		struct text value = TEXT("0");
		struct engine_batch b;
		uint64_t version, n = 0;
		char digits[24];

		if (engine_version(h->engine, account, &version) != STATUS_OK)
			h->wrong++;
		/* A commit in between is met by the guard. */
		if (engine_get(h->engine, account, TEXT("n"), &a, &value) == STATUS_IO ||
		    text_to_u64(value, &n) != STATUS_OK)
			h->wrong++;
		engine_batch_init(&b, account, version);
		engine_put(&b, TEXT("n"), numbered("", (unsigned)n + 1, digits));
		won += engine_commit_wait(h->engine, &b) == STATUS_OK;
		engine_batch_done(&b);
		arena_done(&a);
	}
	return NULL;
}

static void
guards_hold_against_many(void **state)
{
	struct hand hands[4] = { { .id = 0 } };

	if (!exact(state))
		return;
	for (size_t i = 0; i < ARRAY_LEN(hands); i++) {
		hands[i].engine = fresh(state);
		assert_int_equal(
		    pthread_create(&hands[i].thread, NULL, raise_counter, &hands[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(hands); i++) {
		assert_int_equal(pthread_join(hands[i].thread, NULL), 0);
		assert_int_equal(hands[i].wrong, 0);
	}
	assert_scan(fresh(state), account, "", "", "n=80");
}

/* ---- every test on every engine ---- */

static const struct engine_strictness unkind = {
	.seed = 11,
	.conflict = 50,
	.ambiguous_done = 50,
	.ambiguous_lost = 50,
	.full = 50,
	.notice_lost = 200,
	.notice_late = 200,
	.latency = 50,
};

static struct engine *
memory_open(struct subject *s)
{
	return engine_memory_new();
}

static struct engine *
strict_open(struct subject *s)
{
	return engine_memory_strict_new(&(struct engine_strictness){ .seed = 1 });
}

static struct engine *
unkind_open(struct subject *s)
{
	return engine_memory_strict_new(&unkind);
}

static struct engine *
memory_reopen(struct subject *s)
{
	struct engine *next = engine_memory_reopen(s->engine);

	engine_free(s->engine);
	return next;
}

static struct subject subjects[] = {
	{ .name = "memory", .exact = true, .open = memory_open, .reopen = memory_reopen },
	{ .name = "strict", .exact = true, .open = strict_open, .reopen = memory_reopen },
	{ .name = "unkind", .exact = false, .open = unkind_open, .reopen = memory_reopen },
#ifndef WITHOUT_ROCKSDB
	{ .name = "rocksdb", .exact = true, .open = rocks_open, .reopen = rocks_reopen },
#endif
};

static int
set_up(void **state)
{
	struct subject *s = *state;

	s->engine = s->open(s);
	return s->engine == NULL;
}

static int
tear_down(void **state)
{
	struct subject *s = *state;

	engine_free(s->engine);
	s->engine = NULL;
	remove_dir(s->dir);
	s->dir[0] = 0;
	return 0;
}

#define EACH_TEST(X)                         \
	X(a_guard_decides)                   \
	X(exact_ends)                        \
	X(writes_of_a_batch_are_in_order)    \
	X(keys_and_values_of_any_bytes)      \
	X(entities_are_apart)                \
	X(scans_have_bounds)                 \
	X(a_scan_sees_one_moment)            \
	X(blobs_have_pieces)                 \
	X(all_entities_are_found)            \
	X(all_blobs_are_found)               \
	X(batches_of_one_entity_chain)       \
	X(freeing_waits)                     \
	X(too_large_a_batch)                 \
	X(watches_tell_of_commits)           \
	X(a_lease_has_one_owner_for_a_time)  \
	X(facts_are_counted)                 \
	X(random_batches_agree_with_a_model) \
	X(scans_and_commits_side_by_side)    \
	X(guards_hold_against_many)

static const struct CMUnitTest each_test[] = {
#define X(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down),
	EACH_TEST(X)
#undef X
};

int
main(void)
{
	struct CMUnitTest tests[ARRAY_LEN(subjects) * ARRAY_LEN(each_test)];
	char names[ARRAY_LEN(tests)][80];

#ifdef WITHOUT_ROCKSDB
	print_message("%s\n", WITHOUT_ROCKSDB);
#endif
	for (size_t i = 0; i < ARRAY_LEN(tests); i++) {
		struct subject *s = &subjects[i / ARRAY_LEN(each_test)];

		tests[i] = each_test[i % ARRAY_LEN(each_test)];
		(void)snprintf(names[i], sizeof(names[i]), "%s: %s", s->name, tests[i].name);
		tests[i].name = names[i];
		tests[i].initial_state = s;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
