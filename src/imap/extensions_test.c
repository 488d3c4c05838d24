/* SPDX-License-Identifier: ISC */
/*
 * The small extensions of IMAP by section of their RFCs, with the RFCs' own
 * examples: LITERAL+, ID, ENABLE, IDLE, NAMESPACE, CHILDREN, UNSELECT, UIDPLUS,
 * MOVE, SASL-IR. In IMAP4rev2 they are part of the protocol.
 */
#include "imap/session_testing.h"

/* ---- literals ---- */

/* RFC 7888 3: the example of both forms, for LOGIN. */
static void
literals(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	SAYS(&t, "A001 LOGIN {15}\r\n", "+ Go on\r\n");
	SAYS(&t, "alice@demo.test {4}\r\n", "+ Go on\r\n");
	HAS(&t, "demo\r\n", "A001 OK ");
	talk_end(&t);
	(void)begin(&t, &plain);
	HAS(&t, "A001 LOGIN {15+}\r\nalice@demo.test {4+}\r\ndemo\r\n", "A001 OK ");
	talk_end(&t);
}

/* RFC 7888 4: one that is too long is read and thrown away, or the session
 * ends; what stands in it is never taken for a command. */
static void
literals_too_long(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	buffer_add_string(&b, "a1 CREATE {70000+}\r\n");
	for (int i = 0; i < 7000; i++)
		buffer_add_string(&b, "x DELETE\r\n");
	buffer_add_string(&b, "\r\na2 NOOP\r\n");
	SAYS(&t, buffer_string(&b), "a1 BAD [TOOBIG] Command too long\r\na2 OK NOOP done\r\n");
	/* The client that waits for "+" keeps its octets. */
	SAYS(&t, "a3 CREATE {70000}\r\n", "a3 BAD [TOOBIG] Command too long\r\n");
	SAYS(&t, "a4 NOOP\r\n", "a4 OK NOOP done\r\n");
	buffer_done(&b);
	talk_end(&t);
}

/* RFC 7888 6, RFC 3516 4.4: literal8 of both forms, with NUL in it. */
static void
literal8(void **state)
{
	struct talk t;

	sign_in(&t);
	ok(&t, "CREATE Octets");
	HAS(&t, "a1 APPEND Octets ~{14+}\r\nSubject: x\r\n\r\n\r\n", "a1 OK [APPENDUID ");
	HAS(&t, "a2 CREATE ~{3+}\r\nabc\r\n", "a2 BAD");
	talk_end(&t);
}

/* ---- ID, ENABLE ---- */

/* RFC 2971 3.1, 3.2: the RFC's two examples. */
static void
id(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	SAYS(&t, "a023 ID NIL\r\n", "* ID (\"name\" \"Mailstead\")\r\na023 OK ID done\r\n");
	SAYS(&t,
	    "a042 ID (\"name\" \"sodr\" \"version\" \"19.34\" \"vendor\" \"Pink Floyd Music "
	    "Limited\")\r\n",
	    "* ID (\"name\" \"Mailstead\")\r\na042 OK ID done\r\n");
	/* RFC 2971 3.3: any field; RFC 2971 4: a value may be NIL, a name not. */
	HAS(&t, "a1 ID (\"x-unheard-of\" NIL)\r\n", "a1 OK");
	HAS(&t, "a2 ID ()\r\n", "a2 OK");
	HAS(&t, "a3 ID (NIL \"x\")\r\n", "a3 BAD");
	HAS(&t, "a4 ID (\"name\")\r\n", "a4 BAD");
	HAS(&t, "a5 ID\r\n", "a5 BAD");
	talk_end(&t);
}

/* RFC 5161 3.1, 3.2, RFC 9051 7.2.1: what was switched on is told, the unknown is not; nothing
 * twice is no error. RFC 5161 4: one name at least. */
