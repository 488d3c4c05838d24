/* SPDX-License-Identifier: ISC */
/* Senders are told what became of their mail, once: a real store, an intake
 * that keeps what it is given, and our own reader of DSNs. */
#include "outbound/notify.h"

#include <stdio.h>

#include "codec/trace_id.h"
#include "intake/calls.h"
#include "mime/xtext.h"
#include "outbound/notice.h"
#include "store/outgoing_test_helper.h"
#include "store/trace_calls.h"

/* ---- an intake ---- */

#define TAKEN_MAX 8u

struct taken {
	uint64_t op, needs;
	char *to, *message;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	enum status answer;
	size_t size_max;	    /* larger ones are refused; 0: none */
	struct taken at[TAKEN_MAX]; /* each op once, as the store has it */
	unsigned count, calls;
} intake = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER };

static void
keep(const struct intake_notice_request *q)
{
	for (unsigned i = 0; i < intake.count; i++)
		if (intake.at[i].op == q->op)
			return;
	CHECK(intake.count < TAKEN_MAX);
	intake.at[intake.count++] = (struct taken){ q->op, q->needs, mem_string(q->recipient),
		mem_string(q->message.bytes) };
}

static void
take_notice(struct call_in *in, const void *request, void *context)
{
	enum status how;

	(void)context;
	pthread_mutex_lock(&intake.lock);
	intake.calls++;
	how = intake.answer;
	if (intake.size_max > 0 &&
	    ((const struct intake_notice_request *)request)->message.bytes.len > intake.size_max)
		how = STATUS_LIMIT;
	if (how == STATUS_OK)
		keep(request);
	pthread_cond_broadcast(&intake.more);
	pthread_mutex_unlock(&intake.lock);
	if (how == STATUS_OK)
		call_reply(in, &(struct intake_notice_reply){ 0 });
	else
		call_refuse(in, how, "Not now.", "refused by the test");
}

static void
forget_notices(void)
{
	for (unsigned i = 0; i < intake.count; i++) {
		mem_free(intake.at[i].to);
		mem_free(intake.at[i].message);
	}
	intake.count = intake.calls = 0;
	intake.size_max = 0;
	intake.answer = STATUS_OK;
}

/* ---- the rig ---- */

static struct notify *notify;
static struct arena arena;
static uint64_t sent; /* the last message */

static void
join(struct rig *r)
{
	static const struct call_row rows[] = { { &intake_notice_call, take_notice } };
	static const struct call_server_config config = {
		.rows = rows, .row_count = 1, .threads = 1
	};

	(void)call_pair_add(r->w->pair[4], &config, ROLE_INTAKE);
	notify = notify_new(r->w->outbound, TEXT("mail.example.com"));
}

static int
setup_notify(void **state)
{
	(void)setup(state);
	join(*state);
	return 0;
}

static int
teardown_notify(void **state)
{
	notify_free(notify);
	forget_notices();
	arena_done(&arena);
	return teardown(state);
}

/* As after kill -9 of the store; outbound begins anew as well. */
static void
crash_both(struct rig *r)
{
	notify_free(notify);
	crash(r);
	join(r);
}

static void
all_end(struct rig *r, const char *to, enum queue_outcome outcome, const char *reply)
{
	r->reply = reply;
	sent = submit(r, to);
	while (take(r) > 0)
		report(r, outcome, SCHEDULE_WELL);
}

/* What the last notice says, and its text. */
static struct dsn_found
read_back(struct text *message)
{
	struct dsn_found found;

	assert_true(intake.count > 0);
	*message = text_of(intake.at[intake.count - 1].message);
	assert_ok(dsn_read(*message, &arena, &found));
	return found;
}

static void
has(struct text t, const char *what)
{
	if (text_find(t, text_of(what), 0) == t.len)
		fail_msg("no \"%s\" in:\n%.*s", what, TEXT_ARG(t));
}

static void
has_not(struct text t, const char *what)
{
	if (text_find(t, text_of(what), 0) != t.len)
		fail_msg("\"%s\" in:\n%.*s", what, TEXT_ARG(t));
}

