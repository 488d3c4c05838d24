/* SPDX-License-Identifier: ISC */
/*
 * Messages that are more than one commit: they come whole or not at all,
 * whichever step is the last that the disk took, on the engine in memory (the
 * disk breaks, then the process ends) and on RocksDB (the process is killed).
 */
#include "store/engine/engine_breaking.h"
#include "store/engine/engine_child.h"
#include "store/stage.h"
#include "store/store_test_helper.h"

#define OCTETS (STAGE_FROM + (1u << 20))
#define STEPS_MOST 40u
#define OP 4711

static const char *const people[] = { "a@example.com", "b@example.com", "c@example.com" };

/* How the message comes. */
enum way { WAY_DELIVER, WAY_APPEND, WAY_SEVERAL, WAYS };

struct house {
	struct world *w;
	struct engine *under;
	uint64_t account[ARRAY_LEN(people)];
};

/* The message, made once for all houses and processes. */
static struct world maker;
static struct parcel parcel;

/* Octets that cannot be compressed, in lines. */
static struct text
noise(struct arena *a)
{
	char *at = arena_alloc(a, OCTETS);
	static const char header[] = "Subject: noise\r\n\r\n";
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < OCTETS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at[i] = (char)(x >> 32);
		if (at[i] == 0 || at[i] == '\r' || at[i] == '\n')
			at[i] = 'x';
		if (i % 800 == 798)
			at[i] = '\r';
		else if (i % 800 == 799)
			at[i] = '\n';
	}
	memcpy(at, header, sizeof(header) - 1);
	return (struct text){ at, OCTETS };
}

static int
make_parcel(void **state)
{
	parcel = world_parcel(&maker, noise(&maker.arena));
	assert_true(parcel.content.len > STAGE_FROM);
	return 0;
}

static int
free_parcel(void **state)
{
	arena_done(&maker.arena);
	return 0;
}

static void
house_open(struct house *h, struct engine *under)
{
	h->under = under;
	h->w = world_new(breaking_new(under));
}

static void
house_people(struct house *h)
{
	world_domain(h->w, "example.com");
	for (size_t i = 0; i < ARRAY_LEN(people); i++)
		h->account[i] = world_account(h->w, people[i]);
}

static void
break_after(struct house *h, unsigned commits)
{
	atomic_store(&breaking_of(h->w->engine)->left, commits);
}

/* The process ends and another opens what is there. */
static void
crash(struct house *h)
{
	struct engine *old = h->under;

	break_after(h, 0);
	h->under = engine_memory_reopen(old);
	world_free(h->w);
	engine_free(old);
	house_open(h, h->under);
}

static void
house_close(struct house *h)
{
	world_free(h->w);
	engine_free(h->under);
}

static enum status
come(struct house *h, enum way way)
{
	struct text token = world_token(h->w, h->account[0]);
	struct store_append_reply reply;
	enum status s;

	if (way == WAY_DELIVER)
		return world_deliver_op(h->w, people[0], &parcel, OP);
	if (way == WAY_SEVERAL)
		return world_deliver_op(
		    h->w, "a@example.com b@example.com c@example.com", &parcel, OP);
	s = ASK(h->w, intake, store_append, &reply, .token = token, .op = OP,
	    .mailbox = world_open_mailbox(h->w, token, "INBOX").mailbox, .summary = parcel.summary,
	    .content = PAYLOAD_OF(parcel.content), .size = parcel.raw.len);
	if (s == STATUS_OK)
		assert_int_equal(reply.uid, 1);
	return s;
}

static unsigned
blobs(struct house *h)
{
	struct blob_id id = { { 0 } };
	uint32_t pieces;
	unsigned n = 0;

	while (engine_next_blob(h->under, id, &id, &pieces) == STATUS_OK)
		n++;
	return n;
}

struct fetch {
	struct house *h;
	struct text token;
	uint64_t mailbox;
};

static enum status
fetch_piece(void *arg, uint32_t piece, struct arena *a, struct text *bytes)
{
	struct fetch *f = arg;
	struct store_piece_reply reply;
	struct store_piece_request q = {
		.token = f->token, .mailbox = f->mailbox, .uid = 1, .piece = piece
	};
	enum status s = store_piece(f->h->w->access, &q, a, &reply, &f->h->w->failure);

	*bytes = reply.bytes.bytes;
	return s;
}