static void
enable(void **state)
{
	struct talk t;

	sign_in(&t);
	SAYS(&t, "t1 ENABLE CONDSTORE X CONDSTORE\r\n",
	    "* ENABLED CONDSTORE\r\nt1 OK ENABLE done\r\n");
	SAYS(&t, "a2 ENABLE CONDSTORE X-GOOD-IDEA\r\n", "* ENABLED\r\na2 OK ENABLE done\r\n");
	HAS(&t, "a3 ENABLE\r\n", "a3 BAD");
	ok(&t, "SELECT INBOX");
	HAS(&t, "a4 ENABLE condstore\r\n", "a4 ");
	talk_end(&t);
	(void)begin(&t, &plain);
	HAS(&t, "a5 ENABLE CONDSTORE\r\n", "a5 BAD");
	talk_end(&t);
}

/* ---- IDLE ---- */

/* RFC 2177 3, RFC 9051 6.3.13: the RFC's example: told while it waits, done
 * with DONE; anything else is BAD. RFC 2177 4. */
static void
idle(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t, other;

	begin_with(&t, "Idle", 3);
	sign_in(&other);
	ok(&other, "SELECT Idle");
	HAS(&t, "A002 IDLE\r\n", "+ ");
	ok(&other, "STORE 3 +FLAGS.SILENT (\\Deleted)");
	ok(&other, "EXPUNGE");
	append_to(&other, "Idle", "", MAIL_A);
	assert_non_null(
	    strstr(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "* 3 EXPUNGE\r\n* 3 EXISTS\r\n"));
	SAYS(&t, "DONE\r\n", "A002 OK IDLE done\r\n");
	HAS(&t, "A003 IDLE\r\n", "+ ");
	HAS(&t, "done\r\n", "A003 OK");
	HAS(&t, "A004 IDLE\r\n", "+ ");
	HAS(&t, "NOOP\r\n", "A004 BAD");
	HAS(&t, "A005 IDLE now\r\n", "A005 BAD");
	/* A line without an end is no DONE, and the session goes on. */
	HAS(&t, "A00a IDLE\r\n", "+ ");
	for (int i = 0; i < 17000; i++)
		buffer_add_byte(&b, 'x');
	SAYS(&t, buffer_string(&b), "A00a BAD Expected DONE\r\n");
	SAYS(&t, "xxx\r\nA007 NOOP\r\n", "A007 OK NOOP done\r\n");
	buffer_done(&b);
	SAYS(&t, "A006 NOOP\r\n", "A006 OK NOOP done\r\n");
	talk_end(&other);
	talk_end(&t);
}

/* ---- NAMESPACE, CHILDREN ---- */

/* RFC 2342 5, example 1: one namespace, the user's own. RFC 2342 6;
 * RFC 9051 5.1.2, 6.3.10, 7.3.2. */
static void
namespaces(void **state)
{
	struct talk t;

	sign_in(&t);
	SAYS(&t, "A001 NAMESPACE\r\n",
	    "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nA001 OK NAMESPACE done\r\n");
	HAS(&t, "A002 NAMESPACE x\r\n", "A002 BAD");
	talk_end(&t);
}

/* RFC 3348 3: a mailbox has children or has none, and it is always known. */
static void
children(void **state)
{
	struct talk t;

	sign_in(&t);
	ok(&t, "CREATE A");
	ok(&t, "CREATE B/D/E");
	SAYS(&t, "1 LIST \"\" A\r\n", "* LIST (\\HasNoChildren) \"/\" A\r\n1 OK LIST done\r\n");
	SAYS(&t, "2 LIST \"\" B*\r\n",
	    "* LIST (\\HasChildren) \"/\" B\r\n* LIST (\\HasChildren) \"/\" B/D\r\n"
	    "* LIST (\\HasNoChildren) \"/\" B/D/E\r\n2 OK LIST done\r\n");
	/* A subscription to what is not there makes no child. */
	ok(&t, "SUBSCRIBE A/gone");
	SAYS(&t, "3 LIST \"\" A\r\n", "* LIST (\\HasNoChildren) \"/\" A\r\n3 OK LIST done\r\n");
	talk_end(&t);
}

/* ---- UNSELECT, UIDPLUS, MOVE ---- */

