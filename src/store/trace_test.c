/* SPDX-License-Identifier: ISC */
/* The trace tells what became of each message, finds it by all that an operator
 * may know of it, and ends when it is told to. */
#include "store/trace.h"

#include "runtime/settings.h"
#include "store/core.h"
#include "store/queue_admin_calls.h"
#include "store/store_test_helper.h"

#define NOW (INT64_C(1700000000) * CLOCK_SECOND)

/* A message that goes out, and its number. */
#define OUT "aaaaaaaaaaacp"
#define OUT_NUMBER 77

struct rig {
	struct world *w;
	struct trace_find_reply found;
};

static void
at(int64_t seconds)
{
	clock_set_for_test(NOW + seconds * CLOCK_SECOND, NOW + seconds * CLOCK_SECOND);
}

static int
setup(void **state)
{
	struct rig *r = MEM_NEW(struct rig);

	at(0);
	r->w = world_new(world_memory());
	world_domain(r->w, "example.com");
	(void)world_account(r->w, "alice@example.com");
	(void)world_account(r->w, "bob@example.com");
	*state = r;
	return 0;
}

static int
teardown(void **state)
{
	struct rig *r = *state;

	world_check(r->w, 0);
	world_free(r->w);
	mem_free(r);
	assert_ok(setting_apply(SET_TRACE_KEEP, TEXT_EMPTY));
	clock_set_for_test(-1, -1);
	return 0;
}

#define CHECKED "arc=none; dkim=pass header.d=example.org"

static void
deliver(struct rig *r, const char *id, const char *to)
{
	struct parcel p = world_message(r->w, id, "s", "");
	struct text rest = text_of(to), one, address[8];
	struct store_deliver_reply reply;
	uint32_t n = 0;
	enum status s;

	while (text_split(&rest, ' ', &one))
		address[n++] = one;
	do
		s = ASK(r->w, intake, store_deliver, &reply, .op = random_u64(), .id = text_of(id),
		    .sender = TEXT("Sender@example.org"), .recipients = { address, n },
		    .came = TEXT("ESMTPS from client.example [192.0.2.1]"), .summary = p.summary,
		    .content = PAYLOAD_OF(p.content), .size = p.raw.len, .received = 1700000000,
		    .forward_sender = TEXT("SRS0=x@example.com"), .checked = TEXT(CHECKED));
	while (world_for_now(s));
	assert_ok(s);
}

#define FIND(r, ...) assert_ok(ASK((r)->w, admin, trace_find, &(r)->found, ##__VA_ARGS__))

/* The rows as words: "id what what, id what". */
static const char *
said(struct rig *r)
{
	struct arena *a = &r->w->arena;
	struct text all = TEXT_EMPTY;

	assert_int_equal(r->found.ids.count, r->found.rows.count);
	for (uint32_t i = 0; i < r->found.ids.count; i++) {
		struct trace_row row;

		assert_ok(trace_row_unpack(r->found.rows.at[i], a, &row));
		all = arena_printf(a, "%.*s%s%.*s", TEXT_ARG(all), i > 0 ? ", " : "",
		    TEXT_ARG(r->found.ids.at[i]));
		for (uint32_t k = 0; k < row.count; k++)
			all = arena_printf(a, "%.*s %s", TEXT_ARG(all), trace_word(row.at[k].what));
	}
	return arena_string(a, all);
}

static struct trace_event
event(struct rig *r, uint32_t row, uint32_t i)
{
	struct trace_row out;

	assert_true(row < r->found.rows.count);
	assert_ok(trace_row_unpack(r->found.rows.at[row], &r->w->arena, &out));
	assert_true(i < out.count);
	return out.at[i];
}

static void
a_delivery_is_told(void **state)
{
	struct rig *r = *state;
	struct trace_event e;

	deliver(r, "one", "alice@example.com");
	FIND(r, .id = TEXT("one"));
	assert_string_equal(said(r), "one accepted delivered");
	e = event(r, 0, 0);
	assert_text(e.sender, "Sender@example.org");
	assert_text(e.facts, "ESMTPS from client.example [192.0.2.1]");
	assert_int_equal(e.at, NOW);
	assert_true(e.size > 0);
	assert_text(e.recipients.at[0], "alice@example.com");
	FIND(r, .id = TEXT("on"));
	assert_string_equal(said(r), "");
}

