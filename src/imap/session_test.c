/* SPDX-License-Identifier: ISC */
/*
 * Whole sessions over memory streams with a real store and intake behind them:
 * what a client says and what it is answered, by command.
 */
#include "imap/session_testing.h"

static void
greeting_and_capabilities(void **state)
{
	struct talk t;

	assert_string_equal(begin(&t, &plain), "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ "
					       "SASL-IR ID ENABLE AUTH=X-TALK AUTH=PLAIN] "
					       "mail.demo.test ready\r\n");
	SAYS(&t, "a1 CAPABILITY\r\n",
	    "* CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR ID ENABLE AUTH=X-TALK AUTH=PLAIN\r\n"
	    "a1 OK CAPABILITY done\r\n");
	SAYS(&t, "a2 ID (\"name\" \"x\" \"version\" NIL)\r\n",
	    "* ID (\"name\" \"Mailstead\")\r\na2 OK ID done\r\n");
	SAYS(&t, "a3 NOOP\r\na4 noop\r\n", "a3 OK NOOP done\r\na4 OK NOOP done\r\n");
	SAYS(&t, "a5 LOGOUT\r\n", "* BYE Goodbye\r\na5 OK LOGOUT done\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
}

static void
no_password_in_clear(void **state)
{
	static const struct listener strict = { .name = "imap", .tls = TLS_STARTTLS };
	struct talk t;

	assert_string_equal(begin(&t, &strict), "* OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ "
						"SASL-IR ID ENABLE STARTTLS LOGINDISABLED "
						"AUTH=X-TALK] mail.demo.test ready\r\n");
	SAYS(&t, "a1 LOGIN alice@demo.test demo\r\n",
	    "a1 NO [PRIVACYREQUIRED] Passwords are taken only over TLS\r\n");
	SAYS(&t, "a2 STARTTLS\r\n", "a2 OK Begin TLS now\r\n");
	assert_int_equal(t.next, NEXT_START_TLS);
	talk_end(&t);
	(void)begin(&t, &strict);
	SAYS(&t, "a2 STARTTLS\r\na3 NOOP\r\n", "* BYE Data was sent behind STARTTLS\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
}

static void
login(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	SAYS(&t, "a1 LOGIN alice@demo.test wrong\r\n",
	    "a1 NO [AUTHENTICATIONFAILED] Wrong name or password\r\n");
	SAYS(&t, "a2 LOGIN nobody@demo.test wrong\r\n",
	    "a2 NO [AUTHENTICATIONFAILED] Wrong name or password\r\n");
	SAYS(&t, "a3 LOGIN {15}\r\n", "+ Go on\r\n");
	SAYS(&t, "alice@demo.test {4}\r\n", "+ Go on\r\n");
	HAS(&t, "demo\r\n",
	    "a3 OK [CAPABILITY IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE IDLE NAMESPACE CHILDREN "
	    "UNSELECT UIDPLUS MULTIAPPEND MOVE "
	    "BINARY "
	    "ESEARCH SEARCHRES "
	    "LIST-EXTENDED LIST-STATUS STATUS=SIZE CONDSTORE QRESYNC SPECIAL-USE CREATE-SPECIAL-USE"
	    "] Signed in\r\n");
	SAYS(&t, "a4 LOGIN alice@demo.test demo\r\n", "a4 BAD Already signed in\r\n");
	SAYS(&t, "a5 FETCH 1 FLAGS\r\n", "a5 BAD Select a mailbox first\r\n");
	talk_end(&t);
}

static void
authenticate(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	/* \0alice@demo.test\0demo */
	HAS(&t, "a1 AUTHENTICATE PLAIN AGFsaWNlQGRlbW8udGVzdABkZW1v\r\n", "a1 OK [CAPABILITY");
	talk_end(&t);
	(void)begin(&t, &plain);
	SAYS(&t, "a2 AUTHENTICATE PLAIN\r\n", "+ \r\n");
	HAS(&t, "AGFsaWNlQGRlbW8udGVzdABkZW1v\r\n", "a2 OK [CAPABILITY");
	talk_end(&t);
	(void)begin(&t, &plain);
	SAYS(&t, "a3 AUTHENTICATE X-TALK\r\n", "+ bmFtZT8=\r\n");
	/* The server's last word comes before the end of the exchange. */
	SAYS(&t, "YWxpY2VAZGVtby50ZXN0\r\n", "+ d2VsY29tZQ==\r\n");
	HAS(&t, "\r\n", "a3 OK [CAPABILITY");
	talk_end(&t);
	(void)begin(&t, &plain);
	SAYS(&t, "a4 AUTHENTICATE X-TALK\r\n*\r\n", "+ bmFtZT8=\r\na4 BAD Cancelled\r\n");
	SAYS(&t, "a5 AUTHENTICATE X-TALK\r\n!!\r\n", "+ bmFtZT8=\r\na5 BAD Expected base64\r\n");
	SAYS(&t, "a6 AUTHENTICATE NONE\r\n", "a6 NO [CANNOT] No such mechanism\r\n");
	SAYS(&t, "a7 NOOP\r\n", "a7 OK NOOP done\r\n");
	talk_end(&t);
}

static void
bad_commands(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	SAYS(&t, "\r\n", "* BAD Expected a tag and a command\r\n");
	SAYS(&t, "a1\r\n", "a1 BAD No such command\r\n");
	SAYS(&t, "a2 XYZZY\r\n", "a2 BAD No such command\r\n");
	SAYS(&t, "a3 NOOP x\r\n", "a3 BAD Expected the end of the command\r\n");
	SAYS(&t, "a4 LIST \"\" *\r\n", "a4 BAD Sign in first\r\n");
	SAYS(&t, "a5 UID NOOP\r\n", "a5 BAD No such command\r\n");
	SAYS(&t, "a6 LOGIN x {1}\r\ny z\r\n",
	    "+ Go on\r\na6 BAD Expected the end of the command\r\n");
	SAYS(&t, "a7 NOOP\n", "a7 OK NOOP done\r\n"); /* typed by hand */
	for (int i = 0; i < 19; i++)
		HAS(&t, "b X\r\n", "b BAD");
	HAS(&t, "b X\r\n", "* BYE Too many bad commands\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
}

static void
half_commands_wait(void **state)
{
	struct talk t;
	const char *all = "a1 LOGIN {15+}\r\nalice@demo.test \"demo\"\r\n";

	(void)begin(&t, &plain);
	for (const char *p = all; *p != '\0'; p++) {
		const char *got = talk_run(&t, (struct text){ p, 1 }, WAKE_INPUT);

		if (p[1] != '\0')
			assert_string_equal(got, "");
		else
			assert_non_null(strstr(got, "a1 OK"));
	}
	talk_end(&t);
}

static void
long_commands(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	(void)begin(&t, &plain);
	buffer_add_string(&b, "a1 LOGIN ");
	for (int i = 0; i < 9000; i++)
		buffer_add_byte(&b, 'x');
	SAYS(&t, buffer_string(&b), "* BYE Command too long\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
	(void)begin(&t, &plain);
	SAYS(&t, "a1 LOGIN {9000}\r\n", "* BYE Command too long\r\n");
	talk_end(&t);
	/* Signed in, it is thrown away and the session goes on. */
	sign_in(&t);
	for (int i = 0; i < 100000; i++)
		buffer_add_byte(&b, 'x');
	buffer_add_string(&b, " {5+}\r\nhello {7}\r\na2 NOOP\r\n");
	SAYS(&t, buffer_string(&b), "a1 BAD [TOOBIG] Command too long\r\na2 OK NOOP done\r\n");
	SAYS(&t, "a3 SELECT {70000}\r\na4 NOOP\r\n",
	    "a3 BAD [TOOBIG] Command too long\r\na4 OK NOOP done\r\n");
	SAYS(&t, "a5 SELECT {70000+}\r\na6 NOOP\r\n", "a5 BAD [TOOBIG] Command too long\r\n");
	buffer_clear(&b);
	for (int i = 0; i < 70000 - 9; i++)
		buffer_add_byte(&b, 'y');
	buffer_add_string(&b, "\r\na7 NOOP\r\n");
	SAYS(&t, buffer_string(&b), "a7 OK NOOP done\r\n");
	buffer_done(&b);
	talk_end(&t);
}

/* ---- mailboxes ---- */

static void
mailboxes(void **state)
{
	struct talk t;

	sign_in(&t);
	HAS(&t, "a1 LIST \"\" INBOX\r\n", "* LIST (\\HasNoChildren) \"/\" INBOX\r\na1 OK");
	HAS(&t, "a2 LIST \"\" %\r\n", "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n");
	SAYS(&t, "a3 CREATE Work/Entw&APw-rfe/\r\n", "a3 OK CREATE done\r\n");
	SAYS(&t, "a4 LIST \"\" Work*\r\n",
	    "* LIST (\\HasChildren) \"/\" Work\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Work/Entw&APw-rfe\r\na4 OK LIST done\r\n");
	SAYS(&t, "a5 LIST Work/ %\r\n",
	    "* LIST (\\HasNoChildren) \"/\" Work/Entw&APw-rfe\r\na5 OK LIST done\r\n");
	HAS(&t, "a6 CREATE work\r\n", "a6 OK");
	HAS(&t, "a7 CREATE Work\r\n", "a7 NO [ALREADYEXISTS]");
	HAS(&t, "a8 CREATE inbox\r\n", "a8 NO [ALREADYEXISTS]");
	HAS(&t, "a9 CREATE a//b\r\n", "a9 NO [CANNOT]");
	HAS(&t, "b1 CREATE Memos (USE (\\Important))\r\n", "b1 OK");
	HAS(&t, "b2 LIST \"\" Memos\r\n", "(\\HasNoChildren \\Important)");
	HAS(&t, "b3 CREATE X (USE (\\Nonsense))\r\n", "b3 NO [USEATTR]");
	HAS(&t, "b4 RENAME Work Old/Work\r\n", "b4 OK");
	SAYS(&t, "b5 LIST \"\" Old/*\r\n",
	    "* LIST (\\HasChildren) \"/\" Old/Work\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Old/Work/Entw&APw-rfe\r\nb5 OK LIST done\r\n");
	HAS(&t, "b6 DELETE Old/Work\r\n", "b6 OK");
	SAYS(&t, "b7 LIST \"\" Old/%\r\n",
	    "* LIST (\\Noselect \\HasChildren) \"/\" Old/Work\r\nb7 OK LIST done\r\n");
	HAS(&t, "b8 DELETE Nowhere\r\n", "b8 NO [NONEXISTENT]");
	HAS(&t, "b9 DELETE INBOX\r\n", "b9 NO [CANNOT]");
	HAS(&t, "c1 RENAME Nowhere There\r\n", "c1 NO [NONEXISTENT]");
	SAYS(&t, "c2 LIST \"\" \"\"\r\n", "* LIST (\\Noselect) \"/\" \"\"\r\nc2 OK LIST done\r\n");
	SAYS(&t, "c3 NAMESPACE\r\n",
	    "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nc3 OK NAMESPACE done\r\n");
	talk_end(&t);
}

static void
subscriptions(void **state)
{
	struct talk t;

	sign_in(&t);
	HAS(&t, "a0 CREATE Lists/a/deep\r\n", "a0 OK");
	HAS(&t, "a1 SUBSCRIBE Lists/a/deep\r\n", "a1 OK");
	SAYS(&t, "a2 LSUB \"\" Lists/*\r\n", "* LSUB () \"/\" Lists/a/deep\r\na2 OK LSUB done\r\n");
	/* RFC 3501 6.3.9: what is below makes it known. */
	SAYS(&t, "a3 LSUB \"\" Lists/%\r\n",
	    "* LSUB (\\Noselect) \"/\" Lists/a\r\na3 OK LSUB done\r\n");
	HAS(&t, "a4 UNSUBSCRIBE Lists/a/deep\r\n", "a4 OK");
	SAYS(&t, "a5 LSUB \"\" Lists/*\r\n", "a5 OK LSUB done\r\n");
	talk_end(&t);
}

static void
status(void **state)
{
	struct talk t;

	sign_in(&t);
	HAS(&t, "a0 CREATE Counted\r\n", "a0 OK");
	append_to(&t, "Counted", "(\\Seen) ", MAIL_A);
	append_to(&t, "Counted", "", MAIL_B);
	HAS(&t, "a1 STATUS Counted (MESSAGES UIDNEXT UNSEEN RECENT)\r\n",
	    "* STATUS Counted (MESSAGES 2 RECENT 2 UIDNEXT 3 UNSEEN 1)\r\na1 OK");
	HAS(&t, "a2 STATUS Nowhere (MESSAGES)\r\n", "a2 NO [NONEXISTENT]");
	HAS(&t, "a3 STATUS Counted (NONSENSE)\r\n", "a3 BAD");
	HAS(&t, "a4 STATUS Counted ()\r\n", "a4 BAD");
	talk_end(&t);
}

/* ---- messages ---- */

static void
select_describes(void **state)
{
	struct talk t;
	struct buffer want = BUFFER_INIT;
	const char *got;

	sign_in(&t);
	HAS(&t, "a0 CREATE Box\r\n", "a0 OK");
	append_to(&t, "Box", "(\\Seen) ", MAIL_A);
	append_to(&t, "Box", "($Label) ", MAIL_B);
	got = talk_say(&t, "a1 SELECT Box\r\n");
	assert_non_null(strstr(got, "* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft"));
	assert_non_null(strstr(got, "$Label"));
	assert_non_null(strstr(got, "\\*)]"));
	assert_non_null(strstr(got, "* 2 EXISTS\r\n* 2 RECENT\r\n* OK [UNSEEN 2]"));
	assert_non_null(strstr(got, "[UIDNEXT 3]"));
	assert_non_null(strstr(got, "a1 OK [READ-WRITE] SELECT done\r\n"));
	HAS(&t, "a2 EXAMINE Box\r\n", "* 0 RECENT\r\n");
	HAS(&t, "a3 STORE 1 +FLAGS (\\Deleted)\r\n", "a3 NO [READ-ONLY]");
	HAS(&t, "a4 EXPUNGE\r\n", "a4 NO [READ-ONLY]");
	HAS(&t, "a5 SELECT Nowhere\r\n", "a5 NO [NONEXISTENT]");
	/* A failed SELECT leaves nothing selected. */
	HAS(&t, "a6 FETCH 1 FLAGS\r\n", "a6 BAD Select a mailbox first");
	buffer_done(&want);
	talk_end(&t);
}

static void
fetch_items(void **state)
{
	struct talk t;
	char want[600];

	sign_in(&t);
	HAS(&t, "a0 CREATE Items\r\n", "a0 OK");
	append_to(&t, "Items", "(\\Flagged) \"17-Jul-1996 02:44:25 -0700\" ", MAIL_A);
	append_to(&t, "Items", "(\\Seen) ", MAIL_B);
	HAS(&t, "a1 SELECT Items\r\n", "a1 OK");
	SAYS(&t, "a2 FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE)\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent) "
	    "INTERNALDATE \"17-Jul-1996 09:44:25 +0000\" RFC822.SIZE 150)\r\na2 OK FETCH done\r\n");
	SAYS(&t, "a3 FETCH 1 (ENVELOPE BODY)\r\n",
	    "* 1 FETCH (ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700\" \"first\" "
	    "((\"Ann\" NIL \"ann\" \"example.org\")) ((\"Ann\" NIL \"ann\" \"example.org\")) "
	    "((\"Ann\" NIL \"ann\" \"example.org\")) ((NIL NIL \"alice\" \"demo.test\")) "
	    "NIL NIL NIL \"<1@example.org>\") "
	    "BODY (\"text\" \"plain\" NIL NIL NIL \"7bit\" 14 1))\r\na3 OK FETCH done\r\n");
	(void)snprintf(want, sizeof(want),
	    "* 2 FETCH (BODY[] {%zu}\r\n" MAIL_B ")\r\na4 OK FETCH done\r\n", strlen(MAIL_B));
	SAYS(&t, "a4 FETCH 2 BODY[]\r\n", want);
	SAYS(&t, "a5 FETCH 2 (BODY.PEEK[TEXT] BODY.PEEK[HEADER.FIELDS (Subject)])\r\n",
	    "* 2 FETCH (BODY[TEXT] {19}\r\n.dot\r\nsecond body\r\n "
	    "BODY[HEADER.FIELDS (Subject)] {19}\r\nSubject: second\r\n\r\n)\r\na5 OK FETCH "
	    "done\r\n");
	SAYS(&t, "a6 FETCH 2 BODY.PEEK[]<3.5>\r\n",
	    "* 2 FETCH (BODY[]<3> {5}\r\nm: Bo)\r\na6 OK FETCH done\r\n");
	SAYS(&t, "a7 FETCH 2 (BODY.PEEK[7] BODY.PEEK[]<9999.5>)\r\n",
	    "* 2 FETCH (BODY[7] NIL BODY[]<9999> {0}\r\n)\r\na7 OK FETCH done\r\n");
	SAYS(&t, "a8 UID FETCH 1:* FLAGS\r\n",
	    "* 1 FETCH (UID 1 FLAGS (\\Flagged \\Recent))\r\n"
	    "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\r\na8 OK UID FETCH done\r\n");
	SAYS(&t, "a9 UID FETCH 77 FLAGS\r\n", "a9 OK UID FETCH done\r\n");
	HAS(&t, "b1 FETCH 3 FLAGS\r\n", "b1 BAD");
	HAS(&t, "b2 FETCH 1 NONSENSE\r\n", "b2 BAD");
	talk_end(&t);
}

static void
reading_sets_seen(void **state)
{
	struct talk t, other;

	begin_with(&t, "Seen", 2);
	sign_in(&other);
	HAS(&other, "b1 SELECT Seen\r\n", "b1 OK");
	SAYS(&t, "a2 FETCH 1 BODY[]<0.4>\r\n",
	    "* 1 FETCH (BODY[]<0> {4}\r\nFrom FLAGS (\\Seen \\Recent))\r\na2 OK FETCH done\r\n");
	SAYS(&t, "a3 FETCH 1:2 (FLAGS RFC822.HEADER)\r\n",
	    "* 1 FETCH (FLAGS (\\Seen \\Recent) RFC822.HEADER {136}\r\n"
	    "From: Ann <ann@example.org>\r\nTo: alice@demo.test\r\nSubject: first\r\n"
	    "Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nMessage-ID: <1@example.org>\r\n\r\n)\r\n"
	    "* 2 FETCH (FLAGS (\\Recent) RFC822.HEADER {48}\r\n"
	    "From: Bob <bob@example.org>\r\nSubject: second\r\n\r\n)\r\na3 OK FETCH done\r\n");
	SAYS(&other, "b2 NOOP\r\n", "* 1 FETCH (FLAGS (\\Seen))\r\nb2 OK NOOP done\r\n");
	SAYS(&t, "a4 NOOP\r\n", "a4 OK NOOP done\r\n");
	/* Read-only, nothing is set. */
	HAS(&other, "b3 EXAMINE Seen\r\n", "b3 OK");
	SAYS(&other, "b4 FETCH 2 BODY[]<0.4>\r\n",
	    "* 2 FETCH (BODY[]<0> {4}\r\nFrom)\r\nb4 OK FETCH done\r\n");
	SAYS(&t, "a5 NOOP\r\n", "a5 OK NOOP done\r\n");
	talk_end(&other);
	talk_end(&t);
}

static void
store_flags_of_messages(void **state)
{
	struct talk t, other;

	begin_with(&t, "Flags", 2);
	sign_in(&other);
	HAS(&other, "b1 SELECT Flags\r\n", "b1 OK");
	SAYS(&t, "a2 STORE 1:2 +FLAGS (\\Deleted)\r\n",
	    "* 1 FETCH (FLAGS (\\Deleted \\Recent))\r\n"
	    "* 2 FETCH (FLAGS (\\Deleted \\Recent))\r\na2 OK STORE done\r\n");
	HAS(&t, "a3 UID STORE 2 FLAGS $New\r\n",
	    "* 2 FETCH (UID 2 FLAGS (\\Recent $New))\r\na3 OK UID STORE done\r\n");
	SAYS(&t, "a4 STORE 1 -FLAGS.SILENT \\Deleted\r\n", "a4 OK STORE done\r\n");
	SAYS(&t, "a5 NOOP\r\n", "a5 OK NOOP done\r\n");
	HAS(&other, "b2 NOOP\r\n", "* 1 FETCH (FLAGS ())\r\n* 2 FETCH (FLAGS ($New))\r\nb2 OK");
	/* What others changed is told even by a silent STORE. */
	HAS(&other, "b3 STORE 1 +FLAGS.SILENT (\\Flagged)\r\n", "b3 OK");
	SAYS(&t, "a6 STORE 1:2 +FLAGS.SILENT (\\Answered)\r\n",
	    "* 1 FETCH (FLAGS (\\Answered \\Flagged \\Recent))\r\na6 OK STORE done\r\n");
	SAYS(&t, "a7 NOOP\r\n", "a7 OK NOOP done\r\n");
	HAS(&t, "a8 STORE 1 FLAGS (\\Nonsense)\r\n", "a8 BAD");
	talk_end(&other);
	talk_end(&t);
}

/* A change that leaves things as they are must not hide the change of another
 * session that made them so. */
static void
a_change_of_nothing_hides_nothing(void **state)
{
	struct talk t, other;

	begin_with(&t, "Race", 2);
	sign_in(&other);
	HAS(&other, "b1 SELECT Race\r\n", "b1 OK");
	HAS(&other, "b2 STORE 1:2 +FLAGS.SILENT (\\Seen)\r\n", "b2 OK");
	SAYS(&t, "a2 STORE 1 +FLAGS.SILENT (\\Seen)\r\n",
	    "* 1 FETCH (FLAGS (\\Seen \\Recent))\r\n"
	    "* 2 FETCH (FLAGS (\\Seen \\Recent))\r\na2 OK STORE done\r\n");
	talk_end(&other);
	talk_end(&t);
}

static void
expunge_and_copy(void **state)
{
	struct talk t;
	const char *got;

	sign_in(&t);
	HAS(&t, "a0 CREATE From\r\n", "a0 OK");
	HAS(&t, "a0 CREATE To\r\n", "a0 OK");
	for (int i = 0; i < 4; i++)
		append_to(&t, "From", "", i % 2 ? MAIL_A : MAIL_B);
	HAS(&t, "a1 SELECT From\r\n", "a1 OK");
	HAS(&t, "a2 COPY 2:3 To\r\n", " 2:3 1:2] COPY done\r\n");
	HAS(&t, "a3 COPY 1 Nowhere\r\n", "a3 NO [TRYCREATE]");
	HAS(&t, "a4 STORE 1,3 +FLAGS.SILENT (\\Deleted)\r\n", "a4 OK");
	SAYS(&t, "a5 UID EXPUNGE 2:4\r\n",
	    "* 3 EXPUNGE\r\n* 3 RECENT\r\na5 OK UID EXPUNGE done\r\n");
	SAYS(&t, "a6 EXPUNGE\r\n", "* 1 EXPUNGE\r\n* 2 RECENT\r\na6 OK EXPUNGE done\r\n");
	got = talk_say(&t, "a7 UID MOVE 4 To\r\n");
	assert_non_null(strstr(got, "* OK [COPYUID "));
	assert_non_null(strstr(got, " 4 3] Moved\r\n* 2 EXPUNGE\r\n"));
	assert_non_null(strstr(got, "a7 OK UID MOVE done\r\n"));
	HAS(&t, "a8 STATUS To (MESSAGES)\r\n", "(MESSAGES 3)");
	HAS(&t, "a9 UID MOVE 99 To\r\n", "a9 OK");
	/* Into the mailbox itself. */
	got = talk_say(&t, "b1 COPY 1 From\r\n");
	assert_non_null(strstr(got, "* 2 EXISTS\r\n"));
	HAS(&t, "b2 STORE 1 +FLAGS.SILENT (\\Deleted)\r\n", "b2 OK");
	SAYS(&t, "b3 CLOSE\r\n", "b3 OK CLOSE done\r\n");
	HAS(&t, "b4 STATUS From (MESSAGES)\r\n", "(MESSAGES 1)");
	HAS(&t, "b5 SELECT To\r\n", "b5 OK");
	SAYS(&t, "b6 UNSELECT\r\n", "b6 OK UNSELECT done\r\n");
	talk_end(&t);
}

static void
expunges_of_others(void **state)
{
	struct talk t, other;

	sign_in(&t);
	HAS(&t, "a0 CREATE Shared\r\n", "a0 OK");
	for (int i = 0; i < 3; i++)
		append_to(&t, "Shared", "", MAIL_A);
	HAS(&t, "a1 SELECT Shared\r\n", "a1 OK");
	sign_in(&other);
	HAS(&other, "b1 SELECT Shared\r\n", "b1 OK");
	HAS(&other, "b2 STORE 2 +FLAGS.SILENT (\\Deleted)\r\n", "b2 OK");
	HAS(&other, "b3 EXPUNGE\r\n", "* 2 EXPUNGE\r\n");
	append_to(&other, "Shared", "", MAIL_B);
	/* Numbers stay until it may be told; what is new is told at once. */
	SAYS(&t, "a2 FETCH 2:3 (UID)\r\n",
	    "* 3 FETCH (UID 3)\r\n* 4 EXISTS\r\n"
	    "a2 OK [EXPUNGEISSUED] Some of the messages are gone\r\n");
	SAYS(&t, "a3 SEARCH ALL\r\n", "* SEARCH 1 2 3 4\r\na3 OK SEARCH done\r\n");
	SAYS(&t, "a4 UID FETCH 2:3 (UID)\r\n",
	    "* 3 FETCH (UID 3)\r\n* 2 EXPUNGE\r\n* 2 RECENT\r\na4 OK UID FETCH done\r\n");
	SAYS(&t, "a5 FETCH 3 (UID)\r\n", "* 3 FETCH (UID 4)\r\na5 OK FETCH done\r\n");
	talk_end(&other);
	talk_end(&t);
}

static void
search(void **state)
{
	struct talk t;

	sign_in(&t);
	HAS(&t, "a0 CREATE Search\r\n", "a0 OK");
	append_to(&t, "Search", "(\\Seen) \"17-Jul-1996 02:44:25 -0700\" ", MAIL_A);
	append_to(&t, "Search", "($Tag) ", MAIL_B);
	HAS(&t, "a1 SELECT Search\r\n", "a1 OK");
	SAYS(&t, "a2 SEARCH UNSEEN\r\n", "* SEARCH 2\r\na2 OK SEARCH done\r\n");
	SAYS(&t, "a3 SEARCH SUBJECT first\r\n", "* SEARCH 1\r\na3 OK SEARCH done\r\n");
	SAYS(&t, "a4 UID SEARCH BODY \"second body\"\r\n",
	    "* SEARCH 2\r\na4 OK UID SEARCH done\r\n");
	SAYS(&t, "a5 SEARCH BEFORE 1-Jan-2000 OR KEYWORD $tag FROM ann\r\n",
	    "* SEARCH 1\r\na5 OK SEARCH done\r\n");
	SAYS(&t, "a6 SEARCH TEXT nowhere\r\n", "* SEARCH\r\na6 OK SEARCH done\r\n");
	HAS(&t, "a7 SEARCH CHARSET x-none ALL\r\n",
	    "a7 NO [BADCHARSET (US-ASCII UTF-8 ISO-8859-1 ");
	HAS(&t, "a8 SEARCH NONSENSE\r\n", "a8 BAD");
	SAYS(&t, "a9 SEARCH CHARSET UTF-8 1:* NOT DELETED\r\n",
	    "* SEARCH 1 2\r\na9 OK SEARCH done\r\n");
	talk_end(&t);
}

static void
append(void **state)
{
	struct talk t;

	sign_in(&t);
	HAS(&t, "a0 CREATE Drop\r\n", "a0 OK");
	SAYS(&t, "a1 APPEND Drop (\\Seen) {310}\r\n", "+ Send the message\r\n");
	talk_end(&t); /* the client went away in the middle */
	sign_in(&t);
	HAS(&t, "a2 STATUS Drop (MESSAGES)\r\n", "(MESSAGES 0)");
	/* A client that waits is told before it sends. */
	HAS(&t, "a3 APPEND Nowhere {310}\r\n", "a3 NO [TRYCREATE]");
	HAS(&t, "a4 APPEND Drop {99999999999}\r\n", "a4 NO [TOOBIG]");
	HAS(&t, "a5 APPEND Drop {0}\r\n", "a5 NO [CANNOT]");
	/* One that does not has its message swallowed. */
	SAYS(&t, "a6 APPEND Nowhere {5+}\r\nhello\r\na7 NOOP\r\n",
	    "a6 NO [TRYCREATE] There is no such mailbox\r\na7 OK NOOP done\r\n");
	HAS(&t, "a8 APPEND {4}\r\nDrop (\\Draft) {18+}\r\nSubject: x\r\n\r\nyz\r\n\r\n",
	    "a8 OK [APPENDUID ");
	HAS(&t, "a9 APPEND Drop {16+}\r\nSubject: x\r\n\r\nyz extra\r\n", "a9 BAD");
	HAS(&t, "b1 APPEND Drop\r\n", "b1 BAD");
	HAS(&t, "b2 APPEND Drop (\\Nonsense) {3+}\r\nabc\r\n", "b2 BAD");
	HAS(&t, "b3 STATUS Drop (MESSAGES)\r\n", "(MESSAGES 1)");
	/* Into the selected mailbox, and it is told. */
	HAS(&t, "b4 SELECT Drop\r\n", "b4 OK");
	HAS(&t, "b5 APPEND Drop {16+}\r\nSubject: x\r\n\r\nyz\r\n", "* 2 EXISTS\r\n");
	talk_end(&t);
}

static void
idle(void **state)
{
	struct talk t, other;

	sign_in(&t);
	HAS(&t, "a1 SELECT INBOX\r\n", "a1 OK");
	SAYS(&t, "a2 IDLE\r\n", "+ idling\r\n");
	house_deliver(&house, TEXT(MAIL_A));
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "* 1 EXISTS\r\n* 1 RECENT\r\n");
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "");
	sign_in(&other);
	HAS(&other, "b1 SELECT INBOX\r\n", "b1 OK");
	HAS(&other, "b2 STORE 1 +FLAGS.SILENT (\\Deleted)\r\n", "b2 OK");
	assert_string_equal(
	    talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "* 1 FETCH (FLAGS (\\Deleted \\Recent))\r\n");
	HAS(&other, "b3 EXPUNGE\r\n", "b3 OK");
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "* 1 EXPUNGE\r\n* 0 RECENT\r\n");
	SAYS(&t, "DONE\r\n", "a2 OK IDLE done\r\n");
	/* What was published just before DONE comes too late: outside of a command
	 * no expunge may be told (RFC 3501 7.4.1). */
	HAS(&other, "b4 APPEND INBOX (\\Deleted) {3+}\r\nx\r\n\r\n", "b4 OK");
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "");
	HAS(&other, "b5 EXPUNGE\r\n", "b5 OK");
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "");
	SAYS(&t, "a3 IDLE\r\nx\r\n", "+ idling\r\na3 BAD Expected DONE\r\n");
	SAYS(&t, "a4 IDLE\r\n", "+ idling\r\n");
	assert_string_equal(
	    talk_run(&t, TEXT_EMPTY, WAKE_TIMER), "* BYE You were silent for too long\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&other);
	talk_end(&t);
}

