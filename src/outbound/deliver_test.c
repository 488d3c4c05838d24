/* SPDX-License-Identifier: ISC */
/*
 * Deliveries from the queue to servers that behave well, and badly: the real
 * store, answers of the DNS from a script, sockets of the loopback network.
 */
#include "outbound/scene_testing.h"

/* ---- as it should be ---- */

static void
arrives(void **state)
{
	struct scene *s = *state;
	uint64_t message;

	begin(s);
	s->rig->prefix = "X-In-Front: yes\r\n";
	message = rig_submit(s->rig, "bob@one.test");
	rig_run(s->rig);
	assert_int_equal(s->one.messages, 1);
	assert_true(sink_heard(&s->one, "EHLO mail.here.test\n"));
	assert_true(sink_heard(&s->one, "MAIL FROM:<alice@here.test>\n"));
	assert_true(sink_heard(&s->one, "RCPT TO:<bob@one.test>\n"));
	assert_starts(buffer_text(&s->one.content), "X-In-Front: yes\r\nFrom: a@example.org\r\n");
	assert_true(text_ends(buffer_text(&s->one.content), s->rig->p.raw));
	assert_int_equal(state_of(s, message, 0), OUTGOING_STATES);
}

/* More than a frame, so that it comes in pieces. */
static void
a_large_message_arrives_whole(void **state)
{
	struct scene *s = *state;
	struct buffer raw = BUFFER_INIT;

	s->one.offers = "CHUNKING";
	begin(s);
	buffer_add_string(&raw, "Subject: large\r\n\r\n");
	while (raw.len < 1000000)
		buffer_addf(&raw, ".%016llx\r\n", (unsigned long long)random_u64());
	s->rig->p = world_parcel(s->rig->w, buffer_text(&raw));
	(void)rig_submit(s->rig, "bob@one.test");
	rig_run(s->rig);
	assert_int_equal(s->one.messages, 1);
	assert_true(text_equal(buffer_text(&s->one.content), buffer_text(&raw)));
	buffer_done(&raw);
}

/* RFC 5321 3.3: each recipient has an answer of his own. */
static void
each_recipient_for_himself(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;
	uint64_t message;

	begin(s);
	message = rig_submit(s->rig, "bob@one.test 550-carol@one.test 450-dave@one.test");
	rig_run(s->rig);
	assert_int_equal(s->one.messages, 1);
	assert_int_equal(state_of(s, message, 0), OUTGOING_RELAYED);
	r = rig_recipient(s->rig, message, 0, 1);
	assert_int_equal(r.state, OUTGOING_FAILED);
	assert_int_equal(r.owed, OWED_FAILURE);
	assert_text(r.reply, "550 5.1.1 no such thing");
	assert_text(r.server, "mx.one.test");
	r = rig_recipient(s->rig, message, 0, 2);
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_int_equal(r.attempts, 1);
	assert_text(r.reply, "450 4.1.1 no such thing");
}

