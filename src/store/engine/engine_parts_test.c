/* SPDX-License-Identifier: ISC */
/* Tests of an engine's parts: versions, gate, inbox, notices, dice, keys. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/random.h"
#include "base/testing.h"
#include "store/engine/gate.h"
#include "store/engine/inbox.h"
#include "store/engine/keys.h"
#include "store/engine/notices.h"
#include "store/engine/strict.h"
#include "store/engine/versions.h"

/* ---- versions ---- */

#define ENTITIES 3000

struct version_model {
	struct versions versions;
	uint64_t disk[ENTITIES], group[ENTITIES]; /* 0: not in the group */
	size_t grouped;
};

static struct entity
entity_of(uint64_t i)
{
	return (struct entity){ i % 2 == 0 ? ENTITY_ACCOUNT : ENTITY_QUEUE, i / 2 };
}

static void
end_group(struct version_model *m, bool written)
{
	versions_settle(&m->versions, written);
	for (size_t i = 0; i < ENTITIES; i++) {
		if (written && m->group[i] != 0)
			m->disk[i] = m->group[i];
		m->group[i] = 0;
	}
	m->grouped = 0;
}

/* As the writer does it: what is not known is read and learnt. */
static void
pend_one(struct version_model *m)
{
	size_t i = random_below(ENTITIES);
	uint64_t expected = m->group[i] != 0 ? m->group[i] : m->disk[i], version;

	if (versions_find(&m->versions, entity_of(i), &version)) {
		assert_int_equal(version, expected);
	} else {
		assert_int_equal(m->group[i], 0); /* pending ones are always known */
		versions_learn(&m->versions, entity_of(i), m->disk[i]);
	}
	m->grouped += m->group[i] == 0;
	m->group[i] = expected + 1;
	versions_pend(&m->versions, entity_of(i), expected + 1);
}

static void
versions_agree_with_a_model(void **state)
{
	struct version_model *m = MEM_NEW(struct version_model);
	uint64_t version;

	random_seed_for_test(2);
	versions_init(&m->versions);
	for (unsigned round = 0; round < 400; round++) {
		uint64_t members = random_below(VERSIONS_PENDING) + 1;

		for (uint64_t n = 0; n < members && m->grouped < VERSIONS_PENDING; n++)
			pend_one(m);
		end_group(m, random_below(4) != 0);
	}
	versions_pend(&m->versions, entity_of(1), 7);
	versions_forget(&m->versions);
	for (size_t i = 0; i < ENTITIES; i++)
		assert_false(versions_find(&m->versions, entity_of(i), &version));
	versions_done(&m->versions);
	mem_free(m);
	random_seed_for_test(0);
}

/* ---- the gate ---- */

struct passer {
	pthread_t thread;
	struct gate *gate;
	_Atomic bool *stop;
	unsigned *place; /* whole when it is even; no lock but the gate */
	unsigned wrong, passed;
};

static void *
pass(void *arg)
{
	struct passer *p = arg;

	while (!atomic_load(p->stop)) {
		gate_enter(p->gate);
		p->wrong += *p->place % 2;
		p->passed++;
		gate_leave(p->gate);
	}
	return NULL;
}

static void
the_closer_is_alone(void **state)
{
	struct passer each[4] = { { .wrong = 0 } };
	_Atomic bool stop = false;
	unsigned place = 0;
	struct gate g;

	gate_init(&g);
	for (size_t i = 0; i < ARRAY_LEN(each); i++) {
		each[i] = (struct passer){ .gate = &g, .stop = &stop, .place = &place };
		assert_int_equal(pthread_create(&each[i].thread, NULL, pass, &each[i]), 0);
	}
	for (unsigned i = 0; i < 300; i++) {
		if (!gate_close(&g, 10000000))
			fail_msg("nobody stays inside");
		place++;
		(void)sched_yield();
		place++;
		gate_open(&g);
	}
	atomic_store(&stop, true);
	for (size_t i = 0; i < ARRAY_LEN(each); i++) {
		assert_int_equal(pthread_join(each[i].thread, NULL), 0);
		assert_int_equal(each[i].wrong, 0);
	}
	gate_done(&g);
}

static void
closing_gives_up(void **state)
{
	struct gate g;

	gate_init(&g);
	gate_enter(&g);
	assert_false(gate_close(&g, 1000));
	gate_enter(&g); /* it is open again */
	gate_leave(&g);
	gate_leave(&g);
	assert_true(gate_close(&g, 1000));
	gate_open(&g);
	gate_done(&g);
}

/* ---- the inbox ---- */

#define PUSHERS 4
#define PUSHES 3000

/* What the one who writes has seen. */
struct writer {
	atomic_bool writing;
	uint64_t next[PUSHERS];
	_Atomic size_t taken;
};

struct pusher {
	pthread_t thread;
	struct inbox *inbox;
	struct writer *writer;	      /* for who may lead, or NULL */
	struct engine_batch *batches; /* guard: its number, entity.id: whose */
};

