/* SPDX-License-Identifier: ISC */
/* Messages that are in one row until they have been tried, and in three from then
 * on; and queues that were written when all were in three. */
#include "store/engine/backend.h"
#include "store/outgoing_test_helper.h"
#include "store/queue_admin_calls.h"

static struct queue_admin_list_reply list;

/* ---- rows ---- */

static struct text
row(struct rig *r, struct key key)
{
	struct entity e = { ENTITY_QUEUE, key_number(key_text(&key), 1, 8) % QUEUE_SHARDS };
	struct text value = TEXT_EMPTY;
	enum status how = engine_get(r->w->engine, e, key_text(&key), &r->w->arena, &value);

	assert_true(how == STATUS_OK || how == STATUS_NOT_FOUND);
	return value;
}

static bool
is_whole(struct rig *r, uint64_t message)
{
	struct text m = row(r, key_u64(KEY_Q_MESSAGE, message));

	assert_true(m.len > 0);
	return outgoing_is_whole(m);
}

/* Of its own rows: m; or m, e and so many r. */
static void
has_rows(struct rig *r, uint64_t message, unsigned runs)
{
	assert_int_equal(is_whole(r, message), runs == 0);
	assert_int_equal(row(r, key_u64(KEY_Q_ENVELOPE, message)).len > 0, runs > 0);
	assert_int_equal(row(r, outgoing_run_key(message, 0)).len > 0, runs > 0);
	assert_int_equal(rows(r), runs == 0 ? 2 : runs + 3); /* and the content */
}

static void
put(struct rig *r, struct key key, struct buffer *value)
{
	struct entity e = { ENTITY_QUEUE, key_number(key_text(&key), 1, 8) % QUEUE_SHARDS };

	world_damage(r->w, e, key_text(&key), buffer_text(value));
	buffer_done(value);
}

/* As a version wrote it that had no whole messages. */
static void
write_as_before(struct rig *r, uint64_t message)
{
	struct buffer b = BUFFER_INIT;
	struct outgoing_message m;

	assert_ok(outgoing_message_unpack(row(r, key_u64(KEY_Q_MESSAGE, message)), &m));
	assert_true(m.whole);
	buffer_add_text(&b, m.envelope);
	put(r, key_u64(KEY_Q_ENVELOPE, message), &b);
	buffer_add_text(&b, m.run);
	put(r, outgoing_run_key(message, 0), &b);
	m.whole = false;
	outgoing_message_pack(&b, &m);
	put(r, key_u64(KEY_Q_MESSAGE, message), &b);
}

/* ---- asking ---- */

static uint64_t
change(struct rig *r, enum queue_admin_change what, struct text recipient)
{
	struct queue_admin_change_reply reply;
	struct text after = TEXT_EMPTY;
	uint64_t n = 0;

	do {
		assert_ok(ASK(r->w, admin, queue_admin_change, &reply, .change = what,
		    .recipient = recipient, .after = after));
		n += reply.changed;
		after = reply.resume;
	} while (after.len > 0);
	return n;
}

static uint32_t
listed(struct rig *r, struct text recipient)
{
	assert_ok(ASK(r->w, admin, queue_admin_list, &list, .recipient = recipient));
	return list.recipients.count;
}

static void
is_leased(struct rig *r, uint64_t message, const char *recipient)
{
	assert_int_equal(take(r), 1);
	assert_int_equal(r->lease.message, message);
	assert_int_equal(r->lease.first, 0);
	assert_true(text_equal(r->lease.recipients.at[0], text_of(recipient)));
	assert_text(r->lease.orcpts.at[0], "rfc822;x@example.net");
	assert_text(r->lease.sender, "alice@example.com");
	assert_text(r->lease.envid, "env");
	assert_text(r->lease.id, "ID1");
	assert_int_equal(r->lease.received, NOW);
	assert_int_equal(r->lease.account, r->alice);
	assert_int_equal(r->lease.size, r->p.raw.len);
	assert_true(text_equal(r->lease.summary, r->p.summary));
	assert_true(r->lease.piece0.len > 0);
}

