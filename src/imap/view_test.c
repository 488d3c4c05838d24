/* SPDX-License-Identifier: ISC */
/* The view against a naive model: a client that keeps a list of UIDs and does
 * exactly what it is told must end up with what the store has, and must never
 * be told of a number that it does not know. */
#include "imap/view.h"

#include <stdio.h>

#include "base/random.h"
#include "base/testing.h"

#define MODEL_MAX 4000

/* The client: UIDs in order; 0 for a message whose UID it has not asked. */
struct client {
	uint32_t uids[MODEL_MAX];
	uint32_t count, recent;
};

static void
opened(struct view *v, struct client *c, uint32_t first, uint32_t last, uint32_t recent_from)
{
	struct store_open_reply r = { .mailbox = 3,
		.uidvalidity = 9,
		.uidnext = last + 1,
		.modseq = 100,
		.recent_from = recent_from };

	if (last >= first)
		runs_add(&r.uids, first, last);
	view_init(v, &r, false, NULL);
	runs_done(&r.uids);
	c->count = 0;
	for (uint32_t u = first; u <= last; u++)
		c->uids[c->count++] = u;
	c->recent = v->recent_told;
}

/* Does what one response says. */
static void
obey(struct client *c, struct view *v, unsigned number, const char *verb)
{
	if (strcmp(verb, "EXPUNGE") == 0) {
		assert_in_range(number, 1, c->count);
		memmove(&c->uids[number - 1], &c->uids[number],
		    (c->count - number) * sizeof(c->uids[0]));
		c->count--;
	} else if (strcmp(verb, "EXISTS") == 0) {
		assert_true(number >= c->count && number <= MODEL_MAX);
		/* It asks for the UIDs of what is new. */
		for (; c->count < number; c->count++)
			c->uids[c->count] = uidset_at(&v->uids, c->count + 1);
	} else {
		assert_string_equal(verb, "RECENT");
		c->recent = number;
	}
}

static void
tell(struct view *v, struct client *c, bool expunges)
{
	struct buffer b = BUFFER_INIT;
	struct text rest, line;

	view_tell(v, expunges ? EXPUNGES_BY_NUMBER : EXPUNGES_WAIT, &b);
	rest = buffer_text(&b);
	while (text_split(&rest, '\n', &line)) {
		char verb[16], copy[64];
		unsigned number;

		assert_ok(text_to_string(line, copy, sizeof(copy)));
		assert_int_equal(sscanf(copy, "* %u %15[A-Z]", &number, verb), 2);
		assert_true(text_ends(line, TEXT("\r")));
		obey(c, v, number, verb);
	}
	buffer_done(&b);
}

static void
agree(struct view *v, struct client *c)
{
	assert_int_equal(view_exists(v), c->count);
	for (uint32_t i = 0; i < c->count; i++) {
		assert_int_equal(uidset_at(&v->uids, i + 1), c->uids[i]);
		assert_int_equal(view_seq(v, c->uids[i]), i + 1);
	}
	assert_int_equal(runs_total(&v->recent), c->recent);
}

static void
learn(struct view *v, uint64_t modseq, const struct runs *added, const struct runs *vanished,
    uint64_t recent_from)
{
	struct store_changes_reply r = { .modseq = modseq, .recent_from = recent_from };

	if (added != NULL)
		r.added = *added;
	if (vanished != NULL)
		r.vanished = *vanished;
	view_learn(v, &r);
}

static void
expunges_wait_until_they_are_allowed(void **state)
{
	struct view v;
	struct client c;
	struct runs gone = RUNS_INIT;
	struct buffer b = BUFFER_INIT;

	opened(&v, &c, 1, 10, 11);
	runs_add(&gone, 3, 4);
	runs_add(&gone, 9, 9);
	learn(&v, 101, NULL, &gone, 0);
	view_tell(&v, EXPUNGES_WAIT, &b);
	assert_int_equal(b.len, 0);
	assert_int_equal(view_seq(&v, 10), 10);
	view_tell(&v, EXPUNGES_BY_NUMBER, &b);
	assert_string_equal(buffer_string(&b), "* 9 EXPUNGE\r\n* 4 EXPUNGE\r\n* 3 EXPUNGE\r\n");
	assert_int_equal(view_seq(&v, 10), 7);
	assert_int_equal(view_seq(&v, 9), 0);
	buffer_done(&b);
	runs_done(&gone);
	view_done(&v);
}