/* Extensions that are offered are used (RFC 3461 4, RFC 6710, RFC 2852 4). */
static void
parameters_go_on(void **state)
{
	struct scene *s = *state;
	struct submission_commit_reply reply;
	struct text to = TEXT("bob@one.test"), orcpt = TEXT("rfc822;bob+x@old.test");
	uint64_t notify = QUEUE_NOTIFY_SUCCESS | QUEUE_NOTIFY_DELAY;

	s->one.offers = "DSN\nMT-PRIORITY\nDELIVERBY\nSIZE";
	begin(s);
	assert_ok(ASK(s->rig->w, intake, submission_commit, &reply,
	    .token = world_writer(s->rig->w, s->rig->sender), .op = random_u64(), .id = TEXT("ID1"),
	    .sender = text_of(s->rig->sender), .received = clock_wall() / CLOCK_SECOND,
	    .size = s->rig->p.raw.len, .summary = s->rig->p.summary, .ret = QUEUE_RET_HDRS,
	    .envid = TEXT("Q =+1"), .priority = 3, .by = QUEUE_BY_NOTIFY | QUEUE_BY_TRACE,
	    .by_time = clock_wall() / CLOCK_SECOND + 7000, .recipients = { &to, 1 },
	    .orcpts = { &orcpt, 1 }, .notify = { &notify, 1 },
	    .content = PAYLOAD_OF(s->rig->p.content)));
	rig_run(s->rig);
	assert_true(sink_heard(&s->one, " RET=HDRS ENVID=Q+20+3D+2B1 "));
	assert_true(sink_heard(&s->one, " MT-PRIORITY=3 "));
	assert_true(sink_heard(&s->one, ";NT\n"));
	assert_true(sink_heard(
	    &s->one, "<bob@one.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;bob+2Bx@old.test\n"));
	/* it tells of success itself: nobody is owed a word here */
	assert_int_equal(state_of(s, reply.message, 0), OUTGOING_STATES);
}

