/* SPDX-License-Identifier: ISC */
/*
 * CONDSTORE section by section (RFC 7162 3.1), with its examples as far as
 * their numbers can be had: "@3" is the modseq of the third change.
 */
#include "imap/sync_testing.h"

/* RFC 7162 3.1.2.1, 3.1.8, examples 1 and 18. */
static void
select_tells_the_highest(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Select", 3);
	sign_in(&t);
	HAS_AT(&b, &t, "a1 SELECT Select\r\n", "* OK [HIGHESTMODSEQ @0]");
	HAS_AT(&b, &t, "a2 EXAMINE Select (CONDSTORE)\r\n", "* OK [HIGHESTMODSEQ @0]");
	HAS_AT(&b, &t, "a3 SELECT Select (condstore)\r\n", "a3 OK [READ-WRITE]");
	SAYS_AT(&b, &t, "a4 STORE 1 +FLAGS (\\Seen)\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (@1))\r\na4 OK STORE done\r\n");
	HAS_AT(&b, &t, "a5 SELECT Select\r\n", "* OK [HIGHESTMODSEQ @1]");
	HAS(&t, "a6 SELECT Select (NONSENSE)\r\n", "a6 BAD");
	HAS(&t, "a7 SELECT Select (CONDSTORE CONDSTORE)\r\n", "a7 BAD");
	HAS(&t, "a8 SELECT Select (CONDSTORE\r\n", "a8 BAD");
	HAS(&t, "a9 SELECT Select ()\r\n", "a9 BAD");
	HAS(&t, "b1 SELECT Select (CONDSTORE) x\r\n", "b1 BAD");
	/* What is no SELECT by its grammar leaves the mailbox selected. */
	HAS(&t, "b2 FETCH 1 UID\r\n", "b2 OK");
	talk_end(&t);
	box_close(&b);
}

/* A new mailbox has one as well, since it is never 0 (RFC 7162 7). */
static void
an_empty_mailbox_has_a_highest(void **state)
{
	struct box b;

	box_open(&b, "Empty", 0);
	assert_true(b.base > 0);
	box_close(&b);
}

/* RFC 7162 3.1: the first command that wants CONDSTORE tells HIGHESTMODSEQ of
 * the mailbox that is selected, and from then on FETCH has MODSEQ and UID. */
static void
commands_that_enable(void **state)
{
	static const struct {
		const char *words;
		bool enables;
	} rows[] = {
		{ "x FETCH 1 (FLAGS)\r\n", false },
		{ "x FETCH 1 (MODSEQ)\r\n", true },
		{ "x FETCH 1 (FLAGS) (CHANGEDSINCE 1)\r\n", true },
		{ "x UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)\r\n", true },
		{ "x STORE 1 (UNCHANGEDSINCE 1) +FLAGS (\\Draft)\r\n", true },
		{ "x STORE 1 +FLAGS (\\Draft)\r\n", false },
		{ "x SEARCH MODSEQ 1\r\n", true },
		{ "x UID SEARCH OR SEEN NOT MODSEQ 1\r\n", true },
		{ "x STATUS INBOX (HIGHESTMODSEQ)\r\n", true },
		{ "x STATUS INBOX (MESSAGES)\r\n", false },
		{ "x ENABLE CONDSTORE\r\n", true },
		{ "x ENABLE QRESYNC\r\n", true },
		{ "x ENABLE X-NONE\r\n", false },
	};
	struct box b;

	box_open(&b, "Enable", 1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct talk t;
		const char *got;

		box_select("Enable", "", &t);
		got = talk_say(&t, rows[i].words);
		if ((strstr(got, "* OK [HIGHESTMODSEQ ") != NULL) != rows[i].enables)
			fail_msg("%s\ngot:\n%s", rows[i].words, got);
		got = talk_say(&t, "y STORE 1 -FLAGS (\\Draft)\r\n");
		if ((strstr(got, " MODSEQ (") != NULL) != rows[i].enables)
			fail_msg("after %s\ngot:\n%s", rows[i].words, got);
		/* Only the first one tells it. */
		got = talk_say(&t, "z FETCH 1 (MODSEQ)\r\n");
		if ((strstr(got, "* OK [HIGHESTMODSEQ ") != NULL) == rows[i].enables)
			fail_msg("second after %s\ngot:\n%s", rows[i].words, got);
		talk_end(&t);
	}
	box_close(&b);
}