static void
leaves(struct rig *r)
{
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(rows(r), 0);
}

/* ---- tests ---- */

static void
it_comes_and_goes_in_one_row(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org");

	has_rows(r, message, 0);
	assert_int_equal(listed(r, TEXT("bob@example.org")), 1);
	assert_int_equal(list.messages.at[0], message);
	assert_text(list.senders.at[0], "alice@example.com");
	is_leased(r, message, "bob@example.org");
	leaves(r);
}

static void
it_outlives_the_store(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org");

	crash(r);
	has_rows(r, message, 0);
	world_check(r->w, 0);
	is_leased(r, message, "bob@example.org");
	crash(r);
	is_leased(r, message, "bob@example.org");
	leaves(r);
	crash(r);
	assert_int_equal(take(r), 0);
	assert_int_equal(rows(r), 0);
}

static void
who_is_to_be_tried_again_has_a_row(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org");

	is_leased(r, message, "bob@example.org");
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	has_rows(r, message, 1);
	world_check(r->w, 0);
	crash(r);
	assert_int_equal(run_of(r, message, 0).at[0].attempts, 1);
	at(NOW + 3600);
	is_leased(r, message, "bob@example.org");
	assert_int_equal(r->lease.attempts.at[0], 1);
	leaves(r);
	at(NOW);
}

/* Of three at one host one is done, one is left for later, and of one the sender is
 * told. */
static void
a_part_of_it_ends(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "ann@example.org bob@example.org eve@example.org");
	uint64_t outcomes[] = { QUEUE_DELIVERED, QUEUE_LATER, QUEUE_FAILED };
	struct text replies[] = { TEXT("250 ok"), TEXT("450 later"), TEXT("550 no") };

	has_rows(r, message, 0);
	assert_int_equal(take(r), 3);
	assert_ok(ASK(r->w, outbound, queue_report, &r->got, .op = 5, .message = message,
	    .numbers = r->lease.numbers, .outcomes = { outcomes, 3 }, .replies = { replies, 3 },
	    .server = TEXT("mx.example.org")));
	has_rows(r, message, 1);
	world_check(r->w, 0);
	assert_int_equal(run_of(r, message, 0).at[0].state, OUTGOING_DELIVERED);
	assert_int_equal(run_of(r, message, 0).at[1].state, OUTGOING_WAITING);
	assert_int_equal(run_of(r, message, 0).at[2].state, OUTGOING_FAILED);
	assert_text(run_of(r, message, 0).at[2].reply, "550 no");
	assert_int_equal(change(r, QUEUE_ADMIN_DROP, TEXT("bob@example.org")), 1);
}

static void
the_operator_changes_it(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "ann@example.org bob@example.org");

	assert_int_equal(change(r, QUEUE_ADMIN_HOLD, TEXT("bob@example.org")), 1);
	has_rows(r, message, 1);
	world_check(r->w, 0);
	assert_int_equal(run_of(r, message, 0).at[0].state, OUTGOING_WAITING);
	assert_int_equal(run_of(r, message, 0).at[1].state, OUTGOING_HELD);
	is_leased(r, message, "ann@example.org");
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(take(r), 0);
	assert_int_equal(change(r, QUEUE_ADMIN_RELEASE, TEXT("bob@example.org")), 1);
	assert_int_equal(take(r), 1);
	assert_int_equal(r->lease.numbers.at[0], 1);
	leaves(r);
}

static void
what_is_dropped_goes_at_once(void **state)
{
	struct rig *r = *state;

	r->notify = QUEUE_NOTIFY_NEVER;
	(void)submit(r, "bob@example.org");
	assert_int_equal(change(r, QUEUE_ADMIN_DROP, TEXT("bob@example.org")), 1);
	assert_int_equal(rows(r), 0);
	assert_int_equal(take(r), 0);
}

static void
several_hosts_have_rows_from_the_first(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org carol@example.net");

	has_rows(r, message, 2);
	assert_int_equal(take(r), 1);
	report(r, QUEUE_DELIVERED, SCHEDULE_WELL);
	assert_int_equal(take(r), 1);
	leaves(r);
}

