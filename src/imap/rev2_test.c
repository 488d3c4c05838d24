/* SPDX-License-Identifier: ISC */
/*
 * What IMAP4rev2 changes about the selected mailbox (RFC 9051 6.3.1 to 6.3.3,
 * 6.4, 7, and its changes to rev1), held against what a client of IMAP4rev1 goes on to get.
 */
#include "imap/sync_testing.h"

/* RFC 9051 6.3.1: ENABLED names what this command enabled, CAPABILITY stays. */
static void
enabling(void **state)
{
	struct buffer before = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	buffer_add_string(&before, talk_say(&t, "t1 CAPABILITY\r\n"));
	SAYS(&t, "t2 ENABLE CONDSTORE X-GOOD-IDEA imap4rev2\r\n",
	    "* ENABLED CONDSTORE IMAP4rev2\r\nt2 OK ENABLE done\r\n");
	SAYS(&t, "t3 ENABLE IMAP4rev2 QRESYNC\r\n", "* ENABLED QRESYNC\r\nt3 OK ENABLE done\r\n");
	SAYS(&t, "t1 CAPABILITY\r\n", buffer_string(&before));
	HAS(&t, "t4 ENABLE\r\n", "t4 BAD");
	HAS(&t, "t5 ENABLE (x)\r\n", "t5 BAD");
	buffer_done(&before);
	talk_end(&t);
}

/* RFC 9051 6.3.2, its example: FLAGS, EXISTS, LIST, PERMANENTFLAGS, UIDNEXT,
 * UIDVALIDITY, and neither RECENT nor UNSEEN. */
static void
selecting(void **state)
{
	struct box b;
	struct talk t;

	box_open(&b, "Two", 0);
	append_to(&b.t, "Two", "(\\Seen) ", MAIL_A);
	append_to(&b.t, "Two", "", MAIL_A);
	HAS(&b.t, "m SUBSCRIBE Two\r\n", "m OK");
	sign_in(&t);
	HAS(&t, "e ENABLE IMAP4rev2\r\n", "* ENABLED IMAP4rev2\r\n");
	SAYS_AT(&b, &t, "A142 SELECT Two\r\n",
	    "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\r\n"
	    "* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] Any keyword "
	    "can be made\r\n"
	    "* 2 EXISTS\r\n"
	    "* OK [UIDVALIDITY @V] UIDs are valid\r\n"
	    "* OK [UIDNEXT 3] Predicted next UID\r\n"
	    "* OK [HIGHESTMODSEQ @2] Highest\r\n"
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" Two\r\n"
	    "A142 OK [READ-WRITE] SELECT done\r\n");
	/* RFC 9051 6.3.3 */
	HAS(&t, "A932 EXAMINE Two\r\n", "* OK [PERMANENTFLAGS ()] Read-only\r\n");
	HAS(&t, "A932 EXAMINE Two\r\n", "A932 OK [READ-ONLY] EXAMINE done\r\n");
	/* The second example: CLOSED stands between. */
	HAS(&t, "A143 SELECT Drafts\r\n", "* OK [CLOSED] ");
	HAS(&t, "A144 SELECT Drafts\r\n",
	    "* LIST (\\Subscribed \\HasNoChildren \\Drafts) \"/\" Drafts\r\n");
	/* RFC 9051 6.3.9.6, RFC 9051 8: the name as the client wrote it. */
	HAS(&t, "A145 SELECT inbox\r\n", "\"/\" INBOX (\"OLDNAME\" (inbox))\r\n");
	HAS(&t, "A146 SELECT INBOX\r\n", "\"/\" INBOX\r\nA146 OK");
	/* A name in another form of UTF-8 than that in which it is kept. */
	HAS(&t, "A147 CREATE \"e\xcc\x81t\xc3\xa9\"\r\n", "A147 OK");
	HAS(&t, "A148 SELECT \"e\xcc\x81t\xc3\xa9\"\r\n",
	    "\"/\" \"\xc3\xa9t\xc3\xa9\" (\"OLDNAME\" (\"e\xcc\x81t\xc3\xa9\"))\r\n");
	HAS(&t, "A149 SELECT Nowhere\r\n", "A149 NO [NONEXISTENT]");
	HAS(&t, "A150 FETCH 1 UID\r\n", "A150 BAD");
	talk_end(&t);
	box_close(&b);
}