/* The message of an account, octet by octet. */
static void
reads_well(struct house *h, uint64_t account)
{
	struct fetch f = { .h = h, .token = world_token(h->w, account) };
	struct content c = { .fetch = fetch_piece, .arg = &f };
	struct buffer raw = BUFFER_INIT;
	struct text piece0;

	f.mailbox = world_open_mailbox(h->w, f.token, "INBOX").mailbox;
	assert_ok(fetch_piece(&f, 0, &h->w->arena, &piece0));
	assert_ok(content_open(piece0, &c));
	assert_ok(content_read_buffer(&c, 0, UINT64_MAX, &raw));
	assert_true(text_equal(buffer_text(&raw), parcel.raw));
	buffer_done(&raw);
}

static void
all_checked(struct house *h)
{
	for (size_t i = 0; i < ARRAY_LEN(people); i++)
		world_check(h->w, h->account[i]);
	world_check(h->w, 0);
}

/* What is there after the crash, and after the background looked at it. */
static void
nothing_or_all(struct house *h, enum way way)
{
	size_t concerned = way == WAY_SEVERAL ? ARRAY_LEN(people) : 1;
	uint64_t messages = 0;

	store_settle(h->w->store);
	store_tend(h->w->store);
	store_tend(h->w->store);
	store_settle(h->w->store);
	for (size_t i = 0; i < concerned; i++) {
		struct text token = world_token(h->w, h->account[i]);
		struct store_open_reply open = world_open_mailbox(h->w, token, "INBOX");

		messages += runs_total(&open.uids);
		if (!runs_empty(&open.uids))
			reads_well(h, h->account[i]);
	}
	assert_true(messages == 0 || messages == concerned);
	assert_int_equal(blobs(h), messages == 0 ? 0 : 1);
	all_checked(h);
}

/* The call is made again, as its caller does, and finds or makes it. */
static void
comes_after_all(struct house *h, enum way way)
{
	nothing_or_all(h, way);
	assert_ok(come(h, way));
	nothing_or_all(h, way);
	assert_int_equal(blobs(h), 1);
}

/* ---- in memory ---- */

static void
every_step_on_memory(enum way way, bool lives_on)
{
	enum status s = STATUS_IO;
	unsigned step;

	for (step = 0; s != STATUS_OK && step < STEPS_MOST; step++) {
		struct house h;

		house_open(&h, world_memory());
		house_people(&h);
		/* Loaded, and nothing of the start is under way any more. */
		store_tend(h.w->store);
		break_after(&h, step);
		s = come(&h, way);
		if (lives_on)
			break_after(&h, NEVER_BREAKS);
		else
			crash(&h);
		comes_after_all(&h, way);
		house_close(&h);
	}
	assert_ok(s);
	assert_in_range(step, OCTETS / STAGE_STEP, STEPS_MOST - 1);
}

static void
a_delivery_survives_a_crash_at_every_step(void **state)
{
	every_step_on_memory(WAY_DELIVER, false);
}

static void
an_append_survives_a_crash_at_every_step(void **state)
{
	every_step_on_memory(WAY_APPEND, false);
}

static void
several_get_it_after_a_crash_at_every_step(void **state)
{
	every_step_on_memory(WAY_SEVERAL, false);
}

static void
a_disk_that_fails_for_a_while_leaves_nothing(void **state)
{
	for (enum way way = 0; way < WAYS; way++)
		every_step_on_memory(way, true);
}

/* While it is being written its row is there, and nobody takes it for lost. */
static void
others_are_served_meanwhile(void **state)
{
	struct house h;
	struct parcel small;

	house_open(&h, world_memory());
	house_people(&h);
	small = world_message(h.w, "small", "small", "");
	break_after(&h, 2);
	assert_int_equal(come(&h, WAY_DELIVER), STATUS_UNAVAILABLE);
	break_after(&h, NEVER_BREAKS);
	assert_int_equal(blobs(&h), 1);
	world_check(h.w, h.account[0]);
	world_check(h.w, 0);
	assert_ok(world_deliver(h.w, people[0], &small));
	store_tend(h.w->store);
	assert_int_equal(blobs(&h), 1);
	all_checked(&h);
	house_close(&h);
}

