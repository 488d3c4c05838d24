/* SPDX-License-Identifier: ISC */
/*
 * Servers that misbehave cost others nothing, and a link that is lost costs
 * nobody a second copy.
 */
#include "outbound/scene_testing.h"

/* One that says nothing, and another destination meanwhile. */
static void
nobody_waits_for_who_hangs(void **state)
{
	struct scene *s = *state;
	struct outgoing_recipient r;
	uint64_t message;

	s->one.greeting = SINK_HANGS;
	begin(s);
	message = rig_submit(s->rig, "bob@one.test");
	outbound_relinked(s->rig->o);
	sink_await(&s->one, &s->one.connections, 1);
	(void)rig_submit(s->rig, "bob@other.test");
	outbound_relinked(s->rig->o);
	sink_await(&s->other, &s->other.messages, 1);
	/* a stop does not wait for it either */
	rig_stop(s->rig, 2 * CLOCK_SECOND);
	r = rig_recipient(s->rig, message, 0, 0);
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_starts(r.reply, "4.4.2 ");
}

/* What the store cannot tell of is not sent as an empty message. */
static void
what_cannot_be_read_waits(void **state)
{
	static const char container[] = "\1\1?"; /* one piece, and it is none */
	struct scene *s = *state;
	struct outgoing_recipient r;
	uint64_t message;

	begin(s);
	s->rig->p.content = (struct text){ container, sizeof(container) - 1 };
	message = rig_submit(s->rig, "bob@one.test");
	rig_run(s->rig);
	r = rig_recipient(s->rig, message, 0, 0);
	assert_int_equal(r.state, OUTGOING_WAITING);
	assert_starts(r.reply, "4.3.0 ");
	assert_int_equal(s->one.messages, 0);
	assert_int_equal(s->one.connections, 0);
}

static void
nonsense_is_tried_later(void **state)
{
	static const struct sink bad[] = {
		{ .greeting = SINK_CLOSES },
		{ .greeting = "hello there" },
		{ .greeting = SINK_ENDLESS },
		{ .greeting = "220 x\r\n220 y" },
		{ .hello = SINK_CLOSES },
		{ .hello = SINK_ENDLESS },
		{ .hello = "250-a\r\n550 b" },
		{ .mail = "354 go on" },
		{ .mail = SINK_CLOSES },
		{ .data = "250 thanks" },
		{ .data = "99 what" },
		{ .dot = "354 more" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct scene *s;
		struct outgoing_recipient r;
		uint64_t message;

		(void)setup(state);
		s = *state;
		s->one = bad[i];
		begin(s);
		message = rig_submit(s->rig, "bob@one.test");
		rig_run(s->rig);
		r = rig_recipient(s->rig, message, 0, 0);
		assert_int_equal(r.state, OUTGOING_WAITING);
		assert_int_equal(r.attempts, 1);
		assert_true(r.reply.len > 0);
		(void)teardown(state);
	}
}

/* The link breaks while the server has the message: it is said again what is in
 * hand, nobody else gets it, and the report counts. */
static void
what_is_in_hand_stays(void **state)
{
	struct scene *s = *state;
	uint64_t message;

	s->one.dot = SINK_WAITS;
	begin(s);
	message = rig_submit(s->rig, "bob@one.test");
	outbound_relinked(s->rig->o);
	sink_await(&s->one, &s->one.messages, 1);
	call_pair_break(s->rig->w->pair[4], 0);
	call_pair_mend(s->rig->w->pair[4], 0);
	(void)rig_submit(s->rig, "bob@other.test");
	outbound_relinked(s->rig->o);
	sink_await(&s->other, &s->other.messages, 1);
	sink_let_go(&s->one);
	rig_stop(s->rig, CLOCK_MINUTE);
	assert_int_equal(s->one.messages, 1);
	assert_int_equal(state_of(s, message, 0), OUTGOING_STATES);
}

static struct text
row_of(struct scene *s, struct entity e, struct key key)
{
	struct text value;

	assert_ok(engine_get(s->rig->w->engine, e, key_text(&key), &s->rig->w->arena, &value));
	return value;
}

/* What became of it cannot be written down, ever: the worker goes on. */
static void
a_row_that_is_damaged_holds_nobody(void **state)
{
	struct scene *s = *state;
	struct entity shard = { .kind = ENTITY_QUEUE };
	struct key key;
	struct text good;
	uint64_t message;

	s->one.dot = SINK_WAITS;
	begin(s);
	message = rig_submit(s->rig, "bob@one.test");
	outbound_relinked(s->rig->o);
	sink_await(&s->one, &s->one.messages, 1);
	shard.id = message % QUEUE_SHARDS;
	key = key_u64(KEY_Q_MESSAGE, message);
	good = row_of(s, shard, key);
	world_damage(s->rig->w, shard, key_text(&key), TEXT("?"));
	sink_let_go(&s->one);
	outbound_settle(s->rig->o);
	assert_text(row_of(s, shard, key), "?");
	assert_int_equal(s->one.messages, 1);
	rig_stop(s->rig, CLOCK_MINUTE);
	world_damage(s->rig->w, shard, key_text(&key), good);
}

/* Many messages for one destination go over few connections. */
static void
a_burst(void **state)
{
	struct scene *s = *state;

	begin(s);
	for (int i = 0; i < 40; i++)
		(void)rig_submit(s->rig, "bob@one.test carol@other.test");
	outbound_relinked(s->rig->o);
	sink_await(&s->one, &s->one.messages, 40);
	sink_await(&s->other, &s->other.messages, 40);
	rig_stop(s->rig, CLOCK_MINUTE);
	assert_int_equal(s->one.mails, 40);
	assert_true(s->one.connections <= 20);
}

/* Who is under way when there are to be fewer takes no more after it, and what waits
 * is done by those who stay. */
static void
fewer_workers(void **state)
{
	struct scene *s = *state;

	assert_ok(setting_apply(SET_OUTBOUND_WORKERS, TEXT("2")));
	s->one.dot = SINK_WAITS;
	begin(s);
	for (int i = 0; i < 4; i++)
		(void)rig_submit(s->rig, "bob@one.test");
	outbound_relinked(s->rig->o);
	sink_await(&s->one, &s->one.messages, 2);
	assert_ok(setting_apply(SET_OUTBOUND_WORKERS, TEXT("1")));
	sink_let_some_go(&s->one, 2);
	sink_await(&s->one, &s->one.messages, 3);
	rig_stop(s->rig, 2 * CLOCK_SECOND);
	assert_int_equal(s->one.mails, 3);
	assert_ok(setting_apply(SET_OUTBOUND_WORKERS, TEXT_EMPTY));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(nobody_waits_for_who_hangs),
		cmocka_unit_test(nonsense_is_tried_later),
		CASE(what_cannot_be_read_waits),
		CASE(what_is_in_hand_stays),
		CASE(a_row_that_is_damaged_holds_nobody),
		CASE(a_burst),
		CASE(fewer_workers),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