/* RFC 9051 E, 12: no \Recent, whoever would be the first to see it;
 * and who uses IMAP4rev1 still is told of it. */
static void
nothing_is_recent(void **state)
{
	struct box b;
	struct talk t, old;

	box_open(&b, "Recent", 1);
	sign_in(&t);
	HAS(&t, "e ENABLE IMAP4rev2\r\n", "e OK");
	HAS(&t, "a1 SELECT Recent\r\n", "a1 OK");
	append_to(&b.t, "Recent", "", MAIL_B);
	SAYS(&t, "a2 NOOP\r\n", "* 2 EXISTS\r\na2 OK NOOP done\r\n");
	SAYS(&t, "a3 FETCH 1:2 FLAGS\r\n",
	    "* 1 FETCH (FLAGS ())\r\n* 2 FETCH (FLAGS ())\r\na3 OK FETCH done\r\n");
	SAYS(&t, "a4 STORE 2 +FLAGS (\\Flagged)\r\n",
	    "* 2 FETCH (UID 2 FLAGS (\\Flagged))\r\na4 OK STORE done\r\n");
	SAYS(&t, "a5 SEARCH RECENT\r\n", "* ESEARCH (TAG \"a5\")\r\na5 OK SEARCH done\r\n");
	SAYS(&t, "a6 SEARCH OLD\r\n", "* ESEARCH (TAG \"a6\") ALL 1:2\r\na6 OK SEARCH done\r\n");
	append_to(&b.t, "Recent", "", MAIL_B);
	sign_in(&old);
	HAS(&old, "b1 SELECT Recent\r\n", "* 3 EXISTS\r\n* 1 RECENT\r\n* OK [UNSEEN 1] ");
	SAYS(&old, "b2 FETCH 2:3 FLAGS\r\n",
	    "* 2 FETCH (FLAGS (\\Flagged))\r\n* 3 FETCH (FLAGS (\\Recent))\r\nb2 OK FETCH "
	    "done\r\n");
	/* Who enables it later has none from then on. */
	HAS(&old, "b3 ENABLE IMAP4rev2\r\n", "b3 OK");
	SAYS(&old, "b4 FETCH 3 FLAGS\r\n", "* 3 FETCH (FLAGS ())\r\nb4 OK FETCH done\r\n");
	talk_end(&old);
	talk_end(&t);
	box_close(&b);
}

/* RFC 9051 7.5.2 and E, 21: what was not asked for has the UID. It does not
 * imply CONDSTORE. */
static void
news_has_the_uid(void **state)
{
	struct box b;
	struct talk t, other;

	box_open(&b, "News", 3);
	box_select("News", "IMAP4rev2", &t);
	box_select("News", "", &other);
	HAS(&other, "x STORE 2 +FLAGS.SILENT (\\Seen)\r\n", "x OK");
	SAYS(&t, "a1 NOOP\r\n", "* 2 FETCH (UID 2 FLAGS (\\Seen))\r\na1 OK NOOP done\r\n");
	SAYS(&t, "a2 STORE 3 +FLAGS.SILENT (\\Seen)\r\n", "a2 OK STORE done\r\n");
	SAYS(&other, "x NOOP\r\n", "* 3 FETCH (FLAGS (\\Seen))\r\nx OK NOOP done\r\n");
	talk_end(&other);
	talk_end(&t);
	box_close(&b);
}

/* RFC 9051 6.4.3, 6.4.7 to 6.4.9 and 7.5.1: EXPUNGE stays, COPYUID stands in
 * front of it. */