/* A store that was killed has forgotten which messages were claimed. */
/* RFC 7162 4: lines that clients can read, whatever went. */
static void
many_that_vanish_are_told_in_several_lines(void **state)
{
	struct view v;
	struct client c;
	struct runs gone = RUNS_INIT;
	struct buffer b = BUFFER_INIT;
	struct text rest, line;
	unsigned lines = 0, uids = 0;

	opened(&v, &c, 1, 2400, 0);
	for (uint32_t u = 2; u <= 2400; u += 2)
		runs_add(&gone, u, u);
	learn(&v, 101, NULL, &gone, 0);
	view_tell(&v, EXPUNGES_BY_UID, &b);
	rest = buffer_text(&b);
	while (text_split(&rest, '\n', &line)) {
		lines++;
		assert_true(text_starts(line, TEXT("* VANISHED ")) && line.len < 8192);
		for (size_t i = 0; i < line.len; i++)
			uids += line.ptr[i] == ',' || line.ptr[i] == '\r';
	}
	assert_int_equal(lines, 3);
	assert_int_equal(uids, 1200);
	assert_int_equal(view_exists(&v), 1200);
	buffer_done(&b);
	runs_done(&gone);
	view_done(&v);
}

static void
what_is_known_does_not_become_recent(void **state)
{
	struct view v;
	struct client c;
	struct runs added = RUNS_INIT;

	opened(&v, &c, 1, 10, 9);
	runs_add(&added, 11, 12);
	learn(&v, 101, &added, NULL, 5);
	tell(&v, &c, true);
	assert_int_equal(c.recent, 4);
	assert_false(runs_has(&v.recent, 8));
	agree(&v, &c);
	runs_done(&added);
	view_done(&v);
}

static void
what_came_and_went_is_not_told(void **state)
{
	struct view v;
	struct client c;
	struct runs added = RUNS_INIT, gone = RUNS_INIT;
	struct buffer b = BUFFER_INIT;

	opened(&v, &c, 1, 2, 3);
	runs_add(&added, 3, 5);
	runs_add(&gone, 4, 4);
	learn(&v, 103, &added, &gone, 3);
	view_tell(&v, EXPUNGES_BY_NUMBER, &b);
	assert_string_equal(buffer_string(&b), "* 4 EXISTS\r\n* 2 RECENT\r\n");
	buffer_done(&b);
	runs_done(&added);
	runs_done(&gone);
	view_done(&v);
}

static void
a_full_answer_is_compared(void **state)
{
	struct view v;
	struct client c;
	struct store_changes_reply r = { .modseq = 500, .full = 1, .uidnext = 12 };

	opened(&v, &c, 1, 6, 7);
	runs_add(&r.uids, 2, 4);
	runs_add(&r.uids, 8, 9);
	view_learn(&v, &r);
	tell(&v, &c, true);
	assert_int_equal(c.count, 5);
	assert_int_equal(c.uids[0], 2);
	assert_int_equal(c.uids[4], 9);
	agree(&v, &c);
	assert_int_equal(v.uidnext, 12);
	runs_done(&r.uids);
	view_done(&v);
}

/* RFC 7162 3.2: what the client may keep stays in front of what it missed. */
static void
a_view_that_is_behind_does_not_settle(void **state)
{
	const struct store_open_reply open = { .uidnext = 1, .modseq = 7, .highest = 7 };
	const struct store_changes_reply later = { .modseq = 9, .highest = 9, .uidnext = 1 };
	struct view v;

	view_init(&v, &open, false, NULL);
	view_learn(&v, &later);
	v.behind = 7;
	view_settle(&v);
	assert_int_equal(v.settled, 7);
	v.behind = 0;
	view_settle(&v);
	assert_int_equal(v.settled, 9);
	view_done(&v);
}

static void
own_changes(void **state)
{
	struct view v;
	struct client c;

	opened(&v, &c, 1, 3, 4);
	assert_true(view_own_change(&v, 101));
	assert_true(view_own_change(&v, 101));
	assert_false(view_own_change(&v, 103));
	assert_int_equal(v.modseq, 101);
	view_done(&v);
}

