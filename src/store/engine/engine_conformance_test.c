/* SPDX-License-Identifier: ISC */
/* The conformance suite: what store/engine.h promises, held against every engine. */
#include "base/clock.h"
#include "store/engine/backend.h"
#include "store/engine/engine_suite.h"

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

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		SUITE_TEST(a_guard_decides),
		SUITE_TEST(exact_ends),
		SUITE_TEST(writes_of_a_batch_are_in_order),
		SUITE_TEST(keys_and_values_of_any_bytes),
		SUITE_TEST(entities_are_apart),
		SUITE_TEST(scans_have_bounds),
		SUITE_TEST(a_scan_sees_one_moment),
		SUITE_TEST(blobs_have_pieces),
		SUITE_TEST(all_entities_are_found),
		SUITE_TEST(all_blobs_are_found),
		SUITE_TEST(too_large_a_batch),
		SUITE_TEST(watches_tell_of_commits),
		SUITE_TEST(a_lease_has_one_owner_for_a_time),
		SUITE_TEST(facts_are_counted),
	};

	return run_suite(tests, ARRAY_LEN(tests));
}
