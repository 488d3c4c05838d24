/* SPDX-License-Identifier: ISC */
/* Outgoing mail: each recipient is given to somebody until he is done with,
 * and to one only at a time, whatever ends in between. */
#include <stdio.h>

#include "store/outgoing_test_helper.h"
#include "store/queue_admin_calls.h"

static void
one_recipient_from_end_to_end(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org");

	assert_int_equal(rows(r), 2);
	assert_int_equal(take(r), 1);
	assert_int_equal(r->lease.message, message);
	assert_text(r->lease.destination, "example.org");
	assert_text(r->lease.sender, "alice@example.com");
	assert_text(r->lease.recipients.at[0], "bob@example.org");
	assert_text(r->lease.orcpts.at[0], "rfc822;x@example.net");
	assert_text(r->lease.envid, "env");
	assert_int_equal(r->lease.account, r->alice);
	assert_int_equal(r->lease.attempts.at[0], 0);
	assert_true(text_equal(r->lease.summary, r->p.summary));
	assert_int_equal(take(r), 0);
	world_check(r->w, 0);
	r->lease.message = message;
	r->lease.numbers.count = 1;
}

/* Who takes a lease hears whether there is another. */
static void
a_lease_tells_of_more(void **state)
{
	struct rig *r = *state;

	(void)submit(r, "bob@example.org");
	(void)submit(r, "carol@example.net");
	assert_int_equal(take(r), 1);
	assert_int_equal(r->lease.more, 1);
	assert_int_equal(take(r), 1);
	assert_int_equal(r->lease.more, 0);
}

/* Given, done, gone. */
static void
what_is_done_goes(void **state)
{
	struct rig *r = *state;

	(void)submit(r, "bob@example.org");
	assert_int_equal(take(r), 1);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(rows(r), 0);
	assert_int_equal(take(r), 0);
	crash(r);
	assert_int_equal(take(r), 0);
}

static void
the_content_comes_by_pieces(void **state)
{
	struct rig *r = *state;
	struct buffer raw = BUFFER_INIT, whole = BUFFER_INIT;
	struct queue_piece_reply piece;
	const struct text *pieces;
	struct op op = { .arena = &r->w->arena };
	uint32_t n;

	buffer_add_string(&raw, "Subject: large\r\n\r\n");
	while (raw.len < 700000)
		buffer_addf(&raw, "%016llx\r\n", (unsigned long long)random_u64());
	r->p = world_parcel(r->w, buffer_text(&raw));
	assert_ok(message_pieces(&op, r->p.content, &pieces, &n));
	(void)submit(r, "bob@example.org");
	assert_int_equal(take(r), 1);
	assert_int_equal(r->lease.pieces, n);
	assert_true(text_equal(r->lease.piece0, pieces[0]));
	for (uint32_t i = 1; i < n; i++) {
		assert_ok(ASK(r->w, outbound, queue_piece, &piece, .message = r->lease.message,
		    .first = r->lease.first, .piece = i));
		assert_true(text_equal(piece.bytes.bytes, pieces[i]));
	}
	assert_int_equal(ASK(r->w, outbound, queue_piece, &piece, .message = r->lease.message,
			     .first = r->lease.first, .piece = n),
	    STATUS_NOT_FOUND);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(ASK(r->w, outbound, queue_piece, &piece, .message = r->lease.message,
			     .first = r->lease.first, .piece = 1),
	    STATUS_DENIED);
	buffer_done(&raw);
	buffer_done(&whole);
}

/* 250 at one host are three leases, whatever stands between them. */
static void
recipients_of_a_host_go_together(void **state)
{
	struct rig *r = *state;
	struct buffer to = BUFFER_INIT;
	uint32_t seen = 0;

	for (int i = 0; i < 250; i++)
		buffer_addf(
		    &to, "%sp%d@example.org q%d@h%d.example.net", i > 0 ? " " : "", i, i, i);
	(void)submit(r, buffer_string(&to));
	for (uint32_t n; (n = take(r)) > 0; report(r, QUEUE_DELIVERED, SCHEDULE_WELL)) {
		seen += n;
		if (text_equal(r->lease.destination, TEXT("example.org")))
			assert_true(n == 100 || n == 50);
		else
			assert_int_equal(n, 1);
	}
	assert_int_equal(seen, 500);
	assert_int_equal(rows(r), 0);
	buffer_done(&to);
}