static void
a_removed_account_takes_what_was_written(void **state)
{
	struct store_account_remove_reply none;
	struct house h;

	house_open(&h, world_memory());
	house_people(&h);
	break_after(&h, 2);
	assert_int_equal(come(&h, WAY_DELIVER), STATUS_UNAVAILABLE);
	crash(&h);
	assert_int_equal(blobs(&h), 1);
	assert_ok(ASK(h.w, admin, store_account_remove, &none, .address = text_of(people[0])));
	store_settle(h.w->store);
	assert_int_equal(blobs(&h), 0);
	world_check(h.w, 0);
	house_close(&h);
}

static void
an_unkind_engine_changes_nothing(void **state)
{
	const struct engine_strictness how = {
		.seed = 5, .conflict = 150, .ambiguous_done = 100, .ambiguous_lost = 100, .full = 40
	};

	for (enum way way = 0; way < WAYS; way++) {
		struct house h;
		enum status s;

		house_open(&h, engine_memory_strict_new(&how));
		house_people(&h);
		do
			s = come(&h, way);
		while (world_for_now(s));
		assert_ok(s);
		for (unsigned i = 0; i < 20; i++) /* collection meets it too */
			store_tend(h.w->store);
		nothing_or_all(&h, way);
		assert_int_equal(blobs(&h), 1);
		house_close(&h);
	}
}

/* ---- on RocksDB ---- */

struct life {
	char dir[64];
	enum way way;
	unsigned step; /* commits that it lives */
};

#define CAME 0
#define PREPARED 0

static int
prepare(void *arg)
{
	struct life *l = arg;
	struct house h;

	house_open(&h, open_rocksdb(l->dir));
	house_people(&h);
	house_close(&h);
	return PREPARED;
}

static void
find_people(struct house *h)
{
	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		struct store_account_reply r;

		assert_ok(ASK(h->w, admin, store_account, &r, .address = text_of(people[i])));
		h->account[i] = r.account;
	}
}

static int
live(void *arg)
{
	struct life *l = arg;
	struct house h;

	house_open(&h, open_rocksdb(l->dir));
	find_people(&h);
	breaking_of(h.w->engine)->kills = true;
	break_after(&h, l->step);
	assert_ok(come(&h, l->way));
	break_after(&h, NEVER_BREAKS);
	house_close(&h);
	return CAME;
}

static int
look(void *arg)
{
	struct life *l = arg;
	struct house h;

	house_open(&h, open_rocksdb(l->dir));
	find_people(&h);
	comes_after_all(&h, l->way);
	house_close(&h);
	return 0;
}

static void
killed_at_every_step(void **state)
{
#ifdef WITHOUT_ROCKSDB
	print_message("%s\n", WITHOUT_ROCKSDB);
	skip();
#endif
	for (enum way way = 0; way < WAYS; way++) {
		bool killed = true;
		unsigned step;

		for (step = 0; killed && step < STEPS_MOST; step++) {
			struct life l = { .way = way, .step = step };
			int ended;
			pid_t child;

			make_dir(l.dir);
			child_run(prepare, &l);
			child = child_start(live, &l);
			assert_int_equal(waitpid(child, &ended, 0), child);
			killed = WIFSIGNALED(ended);
			assert_int_equal(
			    killed ? WTERMSIG(ended) : WEXITSTATUS(ended), killed ? SIGKILL : CAME);
			child_run(look, &l);
			remove_dir(l.dir);
		}
		assert_in_range(step, OCTETS / STAGE_STEP, STEPS_MOST - 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(killed_at_every_step), /* first: it forks */
		cmocka_unit_test(a_delivery_survives_a_crash_at_every_step),
		cmocka_unit_test(an_append_survives_a_crash_at_every_step),
		cmocka_unit_test(several_get_it_after_a_crash_at_every_step),
		cmocka_unit_test(a_disk_that_fails_for_a_while_leaves_nothing),
		cmocka_unit_test(others_are_served_meanwhile),
		cmocka_unit_test(a_removed_account_takes_what_was_written),
		cmocka_unit_test(an_unkind_engine_changes_nothing),
	};

	return cmocka_run_group_tests(tests, make_parcel, free_parcel);
}