static void
what_goes_on_elsewhere_is_not_delivered_here(void **state)
{
	struct rig *r = *state;
	struct text out = TEXT("out@example.org");
	struct store_alias_add_reply none;

	assert_ok(ASK(r->w, admin, store_alias_add, &none, .address = TEXT("away@example.com"),
	    .targets = { &out, 1 }));
	deliver(r, "one", "away@example.com");
	FIND(r, .id = TEXT("one"));
	assert_string_equal(said(r), "one accepted, one checked queued");
	assert_text(event(r, 1, 0).words, CHECKED);
	deliver(r, "two", "away@example.com bob@example.com");
	FIND(r, .id = TEXT("two"));
	assert_string_equal(said(r), "two accepted delivered, two checked queued");
	assert_text(event(r, 0, 0).recipients.at[1], "bob@example.com");
	assert_int_equal(event(r, 0, 1).recipients.count, 1);
	assert_text(event(r, 0, 1).recipients.at[0], "bob@example.com");
	assert_text(event(r, 1, 1).recipients.at[0], "out@example.org");
}

static void
it_is_found_by_what_is_known_of_it(void **state)
{
	struct rig *r = *state;

	deliver(r, "one", "alice@example.com");
	at(1);
	deliver(r, "two", "alice@example.com bob@example.com");
	FIND(r, .message_id = TEXT("<one@example.org>"));
	assert_string_equal(said(r), "one accepted delivered");
	FIND(r, .message_id = TEXT("two@example.org"));
	assert_string_equal(said(r), "two accepted delivered");
	FIND(r, .sender = TEXT("sender@EXAMPLE.org"));
	assert_string_equal(said(r), "two accepted delivered, one accepted delivered");
	FIND(r, .recipient = TEXT("alice@example.com"));
	assert_string_equal(said(r), "two accepted delivered, one accepted delivered");
	FIND(r, .recipient = TEXT("Bob@example.com"));
	assert_string_equal(said(r), "two accepted delivered");
	FIND(r);
	assert_string_equal(said(r), "two accepted delivered, one accepted delivered");
	FIND(r, .sender = TEXT("<>"));
	assert_string_equal(said(r), "");
	FIND(r, .recipient = TEXT("nobody@example.com"));
	assert_string_equal(said(r), "");
}

static void
a_range_of_time(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 5; i++) {
		char id[2] = { (char)('a' + i), 0 };

		at(i * 10);
		deliver(r, id, "alice@example.com");
		trace_flush_wait(r->w->store); /* so that each is a batch */
	}
	FIND(r, .recipient = TEXT("alice@example.com"), .since = NOW + 10 * CLOCK_SECOND,
	    .until = NOW + 30 * CLOCK_SECOND);
	assert_string_equal(said(r), "c accepted delivered, b accepted delivered");
	FIND(r, .since = NOW + 30 * CLOCK_SECOND);
	assert_string_equal(said(r), "e accepted delivered, d accepted delivered");
	FIND(r, .until = NOW + 10 * CLOCK_SECOND);
	assert_string_equal(said(r), "a accepted delivered");
}

/* Pages that follow each other tell of each message once. */
static void
pages(struct rig *r, const struct trace_find_request *how, unsigned count)
{
	struct trace_find_request q = *how;
	unsigned n = 0;
	char last = 'z';

	do {
		assert_ok(trace_find(r->w->admin, &q, &r->w->arena, &r->found, &r->w->failure));
		assert_true(r->found.ids.count <= q.limit);
		for (uint32_t i = 0; i < r->found.ids.count; i++, n++) {
			assert_true(r->found.ids.at[i].ptr[0] < last);
			last = r->found.ids.at[i].ptr[0];
		}
		q.after = r->found.resume;
	} while (q.after.len > 0);
	assert_int_equal(n, count);
}

static void
pages_follow_each_other(void **state)
{
	struct rig *r = *state;

	for (int i = 0; i < 11; i++) {
		char id[2] = { (char)('a' + i), 0 };

		at(i);
		deliver(r, id, "alice@example.com");
		trace_flush_wait(r->w->store); /* so that each is a batch */
	}
	pages(r, &(struct trace_find_request){ .recipient = TEXT("alice@example.com"), .limit = 3 },
	    11);
	pages(r, &(struct trace_find_request){ .limit = 2 }, 11);
}