/* RFC 5321 4.5.4.1: the waits double, within their quarter. */
static void
who_fails_for_now_is_tried_later(void **state)
{
	struct rig *r = *state;
	int64_t now = NOW, pause = 5 * 60;

	(void)submit(r, "bob@example.org carol@example.org");
	for (uint32_t attempt = 0; attempt < 6; attempt++) {
		assert_int_equal(take(r), 2);
		assert_int_equal(r->lease.attempts.at[1], attempt);
		report(r, QUEUE_LATER, SCHEDULE_WELL);
		at(now + pause * 3 / 4 - 1);
		assert_int_equal(take(r), 0);
		crash(r);
		assert_int_equal(take(r), 0);
		now += pause * 5 / 4 + 2;
		at(now);
		pause *= 2;
	}
	assert_int_equal(take(r), 2);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(rows(r), 0);
}

/* A warning after four hours, once; the end after five days. */
static void
the_sender_is_owed_a_word(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org");
	struct outgoing_run run;

	assert_int_equal(take(r), 1);
	at(NOW + 4 * 3600);
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	run = run_of(r, message, 0);
	assert_int_equal(run.at[0].owed, OWED_DELAY | WARNED);
	assert_text(run.at[0].reply, "450 4.2.0 later");
	assert_text(run.at[0].server, "mx.example.org");
	world_check(r->w, 0);
	at(NOW + 5 * 86400);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	run = run_of(r, message, 0);
	assert_int_equal(run.at[0].state, OUTGOING_FAILED);
	assert_int_equal(run.at[0].owed, OWED_FAILURE | WARNED);
	assert_int_equal(run.at[0].attempts, 2);
	at(NOW + 50 * 86400);
	assert_int_equal(take(r), 0);
	crash(r);
	assert_int_equal(take(r), 0);
}

/* A bounce that cannot be delivered is given up, and nobody is told. */
static void
nobody_is_owed_a_word_about_a_bounce(void **state)
{
	struct rig *r = *state;
	uint64_t message;

	r->sender = "";
	message = submit(r, "bob@example.org");
	assert_int_equal(take(r), 1);
	assert_text(r->lease.sender, "");
	at(NOW + 4 * 3600);
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	assert_int_equal(run_of(r, message, 0).at[0].owed, WARNED);
	at(NOW + 86400);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_FAILED, SCHEDULE_WELL);
	assert_int_equal(rows(r), 0);
}

static void
a_call_made_again_changes_nothing(void **state)
{
	struct rig *r = *state;
	uint64_t first, second;

	assert_ok(submit_op(r, "bob@example.org", 77, &first));
	assert_ok(submit_op(r, "bob@example.org", 77, &second));
	assert_int_equal(first, second);
	assert_int_equal(first, 77); /* what the sender knows it by */
	assert_int_equal(rows(r), 2);
	assert_int_equal(take(r), 1);
	assert_ok(report_op(r, QUEUE_LATER, SCHEDULE_WELL, 78));
	assert_ok(report_op(r, QUEUE_LATER, SCHEDULE_WELL, 78));
	assert_int_equal(run_of(r, first, 0).at[0].attempts, 1);
	assert_int_equal(report_op(r, QUEUE_LATER, SCHEDULE_WELL, 79), STATUS_DENIED);
}

/* Outbound died: its recipients are given to the next one, at once. */
static void
a_lost_link_gives_back(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org");

	assert_int_equal(take(r), 1);
	assert_int_equal(take(r), 0);
	cut(r);
	call_pair_mend(r->w->pair[4], 0);
	assert_int_equal(ASK(r->w, outbound, queue_lease, &r->lease), STATUS_DENIED);
	resume(r);
	assert_int_equal(take(r), 1);
	assert_int_equal(r->lease.message, message);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(rows(r), 0);
}

/* The store died: who still has it in hand says so, reports, and nobody else
 * was given it. */