static void
write_all(struct writer *w, struct engine_batch *b)
{
	assert_false(atomic_exchange(&w->writing, true));
	for (; b != NULL; b = b->next, w->taken++)
		assert_int_equal(b->guard, w->next[b->entity.id]++);
	atomic_store(&w->writing, false);
}

static void *
push_all(void *arg)
{
	struct pusher *p = arg;

	for (size_t i = 0; i < PUSHES; i++) {
		if (p->writer != NULL && inbox_lead(p->inbox)) {
			write_all(p->writer, &p->batches[i]);
			inbox_led(p->inbox);
		} else {
			inbox_push(p->inbox, &p->batches[i]);
		}
	}
	return NULL;
}

/* Every batch is written once, in the order of its thread, by one at a time. */
static void
push_in_order(struct inbox *in, struct engine_batch *all, bool leads)
{
	struct writer w = { .writing = false };
	struct pusher each[PUSHERS];

	for (uint64_t i = 0; i < PUSHERS; i++) {
		each[i] = (struct pusher){
			.inbox = in, .writer = leads ? &w : NULL, .batches = all + i * PUSHES
		};
		for (uint64_t n = 0; n < PUSHES; n++)
			engine_batch_init(
			    &each[i].batches[n], (struct entity){ ENTITY_ACCOUNT, i }, n);
		assert_int_equal(pthread_create(&each[i].thread, NULL, push_all, &each[i]), 0);
	}
	while (w.taken < (size_t)PUSHERS * PUSHES)
		write_all(&w, inbox_take(in, leads ? 1000 : -1));
	for (size_t i = 0; i < PUSHERS; i++)
		assert_int_equal(pthread_join(each[i].thread, NULL), 0);
}

static void
batches_keep_their_order(void **state)
{
	struct engine_batch *all = mem_array((size_t)PUSHERS * PUSHES, sizeof(*all));
	struct inbox in;

	inbox_init(&in);
	assert_false(inbox_lead(&in)); /* the writer does not sleep */
	push_in_order(&in, all, true);
	push_in_order(&in, all, false);
	assert_null(inbox_take(&in, 0));
	assert_null(inbox_take(&in, 100));
	assert_false(inbox_ended(&in));
	inbox_push(&in, all);
	inbox_stop(&in);
	assert_false(inbox_ended(&in));
	assert_ptr_equal(inbox_take(&in, -1), all);
	assert_null(inbox_take(&in, -1));
	assert_true(inbox_ended(&in));
	inbox_done(&in);
	mem_free(all);
}

/* ---- notices ---- */

struct listener {
	struct notices *notices;
	uint64_t id, other; /* other: removed when this one is called */
	struct listener *added;
	unsigned calls;
};

static const struct entity watched = { ENTITY_ACCOUNT, 5 };

static void
heard(void *arg, struct entity e)
{
	struct listener *l = arg;

	assert_int_equal(e.id, watched.id);
	l->calls++;
	if (l->other != 0)
		notices_remove(l->notices, l->other);
	if (l->added != NULL && l->added->id == 0)
		l->added->id = notices_add(l->notices, watched, heard, l->added);
}

static void
listeners_may_come_and_go(void **state)
{
	struct notices n;
	struct listener a = { .notices = &n }, b = { .notices = &n }, c = { .notices = &n };

	notices_init(&n);
	a.id = notices_add(&n, watched, heard, &a);
	b.id = notices_add(&n, watched, heard, &b);
	a.other = b.id; /* gone before it is called */
	a.added = &c;
	notices_fire(&n, watched);
	assert_int_equal(a.calls, 1);
	assert_int_equal(b.calls, 0);
	a.other = a.id; /* itself */
	notices_fire(&n, watched);
	notices_fire(&n, watched);
	assert_int_equal(a.calls, 2);
	assert_true(c.calls >= 2);
	notices_fire(&n, (struct entity){ ENTITY_QUEUE, 5 });
	notices_fire(&n, (struct entity){ ENTITY_ACCOUNT, 6 });
	assert_int_equal(b.calls, 0);
	notices_remove(&n, c.id);
	c.calls = 0;
	notices_fire(&n, watched);
	assert_int_equal(c.calls, 0);
	(void)notices_add(&n, watched, heard, &c); /* freed with the table */
	notices_done(&n);
}

/* ---- dice ---- */

#define THROWS 20000

static void
count_fates(const struct engine_strictness *how, unsigned fates[5])
{
	struct dice d;

	memset(fates, 0, 5 * sizeof(*fates));
	dice_init(&d, how);
	for (unsigned i = 0; i < THROWS; i++)
		fates[dice_commit(&d)]++;
}

static void
about(unsigned n, unsigned per_thousand)
{
	unsigned expected = THROWS / 1000 * per_thousand;

	assert_in_range(n, expected * 8 / 10, expected * 12 / 10);
}