/* Who is tried again should not have much written again. */
static void
what_is_long_has_rows_from_the_first(void **state)
{
	struct rig *r = *state;
	struct buffer orcpt = BUFFER_INIT, to = BUFFER_INIT;
	uint64_t message;

	buffer_add_string(&orcpt, "rfc822;");
	for (unsigned i = 0; i < 200; i++)
		buffer_add_string(&orcpt, "x");
	for (unsigned i = 0; i < SCHEDULE_RUN_MAX; i++)
		buffer_addf(&to, "%suser%u@example.org", i == 0 ? "" : " ", i);
	r->orcpt = buffer_string(&orcpt);
	message = submit(r, buffer_string(&to));
	has_rows(r, message, 1);
	assert_int_equal(take(r), SCHEDULE_RUN_MAX);
	leaves(r);
	buffer_done(&orcpt);
	buffer_done(&to);
}

/* ---- beside others ---- */

static void
a_queue_of_before_is_read(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org");

	write_as_before(r, message);
	crash(r);
	has_rows(r, message, 1);
	world_check(r->w, 0);
	assert_int_equal(listed(r, TEXT("bob@example.org")), 1);
	assert_text(list.senders.at[0], "alice@example.com");
	is_leased(r, message, "bob@example.org");
	report(r, QUEUE_LATER, SCHEDULE_WELL);
	has_rows(r, message, 1);
	at(NOW + 3600);
	is_leased(r, message, "bob@example.org");
	leaves(r);
	at(NOW);
}

#define MANY 40u

static enum status
note_run(void *arg, struct text key, struct text value)
{
	uint64_t *last = arg, message = key_number(key, 1, 8);
	struct arena a = ARENA_INIT;
	struct outgoing_run run;

	assert_int_equal(key.len, 13);
	assert_ok(outgoing_run_unpack(value, &a, &run));
	arena_done(&a);
	assert_true(message > last[1] || (message == last[1] && key_number(key, 9, 4) == 1));
	last[0]++;
	last[1] = message;
	return STATUS_OK;
}

/* Whole ones and others, in the order of their numbers, each once, whichever row
 * one begins with. */
static void
a_walk_meets_all(void **state)
{
	struct rig *r = *state;
	uint64_t message[MANY], met = 0, rest;

	for (unsigned i = 0; i < MANY; i++) {
		message[i] = submit(r, i % 3 == 2 ? "a@b.org c@d.org" : "bob@example.org");
		if (i % 3 == 1)
			write_as_before(r, message[i]);
	}
	crash(r);
	world_check(r->w, 0);
	for (uint64_t i = 0; i < QUEUE_SHARDS; i++) {
		uint64_t last[2] = { 0, 0 };

		assert_ok(outgoing_each_run(
		    r->w->store, (struct entity){ ENTITY_QUEUE, i }, 0, 0, note_run, last));
		met += last[0];
	}
	assert_int_equal(met, MANY + MANY / 3);
	for (unsigned i = 0; i < MANY; i++) {
		struct entity e = { ENTITY_QUEUE, message[i] % QUEUE_SHARDS };
		uint64_t from[2] = { 0, 0 }, behind[2] = { 0, 0 };

		assert_ok(outgoing_each_run(r->w->store, e, message[i], 0, note_run, from));
		assert_ok(outgoing_each_run(r->w->store, e, message[i] + 1, 0, note_run, behind));
		rest = i % 3 == 2 ? 2 : 1;
		assert_int_equal(from[0], behind[0] + rest);
		behind[0] = behind[1] = 0;
		assert_ok(outgoing_each_run(r->w->store, e, message[i], 1, note_run, behind));
		assert_int_equal(from[0], behind[0] + 1);
	}
	assert_int_equal(listed(r, TEXT_EMPTY), MANY + MANY / 3);
}

/* What the engine does, but for the first scan of runs: the message gets its three
 * rows before it. */
static struct {
	struct engine_ops ops;
	const struct engine_ops *plain;
	struct rig *r;
	bool done;
} meanwhile;