static void
what_is_in_hand_outlives_the_store(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org"), messages[2], firsts[2] = { 0, 0 };
	struct queue_resume_reply reply;

	assert_int_equal(take(r), 1);
	world_crash(r->w);
	messages[0] = message;
	messages[1] = message + QUEUE_SHARDS;
	assert_ok(ASK(r->w, outbound, queue_resume, &reply, .messages = { messages, 2 },
	    .firsts = { firsts, 2 }));
	assert_int_equal(reply.gone.count, 1);
	assert_int_equal(reply.gone.at[0], 1);
	assert_int_equal(take(r), 0);
	r->lease.message = message;
	r->lease.first = 0;
	r->lease.numbers = (struct numbers){ firsts, 1 };
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	assert_int_equal(run_of(r, message, 0).at[0].attempts, 1);
	at(NOW + 3600);
	assert_int_equal(take(r), 1);
}

/* The store died between the batch of a report and its answer: outbound says that it
 * has it still, and reports again, which ends the lease. */
static void
a_report_made_again_ends_what_was_resumed(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org"), first = 0;
	struct queue_resume_reply reply;

	assert_int_equal(take(r), 1);
	assert_ok(report_op(r, QUEUE_LATER, SCHEDULE_WELL, 78));
	world_crash(r->w);
	assert_ok(ASK(r->w, outbound, queue_resume, &reply, .messages = { &message, 1 },
	    .firsts = { &first, 1 }));
	assert_int_equal(reply.gone.count, 0);
	r->lease.message = message;
	r->lease.first = 0;
	r->lease.numbers = (struct numbers){ &first, 1 };
	assert_ok(report_op(r, QUEUE_LATER, SCHEDULE_WELL, 78));
	assert_int_equal(run_of(r, message, 0).at[0].attempts, 1);
	assert_int_equal(take(r), 0);
	at(NOW + 3600);
	assert_int_equal(take(r), 1);
}

/* Outbound has a new link before the store noticed that the first broke. */
static void
what_is_in_hand_outlives_the_link(void **state)
{
	struct rig *r = *state;
	struct call_server_config server = { .threads = 1 };
	uint64_t message = submit(r, "bob@example.org"), first = 0;
	struct queue_resume_reply reply;
	struct calls *old = r->w->outbound;
	struct call_pair *pair;

	assert_int_equal(take(r), 1);
	store_serve(r->w->store, &server);
	pair = call_pair_new(ROLE_OUTBOUND, &server, ROLE_STORE, &r->w->outbound);
	assert_ok(ASK(r->w, outbound, queue_resume, &reply, .messages = { &message, 1 },
	    .firsts = { &first, 1 }));
	assert_int_equal(reply.gone.count, 0);
	cut(r);
	assert_int_equal(ASK(r->w, outbound, queue_lease, &r->lease), STATUS_OK);
	assert_int_equal(r->lease.message, 0);
	r->lease.message = message;
	r->lease.numbers = (struct numbers){ &first, 1 };
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(rows(r), 0);
	call_pair_free(pair);
	r->w->outbound = old;
	call_pair_mend(r->w->pair[4], 0);
}

/* Nothing was learnt: the turn that came in between is not lost. */
static void
untried_is_tried_again(void **state)
{
	struct rig *r = *state;
	uint64_t messages[1] = { submit(r, "bob@example.org") }, firsts[1] = { 0 };
	struct queue_resume_reply reply;

	world_crash(r->w);
	assert_ok(ASK(r->w, outbound, queue_resume, &reply, .messages = { messages, 1 },
	    .firsts = { firsts, 1 }));
	assert_int_equal(take(r), 0); /* its turn comes and goes */
	r->lease.message = messages[0];
	r->lease.first = 0;
	r->lease.numbers = (struct numbers){ firsts, 1 };
	report(r, QUEUE_UNTRIED, SCHEDULE_NEITHER);
	assert_int_equal(take(r), 1);
	assert_int_equal(r->lease.attempts.at[0], 0);
	report(r, QUEUE_UNTRIED, SCHEDULE_NEITHER);
	assert_int_equal(take(r), 1);
}

static void
told(void *arg, enum status s, const void *reply)
{
	if (s == STATUS_OK)
		CHECK(write(*(int *)arg, "x", 1) == 1);
}