static void
the_store_forgets_and_is_asked_again(void **state)
{
	struct talk t;

	sign_in(&t);
	HAS(&t, "a1 SELECT INBOX\r\n", "a1 OK");
	SAYS(&t, "a2 IDLE\r\n", "+ idling\r\n");
	call_pair_break(house.access, 0);
	call_pair_mend(house.access, 0);
	imap_server_relinked(server);
	house_deliver(&house, TEXT(MAIL_B));
	assert_non_null(strstr(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), " EXISTS\r\n"));
	SAYS(&t, "DONE\r\n", "a2 OK IDLE done\r\n");
	talk_end(&t);
}

static void
a_mailbox_that_is_deleted(void **state)
{
	struct talk t, other;

	begin_with(&t, "Gone", 0);
	sign_in(&other);
	HAS(&other, "b1 SELECT Gone\r\n", "b1 OK");
	SAYS(&other, "b2 DELETE Gone\r\n", "b2 OK DELETE done\r\n");
	SAYS(&other, "b3 CHECK\r\n", "b3 BAD Select a mailbox first\r\n");
	/* A message that was filed elsewhere is not filed twice for want of an answer. */
	append_to(&t, "INBOX", "", MAIL_B);
	assert_non_null(strstr(
	    buffer_string(&t.out), "] APPEND done\r\n* BYE The selected mailbox was deleted\r\n"));
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&other);
	talk_end(&t);
}