/* RFC 3691 2, RFC 9051 6.4.2: as CLOSE, but removes nothing. */
static void
unselect(void **state)
{
	struct talk t;

	begin_with(&t, "Unselect", 1);
	ok(&t, "STORE 1 +FLAGS.SILENT (\\Deleted)");
	SAYS(&t, "A341 UNSELECT\r\n", "A341 OK UNSELECT done\r\n");
	HAS(&t, "A342 UNSELECT\r\n", "A342 BAD");
	HAS(&t, "A343 SELECT Unselect\r\n", "* 1 EXISTS\r\n");
	talk_end(&t);
}

/* RFC 4315 2.1: the RFC's UID EXPUNGE 3000:3002: what is deleted and named. */
static void
uid_expunge(void **state)
{
	struct talk t;

	begin_with(&t, "Plus", 4);
	ok(&t, "STORE 1:3 +FLAGS.SILENT (\\Deleted)");
	SAYS(&t, "A003 UID EXPUNGE 2:4\r\n",
	    "* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n* 2 RECENT\r\nA003 OK UID EXPUNGE done\r\n");
	SAYS(&t, "A004 UID EXPUNGE 3000:3002\r\n", "A004 OK UID EXPUNGE done\r\n");
	/* RFC 4315 3: a COPY of nothing has no COPYUID. */
	SAYS(&t, "A005 UID COPY 3000:3002 INBOX\r\n", "A005 OK No such messages, nothing done\r\n");
	talk_end(&t);
}

/* RFC 6851 3.1 to 3.3, RFC 6851 3.2, 4.3: COPYUID comes before the EXPUNGEs. */
static void
move(void **state)
{
	struct talk t, other;
	const char *got;

	begin_with(&t, "Moved", 4);
	ok(&t, "CREATE foo");
	ok(&t, "STORE 4 +FLAGS.SILENT (\\Deleted)");
	got = talk_say(&t, "a UID MOVE 2:3 foo\r\n");
	assert_non_null(strstr(got, " 2:3 1:2] "));
	assert_true(strstr(got, "COPYUID") < strstr(got, "EXPUNGE"));
	assert_non_null(strstr(got, "* 3 EXPUNGE\r\n* 2 EXPUNGE\r\n"));
	assert_non_null(strstr(got, "a OK UID MOVE done\r\n"));
	/* Others that are \Deleted stay; a MOVE is no EXPUNGE. */
	SAYS(&t, "b FETCH 1:* (UID FLAGS)\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Recent))\r\n"
	    "* 2 FETCH (UID 4 FLAGS (\\Deleted \\Recent))\r\nb OK FETCH done\r\n");
	HAS(&t, "c MOVE 1 nowhere\r\n", "c NO [TRYCREATE]");
	HAS(&t, "d MOVE 3 foo\r\n", "d BAD");
	SAYS(&t, "e UID MOVE 99 foo\r\n", "e OK No such messages, nothing done\r\n");
	/* To where it is: it comes anew. */
	HAS(&t, "f MOVE 1 Moved\r\n", "* 1 EXPUNGE\r\n");
	HAS(&t, "g FETCH 1:* UID\r\n", "* 1 FETCH (UID 4)\r\n* 2 FETCH (UID 5)\r\n");
	sign_in(&other);
	ok(&other, "EXAMINE Moved");
	HAS(&other, "h MOVE 1 foo\r\n", "h NO [READ-ONLY]");
	talk_end(&other);
	talk_end(&t);
}

/* ---- SASL-IR ---- */

/* RFC 4959 3, RFC 4959 4: the first response behind the mechanism; "=" is an empty one,
 * and a mechanism that speaks second takes none. */
static void
initial_response(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	HAS(&t, "C1 CAPABILITY\r\n", " SASL-IR ");
	HAS(&t, "C2 AUTHENTICATE PLAIN =\r\n", "C2 NO");
	HAS(&t, "C3 AUTHENTICATE PLAIN AGFsaWNlQGRlbW8udGVzdABkZW1v\r\n", "C3 OK ");
	talk_end(&t);
}

