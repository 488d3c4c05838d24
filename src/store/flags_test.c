/* SPDX-License-Identifier: ISC */
/*
 * STORE of many messages, over several hot blocks and with holes: by columns
 * and entry by entry, mixed as they come, against a plain array of what should
 * be there (RFC 9051 6.4.6, RFC 7162 3.1.3).
 */
#include <pthread.h>

#include "store/box_test_helper.h"
#include "store/hot.h"

#define UIDS 640u
#define ROUNDS 150u
#define WORD TEXT("Word")

struct known {
	bool there, word;
	uint8_t flags;
	uint64_t modseq;
};

struct many {
	struct box *b;
	struct known at[UIDS + 1]; /* by UID */
	uint64_t modseq;
	uint64_t seed;
};

static uint32_t
roll(struct many *m, uint32_t below)
{
	m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(m->seed >> 33) % below;
}

/* 640 messages, of which a dozen go again. */
static void
fill(struct many *m)
{
	struct runs gone = RUNS_INIT, all = world_uids(1, UINT32_MAX);
	struct store_copy_reply copied;
	struct store_expunge_reply expunged;

	for (uint32_t count = 5; count < UIDS; count *= 2)
		assert_ok(ASK(m->b->w, access, store_copy, &copied, .token = m->b->token,
		    .op = random_u64(), .mailbox = m->b->inbox, .uids = all, .to = TEXT("INBOX")));
	for (uint32_t uid = 1; uid <= UIDS; uid++)
		m->at[uid].there = uid % 50 != 7;
	for (uint32_t uid = 7; uid <= UIDS; uid += 50)
		runs_add(&gone, uid, uid);
	assert_ok(ASK(m->b->w, access, store_expunge, &expunged, .token = m->b->token,
	    .op = random_u64(), .mailbox = m->b->inbox, .uids = gone, .force = 1));
	m->modseq = expunged.modseq;
	runs_done(&gone);
	runs_done(&all);
}

static void
read_back(struct many *m)
{
	struct store_fetch_request r = { .token = m->b->token,
		.mailbox = m->b->inbox,
		.uids = world_uids(1, UINT32_MAX),
		.items = FETCH_FLAGS };
	struct store_fetch_reply reply;
	struct store_row row;
	uint32_t seen = 0;

	assert_ok(store_fetch(m->b->w->access, &r, &m->b->w->arena, &reply, NULL));
	assert_int_equal(reply.resume, 0);
	for (struct unpack u = unpack_of(reply.rows); !unpack_end(&u);) {
		struct known *k;

		store_row_unpack(&u, FETCH_FLAGS, &row);
		assert_true(unpack_ok(&u) && row.uid <= UIDS && ++seen < UIDS);
		k = &m->at[row.uid];
		if (k->modseq == 0)
			k->modseq = row.modseq; /* of the first time */
		assert_true(k->there);
		assert_int_equal(row.flags, k->flags);
		assert_int_equal(row.keyword_count, k->word);
		assert_int_equal(row.modseq, k->modseq);
	}
	assert_int_equal(seen, UIDS - 13);
	runs_done(&r.uids);
	world_check(m->b->w, m->b->account);
}

/* What a STORE makes of the array; out: who is stale. */
static void
expect(struct many *m, const struct store_flags_request *r, struct runs *stale)
{
	uint64_t modseq = m->modseq + 1;

	for (uint32_t uid = runs_next(&r->uids, 1); uid != 0 && uid <= UIDS;
	     uid = runs_next(&r->uids, uid + 1)) {
		struct known *k = &m->at[uid], now = *k;
		bool word = r->keywords.count > 0;

		if (!k->there)
			continue;
		if (k->modseq > r->unchanged_since) {
			runs_add(stale, uid, uid);
			continue;
		}
		now.flags = (uint8_t)(r->mode == FLAGS_ADD	? k->flags | r->flags
				      : r->mode == FLAGS_REMOVE ? k->flags & ~r->flags
								: r->flags);
		now.word = r->mode == FLAGS_ADD	     ? k->word || word
			   : r->mode == FLAGS_REMOVE ? k->word && !word
						     : word;
		if (now.flags == k->flags && now.word == k->word)
			continue;
		*k = now;
		k->modseq = m->modseq = modseq;
	}
}