static void
hear(int fd)
{
	char x;

	assert_int_equal(read(fd, &x, 1), 1);
}

/* The lease that came with the answer is the link's, and has all that others have. */
static void
a_report_brings_the_next(void **state)
{
	struct rig *r = *state;
	uint64_t first = submit(r, "bob@example.org"), message;

	r->next = true;
	assert_int_equal(take(r), 1);
	message = submit(r, "carol@example.org");
	(void)submit(r, "dave@example.net");
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(r->got.message, message); /* of the same destination first */
	assert_text(r->got.recipients.at[0], "carol@example.org");
	assert_true(r->got.piece0.len > 0);
	assert_int_equal(r->got.more, 1);
	QUEUE_LEASE_COPY(&r->got, &r->lease);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_text(r->got.destination, "example.net");
	assert_int_equal(r->got.more, 0);
	QUEUE_LEASE_COPY(&r->got, &r->lease);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(r->got.message, 0);
	assert_int_equal(r->got.more, 0);
	assert_int_not_equal(first, message);
	assert_int_equal(rows(r), 0);
}

/* Whose report is not taken gets nothing, and nobody's turn is lost. */
/* Its answer was not heard, so it is made again: what the first one brought is given
 * to the next who asks, and is not lost while the link stands. */
static void
a_report_made_again_gives_it_back(void **state)
{
	struct rig *r = *state;
	uint64_t message;

	(void)submit(r, "bob@example.org");
	r->next = true;
	assert_int_equal(take(r), 1);
	message = submit(r, "carol@example.org");
	assert_ok(report_op(r, QUEUE_DELIVERED, SCHEDULE_WELL, 77));
	assert_int_equal(r->got.message, message);
	assert_ok(report_op(r, QUEUE_DELIVERED, SCHEDULE_WELL, 77));
	assert_int_equal(r->got.message, 0);
	assert_int_equal(r->got.more, 1);
	assert_int_equal(take(r), 1);
	assert_int_equal(r->lease.message, message);
	assert_ok(report_op(r, QUEUE_DELIVERED, SCHEDULE_WELL, 77 + 1));
	assert_int_equal(rows(r), 0);
}

static void
suppress(struct rig *r, const char *address)
{
	struct queue_admin_suppress_reply reply;

	assert_ok(ASK(r->w, admin, queue_admin_suppress, &reply, .address = text_of(address)));
}

/* A report waits for one entry that turns out to be nothing, and for no more. */
static void
a_report_looks_at_one(void **state)
{
	struct rig *r = *state;
	struct schedule_facts facts;

	(void)submit(r, "bob@example.org");
	r->next = true;
	assert_int_equal(take(r), 1);
	for (int i = 0; i < 3; i++)
		(void)submit(r, "carol@example.org");
	suppress(r, "carol@example.org");
	at(NOW + 100);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(r->got.message, 0);
	assert_int_equal(r->got.more, 1);
	assert_true(
	    schedule_facts(r->w->store->queue.outgoing.schedule, TEXT("example.org"), &facts));
	assert_int_equal(facts.waiting, 2);
	assert_int_equal(take(r), 0);
}

static void
a_report_in_vain_brings_nothing(void **state)
{
	struct rig *r = *state;

	(void)submit(r, "bob@example.org");
	assert_int_equal(take(r), 1);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	(void)submit(r, "carol@example.org");
	r->next = true;
	assert_int_equal(report_op(r, QUEUE_DELIVERED, SCHEDULE_WELL, random_u64()), STATUS_DENIED);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(rows(r), 0);
}