static void
copy_move_expunge(void **state)
{
	struct box b, to;
	struct talk t;

	box_open(&b, "Source", 6);
	box_open(&to, "Target", 0);
	box_select("Source", "IMAP4rev2", &t);
	HAS_AT(&to, &t, "A003 COPY 2:4 Target\r\n", "A003 OK [COPYUID @V 2:4 1:3] COPY done\r\n");
	SAYS_AT(&to, &t, "a UID MOVE 5:6 Target\r\n",
	    "* OK [COPYUID @V 5:6 4:5] Moved\r\n* 6 EXPUNGE\r\n* 5 EXPUNGE\r\n"
	    "a OK UID MOVE done\r\n");
	SAYS_AT(&to, &t, "b MOVE 4 Target\r\n",
	    "* OK [COPYUID @V 4 6] Moved\r\n* 4 EXPUNGE\r\nb OK MOVE done\r\n");
	HAS(&t, "c COPY 1 Missing\r\n", "c NO [TRYCREATE]");
	HAS(&t, "d MOVE 1 Missing\r\n", "d NO [TRYCREATE]");
	HAS(&t, "e STATUS Source (MESSAGES)\r\n", "(MESSAGES 3)");
	HAS(&t, "f STORE 1:3 +FLAGS.SILENT (\\Deleted)\r\n", "f OK");
	SAYS(&t, "A003 UID EXPUNGE 1,3:99\r\n",
	    "* 3 EXPUNGE\r\n* 1 EXPUNGE\r\nA003 OK UID EXPUNGE done\r\n");
	SAYS(&t, "A202 EXPUNGE\r\n", "* 1 EXPUNGE\r\nA202 OK EXPUNGE done\r\n");
	SAYS(&t, "A341 CLOSE\r\n", "A341 OK CLOSE done\r\n");
	/* RFC 9051 6.4.2: what has \Deleted stays. */
	HAS(&t, "g SELECT Target\r\n", "g OK");
	HAS(&t, "h STORE 1:2 +FLAGS.SILENT (\\Deleted)\r\n", "h OK");
	SAYS(&t, "A342 UNSELECT\r\n", "A342 OK UNSELECT done\r\n");
	HAS(&t, "i STATUS Target (MESSAGES DELETED)\r\n", "(MESSAGES 6 DELETED 2)");
	/* RFC 9051 6.4.1: by EXAMINE nothing goes. */
	HAS(&t, "j EXAMINE Target\r\n", "j OK [READ-ONLY]");
	HAS(&t, "k EXPUNGE\r\n", "k NO [READ-ONLY]");
	HAS(&t, "l MOVE 1 Source\r\n", "l NO [READ-ONLY]");
	SAYS(&t, "m CLOSE\r\n", "m OK CLOSE done\r\n");
	HAS(&t, "n STATUS Target (MESSAGES)\r\n", "(MESSAGES 6)");
	talk_end(&t);
	box_close(&to);
	box_close(&b);
}

/* RFC 9051 7.1 PERMANENTFLAGS: "\*" goes with the last keyword that can be made.
 * In an account of its own, since keywords stay. */
static void
the_last_keyword(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;
	const char *got = "";

	house_add_account(&house, "words@demo.test");
	(void)begin(&t, &plain);
	HAS(&t, "l LOGIN words@demo.test demo\r\n", "l OK");
	append_to(&t, "INBOX", "", MAIL_A);
	HAS(&t, "s SELECT INBOX\r\n", "\\*)] Any keyword can be made\r\n");
	for (unsigned made = 0; made < KEYWORDS_PER_ACCOUNT;) {
		buffer_clear(&b);
		buffer_add_string(&b, "x STORE 1 FLAGS.SILENT (");
		for (unsigned i = 0; i < 50; i++)
			buffer_addf(&b, "%sk%u", i > 0 ? " " : "", made++);
		buffer_add_string(&b, ")\r\n");
		assert_null(strstr(got, "PERMANENTFLAGS"));
		got = talk_say(&t, buffer_string(&b));
		assert_non_null(strstr(got, "x OK"));
	}
	assert_non_null(strstr(got, " k9999)] No more keywords can be made\r\nx OK"));
	HAS(&t, "y STORE 1 FLAGS.SILENT (another)\r\n", "y NO [LIMIT]");
	HAS(&t, "z SELECT INBOX\r\n", " k9999)] No more keywords can be made\r\n");
	buffer_done(&b);
	talk_end(&t);
}

