/* SPDX-License-Identifier: ISC */
/*
 * SEARCH beside others who change messages (RFC 3501 6.4.4): however often the
 * store is asked for one tree, a message matches if it did so at some moment, and
 * one that changes does not match by what it was and what it is together.
 */
#include "imap/session_testing.h"

static struct talk me, other;
static const char *change;

/* As before: message 1 without flags, and nothing to be told. */
static int
begin_both(void **state)
{
	(void)open_house(state);
	sign_in(&me);
	sign_in(&other);
	append_to(&me, "INBOX", "", MAIL_A);
	append_to(&me, "INBOX", "", MAIL_B);
	HAS(&me, "s SELECT INBOX\r\n", "s OK");
	HAS(&other, "s SELECT INBOX\r\n", "s OK");
	return 0;
}

static int
end_both(void **state)
{
	house_meanwhile = NULL;
	talk_end(&me);
	talk_end(&other);
	return close_house(state);
}

static void
let_other_change(void)
{
	HAS(&other, change, "c OK");
}

/* What the search finds if the other's change comes before the nth question to
 * the store; message 1 has these flags in front of it. */
static void
finds(const char *flags, unsigned nth, const char *changes, const char *search, const char *want)
{
	struct buffer b = BUFFER_INIT;

	buffer_addf(&b, "f STORE 1 FLAGS.SILENT (%s)\r\n", flags);
	HAS(&me, buffer_string(&b), "f OK");
	HAS(&other, "n NOOP\r\n", "n OK");
	change = changes;
	house_matches_before = nth;
	house_meanwhile = let_other_change;
	HAS(&me, search, want);
	assert_int_equal(house_matches_before, 0);
	house_meanwhile = NULL;
	HAS(&me, "n NOOP\r\n", "n OK");
	buffer_done(&b);
}

#define TO(flags) "c STORE 1 FLAGS.SILENT (" flags ")\r\n"

static void
either(void **state)
{
	(void)state;
	finds("\\Draft", 2, TO("\\Flagged"), "a SEARCH OR FLAGGED DRAFT\r\n", "* SEARCH 1\r\n");
	finds("\\Flagged", 2, TO("\\Draft"), "a SEARCH OR FLAGGED DRAFT\r\n", "* SEARCH 1\r\n");
	finds("", 2, TO("\\Answered"), "a SEARCH OR FLAGGED DRAFT\r\n", "* SEARCH\r\n");
}

static void
both(void **state)
{
	(void)state;
	finds("\\Flagged", 2, TO("\\Draft"), "a SEARCH (FLAGGED) (DRAFT)\r\n", "* SEARCH\r\n");
	finds("\\Flagged", 2, TO("\\Flagged \\Draft"), "a SEARCH (FLAGGED) (DRAFT)\r\n",
	    "* SEARCH 1\r\n");
	finds("\\Flagged \\Seen", 2, TO("\\Flagged"),
	    "a SEARCH OR ((FLAGGED) (UNSEEN)) (DRAFT)\r\n", "* SEARCH 1\r\n");
	finds("\\Flagged \\Seen", 2, TO(""), "a SEARCH OR ((FLAGGED) (UNSEEN)) (DRAFT)\r\n",
	    "* SEARCH\r\n");
}

static void
neither(void **state)
{
	(void)state;
	finds("\\Draft", 2, TO("\\Flagged"), "a SEARCH UID 1 NOT (OR FLAGGED DRAFT)\r\n",
	    "* SEARCH\r\n");
}

/* Which messages MODSEQ means is asked first (RFC 7162 3.1.5): the change comes
 * between that and the first question about flags. */
static void
modseqs(void **state)
{
	struct buffer b = BUFFER_INIT;
	unsigned long long now = 0;
	const char *at;

	(void)state;
	HAS(&me, "e ENABLE CONDSTORE\r\n", "e OK");
	at = strstr(talk_say(&me, "h STATUS INBOX (HIGHESTMODSEQ)\r\n"), "HIGHESTMODSEQ ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "HIGHESTMODSEQ %llu", &now), 1);
	buffer_addf(&b, "a SEARCH NOT MODSEQ %llu FLAGGED\r\n", now + 1);
	finds("", 1, TO("\\Flagged"), buffer_string(&b), "* SEARCH\r\n");
	buffer_done(&b);
}

/* Words are sought in what changed no less than in the rest. */
static void
words(void **state)
{
	(void)state;
	finds("\\Flagged", 2, TO("\\Draft"), "a SEARCH (FLAGGED) (DRAFT) SUBJECT first\r\n",
	    "* SEARCH\r\n");
	finds("\\Draft", 2, TO("\\Flagged"), "a SEARCH (OR FLAGGED DRAFT) SUBJECT first\r\n",
	    "* SEARCH 1\r\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(either, begin_both, end_both),
		cmocka_unit_test_setup_teardown(both, begin_both, end_both),
		cmocka_unit_test_setup_teardown(neither, begin_both, end_both),
		cmocka_unit_test_setup_teardown(modseqs, begin_both, end_both),
		cmocka_unit_test_setup_teardown(words, begin_both, end_both),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