/* A sign-in that ended, by time or because the account was suspended, ends
 * what rests on it: a session in IDLE would otherwise never hear again. */
static void
a_token_that_died(void **state)
{
	struct arena a = ARENA_INIT;
	const struct store_account_set_request req = {
		.address = TEXT("carol@demo.test"), .change = ACCOUNT_SUSPENDED, .value = 1
	};
	struct store_account_set_reply r;
	struct talk t, other;

	house_add_account(&house, "carol@demo.test");
	(void)begin(&t, &plain);
	HAS(&t, "a1 LOGIN carol@demo.test demo\r\n", "a1 OK");
	(void)begin(&other, &plain);
	HAS(&other, "b1 LOGIN carol@demo.test demo\r\nb2 SELECT INBOX\r\nb3 IDLE\r\n", "+ idling");
	HAS(&t, "a2 DELETE INBOX\r\n", "a2 NO [CANNOT]");
	assert_ok(store_account_set(house.admin, &req, &a, &r, NULL));
	arena_done(&a);
	HAS(&t, "a3 LIST \"\" *\r\n",
	    "a3 NO [CANNOT] Please sign in again.\r\n* BYE Your sign-in is not valid any more");
	assert_int_equal(t.next, NEXT_CLOSE);
	assert_string_equal(talk_run(&other, TEXT_EMPTY, WAKE_EVENT),
	    "* BYE Your sign-in is not valid any more, sign in again\r\n");
	talk_end(&t);
	talk_end(&other);
}