static void
a_restart_keeps_it(void **state)
{
	struct rig *r = *state;

	deliver(r, "one", "alice@example.com");
	world_close(r->w);
	world_open(r->w);
	FIND(r, .id = TEXT("one"));
	assert_string_equal(said(r), "one accepted delivered");
}

static void
it_ends_after_its_time(void **state)
{
	struct rig *r = *state;
	enum status s;

	deliver(r, "old", "alice@example.com");
	trace_flush_wait(r->w->store);
	at(100);
	deliver(r, "new", "alice@example.com");
	trace_flush_wait(r->w->store);
	do
		s = trace_trim(r->w->store, NOW + 50 * CLOCK_SECOND);
	while (world_for_now(s));
	assert_ok(s);
	FIND(r, .recipient = TEXT("alice@example.com"));
	assert_string_equal(said(r), "new accepted delivered");
	FIND(r, .id = TEXT("old"));
	assert_string_equal(said(r), "");
	do
		s = trace_trim(r->w->store, NOW + 200 * CLOCK_SECOND);
	while (world_for_now(s));
	for (uint64_t i = 0; i < TRACE_SHARDS; i++) {
		struct key kinds = key_of(KEY_T_HEAD);
		struct engine_scan *scan;
		struct text key, value;

		assert_ok(engine_scan_open(r->w->engine, (struct entity){ ENTITY_TRACE, i },
		    TEXT_EMPTY, TEXT_EMPTY, &scan));
		while (engine_scan_next(scan, &key, &value) == STATUS_OK)
			assert_true(text_equal(key, key_text(&kinds)));
		engine_scan_close(scan);
	}
}

static void
it_can_be_switched_off(void **state)
{
	struct rig *r = *state;

	deliver(r, "one", "alice@example.com");
	assert_ok(setting_apply(SET_TRACE_KEEP, TEXT("0")));
	deliver(r, "two", "alice@example.com");
	FIND(r);
	assert_string_equal(said(r), "one accepted delivered");
	at(3600);
	store_tend(r->w->store);
	if (world_is_strict())
		return; /* may take another minute */
	FIND(r);
	assert_string_equal(said(r), "");
}

static struct text
packed(struct rig *r, enum trace_what what)
{
	struct trace_event e = { .what = what, .at = NOW, .words = TEXT("no"), .has_sender = true };
	struct buffer b = BUFFER_INIT;
	struct text row;

	trace_row_pack(&b, &(struct trace_row){ &e, 1 });
	row = arena_copy(&r->w->arena, buffer_text(&b));
	buffer_done(&b);
	return row;
}

static void
a_role_tells_what_is_its_own(void **state)
{
	struct rig *r = *state;
	struct trace_add_reply reply;
	struct text id = TEXT("x"), refused = packed(r, TRACE_REFUSED),
		    delivered = packed(r, TRACE_DELIVERED), junk = TEXT("junk");

	assert_ok(ASK(r->w, access, trace_add, &reply, .ids = { &id, 1 }, .rows = { &refused, 1 }));
	assert_int_equal(
	    ASK(r->w, access, trace_add, &reply, .ids = { &id, 1 }, .rows = { &delivered, 1 }),
	    STATUS_DENIED);
	assert_int_equal(
	    ASK(r->w, intake, trace_add, &reply, .ids = { &id, 1 }, .rows = { &refused, 1 }),
	    STATUS_DENIED);
	assert_int_equal(
	    ASK(r->w, access, trace_add, &reply, .ids = { &id, 1 }, .rows = { &junk, 1 }),
	    STATUS_INVALID);
	FIND(r, .sender = TEXT("<>"));
	assert_string_equal(said(r), "x refused");
}

