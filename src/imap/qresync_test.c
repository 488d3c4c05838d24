/* SPDX-License-Identifier: ISC */
/*
 * QRESYNC section by section (RFC 7162 3.2, 6), with its examples as far as
 * their numbers can be had: "@3" is the modseq of the third change.
 */
#include "imap/sync_testing.h"

/* RFC 7162 3.2.3: ENABLE comes first, and names what it switched on. */
static void
it_must_be_enabled(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Enabled", 1);
	sign_in(&t);
	HAS_AT(&b, &t, "a1 SELECT Enabled (QRESYNC (@V @0))\r\n", "a1 BAD");
	HAS(&t, "a2 SELECT Enabled\r\n", "a2 OK");
	HAS(&t, "a3 UID FETCH 1 (FLAGS) (CHANGEDSINCE 1 VANISHED)\r\n", "a3 BAD");
	SAYS_AT(&b, &t, "a4 ENABLE QRESYNC CONDSTORE X-NONE\r\n",
	    "* ENABLED QRESYNC CONDSTORE\r\n* OK [HIGHESTMODSEQ @0] Highest\r\n"
	    "a4 OK ENABLE done\r\n");
	SAYS(&t, "a5 ENABLE CONDSTORE QRESYNC\r\n", "* ENABLED\r\na5 OK ENABLE done\r\n");
	SAYS_AT(&b, &t, "a6 UID FETCH 1 (FLAGS) (CHANGEDSINCE @0 VANISHED)\r\n",
	    "a6 OK UID FETCH done\r\n");
	HAS_AT(&b, &t, "a7 SELECT Enabled (QRESYNC (@V @0))\r\n", "a7 OK [READ-WRITE]");
	/* RFC 7162 3.2.6 */
	HAS(&t, "b1 UID FETCH 1 (FLAGS) (VANISHED)\r\n", "b1 BAD");
	HAS(&t, "b2 FETCH 1 (FLAGS) (CHANGEDSINCE 1 VANISHED)\r\n", "b2 BAD");
	HAS(&t, "b3 UID FETCH 1 (FLAGS) (VANISHED CHANGEDSINCE 1 VANISHED)\r\n", "b3 BAD");
	HAS(&t, "b4 UID FETCH 1 (FLAGS) (VANISHED CHANGEDSINCE 1)\r\n", "b4 OK");
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2.5: what is not syntactically valid is BAD. */
static void
bad_parameters(void **state)
{
	static const char *const bad[] = {
		"(QRESYNC)",
		"(QRESYNC ())",
		"(QRESYNC (1))",
		"(QRESYNC (0 1))",
		"(QRESYNC (1 0))",
		"(QRESYNC (1 9223372036854775808))",
		"(QRESYNC (1 1 ))",
		"(QRESYNC (1 1 *))",
		"(QRESYNC (1 1 1:*))",
		"(QRESYNC (1 1 1:3 (1:3)))",
		"(QRESYNC (1 1 1:3 (1:3 4:5)))",
		"(QRESYNC (1 1 1:3 (1:* 1:3)))",
		"(QRESYNC (1 1 1:3 (3,1 4,5)))",
		"(QRESYNC (1 1 1:3 (1,3 5,4)))",
		"(QRESYNC (1 1 1:3 (1 1) 1))",
		"(QRESYNC (1 1 1:3) QRESYNC (1 1))",
		"(QRESYNC (1 1)",
		"(QRESYNC 1 1)",
	};
	static const char *const good[] = {
		"(QRESYNC (1 9223372036854775807))",
		"(qresync (1 1 1:3,7) CONDSTORE)",
		"(CONDSTORE QRESYNC (1 1 (1:3,5 1:2,7:8)))",
		"(QRESYNC (1 1 1:3 (1:3 4:6)))",
	};
	struct box b;
	struct talk t;

	box_open(&b, "Params", 1);
	box_select("Params", "QRESYNC", &t);
	for (size_t i = 0; i < ARRAY_LEN(bad) + ARRAY_LEN(good); i++) {
		bool ok = i >= ARRAY_LEN(bad);
		char words[200];

		(void)snprintf(words, sizeof(words), "x SELECT Params %s\r\n",
		    ok ? good[i - ARRAY_LEN(bad)] : bad[i]);
		HAS(&t, words, ok ? "x OK" : "x BAD");
		if (!ok)
			HAS(&t, "y FETCH 1 UID\r\n", "y OK"); /* still selected */
	}
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2.5, the first example: another UIDVALIDITY, nothing is told. */
static void
another_uidvalidity(void **state)
{
	struct box b;
	struct talk t;
	const char *got;

	box_open(&b, "Validity", 3);
	box_select("Validity", "QRESYNC", &t);
	HAS(&t, "x STORE 1 +FLAGS (\\Deleted)\r\n", "x OK");
	HAS(&t, "x EXPUNGE\r\n", "x OK");
	got = talk_say(&t, "A02 SELECT Validity (QRESYNC (1 1 1:3))\r\n");
	assert_non_null(strstr(got, "A02 OK [READ-WRITE]"));
	assert_null(strstr(got, "VANISHED"));
	assert_null(strstr(got, "FETCH"));
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2.5.1, the example A03 in small. */
static void
what_was_missed(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Missed", 8);
	box_select("Missed", "QRESYNC", &t);
	HAS(&t, "x STORE 3 +FLAGS.SILENT (\\Seen)\r\n", "x OK");	/* @1 */
	HAS(&t, "x STORE 4,6:7 +FLAGS.SILENT (\\Deleted)\r\n", "x OK"); /* @2 */
	HAS(&t, "x STORE 5 +FLAGS ($MDNSent)\r\n", "x OK");		/* @3 */
	SAYS_AT(&b, &t, "x EXPUNGE\r\n",
	    "* VANISHED 4,6:7\r\nx OK [HIGHESTMODSEQ @4] EXPUNGE done\r\n");
	append_to(&t, "Missed", "(\\Flagged) ", MAIL_B); /* @5, UID 9 */
	sign_in(&other);
	HAS(&other, "e ENABLE QRESYNC\r\n", "e OK");
	HAS_AT(&b, &other, "A03 SELECT Missed (QRESYNC (@V @0))\r\n",
	    "* OK [UIDNEXT 10] Predicted next UID\r\n"
	    "* OK [HIGHESTMODSEQ @5] Highest\r\n"
	    "* VANISHED (EARLIER) 4,6:7\r\n"
	    "* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (@1))\r\n"
	    "* 4 FETCH (UID 5 FLAGS ($MDNSent) MODSEQ (@3))\r\n"
	    "* 6 FETCH (UID 9 FLAGS (\\Flagged) MODSEQ (@5))\r\n"
	    "A03 OK [READ-WRITE] SELECT done\r\n");
	/* Only what the client says it knows. */
	HAS_AT(&b, &other, "A04 SELECT Missed (QRESYNC (@V @0 4:6))\r\n",
	    "* OK [HIGHESTMODSEQ @5] Highest\r\n"
	    "* VANISHED (EARLIER) 4,6\r\n"
	    "* 4 FETCH (UID 5 FLAGS ($MDNSent) MODSEQ (@3))\r\n"
	    "A04 OK [READ-WRITE] SELECT done\r\n");
	HAS_AT(&b, &other, "A05 EXAMINE Missed (QRESYNC (@V @4))\r\n",
	    "* OK [HIGHESTMODSEQ @5] Highest\r\n"
	    "* 6 FETCH (UID 9 FLAGS (\\Flagged) MODSEQ (@5))\r\n"
	    "A05 OK [READ-ONLY] EXAMINE done\r\n");
	HAS_AT(&b, &other, "A06 SELECT Missed (QRESYNC (@V @5))\r\n",
	    "* OK [HIGHESTMODSEQ @5] Highest\r\nA06 OK [READ-WRITE]");
	/* A modseq that was never given: of a store that was put back. */
	HAS_AT(&b, &other, "A07 SELECT Missed (QRESYNC (@V @1000 1:5))\r\n",
	    "* VANISHED (EARLIER) 4\r\n"
	    "* 1 FETCH (UID 1 FLAGS () MODSEQ (@-7))\r\n");
	/* RFC 7162 3.2.6, the same as UID FETCH */
	SAYS_AT(&b, &other, "A08 UID FETCH 2:5 (FLAGS) (CHANGEDSINCE @0 VANISHED)\r\n",
	    "* VANISHED (EARLIER) 4\r\n"
	    "* 3 FETCH (UID 3 MODSEQ (@1) FLAGS (\\Seen))\r\n"
	    "* 4 FETCH (UID 5 MODSEQ (@3) FLAGS ($MDNSent))\r\n"
	    "A08 OK UID FETCH done\r\n");
	/* UIDs that went are not among those that "*" could mean by the view. */
	HAS(&t, "x UID STORE 9 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	HAS(&t, "x UID EXPUNGE 9\r\n", "* VANISHED 9\r\n");
	HAS(&other, "A09 NOOP\r\n", "* VANISHED 9\r\n");
	SAYS_AT(&b, &other, "A10 UID FETCH 8:* (FLAGS) (CHANGEDSINCE @5 VANISHED)\r\n",
	    "* VANISHED (EARLIER) 9\r\nA10 OK UID FETCH done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2.5.2: match data of all numbers there are. */
static void
match_data_of_all_numbers(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "All", 3);
	box_select("All", "QRESYNC", &t);
	HAS(&t, "x STORE 2 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	HAS(&t, "x EXPUNGE\r\n", "* VANISHED 2\r\n");
	HAS_AT(&b, &t, "a SELECT All (QRESYNC (@V @1000 1:3 (1:4294967295 1:4294967295)))\r\n",
	    "* OK [HIGHESTMODSEQ @2] Highest\r\n* VANISHED (EARLIER) 2\r\n* 1 FETCH ");
	talk_end(&t);
	box_close(&b);
}

/* A client may know of a message that came after the modseq that it kept: that
 * it came and went is told. */
static void
what_came_and_went(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Came", 2);
	append_to(&b.t, "Came", "(\\Deleted) ", MAIL_A);
	box_select("Came", "QRESYNC", &t);
	HAS(&t, "x EXPUNGE\r\n", "* VANISHED 3\r\n");
	HAS_AT(&b, &t, "a SELECT Came (QRESYNC (@V @0))\r\n",
	    "* OK [HIGHESTMODSEQ @2] Highest\r\n* VANISHED (EARLIER) 3\r\na OK");
	talk_end(&t);
	box_close(&b);
}

static void
trim_log(struct talk *t)
{
	struct arena a = ARENA_INIT;
	const struct store_setting_set_request set = { .name = TEXT("store.log_keep"),
		.value = TEXT("100") };
	struct store_setting_set_reply none;

	assert_ok(store_setting_set(house.admin, &set, &a, &none, NULL));
	HAS(t, "x CREATE Busy\r\n", "x OK");
	for (int i = 0; i < 160; i++)
		append_to(t, "Busy", "", MAIL_B);
	HAS(t, "x DELETE Busy\r\n", "x OK");
	arena_done(&a);
}

/* RFC 7162 3.2.5.2, the two examples in small: the log is too short, only UIDs
 * that three divides are there. */
static void
the_log_is_too_short(void **state)
{
	struct box b;
	struct talk t;
	char words[100];
	const char *got;

	box_open(&b, "Short", 30);
	box_select("Short", "QRESYNC", &t);
	for (int i = 1; i <= 30; i++) {
		(void)snprintf(
		    words, sizeof(words), "x UID STORE %d +FLAGS.SILENT (\\Deleted)\r\n", i);
		if (i % 3 != 0)
			HAS(&t, words, "x OK");
	}
	HAS(&t, "x EXPUNGE\r\n", "x OK"); /* @21 */
	HAS(&t, "x UID STORE 27 +FLAGS.SILENT (\\Seen)\r\n", "x OK");
	trim_log(&t);
	/* All UIDs that are not there, and rows that are newer. */
	HAS_AT(&b, &t, "A04 SELECT Short (QRESYNC (@V @20 1:29))\r\n",
	    "* VANISHED (EARLIER) "
	    "1:2,4:5,7:8,10:11,13:14,16:17,19:20,22:23,25:26,28:29\r\n"
	    "* 9 FETCH (UID 27 FLAGS (\\Seen) MODSEQ (@22))\r\n"
	    "A04 OK [READ-WRITE]");
	/* What the client knows by number and UID is left out: all up to 24, */
	HAS_AT(&b, &t, "B04 SELECT Short (QRESYNC (@V @20 1:29 (2,5,7:8 6,15,21,24)))\r\n",
	    "* VANISHED (EARLIER) 25:26,28:29\r\n* 9 FETCH (UID 27 ");
	/* up to 6, since the others do not belong together any more, */
	HAS_AT(&b, &t, "B05 SELECT Short (QRESYNC (@V @20 (2,6,9:10 6,15,21,24)))\r\n",
	    "* VANISHED (EARLIER) "
	    "7:8,10:11,13:14,16:17,19:20,22:23,25:26,28:29\r\n* 9 FETCH (UID 27 ");
	/* or nothing. */
	HAS_AT(&b, &t, "B06 SELECT Short (QRESYNC (@V @20 1:5 (1 1)))\r\n",
	    "* VANISHED (EARLIER) 1:2,4:5\r\nB06 OK");
	HAS_AT(&b, &t, "B07 UID FETCH 1:6,26:* (FLAGS) (CHANGEDSINCE @20 VANISHED)\r\n",
	    "* VANISHED (EARLIER) 1:2,4:5,26,28:29\r\n"
	    "* 9 FETCH (UID 27 MODSEQ (@22) FLAGS (\\Seen))\r\nB07 OK");
	/* What the log still reaches needs none of it. */
	got = talk_say(&t, "C01 STORE 1 +FLAGS.SILENT (\\Seen)\r\n");
	b.base = number_behind(got, "MODSEQ (");
	HAS_AT(&b, &t, "C02 SELECT Short (QRESYNC (@V @-1 1:29))\r\n",
	    "[HIGHESTMODSEQ @0] Highest\r\n* 1 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (@0))\r\nC02 OK");
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2: what a poll could not tell is told by the next, once, and until
 * then the client may not keep more. */
static void
a_poll_that_fails_half_way(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Half", 3);
	box_select("Half", "QRESYNC", &t);
	box_select("Half", "", &other);
	HAS(&other, "x STORE 2 +FLAGS.SILENT (\\Seen)\r\n", "x OK"); /* @1 */
	append_to(&other, "Half", "", MAIL_B);			     /* @2, UID 4 */
	append_to(&other, "Half", "(\\Deleted) ", MAIL_B);	     /* @3, UID 5 */
	trim_log(&other);
	house_fetches_refused = 1;
	SAYS(&t, "a1 NOOP\r\n", "* 5 EXISTS\r\na1 OK NOOP done\r\n");
	assert_int_equal(house_fetches_refused, 0);
	assert_int_equal(((struct imap *)t.s)->view->settled, b.base);
	HAS(&other, "x EXPUNGE\r\n", "* 5 EXPUNGE\r\n");
	HAS_AT(&b, &t, "a2 NOOP\r\n",
	    "* VANISHED 5\r\n"
	    "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (@1))\r\n"
	    "* 4 FETCH (UID 4 FLAGS () MODSEQ (@2))\r\na2 OK [HIGHESTMODSEQ ");
	SAYS(&t, "a3 NOOP\r\n", "a3 OK NOOP done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2.7, 3.2.9 and 3.2.10.2: the same eleven messages, with and
 * without. */
static void
vanished_in_place_of_expunge(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Eleven", 11);
	box_select("Eleven", "QRESYNC", &t);
	box_select("Eleven", "", &other);
	HAS(&t, "x STORE 3,4,7,11 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	SAYS_AT(&b, &t, "A202 EXPUNGE\r\n",
	    "* VANISHED 3:4,7,11\r\nA202 OK [HIGHESTMODSEQ @2] EXPUNGE done\r\n");
	SAYS(&other, "A202 EXPUNGE\r\n",
	    "* 11 EXPUNGE\r\n* 7 EXPUNGE\r\n* 4 EXPUNGE\r\n* 3 EXPUNGE\r\nA202 OK EXPUNGE "
	    "done\r\n");
	HAS(&t, "x UID STORE 2,8 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	SAYS_AT(&b, &t, "A210 EXPUNGE\r\n",
	    "* VANISHED 2,8\r\nA210 OK [HIGHESTMODSEQ @4] EXPUNGE done\r\n");
	/* Nothing went, nothing is said. */
	SAYS(&t, "A211 EXPUNGE\r\n", "A211 OK EXPUNGE done\r\n");
	HAS(&t, "x UID STORE 5:6 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	SAYS_AT(&b, &t, "A212 UID EXPUNGE 6:9\r\n",
	    "* VANISHED 6\r\nA212 OK [HIGHESTMODSEQ @6] UID EXPUNGE done\r\n");
	HAS(&t, "x CREATE Twelve\r\n", "x OK"); /* @7 */
	HAS_AT(&b, &t, "A213 UID MOVE 5,9 Twelve\r\n",
	    " 5,9 1:2] Moved\r\n* VANISHED 5,9\r\nA213 OK [HIGHESTMODSEQ @8] UID MOVE done\r\n");
	/* It is told in IDLE as well, and what may be kept at its end. */
	SAYS(&t, "A214 IDLE\r\n", "+ idling\r\n");
	HAS(&other, "x STORE 1 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	HAS(&other, "x EXPUNGE\r\n", "x OK");
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "* VANISHED 1\r\n");
	SAYS_AT(&b, &t, "DONE\r\n", "A214 OK [HIGHESTMODSEQ @10] IDLE done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2.10.2: only what was announced vanishes. */
static void
what_was_never_announced(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Never", 1);
	box_select("Never", "QRESYNC", &t);
	append_to(&b.t, "Never", "(\\Deleted) ", MAIL_A);
	HAS(&b.t, "x SELECT Never\r\n", "x OK");
	HAS(&b.t, "x EXPUNGE\r\n", "x OK");
	SAYS(&t, "a NOOP\r\n", "a OK NOOP done\r\n");
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2.8: who closes does not hear what went, so it may not keep more
 * than it knew. */
static void
close_says_nothing(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Close", 3);
	box_select("Close", "QRESYNC", &t);
	HAS(&t, "x STORE 2 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	SAYS(&t, "A202 CLOSE\r\n", "A202 OK CLOSE done\r\n");
	HAS_AT(&b, &t, "a SELECT Close (QRESYNC (@V @1))\r\n",
	    "* OK [HIGHESTMODSEQ @2] Highest\r\n* VANISHED (EARLIER) 2\r\na OK");
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2.11: between two mailboxes, whatever is enabled. */
static void
closed_stands_between(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Closed", 1);
	sign_in(&t);
	assert_null(strstr(talk_say(&t, "a1 SELECT Closed\r\n"), "[CLOSED]"));
	assert_true(strncmp(talk_say(&t, "a2 SELECT INBOX\r\n"), "* OK [CLOSED] ", 14) == 0);
	assert_true(strncmp(talk_say(&t, "a3 EXAMINE Nowhere\r\n"), "* OK [CLOSED] ", 14) == 0);
	assert_null(strstr(talk_say(&t, "a4 EXAMINE Closed\r\n"), "[CLOSED]"));
	HAS(&t, "a5 SELECT &&&\r\n", "* OK [CLOSED] ");
	HAS(&t, "a6 FETCH 1 UID\r\n", "a6 BAD Select a mailbox first");
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 6, the example: while VANISHED waits, HIGHESTMODSEQ stays below it. */
static void
the_highest_waits_for_vanished(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Waits", 4);
	box_select("Waits", "QRESYNC", &t);
	box_select("Waits", "QRESYNC", &other);
	HAS(&other, "x STORE 4 +FLAGS.SILENT (\\Deleted)\r\n", "x OK"); /* @1 */
	SAYS_AT(&b, &t, "A149 NOOP\r\n",
	    "* 4 FETCH (UID 4 FLAGS (\\Deleted) MODSEQ (@1))\r\nA149 OK NOOP done\r\n");
	HAS(&other, "x EXPUNGE\r\n", "x OK");				 /* @2 */
	HAS(&other, "x STORE 3 +FLAGS.SILENT (\\Answered)\r\n", "x OK"); /* @3 */
	SAYS_AT(&b, &t, "A150 STORE 1:3 (UNCHANGEDSINCE @1) +FLAGS.SILENT (\\Seen)\r\n",
	    "* 1 FETCH (UID 1 MODSEQ (@4))\r\n"
	    "* 2 FETCH (UID 2 MODSEQ (@4))\r\n"
	    "* 3 FETCH (UID 3 FLAGS (\\Answered) MODSEQ (@3))\r\n"
	    "* OK [HIGHESTMODSEQ @1] Some expunges are still to be told\r\n"
	    "A150 OK [MODIFIED 3] Some of the messages had changed\r\n");
	SAYS_AT(&b, &t, "A151 STORE 3 +FLAGS.SILENT (\\Seen)\r\n",
	    "* 3 FETCH (UID 3 MODSEQ (@5))\r\nA151 OK [HIGHESTMODSEQ @1] STORE done\r\n");
	/* Reading by number and what is no command do not let it go on either. */
	SAYS_AT(&b, &t, "A152 FETCH 1 (MODSEQ)\r\n",
	    "* 1 FETCH (MODSEQ (@4))\r\nA152 OK [HIGHESTMODSEQ @1] FETCH done\r\n");
	SAYS(&t, "A153 FETSCH 1 FLAGS\r\n", "A153 BAD No such command\r\n");
	SAYS_AT(&b, &t, "A154 SEARCH SEEN\r\n", "* SEARCH 1 2 3\r\nA154 OK SEARCH done\r\n");
	SAYS_AT(
	    &b, &t, "A155 NOOP\r\n", "* VANISHED 4\r\nA155 OK [HIGHESTMODSEQ @5] NOOP done\r\n");
	/* Where it was told, resynchronising finds nothing. */
	HAS_AT(&b, &t, "A156 SELECT Waits (QRESYNC (@V @5))\r\n", "Highest\r\nA156 OK");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* VANISHED (EARLIER) names nothing that the client counts: that follows as an
 * expunge (RFC 7162 3.2.10). */
static void
earlier_and_now(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Both", 5);
	box_select("Both", "QRESYNC", &t);
	box_select("Both", "QRESYNC", &other);
	HAS(&t, "x STORE 1 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	HAS(&t, "x EXPUNGE\r\n", "* VANISHED 1\r\n"); /* @2 */
	HAS(&other, "x STORE 3 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	HAS(&other, "x EXPUNGE\r\n", "x OK"); /* @4 */
	SAYS_AT(&b, &t, "a UID FETCH 1:5 (FLAGS) (CHANGEDSINCE @0 VANISHED)\r\n",
	    "* VANISHED (EARLIER) 1\r\n* VANISHED 3\r\n"
	    "a OK [HIGHESTMODSEQ @4] UID FETCH done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* Many pieces stand in several lines. */
static void
long_answers(void **state)
{
	struct box b;
	struct talk t;
	const char *got;
	unsigned lines = 0;

	box_open(&b, "Long", 1);
	box_select("Long", "QRESYNC", &t);
	for (int i = 0; i < 1200; i++)
		append_to(&b.t, "Long", i % 2 ? "(\\Deleted) " : "", "S: x\r\n\r\n");
	HAS(&t, "x EXPUNGE\r\n", "x OK");
	got = talk_say(&t, "x NOOP\r\n");
	got = talk_say(&t, "a SELECT Long (QRESYNC (1 1))\r\n");
	assert_null(strstr(got, "VANISHED"));
	HAS_AT(&b, &t, "a SELECT Long (QRESYNC (@V @0))\r\n", "* VANISHED (EARLIER) 3,5,7,");
	for (got = buffer_string(&t.out); (got = strstr(got, "* VANISHED (EARLIER) ")) != NULL;
	     got++)
		lines++;
	assert_int_equal(lines, 2);
	talk_end(&t);
	box_close(&b);
}

/* A house for each: how far the log reaches is what was done before. */
#define CASE(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_must_be_enabled),
		CASE(bad_parameters),
		CASE(another_uidvalidity),
		CASE(the_log_is_too_short),
		CASE(what_was_missed),
		CASE(match_data_of_all_numbers),
		CASE(what_came_and_went),
		CASE(a_poll_that_fails_half_way),
		CASE(vanished_in_place_of_expunge),
		CASE(what_was_never_announced),
		CASE(close_says_nothing),
		CASE(closed_stands_between),
		CASE(the_highest_waits_for_vanished),
		CASE(earlier_and_now),
		CASE(long_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
