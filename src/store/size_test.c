/* SPDX-License-Identifier: ISC */
/*
 * Operations on a mailbox of a million messages read what they read on one of
 * ten thousand: the rows that the engine is asked for are counted. With holes
 * (every third UID is missing: 333,000 runs) and without.
 */
#include "store/size_test_helper.h"

#define SMALL 10000u
#define LARGE 1000000u

/* What is done, in this order, and counted. */
#define STEPS(X)   \
	X(SELECT)  \
	X(STATUS)  \
	X(APPEND)  \
	X(FETCH)   \
	X(STORE)   \
	X(COPY)    \
	X(EXPUNGE) \
	X(WAKE_UP) \
	X(RESYNC)  \
	X(COLD)    \
	X(COLD_STATUS)

enum step {
#define X(name) STEP_##name,
	STEPS(X)
#undef X
	    STEP_COUNT
};

static const char *const step_name[] = {
#define X(name) #name,
	STEPS(X)
#undef X
};

struct house {
	struct world *w;
	struct text token;
	struct size_box box;
	uint64_t first; /* rows that the first SELECT of all read */
	uint64_t rows[STEP_COUNT];
	uint64_t modseq;
};

static uint64_t
rows_read(struct house *h)
{
	struct engine_facts f;

	engine_facts_of(h->w->engine, &f);
	return f.keys_read + f.keys_scanned;
}

static void
house_open(struct house *h, uint32_t messages, uint32_t hole)
{
	struct store_setting_set_reply none;

	*h = (struct house){ .w = world_new(engine_memory_new()) };
	world_domain(h->w, "example.com");
	h->box = (struct size_box){ .account = world_account(h->w, "alice@example.com"),
		.messages = messages,
		.hole = hole };
	h->token = world_token(h->w, h->box.account);
	h->box.mailbox = (uint32_t)world_open_mailbox(h->w, h->token, "INBOX").mailbox;
	assert_ok(ASK(h->w, admin, store_setting_set, &none, .name = TEXT("store.quota"),
	    .value = TEXT("10T")));
	world_close(h->w);
	size_fill(h->w, &h->box);
	h->w->index_every = INDEX_EVERY;
	world_open(h->w);
}

static void
house_close(struct house *h)
{
	world_free(h->w);
}

/* ---- the steps ---- */

static void
open_inbox(struct house *h)
{
	struct store_open_reply r = world_open_mailbox(h->w, h->token, "INBOX");

	h->modseq = r.modseq;
	assert_int_equal(r.first_unseen, h->box.uidnext - 1);
	assert_true(runs_total(&r.uids) >= h->box.messages - 10);
}

static void
status(struct house *h)
{
	struct store_mailbox_reply r;

	assert_ok(ASK(h->w, access, store_mailbox, &r, .token = h->token, .name = TEXT("INBOX")));
}

/* Seen, so that the first unseen message stays. */
static void
append(struct house *h)
{
	struct parcel p = world_message(h->w, "1", "one", "");
	struct store_append_reply r;

	assert_ok(ASK(h->w, intake, store_append, &r, .token = h->token, .op = random_u64(),
	    .mailbox = h->box.mailbox, .flags = FLAG_SEEN, .summary = p.summary,
	    .content = PAYLOAD_OF(p.content), .size = p.raw.len));
}

static void
fetch(struct house *h)
{
	struct runs some = world_uids(h->box.window + 10, h->box.window + 29);
	struct store_fetch_reply r;

	assert_ok(ASK(h->w, access, store_fetch, &r, .token = h->token, .mailbox = h->box.mailbox,
	    .uids = some));
	assert_true(r.rows.len > 0);
	runs_done(&some);
}

static void
flag(struct house *h, uint32_t first, uint32_t last, uint64_t flags)
{
	struct runs some = world_uids(first, last);
	struct store_flags_reply r;

	assert_ok(ASK(h->w, access, store_flags, &r, .token = h->token, .op = random_u64(),
	    .mailbox = h->box.mailbox, .uids = some, .mode = FLAGS_ADD, .flags = flags,
	    .unchanged_since = UINT64_MAX));
	assert_int_equal(r.stale.count, 0);
	runs_done(&some);
}

static void
store(struct house *h)
{
	flag(h, h->box.window + 10, h->box.window + 29, FLAG_FLAGGED);
}

static void
copy(struct house *h)
{
	struct runs some = world_uids(h->box.window + 40, h->box.window + 44);
	struct store_copy_reply r;

	assert_ok(ASK(h->w, access, store_copy, &r, .token = h->token, .op = random_u64(),
	    .mailbox = h->box.mailbox, .uids = some, .to = TEXT("Archive")));
	assert_in_range(runs_total(&r.from), 3, 5);
	runs_done(&some);
}

/* EXPUNGE, which names no UIDs. */
static void
expunge(struct house *h)
{
	struct store_expunge_reply r;

	assert_ok(ASK(h->w, access, store_expunge, &r, .token = h->token, .op = random_u64(),
	    .mailbox = h->box.mailbox, .all = 1));
	assert_in_range(runs_total(&r.gone), 3, 5);
}

/* What IDLE asks for when it is woken by an arrival. */
static void
wake_up(struct house *h)
{
	struct store_changes_reply r;

	assert_ok(ASK(h->w, access, store_changes, &r, .token = h->token, .mailbox = h->box.mailbox,
	    .since = h->modseq));
	assert_int_equal(r.full, 0);
	assert_int_equal(runs_total(&r.added), 1);
}

/* What a client that comes back asks for (RFC 7162 3.2.5): the log's rows since,
 * and the blocks of what it names. */