static void
submit(struct rig *r, const char *id)
{
	struct parcel p = world_message(r->w, id, "s", "");
	struct text to[] = { TEXT("x@example.net"), TEXT("y@example.net") },
		    none[] = { TEXT_EMPTY, TEXT_EMPTY };
	struct submission_commit_reply reply;
	struct queue_resume_reply resumed;
	uint64_t notify[2] = { 0 };
	enum status s;

	do
		s = ASK(r->w, intake, submission_commit, &reply,
		    .token = world_token(r->w, world_account_of(r->w, "alice@example.com")),
		    .op = OUT_NUMBER, .id = text_of(id), .sender = TEXT("alice@example.com"),
		    .received = 1700000000, .size = p.raw.len, .summary = p.summary,
		    .recipients = { to, 2 }, .orcpts = { none, 2 }, .notify = { notify, 2 },
		    .came = TEXT("ESMTPSA from c"), .content = PAYLOAD_OF(p.content));
	while (world_for_now(s));
	assert_ok(s);
	assert_ok(ASK(r->w, outbound, queue_resume, &resumed));
}

/* The two recipients have these outcomes; both hear the same words or not. */
static void
attempt(struct rig *r, enum queue_outcome x, enum queue_outcome y, const char *words_y)
{
	struct queue_lease_reply lease;
	struct queue_report_reply reply;
	uint64_t outcomes[] = { x, y }, op = random_u64();
	struct text words[] = { TEXT("451 4.3.0 busy"), text_of(words_y) };
	enum status s;

	assert_ok(ASK(r->w, outbound, queue_lease, &lease));
	assert_int_not_equal(lease.message, 0);
	do
		s = ASK(r->w, outbound, queue_report, &reply, .op = op, .message = lease.message,
		    .first = lease.first, .how = SCHEDULE_WELL, .numbers = lease.numbers,
		    .outcomes = { outcomes, lease.numbers.count },
		    .replies = { words, lease.numbers.count }, .server = TEXT("mx.example.net"),
		    .facts = TEXT("203.0.113.5:25 TLSv1.3 dane"), .took = 1500);
	while (world_for_now(s));
	assert_ok(s);
}

static void
every_attempt_is_told(void **state)
{
	struct rig *r = *state;
	struct trace_event e;

	submit(r, OUT);
	attempt(r, QUEUE_LATER, QUEUE_FAILED, "550 5.1.1 nobody");
	at(7 * 86400);
	attempt(r, QUEUE_LATER, QUEUE_LATER, "");
	FIND(r, .id = TEXT(OUT));
	assert_string_equal(
	    said(r), OUT " accepted queued, " OUT " deferred failed, " OUT " expired");
	e = event(r, 1, 0);
	assert_text(e.words, "451 4.3.0 busy");
	assert_text(e.server, "mx.example.net");
	assert_text(e.facts, "203.0.113.5:25 TLSv1.3 dane");
	assert_int_equal(e.took, 1500);
	assert_int_equal(e.tries, 1);
	assert_true(e.until > NOW / CLOCK_SECOND);
	assert_int_equal(e.recipients.count, 1);
	assert_text(event(r, 1, 1).words, "550 5.1.1 nobody");
	assert_text(event(r, 1, 1).recipients.at[0], "y@example.net");
	assert_int_equal(event(r, 2, 0).tries, 2);
	FIND(r, .recipient = TEXT("y@example.net"));
	assert_string_equal(
	    said(r), OUT " accepted queued, " OUT " deferred failed, " OUT " expired");
}

/* Those who heard the same are told of together. */
static void
one_answer_for_all_is_told_once(void **state)
{
	struct rig *r = *state;

	submit(r, OUT);
	attempt(r, QUEUE_DELIVERED, QUEUE_DELIVERED, "451 4.3.0 busy");
	FIND(r, .id = TEXT(OUT));
	assert_string_equal(said(r), OUT " accepted queued, " OUT " sent");
	assert_int_equal(event(r, 1, 0).recipients.count, 2);
}

static void
change(struct rig *r, enum queue_admin_change what)
{
	struct queue_admin_change_reply reply;
	enum status s;

	do
		s = ASK(r->w, admin, queue_admin_change, &reply, .change = what,
		    .recipient = TEXT("x@example.net"));
	while (world_for_now(s));
	assert_ok(s);
	assert_int_equal(reply.changed, 1);
}