/* Resolves a set and prints the UIDs; "BAD" where numbers are too great. */
static void
resolves(struct view *v, const char *set, bool uid, const char *want)
{
	struct arena a = ARENA_INIT;
	struct cursor c = cursor_of(text_of(set));
	struct sequence_set parsed;
	struct runs uids = RUNS_INIT;
	struct buffer b = BUFFER_INIT;

	assert_true(imap_sequence_set(&c, &a, &parsed));
	if (view_resolve(v, &parsed, uid, &uids))
		runs_print(&b, &uids);
	else
		buffer_add_string(&b, "BAD");
	assert_string_equal(buffer_string(&b), want);
	buffer_done(&b);
	runs_done(&uids);
	arena_done(&a);
}

static void
sets_are_resolved(void **state)
{
	struct view v;
	struct client c;
	struct runs holes = RUNS_INIT;

	opened(&v, &c, 10, 30, 31);
	runs_add(&holes, 12, 14);
	runs_add(&holes, 20, 20);
	learn(&v, 101, NULL, &holes, 0);
	tell(&v, &c, true); /* 10 11 15-19 21-30: 17 messages */
	resolves(&v, "1:3", false, "10:11,15");
	resolves(&v, "*", false, "30");
	resolves(&v, "7,8", false, "19,21");
	resolves(&v, "2:9", false, "11,15:19,21:22");
	resolves(&v, "17", false, "30");
	resolves(&v, "18", false, "BAD");
	resolves(&v, "1,20:*", false, "BAD");
	resolves(&v, "11:21", true, "11,15:19,21");
	resolves(&v, "100:*", true, "30");
	resolves(&v, "1:5", true, "");
	runs_add(&holes, 1, 99);
	learn(&v, 102, NULL, &holes, 0);
	tell(&v, &c, true);
	resolves(&v, "*", false, "BAD");
	resolves(&v, "1:*", false, "BAD");
	resolves(&v, "1:*", true, "");
	runs_done(&holes);
	view_done(&v);
}

/* One step of the store: some arrive, some go. */
static void
random_step(struct view *v, struct runs *store, uint32_t *next, uint64_t *modseq)
{
	struct runs added = RUNS_INIT, gone = RUNS_INIT;
	uint32_t arrive = (uint32_t)random_below(6), leave = (uint32_t)random_below(6);
	uint32_t recent_from = *next;

	*next += (uint32_t)random_below(3); /* UIDs that came and went elsewhere */
	if (arrive > 0) {
		runs_add(&added, *next, *next + arrive - 1);
		runs_add_all(store, &added);
		*next += arrive;
	}
	for (uint32_t i = 0; i < leave && !runs_empty(store); i++) {
		uint32_t uid = runs_at(store, 1 + (uint32_t)random_below(runs_total(store)));

		runs_add(&gone, uid, uid);
		runs_remove(store, uid, uid);
	}
	*modseq += 1 + random_below(4);
	learn(v, *modseq, &added, &gone, random_below(2) ? recent_from : 0);
	runs_done(&added);
	runs_done(&gone);
}

static void
a_client_that_obeys_agrees(void **state)
{
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct view v;
		static struct client c;
		struct runs store = RUNS_INIT;
		uint32_t next = 21;
		uint64_t modseq = 100;

		random_seed_for_test(seed);
		opened(&v, &c, 1, 20, 15);
		runs_add(&store, 1, 20);
		for (int step = 0; step < 200; step++) {
			bool expunges = random_below(3) == 0;

			random_step(&v, &store, &next, &modseq);
			tell(&v, &c, expunges);
			agree(&v, &c);
			if (expunges)
				assert_int_equal(c.count, runs_total(&store));
		}
		runs_done(&store);
		view_done(&v);
	}
	random_seed_for_test(0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expunges_wait_until_they_are_allowed),
		cmocka_unit_test(many_that_vanish_are_told_in_several_lines),
		cmocka_unit_test(what_is_known_does_not_become_recent),
		cmocka_unit_test(what_came_and_went_is_not_told),
		cmocka_unit_test(a_full_answer_is_compared),
		cmocka_unit_test(a_view_that_is_behind_does_not_settle),
		cmocka_unit_test(own_changes),
		cmocka_unit_test(sets_are_resolved),
		cmocka_unit_test(a_client_that_obeys_agrees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