static enum status
scan_meanwhile(struct engine *e, struct entity entity, struct text from, struct text until,
    struct engine_scan **out)
{
	if (!meanwhile.done && from.ptr[0] == KEY_Q_RUN) {
		meanwhile.done = true;
		assert_int_equal(change(meanwhile.r, QUEUE_ADMIN_HOLD, TEXT("bob@example.org")), 1);
	}
	return meanwhile.plain->scan_open(e, entity, from, until, out);
}

static void
who_is_divided_meanwhile_is_met_once(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org"), last[2] = { 0, 0 };
	struct engine *e = r->w->engine;

	meanwhile.r = r;
	meanwhile.done = false;
	meanwhile.plain = e->ops;
	meanwhile.ops = *e->ops;
	meanwhile.ops.scan_open = scan_meanwhile;
	e->ops = &meanwhile.ops;
	assert_ok(outgoing_each_run(r->w->store,
	    (struct entity){ ENTITY_QUEUE, message % QUEUE_SHARDS }, 0, 0, note_run, last));
	e->ops = meanwhile.plain;
	assert_true(meanwhile.done);
	has_rows(r, message, 1);
	assert_int_equal(last[0], 1);
	assert_int_equal(change(r, QUEUE_ADMIN_DROP, TEXT("bob@example.org")), 1);
}

/* ---- damage ---- */

static void
noticed(struct rig *r, struct key key, struct text value, const char *words)
{
	struct entity e = { ENTITY_QUEUE, key_number(key_text(&key), 1, 8) % QUEUE_SHARDS };
	struct store_check_reply reply;
	struct text before = row(r, key);
	bool found = false;

	world_check(r->w, 0);
	world_damage(r->w, e, key_text(&key), value);
	assert_ok(ASK(r->w, admin, store_check, &reply, .account = 0));
	for (uint32_t i = 0; i < reply.problems.count; i++)
		found |=
		    text_find(reply.problems.at[i], text_of(words), 0) < reply.problems.at[i].len;
	assert_true(found);
	world_damage(r->w, e, key_text(&key), before.len > 0 ? before : (struct text){ NULL, 0 });
}

static void
message_noticed(struct rig *r, uint64_t message, const struct outgoing_message *m)
{
	struct buffer b = BUFFER_INIT;

	outgoing_message_pack(&b, m);
	noticed(r, key_u64(KEY_Q_MESSAGE, message), buffer_text(&b), "its rows are not as it says");
	buffer_done(&b);
}

static void
the_check_notices(void **state)
{
	struct rig *r = *state;
	uint64_t message = submit(r, "bob@example.org");
	struct key key = key_u64(KEY_Q_MESSAGE, message);
	struct outgoing_message good, m;

	assert_ok(outgoing_message_unpack(row(r, key), &good));
	noticed(r, outgoing_run_key(message, 0), good.run, "which is not there");
	noticed(r, key_u64(KEY_Q_ENVELOPE, message), good.envelope, "which is not there");
	m = good;
	m.envelope = text_part(m.envelope, 0, m.envelope.len - 1);
	message_noticed(r, message, &m);
	m = good;
	m.run = text_part(m.run, 0, m.run.len - 1);
	message_noticed(r, message, &m);
	m = good;
	m.recipients = m.open = 2;
	message_noticed(r, message, &m);
	m = good;
	m.owed = 1;
	message_noticed(r, message, &m);
	noticed(r, key, TEXT("\2"), "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_comes_and_goes_in_one_row),
		CASE(it_outlives_the_store),
		CASE(who_is_to_be_tried_again_has_a_row),
		CASE(a_part_of_it_ends),
		CASE(the_operator_changes_it),
		CASE(what_is_dropped_goes_at_once),
		CASE(several_hosts_have_rows_from_the_first),
		CASE(what_is_long_has_rows_from_the_first),
		CASE(a_queue_of_before_is_read),
		CASE(a_walk_meets_all),
		CASE(who_is_divided_meanwhile_is_met_once),
		CASE(the_check_notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