/* The trace of the message names the notice, by the id under which that went in. */
static void
is_traced(struct rig *r, const char *kind, uint64_t op)
{
	struct trace_find_reply found;
	char id[TRACE_ID_LENGTH];

	trace_id_print(sent, id);
	assert_ok(ASK(r->w, admin, trace_find, &found, .id = { id, sizeof(id) }));
	trace_id_print(op, id);
	for (uint32_t i = 0; i < found.rows.count; i++) {
		struct trace_row row;

		assert_ok(trace_row_unpack(found.rows.at[i], &arena, &row));
		if (row.at[0].what == TRACE_NOTIFIED &&
		    text_equal(row.at[0].words, text_of(kind)) &&
		    text_equal(row.at[0].other, (struct text){ id, sizeof(id) }))
			return;
	}
	fail_msg("no %s notice in the trace", kind);
}

/* ---- what is said ---- */

static void
of_a_failure(void **state)
{
	struct rig *r = *state;
	struct dsn_found d;
	struct text t;

	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 <bob@example.org> unknown, sorry");
	assert_ok(notify_one(notify));
	assert_int_equal(notify_one(notify), STATUS_NOT_FOUND);
	assert_int_equal(rows(r), 0);
	assert_int_equal(intake.count, 1);
	assert_string_equal(intake.at[0].to, "alice@example.com");
	is_traced(r, "failure", intake.at[0].op);
	d = read_back(&t);
	assert_text(d.reporting_mta, "mail.example.com");
	assert_text(d.envelope_id, "env");
	assert_int_equal(d.arrived, NOW);
	assert_int_equal(d.count, 1);
	assert_int_equal(d.recipients[0].action, DSN_FAILED);
	assert_text(d.recipients[0].status, "5.1.1");
	assert_text(d.recipients[0].final, "bob@example.org");
	assert_text(d.recipients[0].original, "x@example.net");
	assert_text(d.recipients[0].remote, "mx.example.org");
	assert_text(d.recipients[0].diagnostic, "550 5.1.1 <bob@example.org> unknown, sorry");
	assert_int_equal(d.recipients[0].last_attempt, NOW);
	assert_text(d.message_id, "<m@example.org>");
	has(t, "From: Mail Delivery System <MAILER-DAEMON@mail.example.com>\r\n");
	has(t, "To: <alice@example.com>\r\n");
	has(t, "Auto-Submitted: auto-replied\r\n"); /* RFC 3834 5 */
	has(t, "In-Reply-To: <m@example.org>\r\n");
	has(t, "Your message \"out\"");
	has(t, "There is no such address at that domain.");
	has(t, "Hello, this is a message.\r\n"); /* small, and the sender did not say */
}

/* RFC 3461 4.3: RET. */
static void
what_is_returned(void **state)
{
	struct rig *r = *state;
	struct text t;

	r->ret = QUEUE_RET_HDRS;
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	assert_ok(notify_one(notify));
	(void)read_back(&t);
	has(t, "Content-Type: text/rfc822-headers");
	has(t, "\r\nSubject: out\r\n");
	has_not(t, "Hello, this is a message.");
	r->ret = QUEUE_RET_FULL;
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	assert_ok(notify_one(notify));
	(void)read_back(&t);
	has(t, "Content-Type: message/rfc822");
	has(t, "Hello, this is a message.");
	r->notify = QUEUE_NOTIFY_SUCCESS;
	all_end(r, "bob@example.org", QUEUE_RELAYED, "250 ok");
	assert_ok(notify_one(notify));
	(void)read_back(&t);
	has(t, "Content-Type: text/rfc822-headers");
	has_not(t, "Hello, this is a message.");
}

/* RFC 8689 5: never more than the header, and as carefully as the message. */
static void
of_what_requires_tls(void **state)
{
	struct rig *r = *state;
	struct text t;

	r->ret = QUEUE_RET_FULL;
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	assert_ok(notify_one(notify));
	assert_int_equal(intake.at[0].needs, 0);
	r->needs = QUEUE_REQUIRETLS | QUEUE_SMTPUTF8;
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	assert_ok(notify_one(notify));
	assert_int_equal(intake.at[1].needs, QUEUE_REQUIRETLS);
	(void)read_back(&t);
	has(t, "Content-Type: text/rfc822-headers");
	has_not(t, "Hello, this is a message.");
}

/* The next message has more than a piece of content has. */
static void
make_large(struct rig *r, struct buffer *raw)
{
	buffer_add_string(raw, "Subject: large\r\n\r\n");
	while (raw->len < 700000)
		buffer_addf(raw, "%016llx\r\n", (unsigned long long)random_u64());
	buffer_add_string(raw, "the end\r\n");
	r->p = world_parcel(r->w, buffer_text(raw));
}