/* A message larger than a piece, byte for byte. */
static void
large_messages(void **state)
{
	struct buffer mail = BUFFER_INIT, say = BUFFER_INIT, want = BUFFER_INIT;
	struct talk t;

	buffer_add_string(&mail, "Subject: large\r\n\r\n");
	for (int i = 0; i < 40000; i++)
		buffer_addf(&mail, "line %d with %llx\r\n", i, (unsigned long long)i * 7919 * 7919);
	sign_in(&t);
	HAS(&t, "a0 CREATE Large\r\n", "a0 OK");
	append_to(&t, "Large", "", buffer_string(&mail));
	HAS(&t, "a1 EXAMINE Large\r\n", "a1 OK");
	buffer_addf(&want, "* 1 FETCH (BODY[] {%zu}\r\n", mail.len);
	buffer_add_text(&want, buffer_text(&mail));
	buffer_add_string(&want, ")\r\na2 OK FETCH done\r\n");
	SAYS(&t, "a2 FETCH 1 BODY[]\r\n", buffer_string(&want));
	buffer_clear(&want);
	buffer_add_string(&want, "* 1 FETCH (BODY[]<700000> {100}\r\n");
	buffer_add_text(&want, text_part(buffer_text(&mail), 700000, 700100));
	buffer_add_string(&want, ")\r\na3 OK FETCH done\r\n");
	SAYS(&t, "a3 FETCH 1 BODY[]<700000.100>\r\n", buffer_string(&want));
	SAYS(&t, "a4 SEARCH BODY \"line 39999 with\"\r\n", "* SEARCH 1\r\na4 OK SEARCH done\r\n");
	buffer_done(&mail);
	buffer_done(&say);
	buffer_done(&want);
	talk_end(&t);
}

