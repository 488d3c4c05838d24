/* SPDX-License-Identifier: ISC */
/*
 * Random operations against a model that is too simple to be wrong, by several
 * threads at once, each on an account of its own; on the memory engine, on one
 * that is as unkind as a cluster, and on RocksDB; with crashes in between. A
 * call that fails this time is made again with its op, as a front does, and must
 * have its effect exactly once. Beside it a client follows each mailbox by
 * store_changes alone, and must see what is there.
 */
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>

#include "runtime/metrics.h"
#include "store/store_test_helper.h"

/* cmocka's assertions are for the main thread alone. */
#define SAME(a, b)                                                                                 \
	((a) == (b) ? (void)0                                                                      \
		    : die("%s:%d: %s is %lld, %s is %lld", __FILE__, __LINE__, #a, (long long)(a), \
			  #b, (long long)(b)))

#define BOXES 4
#define MESSAGES_MAX 3000
#define KEYWORDS 3
#define THREADS 3

struct model_message {
	uint32_t uid;
	uint8_t flags;
	uint8_t keywords; /* a bit each */
	uint64_t size;
};

struct model_box {
	char name[16];
	bool exists;
	uint32_t id, uidnext, uidvalidity;
	struct model_message at[MESSAGES_MAX];
	uint32_t count;
	/* The client that follows. */
	bool followed;
	uint64_t modseq;
	struct runs view;
	uint8_t view_flags[MESSAGES_MAX * 2]; /* by UID */
};

struct player {
	struct world *w;
	struct arena arena;
	uint64_t seed;
	char address[40];
	uint64_t account;
	struct text token;
	struct model_box box[BOXES];
	struct parcel parcel;
	char keyword_order[KEYWORDS]; /* number -> which; 0: not known yet */
	uint32_t keywords_known;
	unsigned steps;
};

static uint64_t more;
static const char *const words[KEYWORDS] = { "Alpha", "Beta", "Gamma" };

static uint64_t
roll(struct player *p, uint64_t n)
{
	uint64_t z = p->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) % n;
}

/* Until it is decided; *s is how it ended. */
#define INSIST(p, s, link, name, reply, ...)                                                    \
	do {                                                                                    \
		(s) = name((p)->w->link, &(struct name##_request){ .none_ = 0, ##__VA_ARGS__ }, \
		    &(p)->arena, (reply), NULL);                                                \
	} while (world_for_now(s))

/* ---- the model ---- */

static struct model_box *
some_box(struct player *p)
{
	return &p->box[roll(p, BOXES)];
}

static void
model_add(struct model_box *b, uint32_t uid, uint8_t flags, uint8_t keywords, uint64_t size)
{
	CHECK(b->count < MESSAGES_MAX);
	CHECK(b->count == 0 || b->at[b->count - 1].uid < uid);
	b->at[b->count++] = (struct model_message){ uid, flags, keywords, size };
	b->uidnext = uid + 1;
}

static void
model_remove(struct model_box *b, uint32_t i)
{
	memmove(&b->at[i], &b->at[i + 1], (b->count - i - 1) * sizeof(b->at[0]));
	b->count--;
}

static struct runs
some_uids(struct player *p, const struct model_box *b)
{
	uint32_t first = (uint32_t)roll(p, b->uidnext + 1) + 1;

	return world_uids(first, first + (uint32_t)roll(p, 12));
}

/* ---- looking ---- */

static uint8_t
keywords_of(struct player *p, const struct store_row *row)
{
	uint8_t bits = 0;

	for (uint32_t i = 0; i < row->keyword_count; i++) {
		CHECK(row->keywords[i] < p->keywords_known);
		bits |= (uint8_t)(1 << p->keyword_order[row->keywords[i]]);
	}
	return bits;
}

static void
learn_keywords(struct player *p, struct texts names, uint32_t from)
{
	for (uint32_t i = 0; i < names.count; i++)
		for (char k = 0; k < KEYWORDS; k++)
			if (text_equal(names.at[i], text_of(words[(int)k]))) {
				p->keyword_order[from + i] = k;
				if (p->keywords_known < from + i + 1)
					p->keywords_known = from + i + 1;
			}
}

static void
look_rows(struct player *p, const struct model_box *b)
{
	struct runs all = world_uids(1, UINT32_MAX);
	struct store_fetch_reply r;
	struct store_row row;
	struct unpack u;
	enum status s;

	INSIST(p, s, access, store_fetch, &r, .token = p->token, .mailbox = b->id, .uids = all);
	SAME(s, STATUS_OK);
	runs_done(&all);
	u = unpack_of(r.rows);
	for (uint32_t i = 0; i < b->count; i++) {
		store_row_unpack(&u, 0, &row);
		CHECK(unpack_ok(&u));
		SAME(row.uid, b->at[i].uid);
		SAME(row.flags, b->at[i].flags);
		SAME(keywords_of(p, &row), b->at[i].keywords);
		SAME(row.size, b->at[i].size);
		CHECK(row.modseq <= r.modseq);
	}
	CHECK(unpack_end(&u));
}

static void
look(struct player *p, struct model_box *b)
{
	struct store_open_reply r;
	uint32_t unseen = 0, first = 0;
	enum status s;

	INSIST(p, s, access, store_open, &r, .token = p->token, .name = text_of(b->name));
	if (!b->exists) {
		SAME(s, STATUS_NOT_FOUND);
		return;
	}
	SAME(s, STATUS_OK);
	learn_keywords(p, r.keywords, 0);
	SAME(r.mailbox, b->id);
	SAME(r.uidvalidity, b->uidvalidity);
	SAME(r.uidnext, b->uidnext);
	SAME(runs_total(&r.uids), b->count);
	for (uint32_t i = 0; i < b->count; i++) {
		CHECK(runs_has(&r.uids, b->at[i].uid));
		if ((b->at[i].flags & FLAG_SEEN) == 0 && unseen++ == 0)
			first = b->at[i].uid;
	}
	SAME(r.unseen, unseen);
	SAME(r.first_unseen, first);
	look_rows(p, b);
}

/* What the following client is told, and whether it knows what is there. */
static void
follow(struct player *p, struct model_box *b)
{
	struct store_changes_reply r;
	struct store_row row;
	struct unpack u;
	enum status s;

	if (!b->exists)
		return;
	INSIST(p, s, access, store_changes, &r, .token = p->token, .mailbox = b->id,
	    .since = b->modseq, .keywords_from = p->keywords_known);
	SAME(s, STATUS_OK);
	learn_keywords(p, r.keywords, p->keywords_known);
	b->modseq = r.modseq;
	if (r.full) {
		runs_copy(&b->view, &r.uids);
		b->followed = false;
	}
	runs_remove_all(&b->view, &r.vanished);
	runs_add_all(&b->view, &r.added);
	for (u = unpack_of(r.rows); !unpack_end(&u);) {
		store_row_unpack(&u, 0, &row);
		CHECK(unpack_ok(&u) && row.uid < sizeof(b->view_flags));
		b->view_flags[row.uid] = (uint8_t)row.flags;
	}
	SAME(runs_total(&b->view), b->count);
	for (uint32_t i = 0; i < b->count; i++) {
		struct model_message *m = &b->at[i];

		CHECK(runs_has(&b->view, m->uid));
		CHECK(m->uid < sizeof(b->view_flags));
		if (!b->followed || runs_has(&r.added, m->uid))
			b->view_flags[m->uid] = m->flags;
		SAME(b->view_flags[m->uid], m->flags);
	}
	b->followed = true;
}

/* ---- operations ---- */

static void
deliver(struct player *p)
{
	struct store_deliver_reply r;
	struct text to = text_of(p->address);
	uint64_t op = roll(p, UINT64_MAX);
	uint64_t size = p->parcel.raw.len + strlen("Return-Path: <x@y.z>\r\nDelivered-To: \r\n") +
			strlen(p->address);
	enum status s;

	do
		INSIST(p, s, intake, store_deliver, &r, .op = op, .sender = TEXT("x@y.z"),
		    .recipients = { &to, 1 }, .summary = p->parcel.summary,
		    .content = PAYLOAD_OF(p->parcel.content), .size = p->parcel.raw.len);
	while (s == STATUS_OK && world_for_now((enum status)r.verdicts.at[0]));
	SAME(s, STATUS_OK);
	SAME(r.verdicts.at[0], STATUS_OK);
	model_add(&p->box[0], p->box[0].uidnext, 0, 0, size);
}

static void
append(struct player *p)
{
	struct model_box *b = some_box(p);
	struct store_append_reply r;
	uint8_t flags = (uint8_t)roll(p, FLAG_ALL + 1);
	struct text word = text_of(words[1]);
	enum status s;

	INSIST(p, s, intake, store_append, &r, .token = p->token, .op = roll(p, UINT64_MAX),
	    .mailbox = b->id, .flags = flags, .keywords = { &word, 1 },
	    .summary = p->parcel.summary, .content = PAYLOAD_OF(p->parcel.content),
	    .size = p->parcel.raw.len);
	if (!b->exists) {
		SAME(s, STATUS_NOT_FOUND);
		return;
	}
	SAME(s, STATUS_OK);
	SAME(r.uid, b->uidnext);
	model_add(b, (uint32_t)r.uid, flags, 2, p->parcel.raw.len);
}

/* Two messages in one commit. */
static void
append_all(struct player *p)
{
	struct model_box *b = some_box(p);
	const struct parcel *one = &p->parcel;
	struct text summaries = arena_join(&p->arena, one->summary, one->summary);
	struct text contents = arena_join(&p->arena, one->content, one->content);
	uint64_t flags[] = { roll(p, FLAG_ALL + 1), roll(p, FLAG_ALL + 1) };
	uint64_t counts[] = { 0, 1 }, dates[] = { 1, 2 };
	uint64_t sizes[] = { one->raw.len, one->raw.len };
	uint64_t summary_sizes[] = { one->summary.len, one->summary.len };
	uint64_t content_sizes[] = { one->content.len, one->content.len };
	struct text word = text_of(words[2]);
	struct store_append_all_reply r;
	enum status s;

	INSIST(p, s, intake, store_append_all, &r, .token = p->token, .op = roll(p, UINT64_MAX),
	    .mailbox = b->id, .flags = { flags, 2 }, .keyword_counts = { counts, 2 },
	    .keywords = { &word, 1 }, .dates = { dates, 2 }, .sizes = { sizes, 2 },
	    .summary_sizes = { summary_sizes, 2 }, .summaries = PAYLOAD_OF(summaries),
	    .content_sizes = { content_sizes, 2 }, .contents = PAYLOAD_OF(contents));
	SAME(s, b->exists ? STATUS_OK : STATUS_NOT_FOUND);
	if (s != STATUS_OK)
		return;
	SAME(r.uid, b->uidnext);
	model_add(b, (uint32_t)r.uid, (uint8_t)flags[0], 0, one->raw.len);
	model_add(b, (uint32_t)r.uid + 1, (uint8_t)flags[1], 4, one->raw.len);
}

static void
model_flags(
    struct model_box *b, const struct runs *uids, unsigned mode, uint8_t flags, uint8_t bits)
{
	for (uint32_t i = 0; i < b->count; i++) {
		struct model_message *m = &b->at[i];

		if (!runs_has(uids, m->uid))
			continue;
		if (mode == FLAGS_ADD) {
			m->flags |= flags;
			m->keywords |= bits;
		} else if (mode == FLAGS_REMOVE) {
			m->flags = (uint8_t)(m->flags & ~flags);
			m->keywords = (uint8_t)(m->keywords & ~bits);
		} else {
			m->flags = flags;
			m->keywords = bits;
		}
	}
}

static void
set_flags(struct player *p)
{
	struct model_box *b = some_box(p);
	struct runs uids = some_uids(p, b);
	uint8_t flags = (uint8_t)roll(p, FLAG_ALL + 1), bits = (uint8_t)roll(p, 1 << KEYWORDS);
	unsigned mode = (unsigned)roll(p, 3);
	struct store_flags_reply r;
	struct text named[KEYWORDS];
	uint32_t count = 0;
	enum status s;

	for (int k = 0; k < KEYWORDS; k++)
		if (bits & 1 << k)
			named[count++] = text_of(words[k]);
	INSIST(p, s, access, store_flags, &r, .token = p->token, .op = roll(p, UINT64_MAX),
	    .mailbox = b->id, .uids = uids, .mode = mode, .flags = flags,
	    .keywords = { named, count }, .unchanged_since = UINT64_MAX);
	SAME(s, b->exists ? STATUS_OK : STATUS_NOT_FOUND);
	if (b->exists)
		model_flags(b, &uids, mode, flags, bits);
	runs_done(&uids);
}

static void
copy(struct player *p)
{
	struct model_box *from = some_box(p), *to = some_box(p);
	struct runs uids = some_uids(p, from);
	bool move = roll(p, 2) == 1;
	struct store_copy_reply r;
	uint32_t had = from->count, next;
	enum status s;

	INSIST(p, s, access, store_copy, &r, .token = p->token, .op = roll(p, UINT64_MAX),
	    .mailbox = from->id, .uids = uids, .to = text_of(to->name), .move = move);
	if (!from->exists || !to->exists) {
		CHECK(s == STATUS_INVALID || s == STATUS_NOT_FOUND);
		runs_done(&uids);
		return;
	}
	SAME(s, STATUS_OK);
	next = (uint32_t)r.first;
	for (uint32_t i = 0, k = 0; k < had; k++) {
		struct model_message m = from->at[i];

		SAME(runs_has(&uids, m.uid), runs_has(&r.from, m.uid));
		if (!runs_has(&uids, m.uid)) {
			i++;
			continue;
		}
		if (move)
			model_remove(from, i);
		else
			i++;
		SAME(next, to->uidnext);
		model_add(to, next++, m.flags, m.keywords, m.size);
	}
	runs_done(&uids);
}

static void
expunge(struct player *p)
{
	struct model_box *b = some_box(p);
	bool all = roll(p, 2) == 1, force = !all && roll(p, 2) == 1;
	struct runs uids = some_uids(p, b);
	struct store_expunge_reply r;
	enum status s;

	INSIST(p, s, access, store_expunge, &r, .token = p->token, .op = roll(p, UINT64_MAX),
	    .mailbox = b->id, .all = all, .uids = uids, .force = force);
	SAME(s, b->exists ? STATUS_OK : STATUS_NOT_FOUND);
	for (uint32_t i = 0; b->exists && i < b->count;) {
		bool goes = (all || runs_has(&uids, b->at[i].uid)) &&
			    (force || (b->at[i].flags & FLAG_DELETED));

		SAME(runs_has(&r.gone, b->at[i].uid), goes);
		if (goes)
			model_remove(b, i);
		else
			i++;
	}
	runs_done(&uids);
}

static void
forget_view(struct model_box *b)
{
	runs_clear(&b->view);
	b->modseq = 0;
	b->followed = false;
}

static void
make_or_remove(struct player *p)
{
	struct model_box *b = &p->box[1 + roll(p, BOXES - 1)];
	struct store_create_reply made;
	struct store_remove_reply removed;
	uint64_t op = roll(p, UINT64_MAX);
	enum status s;

	if (b->exists) {
		INSIST(p, s, access, store_remove, &removed, .token = p->token, .op = op,
		    .name = text_of(b->name));
		SAME(s, STATUS_OK);
		b->exists = false;
		b->count = 0;
		b->uidnext = 1;
		return;
	}
	INSIST(p, s, access, store_create, &made, .token = p->token, .op = op,
	    .name = text_of(b->name));
	SAME(s, STATUS_OK);
	CHECK(made.uidvalidity > b->uidvalidity);
	b->exists = true;
	b->id = (uint32_t)made.mailbox;
	b->uidvalidity = (uint32_t)made.uidvalidity;
	b->uidnext = 1;
	forget_view(b);
}

static void
rename_one(struct player *p)
{
	struct model_box *b = &p->box[1 + roll(p, BOXES - 1)];
	struct store_rename_reply r;
	char name[16];
	enum status s;

	(void)snprintf(name, sizeof(name), "Box%u", p->steps + 1000);
	INSIST(p, s, access, store_rename, &r, .token = p->token, .op = roll(p, UINT64_MAX),
	    .from = text_of(b->name), .to = text_of(name));
	SAME(s, b->exists ? STATUS_OK : STATUS_NOT_FOUND);
	if (b->exists)
		memcpy(b->name, name, sizeof(name));
}

static void
step(struct player *p)
{
	static void (*const moves[])(struct player * p) = { deliver, deliver, append, append_all,
		set_flags, set_flags, set_flags, copy, copy, expunge, make_or_remove, rename_one };

	p->steps++;
	moves[roll(p, ARRAY_LEN(moves))](p);
	if (roll(p, 4) == 0)
		look(p, some_box(p));
	if (roll(p, 3) == 0)
		follow(p, some_box(p));
	arena_reset(&p->arena);
}

/* ---- the play ---- */

static void
player_init(struct player *p, struct world *w, unsigned number, uint64_t seed)
{
	struct store_open_reply r;

	p->w = w;
	p->seed = seed + number * 1000;
	(void)snprintf(p->address, sizeof(p->address), "player%u@example.com", number);
	p->account = world_account(w, p->address);
	p->token = world_token(w, p->account);
	p->parcel = world_message(w, "model", "model", "");
	for (int i = 0; i < BOXES; i++) {
		(void)snprintf(p->box[i].name, sizeof(p->box[i].name), "Box%d", i);
		p->box[i].uidnext = 1;
	}
	memcpy(p->box[0].name, "INBOX", 6);
	r = world_open_mailbox(w, p->token, "INBOX");
	p->box[0].exists = true;
	p->box[0].id = (uint32_t)r.mailbox;
	p->box[0].uidvalidity = (uint32_t)r.uidvalidity;
}

static void *
play(void *arg)
{
	struct player *p = arg;

	for (unsigned i = 0; i < 150; i++)
		step(p);
	return NULL;
}

static void
play_round(struct player *players)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		SAME(pthread_create(&threads[i], NULL, play, &players[i]), 0);
	for (int i = 0; i < THREADS; i++)
		SAME(pthread_join(threads[i], NULL), 0);
}

static void
look_at_all(struct world *w, struct player *players)
{
	store_settle(w->store);
	for (int i = 0; i < THREADS; i++) {
		for (int k = 0; k < BOXES; k++)
			look(&players[i], &players[i].box[k]);
		world_check(w, players[i].account);
	}
	world_check(w, 0);
}

static void
players_done(struct player *players)
{
	for (int i = 0; i < THREADS; i++) {
		arena_done(&players[i].arena);
		for (int k = 0; k < BOXES; k++)
			runs_done(&players[i].box[k].view);
	}
	mem_free(players);
}

static struct player *
players_new(struct world *w, uint64_t seed)
{
	struct player *players = mem_array(THREADS, sizeof(*players));

	world_domain(w, "example.com");
	for (unsigned i = 0; i < THREADS; i++)
		player_init(&players[i], w, i, seed);
	return players;
}

static void
on_memory(void **state)
{
	struct world *w = world_new(engine_memory_new());
	struct player *players = players_new(w, 1 + more);

	for (int round = 0; round < 4; round++) {
		play_round(players);
		look_at_all(w, players);
		store_tend(w->store);
		world_crash(w);
		look_at_all(w, players);
	}
	players_done(players);
	world_free(w);
}

static void
on_strict_memory(void **state)
{
	static const struct engine_strictness how[] = {
		{ .seed = 7, .conflict = 200 },
		{ .seed = 8, .ambiguous_done = 150, .ambiguous_lost = 100 },
		{ .seed = 9,
		    .conflict = 50,
		    .ambiguous_done = 50,
		    .ambiguous_lost = 50,
		    .full = 50,
		    .notice_lost = 300,
		    .notice_late = 300,
		    .latency = 300 },
	};

	for (size_t i = 0; i < ARRAY_LEN(how); i++) {
		struct world *w = world_new(engine_memory_strict_new(&how[i]));
		struct player *players = players_new(w, i + 10 + more);
		int64_t conflicts = metric_get(METRIC_STORE_CONFLICTS);

		play_round(players);
		look_at_all(w, players);
		world_crash(w);
		play_round(players);
		look_at_all(w, players);
		CHECK(metric_get(METRIC_STORE_CONFLICTS) > conflicts); /* it was unkind */
		players_done(players);
		world_free(w);
	}
}

static int
remove_one(const char *path, const struct stat *st, int what, struct FTW *ftw)
{
	return remove(path);
}

/* RocksDB is not built with TSan, which would see races that are none. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WITHOUT_ROCKSDB
#endif
#endif

static void
on_rocksdb(void **state)
{
	char dir[] = "/tmp/mailstead-model-XXXXXX";
	struct engine *e;
	struct world *w;
	struct player *players;

#ifdef WITHOUT_ROCKSDB
	skip();
#endif
	assert_non_null(mkdtemp(dir));
	assert_ok(engine_rocksdb_open(dir, &e, NULL));
	w = world_new(e);
	players = players_new(w, 100 + more);
	for (int round = 0; round < 2; round++) {
		play_round(players);
		look_at_all(w, players);
		world_close(w);
		engine_free(w->engine);
		assert_ok(engine_rocksdb_open(dir, &w->engine, NULL));
		world_open(w);
		look_at_all(w, players);
	}
	players_done(players);
	world_free(w);
	(void)nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_memory),
		cmocka_unit_test(on_strict_memory),
		cmocka_unit_test(on_rocksdb),
	};

	/* Another play for who looks for more: MAILSTEAD_SEED=n. */
	if (getenv("MAILSTEAD_SEED") != NULL)
		more = strtoull(getenv("MAILSTEAD_SEED"), NULL, 10) * 100000;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