/* ---- what is announced, and lines of clients that resynchronise ---- */

/* The extensions that are whole, each by its own name: RFC 3516 4.1, RFC 7162
 * 3.1.1, 3.2.2. */
static void
announced(void **state)
{
	static const char *const names[] = { "LITERAL+", "ID", "ENABLE", "IDLE", "NAMESPACE",
		"CHILDREN", "UNSELECT", "UIDPLUS", "MOVE", "BINARY", "ESEARCH", "SEARCHRES",
		"LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "CONDSTORE", "QRESYNC",
		"SPECIAL-USE" };
	struct talk t;

	sign_in(&t);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct buffer word = BUFFER_INIT;
		const char *got = talk_say(&t, "a CAPABILITY\r\n");
		const char *found;

		buffer_addf(&word, " %s", names[i]);
		found = strstr(got, buffer_string(&word));
		assert_non_null(found);
		assert_true(strchr(" \r", found[word.len]) != NULL);
		buffer_done(&word);
	}
	talk_end(&t);
}

/* RFC 7162 4: a line of 8192 octets at least, for sets of many ranges. */
static void
long_lines(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	begin_with(&t, "Long", 2);
	buffer_add_string(&b, "a UID FETCH 1");
	while (b.len < 30000)
		buffer_addf(&b, ",%zu", 10 + 2 * b.len);
	buffer_add_string(&b, ",2 UID\r\n");
	SAYS(&t, buffer_string(&b),
	    "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\na OK UID FETCH done\r\n");
	buffer_done(&b);
	talk_end(&t);
}

/* RFC 6851 4.4: with QRESYNC a MOVE says VANISHED, and the mailbox's highest
 * mod-sequence goes up; so does that of the target. */
static void
move_and_qresync(void **state)
{
	struct talk t;
	const char *got;

	begin_with(&t, "Quick", 3);
	ok(&t, "CREATE Target");
	ok(&t, "UNSELECT");
	ok(&t, "ENABLE QRESYNC");
	ok(&t, "SELECT Quick");
	got = talk_say(&t, "a UID MOVE 2:3 Target\r\n");
	assert_non_null(strstr(got, " 2:3 1:2] "));
	assert_non_null(strstr(got, "* VANISHED 2:3\r\n"));
	assert_null(strstr(got, " EXPUNGE\r\n"));
	assert_non_null(strstr(got, "[HIGHESTMODSEQ "));
	HAS(&t, "b SEARCH RETURN (COUNT) ALL\r\n", "COUNT 1\r\n");
	talk_end(&t);
}

/* ---- STATUS=SIZE ---- */

/* RFC 8438 2: at least the sum of all RFC822.SIZE. */
static void
status_size(void **state)
{
	struct talk t;
	char want[100];

	begin_with(&t, "Sized", 2);
	(void)snprintf(want, sizeof(want), "* STATUS Sized (MESSAGES 2 SIZE %zu)\r\n",
	    strlen(MAIL_A) + strlen(MAIL_B));
	HAS(&t, "a1 STATUS Sized (MESSAGES SIZE)\r\n", want);
	ok(&t, "STORE 1 +FLAGS.SILENT (\\Deleted)");
	ok(&t, "EXPUNGE");
	(void)snprintf(want, sizeof(want), "(SIZE %zu)", strlen(MAIL_B));
	HAS(&t, "a2 STATUS Sized (SIZE)\r\n", want);
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(literals),
		cmocka_unit_test(literals_too_long),
		cmocka_unit_test(literal8),
		cmocka_unit_test(id),
		cmocka_unit_test(enable),
		cmocka_unit_test(idle),
		cmocka_unit_test(namespaces),
		cmocka_unit_test(children),
		cmocka_unit_test(unselect),
		cmocka_unit_test(uid_expunge),
		cmocka_unit_test(move),
		cmocka_unit_test(initial_response),
		cmocka_unit_test(announced),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(move_and_qresync),
		cmocka_unit_test(status_size),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