/* The sample connection of RFC 3501 8, with our words behind the OKs. */
static void
the_dialogue_of_the_rfc(void **state)
{
	static const char header[] =
	    "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
	    "From: Terry Gray <gray@cac.washington.edu>\r\n"
	    "Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
	    "To: imap@cac.washington.edu\r\n"
	    "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
	    "Message-Id: <B27397-0100000@cac.washington.edu>\r\n"
	    "MIME-Version: 1.0\r\n"
	    "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n";
	struct buffer mail = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	HAS(&t, "a001 CREATE Minutes\r\n", "a001 OK");
	for (int i = 0; i < 11; i++)
		append_to(&t, "Minutes", "(\\Seen) ", MAIL_A);
	buffer_add_string(&mail, header);
	for (int i = 0; i < 92; i++)
		buffer_addf(&mail, "line %0*d\r\n", i < 88 ? 26 : 24, i);
	append_to(&t, "Minutes", "(\\Seen) \"17-Jul-1996 02:44:25 -0700\" ", buffer_string(&mail));
	HAS(&t, "a002 select minutes\r\n", "a002 NO [NONEXISTENT]");
	HAS(&t, "a002 select \"Minutes\"\r\n", "a002 OK [READ-WRITE]");
	SAYS(&t, "a003 fetch 12 full\r\n",
	    "* 12 FETCH (FLAGS (\\Seen \\Recent) INTERNALDATE \"17-Jul-1996 09:44:25 +0000\" "
	    "RFC822.SIZE 3370 ENVELOPE " RFC_ENVELOPE " "
	    "BODY (\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 3028 92))\r\n"
	    "a003 OK FETCH done\r\n");
	buffer_clear(&mail);
	buffer_addf(&mail, "* 12 FETCH (BODY[HEADER] {%zu}\r\n%s)\r\na004 OK FETCH done\r\n",
	    sizeof(header) - 1, header);
	SAYS(&t, "a004 fetch 12 body[header]\r\n", buffer_string(&mail));
	SAYS(&t, "a005 store 12 +flags \\deleted\r\n",
	    "* 12 FETCH (FLAGS (\\Deleted \\Seen \\Recent))\r\na005 OK STORE done\r\n");
	SAYS(&t, "a006 logout\r\n", "* BYE Goodbye\r\na006 OK LOGOUT done\r\n");
	buffer_done(&mail);
	talk_end(&t);
}