/* RFC 7162 3.1.3, examples 3 to 5. */
static void
conditional_store(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Cond", 8);
	box_select("Cond", "", &t);
	SAYS_AT(&b, &t, "a103 UID STORE 6,4,8 (UNCHANGEDSINCE @0) +FLAGS.SILENT (\\Deleted)\r\n",
	    "* OK [HIGHESTMODSEQ @0] Highest\r\n"
	    "* 4 FETCH (UID 4 MODSEQ (@1))\r\n"
	    "* 6 FETCH (UID 6 MODSEQ (@1))\r\n"
	    "* 8 FETCH (UID 8 MODSEQ (@1))\r\n"
	    "a103 OK UID STORE done\r\n");
	HAS_AT(&b, &t, "a104 STORE * (UNCHANGEDSINCE @1) +FLAGS.SILENT (\\Deleted $Processed)\r\n",
	    "* 8 FETCH (UID 8 MODSEQ (@2))\r\na104 OK STORE done\r\n");
	SAYS_AT(&b, &t, "a105 STORE 8 (UNCHANGEDSINCE @2) -FLAGS (\\Deleted)\r\n",
	    "* 8 FETCH (UID 8 FLAGS ($Processed) MODSEQ (@3))\r\na105 OK STORE done\r\n");
	/* RFC 7162 3.1.11: what is so already keeps its modseq. */
	SAYS_AT(&b, &t, "a106 STORE 8 (UNCHANGEDSINCE @3) -FLAGS.SILENT (\\Deleted)\r\n",
	    "* 8 FETCH (UID 8 MODSEQ (@3))\r\na106 OK STORE done\r\n");
	SAYS_AT(&b, &t, "a107 NOOP\r\n", "a107 OK NOOP done\r\n");
	HAS(&t, "b1 STORE 1 (UNCHANGEDSINCE) +FLAGS (\\Seen)\r\n", "b1 BAD");
	HAS(&t, "b2 STORE 1 (UNCHANGEDSINCE x) +FLAGS (\\Seen)\r\n", "b2 BAD");
	HAS(&t, "b3 STORE 1 (NONSENSE 1) +FLAGS (\\Seen)\r\n", "b3 BAD");
	HAS(&t, "b4 STORE 1 () +FLAGS (\\Seen)\r\n", "b4 BAD");
	HAS(&t, "b5 STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 1) +FLAGS (\\Seen)\r\n", "b5 BAD");
	/* RFC 7162 7: 63 bits */
	HAS(&t, "b6 STORE 1 (UNCHANGEDSINCE 9223372036854775808) +FLAGS (\\Seen)\r\n", "b6 BAD");
	HAS_AT(&b, &t, "b7 STORE 1 (UNCHANGEDSINCE 9223372036854775807) +FLAGS (\\Seen)\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (@4))\r\nb7 OK");
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.1.3, examples 6, 8 and 10: what failed is named, and told. */
static void
conditional_store_fails(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Failing", 9);
	box_select("Failing", "CONDSTORE", &other);
	SAYS_AT(&b, &other, "x STORE 7,9 +FLAGS.SILENT (\\Seen)\r\n",
	    "* 7 FETCH (UID 7 MODSEQ (@1))\r\n* 9 FETCH (UID 9 MODSEQ (@1))\r\n"
	    "x OK STORE done\r\n");
	box_select("Failing", "CONDSTORE", &t);
	SAYS_AT(&b, &t, "d105 STORE 7,5,9 (UNCHANGEDSINCE @0) +FLAGS.SILENT (\\Deleted)\r\n",
	    "* 5 FETCH (UID 5 MODSEQ (@2))\r\n"
	    "* 7 FETCH (UID 7 FLAGS (\\Seen) MODSEQ (@1))\r\n"
	    "* 9 FETCH (UID 9 FLAGS (\\Seen) MODSEQ (@1))\r\n"
	    "d105 OK [MODIFIED 7,9] Some of the messages had changed\r\n");
	HAS_AT(&b, &t, "d106 UID STORE 5:9 (UNCHANGEDSINCE @0) +FLAGS (\\Deleted)\r\n",
	    "d106 OK [MODIFIED 5,7,9] ");
	HAS_AT(&b, &t, "a102 STORE 1 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)\r\n",
	    "* 1 FETCH (UID 1 FLAGS () MODSEQ (@-8))\r\na102 OK [MODIFIED 1] ");
	/* A change that this session has not heard of yet. */
	HAS(&other, "x STORE 2 +FLAGS.SILENT ($Processed)\r\n", "x OK");
	HAS_AT(&b, &t, "a106 STORE 2:3 (UNCHANGEDSINCE @0) +FLAGS.SILENT (\\Answered)\r\n",
	    "* 3 FETCH (UID 3 MODSEQ (@5))\r\n"
	    "* 2 FETCH (UID 2 FLAGS ($Processed) MODSEQ (@4))\r\n"
	    "a106 OK [MODIFIED 2] ");
	SAYS_AT(&b, &t, "a107 NOOP\r\n", "a107 OK NOOP done\r\n");
	/* With the modseq that it was told the client has its way, */
	SAYS_AT(&b, &t, "b108 STORE 2 (UNCHANGEDSINCE @4) +FLAGS.SILENT (\\Answered)\r\n",
	    "* 2 FETCH (UID 2 MODSEQ (@6))\r\nb108 OK STORE done\r\n");
	/* and with one that another session told it, flags are told as well. */
	HAS(&other, "x STORE 4 +FLAGS.SILENT (\\Seen)\r\n", "x OK");
	SAYS_AT(&b, &t, "b109 STORE 4:5 (UNCHANGEDSINCE @7) +FLAGS.SILENT (\\Flagged)\r\n",
	    "* 4 FETCH (UID 4 FLAGS (\\Flagged \\Seen) MODSEQ (@8))\r\n"
	    "* 5 FETCH (UID 5 FLAGS (\\Flagged \\Deleted) MODSEQ (@8))\r\nb109 OK STORE done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.1.3: the eleventh example, and a condition that nothing meets
 * must not hide the change of another session. */
static void
conditional_store_and_expunges(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Mixture", 7);
	box_select("Mixture", "CONDSTORE", &t);
	box_select("Mixture", "CONDSTORE", &other);
	HAS(&other, "x STORE 2 FLAGS (\\Answered)\r\n", "x OK");
	HAS(&other, "x STORE 4:7 FLAGS (\\Deleted)\r\n", "x OK");
	HAS(&other, "x EXPUNGE\r\n", "x OK");
	/* The expunges wait, so what may be kept is what was told before. */
	SAYS_AT(&b, &t, "B001 STORE 1:7 (UNCHANGEDSINCE @0) +FLAGS (\\Seen)\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (@4))\r\n"
	    "* 3 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (@4))\r\n"
	    "* 2 FETCH (UID 2 FLAGS (\\Answered) MODSEQ (@1))\r\n"
	    "* OK [HIGHESTMODSEQ @0] Some expunges are still to be told\r\n"
	    "B001 NO [MODIFIED 2] Some of the messages are gone, others had changed\r\n");
	SAYS_AT(&b, &t, "B002 NOOP\r\n",
	    "* 7 EXPUNGE\r\n* 6 EXPUNGE\r\n* 5 EXPUNGE\r\n* 4 EXPUNGE\r\n"
	    "B002 OK [HIGHESTMODSEQ @4] NOOP done\r\n");
	SAYS_AT(&b, &t, "b003 STORE 2 (UNCHANGEDSINCE @1) +FLAGS (\\Seen)\r\n",
	    "* 2 FETCH (UID 2 FLAGS (\\Answered \\Seen) MODSEQ (@5))\r\nb003 OK STORE done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* A condition that lies behind the view must not take the change of another
 * session for its own. */
static void
a_condition_hides_nothing(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Hide", 2);
	box_select("Hide", "CONDSTORE", &t);
	box_select("Hide", "CONDSTORE", &other);
	HAS(&other, "x STORE 1:2 +FLAGS.SILENT (\\Seen)\r\n", "x OK");
	SAYS_AT(&b, &t, "a1 STORE 1 (UNCHANGEDSINCE @1) +FLAGS.SILENT (\\Seen)\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (@1))\r\n"
	    "* 2 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (@1))\r\na1 OK STORE done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.1.4.1, example 12, and 3.1.4.2, example 13. */
static void
fetch_changed_since(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Changed", 8);
	box_select("Changed", "", &t);
	HAS(&t, "x UID STORE 4 +FLAGS (\\Seen)\r\n", "x OK");
	HAS(&t, "x UID STORE 6 +FLAGS (\\Deleted)\r\n", "x OK");
	HAS(&t, "x UID STORE 8 +FLAGS ($NoJunk)\r\n", "x OK");
	SAYS_AT(&b, &t, "s100 UID FETCH 1:* (FLAGS) (CHANGEDSINCE @1)\r\n",
	    "* OK [HIGHESTMODSEQ @3] Highest\r\n"
	    "* 6 FETCH (UID 6 MODSEQ (@2) FLAGS (\\Deleted))\r\n"
	    "* 8 FETCH (UID 8 MODSEQ (@3) FLAGS ($NoJunk))\r\n"
	    "s100 OK UID FETCH done\r\n");
	SAYS_AT(&b, &t, "s101 FETCH 1:6 (FLAGS) (CHANGEDSINCE @0)\r\n",
	    "* 4 FETCH (MODSEQ (@1) FLAGS (\\Seen))\r\n"
	    "* 6 FETCH (MODSEQ (@2) FLAGS (\\Deleted))\r\n"
	    "s101 OK FETCH done\r\n");
	SAYS_AT(&b, &t, "s102 FETCH 1:8 (FLAGS) (CHANGEDSINCE @3)\r\n", "s102 OK FETCH done\r\n");
	SAYS_AT(&b, &t, "s103 FETCH 1:8 FAST (CHANGEDSINCE 9223372036854775807)\r\n",
	    "s103 OK FETCH done\r\n");
	SAYS_AT(&b, &t, "a FETCH 1:3,8 (MODSEQ)\r\n",
	    "* 1 FETCH (MODSEQ (@-7))\r\n* 2 FETCH (MODSEQ (@-6))\r\n"
	    "* 3 FETCH (MODSEQ (@-5))\r\n* 8 FETCH (MODSEQ (@3))\r\na OK FETCH done\r\n");
	/* MODSEQ that is asked for stands once. */
	SAYS_AT(&b, &t, "b FETCH 8 (UID MODSEQ) (CHANGEDSINCE @2)\r\n",
	    "* 8 FETCH (UID 8 MODSEQ (@3))\r\nb OK FETCH done\r\n");
	HAS(&t, "c1 FETCH 1 FLAGS (CHANGEDSINCE)\r\n", "c1 BAD");
	HAS(&t, "c2 FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 1)\r\n", "c2 BAD");
	HAS(&t, "c3 FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)\r\n", "c3 BAD");
	HAS(&t, "c4 FETCH 1 FLAGS (NONSENSE)\r\n", "c4 BAD");
	HAS(&t, "c5 FETCH 1 FLAGS ()\r\n", "c5 BAD");
	HAS(&t, "c6 FETCH 1 FLAGS (CHANGEDSINCE 1\r\n", "c6 BAD");
	/* RFC 7162 3.2.6: only with UID, QRESYNC and CHANGEDSINCE. */
	HAS(&t, "c7 UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)\r\n", "c7 BAD");
	talk_end(&t);
	box_close(&b);
}

/* A body that is read sets \Seen of what it shows, and of nothing else. */
static void
fetch_changed_since_reads(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Reads", 3);
	box_select("Reads", "CONDSTORE", &t);
	HAS(&t, "x STORE 2 +FLAGS (\\Flagged)\r\n", "x OK");
	SAYS_AT(&b, &t, "a1 FETCH 1:3 (BODY[]<0.4>) (CHANGEDSINCE @0)\r\n",
	    "* 2 FETCH (MODSEQ (@2) BODY[]<0> {4}\r\nFrom UID 2 FLAGS (\\Flagged \\Seen"
	    "))\r\na1 OK FETCH done\r\n");
	/* RFC 7162 3.2.4: \Seen by reading is news with UID and MODSEQ. */
	SAYS_AT(&b, &t, "a2 FETCH 1 (BODY[]<0.4>)\r\n",
	    "* 1 FETCH (BODY[]<0> {4}\r\nFrom UID 1 FLAGS (\\Seen) MODSEQ (@3))\r\n"
	    "a2 OK FETCH done\r\n");
	/* Without news there is none of it. */
	SAYS_AT(&b, &t, "a3 FETCH 1 (BODY[]<0.4>)\r\n",
	    "* 1 FETCH (BODY[]<0> {4}\r\nFrom)\r\na3 OK FETCH done\r\n");
	SAYS_AT(&b, &t, "a4 FETCH 3 FLAGS\r\n", "* 3 FETCH (FLAGS ())\r\na4 OK FETCH done\r\n");
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.1.4.2, example 14, of two sessions of one user. */
static void
changes_of_others(void **state)
{
	struct box b;
	struct talk one, two, plain_one;

	box_open(&b, "Others", 7);
	box_select("Others", "CONDSTORE", &one);
	box_select("Others", "CONDSTORE", &two);
	box_select("Others", "", &plain_one);
	HAS(&one, "x STORE 7 FLAGS.SILENT (\\Answered)\r\n", "x OK");
	HAS(&two, "x NOOP\r\n", "x OK");
	SAYS_AT(&b, &one, "A160 STORE 7 +FLAGS.SILENT (\\Deleted)\r\n",
	    "* 7 FETCH (UID 7 MODSEQ (@2))\r\nA160 OK STORE done\r\n");
	SAYS_AT(&b, &two, "C180 NOOP\r\n",
	    "* 7 FETCH (UID 7 FLAGS (\\Answered \\Deleted) MODSEQ (@2))\r\nC180 OK NOOP done\r\n");
	HAS(&one, "A240 STORE 7 +FLAGS.SILENT (\\Seen)\r\n", "A240 OK");
	SAYS_AT(&b, &two, "C270 NOOP\r\n",
	    "* 7 FETCH (UID 7 FLAGS (\\Answered \\Deleted \\Seen) MODSEQ (@3))\r\n"
	    "C270 OK NOOP done\r\n");
	HAS(&one, "A330 STORE 7 -FLAGS.SILENT (\\Answered \\Seen)\r\n", "A330 OK");
	SAYS_AT(&b, &two, "C360 IDLE\r\n",
	    "+ idling\r\n* 7 FETCH (UID 7 FLAGS (\\Deleted) MODSEQ (@4))\r\n");
	SAYS_AT(&b, &two, "DONE\r\n", "C360 OK IDLE done\r\n");
	/* Who did not ask for it has no MODSEQ. */
	SAYS_AT(
	    &b, &plain_one, "P1 NOOP\r\n", "* 7 FETCH (FLAGS (\\Deleted))\r\nP1 OK NOOP done\r\n");
	talk_end(&plain_one);
	talk_end(&two);
	talk_end(&one);
	box_close(&b);
}

/* RFC 7162 3.1.5, 3.1.6, 3.1.10, examples 15, 16 and 19. */
static void
search_modseq(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Sought", 8);
	box_select("Sought", "", &t);
	HAS(&t, "x STORE 2,5 +FLAGS (\\Seen)\r\n", "x OK");
	HAS(&t, "x STORE 7 +FLAGS (\\Draft)\r\n", "x OK");
	SAYS_AT(&b, &t, "a SEARCH MODSEQ \"/flags/\\\\draft\" all @1\r\n",
	    "* OK [HIGHESTMODSEQ @2] Highest\r\n"
	    "* SEARCH 2 5 7 (MODSEQ @2)\r\na OK SEARCH done\r\n");
	SAYS_AT(&b, &t, "b UID SEARCH MODSEQ @1 SEEN\r\n",
	    "* SEARCH 2 5 (MODSEQ @1)\r\nb OK UID SEARCH done\r\n");
	SAYS_AT(&b, &t, "t SEARCH OR NOT MODSEQ 1 LARGER 50000\r\n",
	    "* SEARCH\r\nt OK SEARCH done\r\n");
	SAYS_AT(&b, &t, "c SEARCH RETURN (ALL) MODSEQ @0\r\n",
	    "* ESEARCH (TAG \"c\") ALL 2,5,7:8 MODSEQ @2\r\nc OK SEARCH done\r\n");
	/* RFC 4731 3.2: of what is returned. */
	SAYS_AT(&b, &t, "d SEARCH RETURN (MIN) MODSEQ @0\r\n",
	    "* ESEARCH (TAG \"d\") MIN 2 MODSEQ @1\r\nd OK SEARCH done\r\n");
	SAYS_AT(&b, &t, "e UID SEARCH RETURN (MIN MAX) MODSEQ @0\r\n",
	    "* ESEARCH (TAG \"e\") UID MIN 2 MAX 8 MODSEQ @1\r\ne OK UID SEARCH done\r\n");
	SAYS_AT(&b, &t, "f SEARCH RETURN (COUNT) NOT MODSEQ @0\r\n",
	    "* ESEARCH (TAG \"f\") COUNT 4 MODSEQ @-2\r\nf OK SEARCH done\r\n");
	SAYS_AT(&b, &t, "g SEARCH RETURN (COUNT) MODSEQ @3\r\n",
	    "* ESEARCH (TAG \"g\") COUNT 0\r\ng OK SEARCH done\r\n");
	SAYS_AT(
	    &b, &t, "h SEARCH MODSEQ 0 8\r\n", "* SEARCH 8 (MODSEQ @0)\r\nh OK SEARCH done\r\n");
	SAYS_AT(&b, &t, "i SEARCH 8 NOT MODSEQ \"/flags/$a\" priv @2\r\n",
	    "* SEARCH 8 (MODSEQ @0)\r\ni OK SEARCH done\r\n");
	HAS(&t, "j SEARCH MODSEQ \"/flags/\\\\seen\" shared 9223372036854775807\r\n",
	    "* SEARCH\r\nj OK");
	HAS(&t, "k1 SEARCH MODSEQ\r\n", "k1 BAD");
	HAS(&t, "k2 SEARCH MODSEQ \"/flags/x\" 1\r\n", "k2 BAD");
	HAS(&t, "k3 SEARCH MODSEQ \"/flags/x\" both 1\r\n", "k3 BAD");
	HAS(&t, "k4 SEARCH MODSEQ \"/other/x\" all 1\r\n", "k4 BAD");
	HAS(&t, "k5 SEARCH MODSEQ \"/flags/\" all 1\r\n", "k5 BAD");
	HAS(&t, "k6 SEARCH MODSEQ 9223372036854775808\r\n", "k6 BAD");
	talk_end(&t);
	box_close(&b);
}

/* RFC 7162 3.2.10.2, RFC 9051 7.5.1: no expunge in the answer to a UID SEARCH
 * that has numbers. */
static void
a_search_by_number_tells_no_expunge(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Numbers", 4);
	box_select("Numbers", "", &t);
	box_select("Numbers", "", &other);
	HAS(&other, "x STORE 1,3 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	HAS(&t, "x NOOP\r\n", "x OK");
	HAS(&other, "x UID EXPUNGE 1\r\n", "x OK");
	SAYS(&t, "a UID SEARCH NOT (OR 4 SEEN)\r\n", "* SEARCH 2 3\r\na OK UID SEARCH done\r\n");
	SAYS(&t, "b UID SEARCH UNSEEN\r\n",
	    "* SEARCH 2 3 4\r\n* 1 EXPUNGE\r\nb OK UID SEARCH done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* The modseq of an account counts all mailboxes, HIGHESTMODSEQ only its own
 * (RFC 7162 3.1.2.1). */
static void
other_mailboxes_do_not_count(void **state)
{
	struct box b, other;
	struct talk t;

	box_open(&b, "Mine", 2);
	box_open(&other, "Yours", 2);
	box_select("Yours", "CONDSTORE", &t);
	HAS(&t, "x STORE 1:2 +FLAGS (\\Seen)\r\n", "x OK");
	HAS_AT(&b, &t, "a1 SELECT Mine\r\n", "* OK [HIGHESTMODSEQ @0]");
	HAS_AT(&other, &t, "a2 SELECT Yours\r\n", "* OK [HIGHESTMODSEQ @1]");
	talk_end(&t);
	box_close(&other);
	box_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(select_tells_the_highest),
		cmocka_unit_test(an_empty_mailbox_has_a_highest),
		cmocka_unit_test(commands_that_enable),
		cmocka_unit_test(conditional_store),
		cmocka_unit_test(conditional_store_fails),
		cmocka_unit_test(conditional_store_and_expunges),
		cmocka_unit_test(a_condition_hides_nothing),
		cmocka_unit_test(fetch_changed_since),
		cmocka_unit_test(fetch_changed_since_reads),
		cmocka_unit_test(changes_of_others),
		cmocka_unit_test(search_modseq),
		cmocka_unit_test(a_search_by_number_tells_no_expunge),
		cmocka_unit_test(other_mailboxes_do_not_count),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
