/* SPDX-License-Identifier: ISC */
/* What is in memory of a queue's rows is what the engine has, whatever becomes of the
 * mail; and a queue that is longer than memory is read in few steps. */
#include "store/outgoing_test_helper.h"
#include "store/queue_admin_calls.h"

/* ---- held against the engine ---- */

static struct map seen; /* keys that were ever there -> of which shard, + 1 */

static void
see(uint64_t shard, struct text key)
{
	(void)map_put(&seen, key, (void *)(uintptr_t)(shard + 1));
}

static bool
is_kept(struct text key)
{
	return key.ptr[0] == KEY_Q_MESSAGE || key.ptr[0] == KEY_Q_ENVELOPE ||
	       key.ptr[0] == KEY_Q_RUN || key.ptr[0] == KEY_Q_SENT || key.ptr[0] == KEY_Q_KNOWN;
}

static void
see_all(struct rig *r)
{
	struct engine_scan *scan;
	struct text key, value;

	for (uint64_t i = 0; i < QUEUE_SHARDS; i++) {
		assert_ok(engine_scan_open(r->w->engine, (struct entity){ ENTITY_QUEUE, i },
		    TEXT_EMPTY, TEXT_EMPTY, &scan));
		while (engine_scan_next(scan, &key, &value) == STATUS_OK)
			if (is_kept(key))
				see(i, key);
		engine_scan_close(scan);
	}
}

/* How many rows are in memory; each of them as the engine has it. */
static uint32_t
compare(struct rig *r)
{
	uint32_t here = 0;
	size_t at = 0;
	struct text key;
	void *p;

	store_settle(r->w->store);
	see_all(r);
	while (map_each(&seen, &at, &key, NULL, &p)) {
		uint64_t i = (uintptr_t)p - 1;
		struct queue_shard *shard = &r->w->store->queue.shard[i];
		struct arena a = ARENA_INIT;
		struct text got, is;

		if (fresh_get(&shard->fresh, key, &a, &got) ||
		    fresh_get(&shard->senders, key, &a, &got)) {
			here++;
			assert_ok(engine_get(
			    r->w->engine, (struct entity){ ENTITY_QUEUE, i }, key, &a, &is));
			assert_true(text_equal(got, is));
		}
		arena_done(&a);
	}
	return here;
}

/* ---- what becomes of mail ---- */

static void
submit_some(struct rig *r, uint32_t messages)
{
	static const char *const to[] = { "bob@example.net", "bob@example.net carol@example.org",
		"a@one.example b@two.example c@three.example d@four.example" };

	for (uint32_t i = 0; i < messages; i++)
		(void)submit(r, to[random_below(ARRAY_LEN(to))]);
}

/* All of it, in steps. */
static void
change(struct rig *r, enum queue_admin_change what)
{
	struct queue_admin_change_request q = { .change = what,
		.destination = TEXT("example.org") };
	struct queue_admin_change_reply reply;
	struct failure f = { 0 };

	do {
		assert_ok(queue_admin_change(r->w->admin, &q, &r->w->arena, &reply, &f));
		q.after = reply.resume;
	} while (reply.resume.len > 0);
}

static void
one_step(struct rig *r)
{
	static const enum queue_outcome how[] = { QUEUE_DELIVERED, QUEUE_DELIVERED, QUEUE_LATER,
		QUEUE_FAILED, QUEUE_UNTRIED };

	switch (random_below(8)) {
	case 0:
		submit_some(r, 1);
		break;
	case 1:
		r->next = random_below(2) == 0;
		break;
	default:
		if (take(r) > 0)
			report(r, how[random_below(ARRAY_LEN(how))], SCHEDULE_WELL);
	}
}

static void
memory_is_as_the_engine(void **state)
{
	struct rig *r = *state;
	int64_t now = NOW;
	uint32_t here = 0;

	submit_some(r, 60);
	for (uint32_t round = 0; round < 4; round++) {
		crash(r);
		assert_int_equal(compare(r), 0);
		for (uint32_t step = 0; step < 60; step++) {
			one_step(r);
			if (step % 6 == 0)
				here += compare(r);
			if (step % 10 == 0) {
				at(now += 700);
				r->token = world_token(r->w, r->alice);
			}
		}
		change(r, (enum queue_admin_change)random_below(QUEUE_ADMIN_CHANGES));
		here += compare(r);
	}
	assert_true(here > 1000);
	map_done(&seen);
}

/* ---- a long queue ---- */

#define LONG 1500u

/* Keys that were asked for and rows that were scanned, each of the latter a fraction
 * of one of the former. */
static uint64_t
read_of(struct rig *r)
{
	struct engine_facts f;

	engine_facts_of(r->w->engine, &f);
	return f.keys_read + f.keys_scanned / 8;
}

/* As after a start: nothing is in memory. A lease reads its content and its share of
 * what was read together, and the report that ends it nothing. */
static void
a_long_queue_is_read_in_few_steps(void **state)
{
	struct rig *r = *state;
	uint64_t before, each;

	if (world_is_strict())
		return; /* reads again after conflicts */
	for (uint32_t i = 0; i < LONG; i++)
		(void)submit_op(r, "bob@example.net", random_by_time(), &each);
	crash(r);
	before = read_of(r);
	for (uint32_t i = 0; i < LONG; i++) {
		assert_int_equal(take(r), 1);
		report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	}
	store_settle(r->w->store);
	each = (read_of(r) - before) * 10 / LONG;
	assert_in_range(each, 10, 20); /* tenths */
}

/* Its runs are leased one after the other: the content is read once. */
static void
content_of_several_runs_is_read_once(void **state)
{
	struct rig *r = *state;
	struct engine_facts before, after;

	(void)submit(r, "a@one.example b@two.example c@three.example");
	(void)submit(r, "d@four.example");
	store_settle(r->w->store);
	engine_facts_of(r->w->engine, &before);
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal(take(r), 1);
		assert_true(r->lease.piece0.len > 0);
	}
	engine_facts_of(r->w->engine, &after);
	assert_int_equal(after.keys_read - before.keys_read, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_is_as_the_engine, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    content_of_several_runs_is_read_once, setup, teardown),
		cmocka_unit_test_setup_teardown(a_long_queue_is_read_in_few_steps, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