/* Every message that was touched is told once, as it is. */
static void
assert_told(const struct many *m, const struct store_flags_request *r, struct text spans,
    const struct runs *stale)
{
	struct unpack u = unpack_of(spans);
	struct store_span s = { .last = 0 };
	uint64_t newest = 0;

	for (uint32_t uid = runs_next(&r->uids, 1); uid != 0 && uid <= UIDS;
	     uid = runs_next(&r->uids, uid + 1)) {
		const struct known *k = &m->at[uid];

		if (!k->there || runs_has(stale, uid))
			continue;
		if (uid > s.last) {
			store_span_unpack(&u, &s);
			assert_true(unpack_ok(&u));
			assert_int_equal(s.first, uid);
		}
		assert_int_equal(s.flags, k->flags);
		assert_int_equal(s.keyword_count, k->word);
		assert_int_equal(s.modseq, k->modseq);
		newest = k->modseq > newest ? k->modseq : newest;
	}
	assert_true(unpack_end(&u));
	assert_true(newest <= m->modseq);
}

static void
some_uids(struct many *m, struct runs *out)
{
	for (uint32_t parts = 1 + roll(m, 3); parts > 0; parts--) {
		uint32_t first = 1 + roll(m, UIDS), length = 1 + roll(m, parts > 1 ? 20 : UIDS);

		runs_add(out, first, first + length);
	}
}

static void
store_some(struct many *m)
{
	struct text word = WORD;
	struct store_flags_request r = { .token = m->b->token,
		.op = random_u64(),
		.mailbox = m->b->inbox,
		.mode = roll(m, 3),
		.flags = roll(m, FLAG_ALL + 1),
		.keywords = { &word, roll(m, 4) == 0 },
		.unchanged_since = roll(m, 4) == 0 ? m->modseq - roll(m, 3) : UINT64_MAX,
		.quiet = roll(m, 2) };
	struct runs stale = RUNS_INIT;
	struct store_flags_reply reply;

	some_uids(m, &r.uids);
	expect(m, &r, &stale);
	assert_ok(store_flags(m->b->w->access, &r, &m->b->w->arena, &reply, NULL));
	assert_int_equal(reply.modseq, m->modseq);
	assert_int_equal(runs_total(&reply.stale), runs_total(&stale));
	for (uint32_t i = 0; i < stale.count; i++)
		assert_int_equal(reply.stale.at[i].first, stale.at[i].first);
	if (r.quiet)
		assert_int_equal(reply.spans.len, 0);
	else
		assert_told(m, &r, reply.spans, &stale);
	runs_done(&r.uids);
	runs_done(&stale);
}

static void
ranges_become_what_they_should(void **state)
{
	struct many m = { .b = *state, .seed = 42 };

	fill(&m);
	read_back(&m);
	for (unsigned i = 0; i < ROUNDS; i++) {
		store_some(&m);
		if (i % 10 == 0)
			read_back(&m);
	}
	read_back(&m);
	world_crash(m.b->w); /* what is on the disk is the same */
	read_back(&m);
}

/* ---- many at once ---- */

struct asker {
	pthread_t thread;
	struct many *m;
	uint64_t flags; /* 0: the keyword */
};

/* On and off and on again; each has a flag of its own. */
static void *
ask(void *arg)
{
	struct asker *a = arg;
	struct text word = WORD;
	struct arena arena = ARENA_INIT;
	struct store_flags_request r = { .token = a->m->b->token,
		.mailbox = a->m->b->inbox,
		.uids = world_uids(200, 300),
		.flags = a->flags,
		.keywords = { &word, a->flags == 0 },
		.unchanged_since = UINT64_MAX };
	struct store_flags_reply reply;

	for (unsigned i = 0; i < 21; i++) {
		r.op = random_u64();
		r.mode = i % 2 == 0 ? FLAGS_ADD : FLAGS_REMOVE;
		CHECK(store_flags(a->m->b->w->access, &r, &arena, &reply, NULL) == STATUS_OK);
		CHECK(runs_empty(&reply.stale));
		arena_reset(&arena);
	}
	runs_done(&r.uids);
	arena_done(&arena);
	return NULL;
}

/* Operations of one batch find each other's blocks as they left them. */
static void
both_ways_mix_in_one_batch(void **state)
{
	struct many m = { .b = *state };
	struct asker askers[] = { { .m = &m, .flags = FLAG_SEEN },
		{ .m = &m, .flags = FLAG_DELETED }, { .m = &m, .flags = 0 },
		{ .m = &m, .flags = FLAG_DRAFT } };

	fill(&m);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++)
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask, &askers[i]), 0);
	for (size_t i = 0; i < ARRAY_LEN(askers); i++)
		assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
	for (uint32_t uid = 200; uid <= 300; uid++) {
		m.at[uid].flags = FLAG_SEEN | FLAG_DELETED | FLAG_DRAFT;
		m.at[uid].word = true;
	}
	read_back(&m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, box_filled, box_done)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ranges_become_what_they_should),
		TEST(both_ways_mix_in_one_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