static void
resync(struct house *h)
{
	struct store_changes_reply r;
	struct store_fetch_reply rows;

	assert_ok(ASK(h->w, access, store_changes, &r, .token = h->token, .mailbox = h->box.mailbox,
	    .since = h->modseq, .resync = 1));
	assert_int_equal(r.full, 0);
	assert_in_range(runs_total(&r.vanished), 3, 5);
	assert_in_range(runs_total(&r.changed), 7, 11);
	assert_ok(ASK(h->w, access, store_fetch, &rows, .token = h->token,
	    .mailbox = h->box.mailbox, .uids = r.changed, .since = h->modseq));
	assert_true(rows.rows.len > 0);
}

static void
take_step(struct house *h, enum step step, void (*what)(struct house *h))
{
	uint64_t before = rows_read(h);

	what(h);
	h->rows[step] = rows_read(h) - before;
}

static void
restart(struct house *h)
{
	world_close(h->w);
	world_open(h->w);
}

static void
run(struct house *h)
{
	uint64_t before = rows_read(h);

	open_inbox(h);
	h->first = rows_read(h) - before;
	for (unsigned i = 0; i < INDEX_EVERY; i++) /* until the index is written */
		append(h);
	open_inbox(h);
	take_step(h, STEP_SELECT, open_inbox);
	take_step(h, STEP_STATUS, status);
	take_step(h, STEP_APPEND, append);
	take_step(h, STEP_FETCH, fetch);
	take_step(h, STEP_STORE, store);
	take_step(h, STEP_COPY, copy);
	flag(h, h->box.window + 50, h->box.window + 54, FLAG_DELETED);
	take_step(h, STEP_EXPUNGE, expunge);
	open_inbox(h);
	append(h);
	take_step(h, STEP_WAKE_UP, wake_up);
	flag(h, h->box.window + 60, h->box.window + 64, FLAG_DELETED);
	expunge(h);
	flag(h, h->box.window + 70, h->box.window + 79, FLAG_FLAGGED);
	take_step(h, STEP_RESYNC, resync);
	restart(h);
	take_step(h, STEP_COLD, open_inbox);
	restart(h);
	take_step(h, STEP_COLD_STATUS, status);
}

/* Index rows of a mailbox. */
static uint64_t
index_rows(const struct house *h)
{
	return h->box.uidnext / INDEX_SPAN + 2;
}

static void
compare(uint32_t hole)
{
	struct house small, large;

	house_open(&small, SMALL, hole);
	run(&small);
	house_open(&large, LARGE, hole);
	run(&large);
	for (unsigned i = 0; i < STEP_COUNT; i++)
		print_message("%-12s %llu rows, %llu rows\n", step_name[i],
		    (unsigned long long)small.rows[i], (unsigned long long)large.rows[i]);
	for (unsigned i = 0; i < STEP_COLD; i++)
		assert_int_equal(small.rows[i], large.rows[i]);
	assert_int_equal(small.rows[STEP_SELECT], 0);
	assert_int_equal(small.rows[STEP_STATUS], 0);
	assert_true(large.rows[STEP_COLD] <= small.rows[STEP_COLD] + index_rows(&large));
	assert_int_equal(large.rows[STEP_COLD_STATUS], small.rows[STEP_COLD_STATUS]);
	/* Without index rows each block is read, once. */
	assert_in_range(large.first, LARGE / HOT_SPAN, large.box.uidnext / HOT_SPAN + 100);
	house_close(&small);
	house_close(&large);
}

/* What is more than a commit holds is refused in words, and nothing is done. */
static void
too_many_to_copy(void **state)
{
	struct runs all = world_uids(1, UINT32_MAX);
	struct store_copy_reply r;
	struct house h;

	house_open(&h, LARGE, 0);
	assert_int_equal(ASK(h.w, access, store_copy, &r, .token = h.token, .op = random_u64(),
			     .mailbox = h.box.mailbox, .uids = all, .to = TEXT("Archive")),
	    STATUS_LIMIT);
	assert_non_null(strstr(h.w->failure.client, "200,000"));
	assert_int_equal(world_open_mailbox(h.w, h.token, "Archive").uids.count, 0);
	open_inbox(&h);
	runs_done(&all);
	house_close(&h);
}

static void
copy_all(struct house *h, uint64_t mailbox, struct runs uids, const char *to, uint32_t count)
{
	struct store_copy_reply r;

	assert_ok(ASK(h->w, access, store_copy, &r, .token = h->token, .op = random_u64(),
	    .mailbox = mailbox, .uids = uids, .to = text_of(to)));
	assert_int_equal(runs_total(&r.from), count);
}

/* Copies of one message share its row: who copies them all reads it once. */
static void
copies_of_copies(void **state)
{
	enum { MESSAGES = 40, TIMES = 5 };
	struct runs some, all = world_uids(1, UINT32_MAX);
	struct house h;
	uint64_t before, archive;

	house_open(&h, SMALL, 0);
	some = world_uids(h.box.window + 1, h.box.window + MESSAGES);
	for (unsigned i = 0; i < TIMES; i++)
		copy_all(&h, h.box.mailbox, some, "Archive", MESSAGES);
	archive = world_open_mailbox(h.w, h.token, "Archive").mailbox;
	before = rows_read(&h);
	copy_all(&h, archive, all, "Trash", MESSAGES * TIMES);
	assert_in_range(rows_read(&h) - before, MESSAGES, 2 * MESSAGES);
	runs_done(&some);
	runs_done(&all);
	house_close(&h);
}

static void
a_million_without_holes(void **state)
{
	compare(0);
}

static void
a_million_with_holes(void **state)
{
	compare(3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_many_to_copy),
		cmocka_unit_test(copies_of_copies),
		cmocka_unit_test(a_million_without_holes),
		cmocka_unit_test(a_million_with_holes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