/* Whole only if it was asked for, and within the bound. */
static void
large_messages_come_back_by_pieces(void **state)
{
	struct rig *r = *state;
	struct buffer raw = BUFFER_INIT;
	struct text t;

	make_large(r, &raw);
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	assert_ok(notify_one(notify));
	(void)read_back(&t);
	has(t, "Subject: large\r\n");
	assert_true(t.len < 10000);
	r->ret = QUEUE_RET_FULL;
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	assert_ok(notify_one(notify));
	(void)read_back(&t);
	assert_true(text_find(t, buffer_text(&raw), 0) < t.len);
	assert_ok(setting_apply(SET_QUEUE_RETURN_MAX, TEXT("600000")));
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	assert_ok(notify_one(notify));
	(void)read_back(&t);
	assert_true(t.len < 10000);
	assert_ok(setting_apply(SET_QUEUE_RETURN_MAX, TEXT_EMPTY));
	buffer_done(&raw);
}

/* With the words around it, it is larger than any message may be. */
static void
too_large_to_come_back_whole(void **state)
{
	struct rig *r = *state;
	struct text t;

	r->ret = QUEUE_RET_FULL;
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	assert_ok(notify_one(notify));
	(void)read_back(&t);
	has(t, "Hello, this is a message.");
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	intake.size_max = t.len - 1;
	assert_ok(notify_one(notify));
	assert_int_equal(intake.count, 2);
	(void)read_back(&t);
	has(t, "Content-Type: text/rfc822-headers");
	has_not(t, "Hello, this is a message.");
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	intake.size_max = 1; /* not even the header: given up */
	assert_ok(notify_one(notify));
	assert_int_equal(intake.count, 2);
	assert_int_equal(rows(r), 0);
}

/* A warning says until when it is tried; who ran out of time has 5.4.7, with
 * the last that was said (RFC 2852 4.2). */
static void
of_delay_and_the_end(void **state)
{
	struct rig *r = *state;
	struct dsn_found d;
	struct text t;

	(void)submit(r, "bob@example.org");
	assert_int_equal(take(r), 1);
	at(NOW + 4 * 3600);
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	at(NOW + 4 * 3600 + 10);
	assert_ok(notify_one(notify));
	d = read_back(&t);
	assert_int_equal(d.recipients[0].action, DSN_DELAYED);
	assert_text(d.recipients[0].status, "4.2.0");
	assert_int_equal(d.recipients[0].retry_until, NOW + 5 * 86400);
	has(t, "need not send it again");
	has_not(t, "Hello, this is a message.");
	at(NOW + 5 * 86400);
	store_tend(r->w->store);
	store_settle(r->w->store);
	assert_ok(notify_one(notify));
	d = read_back(&t);
	assert_int_equal(d.recipients[0].action, DSN_FAILED);
	assert_text(d.recipients[0].status, "5.4.7");
	assert_text(d.recipients[0].diagnostic, "450 4.2.0 later");
	assert_int_equal(rows(r), 0);
}

/* Two delays of one recipient are two notices, over a crash too: of the time that
 * the sender set (RFC 2852 4.2), and of the site's own. */
static void
of_two_delays(void **state)
{
	static const int64_t when[] = { 4 * 3600, 8 * 3600 };
	struct rig *r = *state;
	struct queue_owed_reply o;

	r->by = QUEUE_BY_NOTIFY;
	r->by_time = NOW + 8 * 3600;
	sent = submit(r, "bob@example.org");
	for (unsigned i = 0; i < ARRAY_LEN(when); i++) {
		at(NOW + when[i]);
		store_tend(r->w->store);
		store_settle(r->w->store);
		at(NOW + when[i] + 60); /* others may be late too in these seconds */
		assert_ok(ASK(r->w, outbound, queue_owed, &o));
		assert_int_equal(o.kind, QUEUE_OWED_DELAY);
		crash_both(r);
		assert_ok(notify_one(notify));
		assert_int_equal(intake.count, i + 1);
		assert_true(intake.at[i].op == o.notice_op);
		is_traced(r, "delay", intake.at[i].op);
		assert_int_equal(notify_one(notify), STATUS_NOT_FOUND);
	}
}