/* RFC 5530 3 LIMIT: more keywords than a message takes, or one too long, is no error of
 * grammar, and nothing of the command is done. */
static void
too_many_keywords(void **state)
{
	struct buffer b = BUFFER_INIT, many = BUFFER_INIT;
	struct talk t;

	begin_with(&t, "Many", 1);
	for (unsigned i = 0; i <= KEYWORDS_PER_MESSAGE; i++)
		buffer_addf(&many, " w%u", i);
	buffer_addf(&b, "a STORE 1 +FLAGS (\\Seen%s)\r\n", buffer_string(&many));
	HAS(&t, buffer_string(&b), "a NO [LIMIT] A message takes no more keywords");
	buffer_clear(&b);
	buffer_addf(
	    &b, "b APPEND Many (\\Seen%s) {4+}\r\n\r\nx\n\r\nc NOOP\r\n", buffer_string(&many));
	HAS(&t, buffer_string(&b), "b NO [LIMIT] A message takes no more keywords");
	buffer_clear(&b);
	buffer_addf(&b, "d APPEND Many (%0*d) {4}\r\n", KEYWORD_MAX + 1, 7);
	HAS(&t, buffer_string(&b), "d NO [LIMIT] A message takes no more keywords");
	HAS(&t, "e FETCH 1:* FLAGS\r\n", "* 1 FETCH (FLAGS (\\Recent))\r\ne OK");
	buffer_done(&many);
	buffer_done(&b);
	talk_end(&t);
}

/* The sample connection of RFC 9051 8, with our words behind the OKs. */
static void
the_dialogue_of_the_rfc(void **state)
{
	static const char mail[] =
	    "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
	    "From: Terry Gray <gray@cac.washington.edu>\r\n"
	    "Subject: IMAP4rev2 WG mtg summary and minutes\r\n"
	    "To: imap@cac.washington.edu\r\n"
	    "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
	    "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nx\r\n";
	struct talk t;

	house_add_account(&house, "terry@demo.test");
	assert_non_null(strstr(begin(&t, &plain), "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 "));
	HAS(&t, "A001 LOGIN terry@demo.test demo\r\n", "A001 OK");
	SAYS(&t, "babc ENABLE IMAP4rev2\r\n", "* ENABLED IMAP4rev2\r\nbabc OK ENABLE done\r\n");
	append_to(&t, "INBOX", "(\\Seen) \"17-Jul-1996 02:44:25 -0700\" ", mail);
	HAS(&t, "a002 select inbox\r\n", "* 1 EXISTS\r\n");
	SAYS(&t, "a003 fetch 1 full\r\n",
	    "* 1 FETCH (FLAGS (\\Seen) INTERNALDATE \"17-Jul-1996 09:44:25 +0000\" RFC822.SIZE 345 "
	    "ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
	    "\"IMAP4rev2 WG mtg summary and minutes\" "
	    "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	    "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	    "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
	    "((NIL NIL \"imap\" \"cac.washington.edu\")) "
	    "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")"
	    "(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) NIL NIL "
	    "\"<B27397-0100000@cac.washington.edu>\") "
	    "BODY (\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 3 1))\r\n"
	    "a003 OK FETCH done\r\n");
	SAYS(&t, "a005 store 1 +flags \\deleted\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Deleted \\Seen))\r\na005 OK STORE done\r\n");
	SAYS(&t, "a006 logout\r\n", "* BYE Goodbye\r\na006 OK LOGOUT done\r\n");
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(enabling),
		cmocka_unit_test(selecting),
		cmocka_unit_test(nothing_is_recent),
		cmocka_unit_test(news_has_the_uid),
		cmocka_unit_test(copy_move_expunge),
		cmocka_unit_test(the_last_keyword),
		cmocka_unit_test(too_many_keywords),
		cmocka_unit_test(the_dialogue_of_the_rfc),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
