/* SPDX-License-Identifier: ISC */
/* News of the selected mailbox that could not be had (RFC 3501 5.2, RFC 2177 3):
 * the log says so, and who is in IDLE is told later. */
#include "base/clock.h"
#include "base/log.h"
#include "imap/session_testing.h"

static int64_t wall, start;
static int ends[2];

static int
set_up(void **state)
{
	wall = clock_wall();
	start = clock_mono();
	clock_set_for_test(wall, start);
	if (pipe2(ends, O_NONBLOCK) != 0)
		return -1;
	log_set_fd(ends[1]);
	return 0;
}

static int
tear_down(void **state)
{
	house_changes_refused = 0;
	log_set_fd(2);
	clock_set_for_test(-1, -1);
	(void)close(ends[0]);
	(void)close(ends[1]);
	return 0;
}

/* How many lines of that event were written since the last time. */
static unsigned
logged(const char *event)
{
	char said[20000];
	ssize_t n = read(ends[0], said, sizeof(said) - 1);
	unsigned count = 0;

	said[n < 0 ? 0 : n] = '\0';
	for (const char *p = said; (p = strstr(p, event)) != NULL; p++)
		count++;
	return count;
}

#define FAILED "level=warn role=mailstead event=imap.news_failed "

static void
idle_asks_again(void **state)
{
	struct talk t, other;

	begin_with(&t, "News", 0);
	SAYS(&t, "a2 IDLE\r\n", "+ idling\r\n");
	sign_in(&other);
	append_to(&other, "News", "", MAIL_A);
	(void)logged(FAILED);
	house_changes_refused = 2;
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "");
	assert_int_equal(logged(FAILED), 1);
	for (int i = 1; i <= 2; i++) {
		int64_t at = start + i * 10 * CLOCK_SECOND;

		assert_int_equal(t.s->park_until, at);
		clock_set_for_test(wall, at);
		assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_TIMER),
		    i == 1 ? "" : "* 1 EXISTS\r\n* 1 RECENT\r\n");
		assert_int_equal(logged(FAILED), i == 1);
	}
	/* Asking is no sign of life of the client. */
	assert_int_equal(t.s->park_until, start + setting(SET_IMAP_IDLE_TIMEOUT));
	house_changes_refused = 1;
	(void)talk_run(&t, TEXT_EMPTY, WAKE_EVENT);
	clock_set_for_test(wall, start + setting(SET_IMAP_IDLE_TIMEOUT) - CLOCK_SECOND);
	house_changes_refused = 1;
	(void)talk_run(&t, TEXT_EMPTY, WAKE_TIMER);
	assert_int_equal(t.s->park_until, start + setting(SET_IMAP_IDLE_TIMEOUT));
	clock_set_for_test(wall, start + setting(SET_IMAP_IDLE_TIMEOUT));
	assert_string_equal(
	    talk_run(&t, TEXT_EMPTY, WAKE_TIMER), "* BYE You were silent for too long\r\n");
	talk_end(&other);
	talk_end(&t);
}

static void
idle_that_begins_without_news_asks_again(void **state)
{
	struct talk t, other;

	begin_with(&t, "Late", 0);
	sign_in(&other);
	append_to(&other, "Late", "", MAIL_A);
	(void)logged(FAILED);
	house_changes_refused = 1;
	SAYS(&t, "a2 IDLE\r\n", "+ idling\r\n");
	assert_int_equal(logged(FAILED), 1);
	assert_int_equal(t.s->park_until, start + 10 * CLOCK_SECOND);
	clock_set_for_test(wall, start + 10 * CLOCK_SECOND);
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_TIMER), "* 1 EXISTS\r\n* 1 RECENT\r\n");
	/* Whoever left IDLE asks by its next command. */
	append_to(&other, "Late", "", MAIL_A);
	house_changes_refused = 2;
	(void)talk_run(&t, TEXT_EMPTY, WAKE_EVENT);
	SAYS(&t, "DONE\r\n", "a2 OK IDLE done\r\n");
	assert_int_equal(t.s->park_until, clock_mono() + setting(SET_IMAP_IDLE_TIMEOUT));
	SAYS(&t, "a3 NOOP\r\n", "* 2 EXISTS\r\n* 2 RECENT\r\na3 OK NOOP done\r\n");
	talk_end(&other);
	talk_end(&t);
}

static void
commands_say_it_in_the_log(void **state)
{
	struct talk t, other;

	begin_with(&t, "Quiet", 0);
	sign_in(&other);
	append_to(&other, "Quiet", "", MAIL_A);
	(void)logged(FAILED);
	house_changes_refused = 1;
	SAYS(&t, "a2 NOOP\r\n", "a2 OK NOOP done\r\n");
	assert_int_equal(logged(FAILED), 1);
	SAYS(&t, "a3 NOOP\r\n", "* 1 EXISTS\r\n* 1 RECENT\r\na3 OK NOOP done\r\n");
	assert_int_equal(logged(FAILED), 0);
	talk_end(&other);
	talk_end(&t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(idle_asks_again),
		CASE(idle_that_begins_without_news_asks_again),
		CASE(commands_say_it_in_the_log),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