static void
dice_are_fair(void **state)
{
	struct engine_strictness how = { .seed = 1 };
	unsigned fates[5];

	count_fates(&how, fates);
	assert_int_equal(fates[FATE_GOOD], THROWS);
	how.full = 100;
	count_fates(&how, fates);
	about(fates[FATE_FULL], 100);
	how.full = 0;
	how.conflict = 200;
	count_fates(&how, fates);
	about(fates[FATE_CONFLICT], 200);
	how.conflict = 0;
	how.ambiguous_lost = 300;
	how.ambiguous_done = 300;
	count_fates(&how, fates);
	about(fates[FATE_AMBIGUOUS_LOST], 300);
	about(fates[FATE_AMBIGUOUS_DONE], 210);
	how = (struct engine_strictness){ .conflict = 1000 };
	count_fates(&how, fates);
	assert_int_equal(fates[FATE_CONFLICT], THROWS);
}

static void
dice_follow_the_seed(void **state)
{
	const struct engine_strictness how = {
		.seed = 9, .conflict = 300, .notice_late = 300, .notice_lost = 300, .latency = 1000
	};
	struct engine_strictness other = how;
	struct dice a, b, c;
	unsigned differ = 0, fates[4] = { 0 };

	other.seed = 10;
	dice_init(&a, &how);
	dice_init(&b, &how);
	dice_init(&c, &other);
	for (unsigned i = 0; i < 1000; i++) {
		enum fate fate = dice_commit(&a);
		enum notice_fate notice = dice_notice(&a);
		int64_t latency = dice_commit_latency(&a);

		assert_int_equal(dice_commit(&b), fate);
		assert_int_equal(dice_notice(&b), notice);
		assert_int_equal(dice_commit_latency(&b), latency);
		assert_in_range(latency, 0, 1000);
		assert_in_range(dice_read_latency(&a), 0, 1000);
		differ += dice_commit(&c) != fate;
		fates[notice]++;
	}
	assert_true(differ > 100);
	for (size_t i = 0; i < ARRAY_LEN(fates); i++)
		assert_true(fates[i] > 50);
}

/* ---- keys ---- */

static void
keys_sort_as_entities(void **state)
{
	struct row_key a, b;
	struct entity e;
	struct text key;

	row_key_make(&a, (struct entity){ ENTITY_ACCOUNT, 255 }, TEXT("\xff"));
	row_key_end(&b, (struct entity){ ENTITY_ACCOUNT, 255 });
	assert_true(text_compare(row_key_text(&a), row_key_text(&b)) < 0);
	row_key_make(&a, (struct entity){ ENTITY_ACCOUNT, 256 }, TEXT_EMPTY);
	assert_true(text_equal(row_key_text(&a), row_key_text(&b)));
	row_key_make(&a, (struct entity){ ENTITY_ACCOUNT, UINT64_MAX }, TEXT("x"));
	row_key_end(&b, (struct entity){ ENTITY_ACCOUNT, UINT64_MAX });
	assert_true(text_compare(row_key_text(&a), row_key_text(&b)) < 0);
	assert_ok(row_key_parse(row_key_text(&a), &e, &key));
	assert_int_equal(e.kind, ENTITY_ACCOUNT);
	assert_true(e.id == UINT64_MAX);
	assert_text(key, "x");
	assert_int_equal(row_key_parse(TEXT("A1234567"), &e, &key), STATUS_CORRUPT);
}

static void
pieces_and_versions_decode(void **state)
{
	struct blob_id id = { { 1, 2, [15] = 3 } }, back;
	struct piece_key k;
	uint16_t piece;
	uint64_t version = 5;
	char value[8];

	piece_key_make(&k, id, 0x1234);
	assert_ok(piece_key_parse(piece_key_text(&k), &back, &piece));
	assert_memory_equal(&back, &id, sizeof(id));
	assert_int_equal(piece, 0x1234);
	assert_int_equal(
	    piece_key_parse(text_part(piece_key_text(&k), 0, 17), &back, &piece), STATUS_CORRUPT);
	version_encode(UINT64_C(0x0102030405060708), value);
	assert_memory_equal(value, "\1\2\3\4\5\6\7\10", 8);
	assert_int_equal(version_decode(TEXT("1234567"), &version), STATUS_CORRUPT);
	assert_int_equal(version, 5);
	assert_ok(version_decode((struct text){ value, 8 }, &version));
	assert_true(version == UINT64_C(0x0102030405060708));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_agree_with_a_model),
		cmocka_unit_test(the_closer_is_alone),
		cmocka_unit_test(closing_gives_up),
		cmocka_unit_test(batches_keep_their_order),
		cmocka_unit_test(listeners_may_come_and_go),
		cmocka_unit_test(dice_are_fair),
		cmocka_unit_test(dice_follow_the_seed),
		cmocka_unit_test(keys_sort_as_entities),
		cmocka_unit_test(pieces_and_versions_decode),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