static void
eight_bits_become_seven(void **state)
{
	struct scene *s = *state;

	begin(s);
	s->rig->p = world_parcel(s->rig->w,
	    TEXT("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		 "Content-Transfer-Encoding: 8bit\r\n\r\nJust gr\xc3\xbc\xc3\x9f\x65 to you\r\n"));
	s->rig->body = QUEUE_8BITMIME;
	(void)rig_submit(s->rig, "bob@one.test");
	rig_run(s->rig);
	assert_int_equal(s->one.messages, 1);
	assert_false(sink_heard(&s->one, "BODY="));
	assert_true(text_ends(
	    buffer_text(&s->one.content), TEXT("\r\n\r\nJust gr=C3=BC=C3=9Fe to you\r\n")));
}

/* ---- where it goes ---- */

static void
a_domain_that_takes_no_mail(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;
	uint64_t null, gone, broken;

	begin(s);
	null = rig_submit(s->rig, "bob@null.test");
	gone = rig_submit(s->rig, "bob@gone.test");
	broken = rig_submit(s->rig, "bob@broken.test");
	rig_run(s->rig);
	r = rig_recipient(s->rig, null, 0, 0);
	assert_int_equal(r.state, OUTGOING_FAILED);
	assert_starts(r.reply, "5.1.10 ");
	assert_text(r.server, "");
	r = rig_recipient(s->rig, gone, 0, 0);
	assert_int_equal(r.state, OUTGOING_FAILED);
	assert_starts(r.reply, "5.1.2 ");
	r = rig_recipient(s->rig, broken, 0, 0);
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_starts(r.reply, "4.4.3 ");
}

/* RFC 5321 5.1: an address of the loopback network is this host itself. */
static void
loopback_is_a_loop(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;
	uint64_t message;

	begin(s);
	assert_ok(setting_apply(SET_OUTBOUND_LOOPBACK, TEXT_EMPTY));
	message = rig_submit(s->rig, "bob@one.test");
	rig_run(s->rig);
	r = rig_recipient(s->rig, message, 0, 0);
	assert_int_equal(r.state, OUTGOING_FAILED);
	assert_starts(r.reply, "5.4.6 ");
	assert_int_equal(s->one.connections, 0);
}

/* However the first one will not: what it says before MAIL is its own word. */
static void
the_next_host(void **state)
{
	static const struct sink bad[] = {
		{ .greeting = "554 5.3.2 not here" },
		{ .greeting = SINK_CLOSES },
		{ .hello = "421 4.3.2 later" },
		{ .mail = "451 4.3.0 later" },
		{ .data = SINK_CLOSES },
		{ .dot = "451 4.3.0 later" },
	};
	struct scene *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct sink first = bad[i];

		s->one = first;
		s->other = (struct sink){ 0 };
		begin(s);
		(void)rig_submit(s->rig, "bob@two.test");
		rig_run(s->rig);
		assert_int_equal(s->one.connections, 1);
		assert_int_equal(s->other.messages, 1);
		if (i + 1 < ARRAY_LEN(bad)) {
			(void)teardown(state);
			(void)setup(state);
			s = *state;
		}
	}
}

/* What every host refuses before MAIL is tried again; the words stay. */
static void
no_host_is_not_never(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;
	uint64_t message;

	s->one.greeting = s->other.greeting = "554 5.3.2 not today";
	begin(s);
	message = rig_submit(s->rig, "bob@two.test");
	rig_run(s->rig);
	r = rig_recipient(s->rig, message, 0, 0);
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_int_equal(r.attempts, 1);
	assert_text(r.reply, "554 5.3.2 not today");
	assert_text(r.server, "mx.other.test");
}

/* A server that may have the message is not passed by. */
static void
no_second_host_in_doubt(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;
	uint64_t message;

	s->one.dot = SINK_CLOSES;
	begin(s);
	message = rig_submit(s->rig, "bob@two.test");
	rig_run(s->rig);
	assert_int_equal(s->other.connections, 0);
	r = rig_recipient(s->rig, message, 0, 0);
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_starts(r.reply, "4.4.2 ");
}

/* ---- connections ---- */

/* Its server is asked first, if it rested for a while. */
static void
a_connection_is_used_again(void **state)
{
	struct scene *s = *state;
	int64_t wall, mono;

	begin(s);
	wall = clock_wall();
	mono = clock_mono();
	clock_set_for_test(wall, mono);
	for (int i = 0; i < 3; i++) {
		(void)rig_submit(s->rig, "bob@one.test");
		rig_run(s->rig);
	}
	assert_false(sink_heard(&s->one, "RSET\n"));
	clock_set_for_test(wall + CLOCK_SECOND, mono + CLOCK_SECOND);
	(void)rig_submit(s->rig, "bob@one.test");
	rig_run(s->rig);
	clock_set_for_test(-1, -1);
	assert_true(sink_heard(&s->one, "RSET\n"));
	assert_int_equal(s->one.messages, 4);
	assert_int_equal(s->one.connections, 1);
	assert_false(sink_heard(&s->one, "QUIT\n"));
	rig_stop(s->rig, CLOCK_MINUTE);
	assert_true(sink_heard(&s->one, "QUIT\n"));
}

/* One that was closed meanwhile is no attempt. */
static void
a_stale_connection_is_made_again(void **state)
{
	struct scene *s = *state;
	uint64_t message = 0;

	s->one.closes_after = 1;
	begin(s);
	for (int i = 0; i < 3; i++) {
		message = rig_submit(s->rig, "bob@one.test");
		rig_run(s->rig);
	}
	assert_int_equal(s->one.messages, 3);
	assert_int_equal(s->one.connections, 3);
	assert_int_equal(state_of(s, message, 0), OUTGOING_STATES);
}

/* RFC 9422 4: so many recipients of a message, so many messages. */
static void
the_rest_on_a_new_connection(void **state)
{
	struct scene *s = *state;

	s->one.offers = "LIMITS RCPTMAX=1 MAILMAX=2";
	begin(s);
	(void)rig_submit(s->rig, "a@one.test b@one.test c@one.test d@one.test e@one.test");
	rig_run(s->rig);
	assert_int_equal(s->one.messages, 5);
	assert_int_equal(s->one.connections, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(arrives),
		CASE(a_large_message_arrives_whole),
		CASE(each_recipient_for_himself),
		CASE(parameters_go_on),
		CASE(eight_bits_become_seven),
		CASE(a_domain_that_takes_no_mail),
		CASE(loopback_is_a_loop),
		CASE(the_next_host),
		CASE(no_host_is_not_never),
		CASE(no_second_host_in_doubt),
		CASE(a_connection_is_used_again),
		CASE(a_stale_connection_is_made_again),
		CASE(the_rest_on_a_new_connection),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