static void
too_many_sessions(void **state)
{
	struct talk t[3];

	assert_ok(setting_apply(SET_IMAP_SESSIONS_PER_ACCOUNT, TEXT("2")));
	sign_in(&t[0]);
	sign_in(&t[1]);
	(void)begin(&t[2], &plain);
	HAS(&t[2], "a1 LOGIN alice@demo.test demo\r\n", "a1 NO [LIMIT]");
	talk_end(&t[0]);
	HAS(&t[2], "a2 LOGIN alice@demo.test demo\r\n", "a2 OK");
	talk_end(&t[1]);
	talk_end(&t[2]);
	assert_ok(setting_apply(SET_IMAP_SESSIONS_PER_ACCOUNT, TEXT_EMPTY));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greeting_and_capabilities),
		cmocka_unit_test(no_password_in_clear),
		cmocka_unit_test(login),
		cmocka_unit_test(authenticate),
		cmocka_unit_test(bad_commands),
		cmocka_unit_test(half_commands_wait),
		cmocka_unit_test(long_commands),
		cmocka_unit_test(mailboxes),
		cmocka_unit_test(subscriptions),
		cmocka_unit_test(status),
		cmocka_unit_test(select_describes),
		cmocka_unit_test(fetch_items),
		cmocka_unit_test(reading_sets_seen),
		cmocka_unit_test(store_flags_of_messages),
		cmocka_unit_test(a_change_of_nothing_hides_nothing),
		cmocka_unit_test(expunge_and_copy),
		cmocka_unit_test(expunges_of_others),
		cmocka_unit_test(search),
		cmocka_unit_test(append),
		cmocka_unit_test(idle),
		cmocka_unit_test(the_store_forgets_and_is_asked_again),
		cmocka_unit_test(a_mailbox_that_is_deleted),
		cmocka_unit_test(a_token_that_died),
		cmocka_unit_test(large_messages),
		cmocka_unit_test(the_dialogue_of_the_rfc),
		cmocka_unit_test(too_many_sessions),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
