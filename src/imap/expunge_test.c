/* SPDX-License-Identifier: ISC */
/*
 * When messages that another session expunged are told as gone (RFC 3501 5.5,
 * 7.4.1, RFC 9051 5.5, 7.5.1), what commands make of them before that (RFC 2180
 * 4), and which numbers commands may use that come one behind the other.
 */
#include "imap/sync_testing.h"

/* A session with the box selected that does not know yet that another one
 * expunged message 2. */
static void
behind(const char *name, struct talk *t, struct talk *other)
{
	box_select(name, "", t);
	box_select(name, "", other);
	HAS(other, "x STORE 2 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	HAS(t, "x NOOP\r\n", "x OK");
	HAS(other, "x EXPUNGE\r\n", "x OK");
}

/* Every command: tells the expunge, must not, or has no look at the mailbox. */
static void
which_commands_tell(void **state)
{
	static const struct {
		const char *words;
		bool tells;
	} rows[] = {
		{ "c FETCH 1 FLAGS\r\n", false },
		{ "c STORE 1 +FLAGS (\\Seen)\r\n", false },
		{ "c STORE 1 +FLAGS.SILENT (\\Flagged)\r\n", false },
		{ "c SEARCH ALL\r\n", false },
		{ "c SEARCH SEEN\r\n", false },
		{ "c UID SEARCH 1:3 UNSEEN\r\n", false },
		{ "c FETCH 1:x FLAGS\r\n", false },
		{ "c FETSCH 1 FLAGS\r\n", false },
		{ "c UID FETCH 1 FLAGS\r\n", true },
		{ "c UID STORE 1 -FLAGS (\\Seen)\r\n", true },
		{ "c UID SEARCH UNDRAFT\r\n", true },
		{ "c NOOP\r\n", true },
		{ "c CHECK\r\n", true },
		{ "c EXPUNGE\r\n", true },
		{ "c UID EXPUNGE 1\r\n", true },
		{ "c COPY 1 Archive\r\n", true },
		{ "c UID COPY 1 Archive\r\n", true },
		{ "c MOVE 3 Archive\r\n", true },
		{ "c APPEND Archive {3+}\r\nx\r\n\r\n", true },
		{ "c IDLE\r\n", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct box b;
		struct talk t, other;
		char name[20];
		const char *got;

		(void)snprintf(name, sizeof(name), "Tell%zu", i);
		box_open(&b, name, 3);
		behind(name, &t, &other);
		got = talk_say(&t, rows[i].words);
		if ((strstr(got, "* 2 EXPUNGE\r\n") != NULL) != rows[i].tells)
			fail_msg("%s\ngot:\n%s", rows[i].words, got);
		talk_end(&other);
		talk_end(&t);
		box_close(&b);
	}
}

/* RFC 2180 4.1 and 4.2: the others are fetched and stored, and the client is
 * told that it is behind. */
static void
fetch_and_store(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Behind", 4);
	behind("Behind", &t, &other);
	SAYS(&t, "a1 FETCH 1:3 (UID)\r\n",
	    "* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\n"
	    "a1 OK [EXPUNGEISSUED] Some of the messages are gone\r\n");
	SAYS(&t, "a2 FETCH 2 (UID)\r\n", "a2 OK [EXPUNGEISSUED] Some of the messages are gone\r\n");
	SAYS(&t, "a3 STORE 1:3 +FLAGS (\\Seen)\r\n",
	    "* 1 FETCH (FLAGS (\\Seen))\r\n* 3 FETCH (FLAGS (\\Seen))\r\n"
	    "a3 OK [EXPUNGEISSUED] Some of the messages are gone\r\n");
	SAYS(&t, "a4 STORE 1:3 +FLAGS.SILENT (\\Answered)\r\n", "a4 OK STORE done\r\n");
	/* RFC 2180 4.3: a search names it until it is told as gone. */
	SAYS(&t, "a5 SEARCH ALL\r\n", "* SEARCH 1 2 3 4\r\na5 OK SEARCH done\r\n");
	SAYS(&t, "a6 NOOP\r\n", "* 2 EXPUNGE\r\na6 OK NOOP done\r\n");
	SAYS(&t, "a7 SEARCH ALL\r\n", "* SEARCH 1 2 3\r\na7 OK SEARCH done\r\n");
	SAYS(&t, "a8 FETCH 2 (UID)\r\n", "* 2 FETCH (UID 3)\r\na8 OK FETCH done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* RFC 2180 4.4, RFC 9051 6.4.7: no COPY of a part; a MOVE takes what is there,
 * and what has a UID that is not there is passed over. */
static void
copy_and_move(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Parts", 5);
	HAS(&b.t, "x CREATE Whole\r\n", "x OK");
	behind("Parts", &t, &other);
	SAYS(&t, "a1 COPY 1:3 Whole\r\n",
	    "* 2 EXPUNGE\r\na1 NO [EXPUNGEISSUED] Some of these messages are gone\r\n");
	HAS(&t, "a2 STATUS Whole (MESSAGES)\r\n", "(MESSAGES 0)");
	HAS(&t, "a3 COPY 1:2 Whole\r\n", " 1,3 1:2] COPY done\r\n");
	HAS(&t, "a4 UID COPY 1:3 Whole\r\n", " 1,3 3:4] UID COPY done\r\n");
	HAS(&other, "x UID STORE 3 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	HAS(&t, "a5 NOOP\r\n", "a5 OK");
	HAS(&other, "x EXPUNGE\r\n", "x OK");
	SAYS(&t, "a6 UID COPY 3 Whole\r\n",
	    "* 2 EXPUNGE\r\na6 OK No such messages, nothing done\r\n");
	HAS(&other, "x UID STORE 4 +FLAGS.SILENT (\\Deleted)\r\n", "x OK");
	HAS(&t, "a7 NOOP\r\n", "a7 OK");
	HAS(&other, "x EXPUNGE\r\n", "x OK");
	HAS(&t, "a8 MOVE 2:3 Whole\r\n",
	    " 5 5] Moved\r\n* 3 EXPUNGE\r\n* 2 EXPUNGE\r\na8 OK MOVE done\r\n");
	HAS(&t, "a9 STATUS Whole (MESSAGES)\r\n", "(MESSAGES 5)");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* RFC 3501 5.5: commands that are sent in one go. Between commands that use
 * numbers nothing goes, so the numbers that they were sent with hold. */
static void
commands_in_one_go(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "Pipe", 4);
	behind("Pipe", &t, &other);
	SAYS(&t,
	    "a1 FETCH 3 (UID)\r\na2 STORE 3 +FLAGS.SILENT (\\Seen)\r\na3 SEARCH SEEN\r\n"
	    "a4 FETCH 4 (UID)\r\na5 NOOP\r\n",
	    "* 3 FETCH (UID 3)\r\na1 OK FETCH done\r\na2 OK STORE done\r\n"
	    "* SEARCH 3\r\na3 OK SEARCH done\r\n"
	    "* 4 FETCH (UID 4)\r\na4 OK FETCH done\r\n"
	    "* 2 EXPUNGE\r\na5 OK NOOP done\r\n");
	/* Signing in, selecting and reading in one go (RFC 9051 6.3.1). */
	talk_end(&t);
	(void)begin(&t, &plain);
	HAS(&t,
	    "b1 LOGIN alice@demo.test demo\r\nb2 ENABLE QRESYNC\r\nb3 SELECT Pipe\r\n"
	    "b4 FETCH 1:* (UID)\r\n",
	    "* 3 FETCH (UID 4)\r\nb4 OK FETCH done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* Numbers of what is there, and no others (RFC 3501 9 seq-number). */
static void
numbers_that_are_none(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "None", 2);
	box_select("None", "", &t);
	HAS(&t, "a1 FETCH 3 UID\r\n", "a1 BAD");
	HAS(&t, "a2 STORE 1,3 +FLAGS (\\Seen)\r\n", "a2 BAD");
	HAS(&t, "a3 COPY 3 Archive\r\n", "a3 BAD");
	HAS(&t, "a4 MOVE 1:3 Archive\r\n", "a4 BAD");
	HAS(&t, "a5 FETCH 0 UID\r\n", "a5 BAD");
	SAYS(&t, "a6 FETCH *:1 (UID)\r\n",
	    "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\na6 OK FETCH done\r\n");
	SAYS(&t, "a7 UID FETCH 7:* (UID)\r\n", "* 2 FETCH (UID 2)\r\na7 OK UID FETCH done\r\n");
	HAS(&t, "a8 UID STORE 7,9:11 +FLAGS (\\Seen)\r\n", "a8 OK UID STORE done\r\n");
	HAS(&t, "b1 STORE 1:* +FLAGS.SILENT (\\Deleted)\r\n", "b1 OK");
	HAS(&t, "b2 EXPUNGE\r\n", "b2 OK");
	HAS(&t, "b3 FETCH * UID\r\n", "b3 BAD");
	HAS(&t, "b4 FETCH 1:* UID\r\n", "b4 BAD");
	SAYS(&t, "b5 UID FETCH 1:* UID\r\n", "b5 OK UID FETCH done\r\n");
	talk_end(&t);
	box_close(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_commands_tell),
		cmocka_unit_test(fetch_and_store),
		cmocka_unit_test(copy_and_move),
		cmocka_unit_test(commands_in_one_go),
		cmocka_unit_test(numbers_that_are_none),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