/* RFC 3461 5.2.2, 6.3: relayed to a server that will not tell. */
static void
of_success(void **state)
{
	struct rig *r = *state;
	struct dsn_found d;
	struct text t;

	r->notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE;
	r->orcpt = "";
	all_end(r, "bob@example.org", QUEUE_RELAYED, "250 queued as 17");
	assert_ok(notify_one(notify));
	d = read_back(&t);
	assert_int_equal(d.recipients[0].action, DSN_RELAYED);
	assert_text(d.recipients[0].status, "2.0.0");
	assert_text(d.recipients[0].original, "");
	assert_text(d.recipients[0].diagnostic, "250 queued as 17");
	all_end(r, "bob@example.org", QUEUE_KEPT, "250 2.1.5 kept");
	assert_ok(notify_one(notify));
	d = read_back(&t);
	assert_int_equal(d.recipients[0].action, DSN_DELIVERED);
	assert_text(d.recipients[0].status, "2.1.5");
}

/* RFC 6533: the forms with UTF-8 for who sent so. */
static void
in_utf8(void **state)
{
	struct rig *r = *state;
	struct dsn_found d;
	struct text t;

	r->sender = "ålice@example.com";
	r->orcpt = "utf-8;bøb@example.org";
	r->needs = QUEUE_SMTPUTF8 | QUEUE_HEADER_UTF8;
	r->p = world_parcel(r->w, TEXT("Subject: grüße\r\nMessage-ID: <m@x>\r\n\r\nhej\r\n"));
	all_end(r, "bøb@example.org", QUEUE_FAILED, "553 5.6.7 nø");
	assert_ok(notify_one(notify));
	assert_string_equal(intake.at[0].to, "ålice@example.com");
	d = read_back(&t);
	assert_text(d.recipients[0].final, "bøb@example.org");
	assert_text(d.recipients[0].original, "bøb@example.org");
	has(t, "Content-Type: message/global-delivery-status");
	has(t, "Content-Type: message/global");
}

static void
nobody_is_told_of_a_bounce(void **state)
{
	struct rig *r = *state;

	r->sender = "";
	r->notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_FAILURE | QUEUE_NOTIFY_DELAY;
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	all_end(r, "bob@example.org", QUEUE_RELAYED, "250 ok");
	assert_int_equal(notify_one(notify), STATUS_NOT_FOUND);
	assert_int_equal(intake.calls, 0);
	assert_int_equal(rows(r), 0);
}

/* ---- once ---- */

/* A crash after intake took it, before the store knew: the same op comes again. */
static void
a_crash_in_between_makes_no_second(void **state)
{
	struct rig *r = *state;
	struct queue_owed_reply o;
	uint64_t op;

	all_end(r, "bob@example.org carol@example.net", QUEUE_FAILED, "550 5.1.1 no");
	assert_ok(ASK(r->w, outbound, queue_owed, &o));
	op = o.notice_op;
	crash_both(r);
	assert_int_equal(rows(r), 5);
	assert_ok(notify_one(notify));
	assert_int_equal(intake.count, 1);
	assert_true(intake.at[0].op == op);
	assert_int_equal(rows(r), 0);
}

static void
what_intake_refuses_for_now_is_told_later(void **state)
{
	struct rig *r = *state;

	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	intake.answer = STATUS_UNAVAILABLE;
	assert_int_equal(notify_one(notify), STATUS_UNAVAILABLE);
	assert_int_equal(notify_one(notify), STATUS_NOT_FOUND);
	at(NOW + 60);
	intake.answer = STATUS_OK;
	assert_ok(notify_one(notify));
	assert_int_equal(intake.count, 1);
	assert_int_equal(rows(r), 0);
}

/* It would be refused for ever. */
static void
what_intake_never_takes_is_given_up(void **state)
{
	struct rig *r = *state;

	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	intake.answer = STATUS_INVALID;
	assert_ok(notify_one(notify));
	assert_int_equal(rows(r), 0);
}