static void
what_the_operator_does_is_told(void **state)
{
	struct rig *r = *state;

	submit(r, OUT);
	change(r, QUEUE_ADMIN_HOLD);
	at(1);
	change(r, QUEUE_ADMIN_RELEASE);
	at(2);
	change(r, QUEUE_ADMIN_DROP);
	FIND(r, .id = TEXT(OUT));
	assert_string_equal(
	    said(r), OUT " accepted queued, " OUT " held, " OUT " released, " OUT " dropped");
	assert_int_equal(event(r, 3, 0).recipients.count, 1);
	assert_text(event(r, 3, 0).recipients.at[0], "x@example.net");
}

static void
a_notice_is_told(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply owed;
	struct queue_told_reply reply;
	uint64_t op = random_u64();
	enum status s;

	submit(r, OUT);
	attempt(r, QUEUE_FAILED, QUEUE_FAILED, "451 4.3.0 busy");
	assert_ok(ASK(r->w, outbound, queue_owed, &owed));
	do
		s = ASK(r->w, outbound, queue_told, &reply, .op = op, .message = owed.message,
		    .kind = owed.kind, .numbers = owed.numbers, .firsts = owed.firsts,
		    .notice = TEXT("notice"));
	while (world_for_now(s));
	assert_ok(s);
	FIND(r, .id = TEXT(OUT));
	assert_string_equal(said(r), OUT " accepted queued, " OUT " failed, " OUT " notified");
	assert_text(event(r, 2, 0).words, "failure");
	assert_text(event(r, 2, 0).other, "notice");
}

static void
who_is_given_up_without_an_attempt_has_expired(void **state)
{
	struct rig *r = *state;

	submit(r, OUT);
	at(8 * 86400);
	store_tend(r->w->store);
	FIND(r, .id = TEXT(OUT));
	if (world_is_strict() && r->found.ids.count == 1)
		return; /* it is looked at again in a minute */
	assert_string_equal(said(r), OUT " accepted queued, " OUT " expired");
	assert_int_equal(event(r, 1, 0).recipients.count, 2);
}

/* Nothing is written, and what waits has its bound; mail is not held up. */
static void
what_does_not_fit_is_lost(void **state)
{
	struct rig *r = *state;
	char words[TRACE_WORDS_MAX];
	struct trace_event e = { .what = TRACE_CHECKED, .words = { words, sizeof(words) } };
	struct trace_shard *shard = trace_shard_of(r->w->store, TEXT("x"));

	memset(words, 'w', sizeof(words));
	shard->writing = true; /* as while the disk does not come back */
	for (unsigned i = 0; i < 2 * TRACE_PENDING_MAX / TRACE_WORDS_MAX; i++)
		trace_note_one(r->w->store, TEXT("x"), e);
	assert_true(buffer_text(&shard->pending).len <= TRACE_PENDING_MAX);
	assert_true(buffer_text(&shard->pending).len > TRACE_PENDING_MAX / 2);
	deliver(r, "one", "alice@example.com");
	FIND(r, .id = TEXT("x"));
	assert_true(r->found.ids.count > 500 && r->found.cut > 0);
}

static void
the_check_notices(void **state)
{
	struct rig *r = *state;
	struct trace_mark m = trace_mark_message_id(TEXT("gone@example.org"));
	struct key key = trace_mark_key(m, NOW, 7);
	struct entity e = { ENTITY_TRACE, 1 };
	struct store_check_reply reply;

	deliver(r, "one", "alice@example.com");
	FIND(r);
	world_check(r->w, 0);
	world_damage(r->w, e, key_text(&key), TEXT("\4gone"));
	assert_ok(ASK(r->w, admin, store_check, &reply));
	assert_int_equal(reply.problems.count, 1);
	assert_text(reply.problems.at[0], "trace of gone: found, but not there");
	world_damage(r->w, e, key_text(&key), (struct text){ NULL, 0 });
}

int
main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_delivery_is_told),
		T(what_goes_on_elsewhere_is_not_delivered_here),
		T(it_is_found_by_what_is_known_of_it),
		T(a_range_of_time),
		T(pages_follow_each_other),
		T(a_restart_keeps_it),
		T(it_ends_after_its_time),
		T(it_can_be_switched_off),
		T(a_role_tells_what_is_its_own),
		T(every_attempt_is_told),
		T(one_answer_for_all_is_told_once),
		T(what_the_operator_does_is_told),
		T(a_notice_is_told),
		T(who_is_given_up_without_an_attempt_has_expired),
		T(what_does_not_fit_is_lost),
		T(the_check_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
