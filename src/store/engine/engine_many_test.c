/* SPDX-License-Identifier: ISC */
/*
 * The conformance suite's second part: many batches and many threads. Random
 * batches against a model, batches in flight, scans beside commits.
 */
#include <stdatomic.h>

#include "base/random.h"
#include "store/engine/engine_suite.h"

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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST(batches_of_one_entity_chain),
		SUITE_TEST(freeing_waits),
		SUITE_TEST(random_batches_agree_with_a_model),
		SUITE_TEST(scans_and_commits_side_by_side),
		SUITE_TEST(guards_hold_against_many),
	};

	return run_suite(tests, ARRAY_LEN(tests));
}