/* The pieces of the only message from this one on. */
static void
lose_pieces(struct rig *r, uint16_t from)
{
	struct blob_id zero = { { 0 } }, id;
	struct entity shard = { ENTITY_QUEUE, sent % QUEUE_SHARDS };
	struct engine_batch b;
	struct text kept[8];
	uint64_t version;
	uint32_t pieces;

	assert_ok(engine_next_blob(r->w->engine, zero, &id, &pieces));
	assert_in_range(pieces, from + 1, ARRAY_LEN(kept));
	for (uint16_t i = 0; i < from; i++)
		assert_ok(engine_blob_get(r->w->engine, id, i, &arena, &kept[i]));
	assert_ok(engine_version(r->w->engine, shard, &version));
	engine_batch_init(&b, shard, version);
	engine_blob_delete(&b, id, (uint16_t)pieces);
	for (uint16_t i = 0; i < from; i++)
		engine_blob_put(&b, id, i, kept[i]);
	assert_ok(engine_commit_wait(r->w->engine, &b));
	engine_batch_done(&b);
}

/* RFC 5321 4.2.5: who sent it is told, though nothing can be returned. */
static void
lost_content_is_no_reason_to_be_silent(void **state)
{
	struct rig *r = *state;
	struct buffer raw = BUFFER_INIT;
	struct text t;

	make_large(r, &raw);
	r->ret = QUEUE_RET_FULL;
	for (uint16_t from = 0; from < 2; from++) {
		all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
		lose_pieces(r, from);
		assert_ok(notify_one(notify));
		assert_int_equal(intake.count, from + 1);
		(void)read_back(&t);
		has(t, "550 5.1.1 no");
		has_not(t, "Content-Type: message/rfc822");
		assert_int_equal(rows(r), 0);
	}
	buffer_done(&raw);
}

/* ---- the thread ---- */

static void
wait_for_notices(unsigned n)
{
	pthread_mutex_lock(&intake.lock);
	while (intake.count < n)
		pthread_cond_wait(&intake.more, &intake.lock);
	pthread_mutex_unlock(&intake.lock);
}

static void
the_thread_is_rung_for(void **state)
{
	struct rig *r = *state;

	assert_ok(notify_start(notify));
	all_end(r, "bob@example.org", QUEUE_FAILED, "550 5.1.1 no");
	notify_ring(notify);
	wait_for_notices(1);
	all_end(r, "carol@example.org", QUEUE_FAILED, "550 5.1.1 no");
	notify_ring(notify);
	wait_for_notices(2);
	assert_true(notify_stop(notify, INT64_MAX));
	assert_int_equal(rows(r), 0);
}

/* ---- replies ---- */

static void
replies_are_read(void **state)
{
	static const struct {
		const char *reply, *status, *words;
		bool server;
		char class;
	} rows[] = {
		{ "550 5.1.1 no such user", "5.1.1", "no such user", true, '5' },
		{ "550 no such user", "5.0.0", "no such user", true, '5' },
		{ "550", "5.0.0", "", true, '5' },
		{ "450 5.1.1 what", "4.0.0", "5.1.1 what", true, '4' },
		{ "421-4.7.0 a\n421 4.7.0 b", "4.7.0", "a\n421 4.7.0 b", true, '4' },
		{ "250 2.0.0", "2.0.0", "", true, '2' },
		{ "250 2 days", "2.0.0", "2 days", true, '2' },
		{ "5.4.4 no mail server", "5.4.4", "no mail server", false, '5' },
		{ "4.4.1", "4.4.1", "", false, '4' },
		{ "5.1.1111 x", "", "5.1.1111 x", false, 0 },
		{ "something", "", "something", false, 0 },
		{ "", "", "", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct notice_said s = notice_said_of(text_of(rows[i].reply));

		assert_int_equal(s.server, rows[i].server);
		assert_int_equal(s.class, rows[i].class);
		assert_true(text_equal(s.status, text_of(rows[i].status)));
		assert_true(text_equal(s.words, text_of(rows[i].words)));
	}
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup_notify, teardown_notify)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(of_a_failure),
		CASE(what_is_returned),
		CASE(large_messages_come_back_by_pieces),
		CASE(too_large_to_come_back_whole),
		CASE(of_delay_and_the_end),
		CASE(of_two_delays),
		CASE(of_success),
		CASE(in_utf8),
		CASE(nobody_is_told_of_a_bounce),
		CASE(of_what_requires_tls),
		CASE(a_crash_in_between_makes_no_second),
		CASE(what_intake_refuses_for_now_is_told_later),
		CASE(what_intake_never_takes_is_given_up),
		CASE(lost_content_is_no_reason_to_be_silent),
		CASE(the_thread_is_rung_for),
		cmocka_unit_test(replies_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