static void
the_bell_rings(void **state)
{
	struct rig *r = *state;
	struct queue_feed_request request = { .none_ = 0 };
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_ok(call_stream(r->w->outbound, &queue_feed_call, &request, told, &ends[1]));
	hear(ends[0]);
	(void)submit(r, "bob@example.org");
	hear(ends[0]);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	at(NOW + 3600);
	store_tend(r->w->store);
	hear(ends[0]);
	assert_int_equal(take(r), 1);
	world_close(r->w);
	world_open(r->w);
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
what_is_no_submission(void **state)
{
	struct rig *r = *state;
	uint64_t message;

	assert_int_equal(submit_op(r, "", 1, &message), STATUS_INVALID);
	r->p.content = TEXT("none");
	assert_int_equal(submit_op(r, "a@example.org", 1, &message), STATUS_INVALID);
	assert_int_equal(rows(r), 0);
}

/* ---- the check ---- */

static int
teardown_damaged(void **state)
{
	struct rig *r = *state;

	world_free(r->w);
	mem_free(r);
	clock_set_for_test(-1, -1);
	return 0;
}

/* Damages one row of a message, an empty value: deletes it; the check tells of
 * it in these words. */
static void
noticed(struct rig *r, struct key key, struct text value, const char *words)
{
	struct entity e = { ENTITY_QUEUE, key_number(key_text(&key), 1, 8) % QUEUE_SHARDS };
	struct store_check_reply reply;
	struct text before;
	bool found = false;

	world_check(r->w, 0);
	assert_ok(engine_get(r->w->engine, e, key_text(&key), &r->w->arena, &before));
	world_damage(r->w, e, key_text(&key), value);
	assert_ok(ASK(r->w, admin, store_check, &reply, .account = 0));
	for (uint32_t i = 0; i < reply.problems.count; i++)
		found |=
		    text_find(reply.problems.at[i], text_of(words), 0) < reply.problems.at[i].len;
	assert_true(found);
	world_damage(r->w, e, key_text(&key), before);
}

static void
the_check_notices(void **state)
{
	struct rig *r = *state;
	uint64_t id = submit(r, "bob@example.org carol@example.net");
	struct outgoing_message m;
	struct outgoing_run run = run_of(r, id, 0);
	struct buffer b = BUFFER_INIT;
	struct key key = key_u64(KEY_Q_MESSAGE, id);
	struct text value;

	assert_ok(engine_get(r->w->engine, (struct entity){ ENTITY_QUEUE, id % QUEUE_SHARDS },
	    key_text(&key), &r->w->arena, &value));
	assert_ok(outgoing_message_unpack(value, &m));
	noticed(r, key_u64(KEY_Q_ENVELOPE, id), (struct text){ NULL, 0 },
	    "its rows are not as it says");
	noticed(
	    r, outgoing_run_key(id, 1), (struct text){ NULL, 0 }, "its rows are not as it says");
	noticed(r, key, (struct text){ NULL, 0 }, "which is not there");
	m.open = 1;
	outgoing_message_pack(&b, &m);
	noticed(r, key, buffer_text(&b), "its rows are not as it says");
	m.open = 2;
	m.pieces = 2;
	buffer_clear(&b);
	outgoing_message_pack(&b, &m);
	noticed(r, key, buffer_text(&b), "outgoing message");
	run.at[0].state = OUTGOING_FAILED;
	buffer_clear(&b);
	outgoing_run_pack(&b, &run);
	noticed(r, outgoing_run_key(id, 0), buffer_text(&b), "its rows are not as it says");
	noticed(r, outgoing_run_key(id, 0), TEXT("x"), "");
	buffer_done(&b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(one_recipient_from_end_to_end),
		CASE(a_lease_tells_of_more),
		CASE(what_is_done_goes),
		CASE(the_content_comes_by_pieces),
		CASE(recipients_of_a_host_go_together),
		CASE(who_fails_for_now_is_tried_later),
		CASE(the_sender_is_owed_a_word),
		CASE(nobody_is_owed_a_word_about_a_bounce),
		CASE(a_call_made_again_changes_nothing),
		CASE(a_lost_link_gives_back),
		CASE(what_is_in_hand_outlives_the_store),
		CASE(a_report_made_again_ends_what_was_resumed),
		CASE(what_is_in_hand_outlives_the_link),
		CASE(untried_is_tried_again),
		CASE(a_report_brings_the_next),
		CASE(a_report_made_again_gives_it_back),
		CASE(a_report_looks_at_one),
		CASE(a_report_in_vain_brings_nothing),
		CASE(the_bell_rings),
		CASE(what_is_no_submission),
		cmocka_unit_test_setup_teardown(the_check_notices, setup, teardown_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
