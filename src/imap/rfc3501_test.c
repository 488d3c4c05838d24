/* SPDX-License-Identifier: ISC */
/*
 * IMAP4rev1 by section of its RFC, with the RFC's own commands. What has tests
 * of its own elsewhere is not said again; docs/rfc-coverage.md has them all.
 */
#include "imap/session_testing.h"

/* RFC 3501 8: the message that the RFC itself shows, as far as the tests need. */
#define MRC                                                                       \
	"Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"                         \
	"From: Terry Gray <gray@cac.washington.edu>\r\n"                          \
	"Subject: IMAP4rev1 WG mtg summary and minutes\r\n"                       \
	"To: imap@cac.washington.edu\r\n"                                         \
	"cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"       \
	"Message-Id: <B27397-0100000@cac.washington.edu>\r\n"                     \
	"MIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n" \
	"Minutes.\r\n"

/* ---- 2: overview ---- */

/* RFC 3501 2.2.1, RFC 9051 2.2.1: a tag is any string of the client's; a line that is no
 * command is BAD, and the next one is heard. RFC 3501 2.2.2, 7.1.3, RFC 9051 2.2.2: with its
 * tag where it has one, with "*" where not. */
static void
tags(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	SAYS(&t, "a.1-x NOOP\r\nA.1-X NOOP\r\nA.1-X NOOP\r\n",
	    "a.1-x OK NOOP done\r\nA.1-X OK NOOP done\r\nA.1-X OK NOOP done\r\n");
	SAYS(&t, "a+ NOOP\r\n", "* BAD Expected a tag and a command\r\n");
	HAS(&t, "\r\n", "* BAD ");
	HAS(&t, "a1\r\n", "BAD ");
	HAS(&t, "a1  NOOP\r\n", "BAD ");
	HAS(&t, "a1 NOOP \r\n", "a1 BAD ");
	HAS(&t, "a1 BLURDYBLOOP\r\n", "a1 BAD ");
	SAYS(&t, "a2 NOOP\r\n", "a2 OK NOOP done\r\n");
	talk_end(&t);
}

/* RFC 3501 2.3.1.1: UIDs ascend and are not used again; a mailbox of the same
 * name that is made anew has another UIDVALIDITY or goes on with its UIDs. */
static void
uids(void **state)
{
	struct talk t;

	begin_with(&t, "Uids", 3);
	ok(&t, "STORE 3 +FLAGS.SILENT (\\Deleted)");
	ok(&t, "EXPUNGE");
	HAS(&t, "a1 STATUS Uids (UIDNEXT)\r\n", "(UIDNEXT 4)");
	append_to(&t, "Uids", "", MAIL_A);
	SAYS(&t, "a2 UID FETCH 3:* UID\r\n", "* 3 FETCH (UID 4)\r\na2 OK UID FETCH done\r\n");
	/* RFC 3501 2.3.1.2, RFC 9051 2.3.1.2: numbers follow each other without gaps. */
	SAYS(&t, "a3 FETCH 1:* UID\r\n",
	    "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 4)\r\na3 OK FETCH done\r\n");
	talk_end(&t);
}

/* RFC 3501 2.3.3, 2.3.4, RFC 9051 2.3.3, 2.3.4: the date that APPEND gave, and the octets of the
 * message as it is sent. */
static void
dates_and_sizes(void **state)
{
	struct talk t;
	char want[200];

	sign_in(&t);
	ok(&t, "CREATE Dates");
	append_to(&t, "Dates", "\"17-Jul-1996 02:44:25 -0700\" ", MRC);
	ok(&t, "SELECT Dates");
	(void)snprintf(want, sizeof(want),
	    "* 1 FETCH (INTERNALDATE \"17-Jul-1996 09:44:25 +0000\" RFC822.SIZE %zu)\r\n"
	    "a1 OK FETCH done\r\n",
	    strlen(MRC));
	SAYS(&t, "a1 FETCH 1 (INTERNALDATE RFC822.SIZE)\r\n", want);
	/* RFC 3501 2.3.5, 2.3.6, RFC 9051 2.3.5, 2.3.6: those of RFC 3501 7.4.2. */
	SAYS(&t, "a2 FETCH 1 (ENVELOPE BODY)\r\n",
	    "* 1 FETCH (ENVELOPE " RFC_ENVELOPE " "
	    "BODY (\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 10 1))\r\n"
	    "a2 OK FETCH done\r\n");
	talk_end(&t);
}

/* ---- 3: states ---- */

/* RFC 3501 3, RFC 9051 3: a command in the wrong state is BAD, whatever it is. */
static void
states(void **state)
{
	static const char *const signed_in[] = { "SELECT INBOX", "EXAMINE INBOX", "CREATE x",
		"DELETE x", "RENAME x y", "SUBSCRIBE x", "UNSUBSCRIBE x", "LIST \"\" *",
		"LSUB \"\" *", "STATUS INBOX (MESSAGES)", "IDLE", "NAMESPACE",
		"APPEND INBOX {1+}\r\nx" };
	static const char *const selected[] = { "CHECK", "CLOSE", "UNSELECT", "EXPUNGE",
		"SEARCH ALL", "FETCH 1 FLAGS", "STORE 1 FLAGS ()", "COPY 1 x", "MOVE 1 x",
		"UID FETCH 1 FLAGS", "UID SEARCH ALL", "UID STORE 1 FLAGS ()", "UID COPY 1 x",
		"UID MOVE 1 x", "UID EXPUNGE 1" };
	struct buffer b = BUFFER_INIT;
	struct talk t;

	for (size_t i = 0; i < ARRAY_LEN(signed_in); i++) {
		(void)begin(&t, &plain);
		buffer_clear(&b);
		buffer_addf(&b, "a%zu %s\r\n", i, signed_in[i]);
		HAS(&t, buffer_string(&b), " BAD ");
		talk_end(&t);
	}
	sign_in(&t);
	for (size_t i = 0; i < ARRAY_LEN(selected); i++) {
		buffer_clear(&b);
		buffer_addf(&b, "a%zu %s\r\n", i, selected[i]);
		HAS(&t, buffer_string(&b), " BAD Select a mailbox first");
		if (i % 10 == 9) { /* not so many that the session ends */
			talk_end(&t);
			sign_in(&t);
		}
	}
	/* Signed in already. */
	HAS(&t, "b1 LOGIN alice@demo.test demo\r\n", "b1 BAD");
	HAS(&t, "b2 AUTHENTICATE PLAIN\r\n", "b2 BAD");
	HAS(&t, "b3 STARTTLS\r\n", "b3 BAD");
	buffer_done(&b);
	talk_end(&t);
}

/* ---- 4: data ---- */

/* RFC 3501 4.1, 4.3, 4.5, RFC 9051 4.1, 4.3, 4.5: a name as an atom, a quoted string or a literal
 * is the same name; NIL is one too, since an astring has no NIL. */
static void
strings(void **state)
{
	struct talk t;

	sign_in(&t);
	ok(&t, "CREATE Strings");
	HAS(&t, "a1 STATUS Strings (MESSAGES)\r\n", "a1 OK");
	HAS(&t, "a2 STATUS \"Strings\" (MESSAGES)\r\n", "a2 OK");
	HAS(&t, "a3 STATUS \"\\\\x\" (MESSAGES)\r\n", "a3 NO");
	SAYS(&t, "a4 STATUS {7}\r\n", "+ Go on\r\n"); /* RFC 3501 7.5 */
	HAS(&t, "Strings (MESSAGES)\r\n", "* STATUS Strings (MESSAGES 0)\r\na4 OK");
	HAS(&t, "a5 STATUS \"Strings (MESSAGES)\r\n", "a5 BAD");
	HAS(&t, "a6 STATUS \"\\n\" (MESSAGES)\r\n", "a6 BAD");
	HAS(&t, "a7 STATUS NIL (MESSAGES)\r\n", "a7 NO [NONEXISTENT]");
	HAS(&t, "a8 STATUS St%ings (MESSAGES)\r\n", "a8 BAD");
	talk_end(&t);
}

/* RFC 3501 4.2: numbers have 32 bits; those of octets 63 (RFC 9051 4.2). */
static void
numbers(void **state)
{
	struct talk t;

	begin_with(&t, "Numbers", 1);
	HAS(&t, "a1 FETCH 1 BODY.PEEK[]<1.0>\r\n", "a1 BAD");
	HAS(&t, "a2 FETCH 1 BODY.PEEK[]<4294967296.1>\r\n", "BODY[]<4294967296> {0}\r\n)");
	HAS(&t, "a6 FETCH 4294967296 UID\r\n", "a6 BAD");
	HAS(&t, "a4 FETCH +1 UID\r\n", "a4 BAD");
	HAS(&t, "a5 FETCH 0 UID\r\n", "a5 BAD");
	talk_end(&t);
}

/* ---- 5: operation ---- */

/* RFC 3501 5.2, 5.3, RFC 9051 5.2, 5.3: whoever has it selected is told of what came; RFC 3501 5.3:
 * but nothing is sent before a command asks. RFC 3501 7.3.1. */
static void
updates(void **state)
{
	struct talk t, other;

	begin_with(&t, "Updates", 1);
	sign_in(&other);
	append_to(&other, "Updates", "", MAIL_B);
	assert_string_equal(talk_run(&t, TEXT_EMPTY, WAKE_EVENT), "");
	SAYS(&t, "a1 FETCH 1 UID\r\n",
	    "* 1 FETCH (UID 1)\r\n* 2 EXISTS\r\n* 2 RECENT\r\na1 OK FETCH done\r\n");
	talk_end(&other);
	talk_end(&t);
}

/* RFC 3501 5.5: commands that come together are answered in their order. */
static void
pipelined(void **state)
{
	struct talk t;

	begin_with(&t, "Pipelined", 2);
	SAYS(&t,
	    "a1 STORE 1 +FLAGS (\\Deleted)\r\na2 EXPUNGE\r\na3 FETCH 1 UID\r\na4 STATUS Pipelined "
	    "(MESSAGES)\r\n",
	    "* 1 FETCH (FLAGS (\\Deleted \\Recent))\r\na1 OK STORE done\r\n"
	    "* 1 EXPUNGE\r\n* 1 RECENT\r\na2 OK EXPUNGE done\r\n"
	    "* 1 FETCH (UID 2)\r\na3 OK FETCH done\r\n"
	    "* STATUS Pipelined (MESSAGES 1)\r\na4 OK STATUS done\r\n");
	talk_end(&t);
}

/* ---- 6.1 and 6.2 ---- */

/* RFC 3501 6.1.1, 7.2.1, RFC 9051 6.1.1, 7.2.2: CAPABILITY begins with no more than it has, once as
 * an answer and once in the greeting and in the OK of LOGIN (RFC 3501 7.1). */
static void
capability(void **state)
{
	struct talk t;

	assert_non_null(strstr(begin(&t, &plain), "* OK [CAPABILITY IMAP4rev1 "));
	HAS(&t, "abcd CAPABILITY\r\n", "* CAPABILITY IMAP4rev1 ");
	HAS(&t, "efgh STARTTLS\r\n", "efgh BAD");
	HAS(&t, "ijkl LOGIN alice@demo.test demo\r\n", "ijkl OK [CAPABILITY IMAP4rev1 ");
	talk_end(&t);
}

/* RFC 3501 6.1.2, 6.1.3, 7.1.5, RFC 9051 6.1.2, 6.1.3, 7.1.5: NOOP always succeeds; LOGOUT says BYE
 * first. */
static void
noop_and_logout(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	SAYS(&t, "a002 NOOP\r\n", "a002 OK NOOP done\r\n");
	SAYS(&t, "A023 LOGOUT\r\n", "* BYE Goodbye\r\nA023 OK LOGOUT done\r\n");
	assert_int_equal(t.next, NEXT_CLOSE);
	talk_end(&t);
}

/* RFC 3501 6.2.1, 6.2.3, 11.2, RFC 9051 6.2.1, 6.2.3, 11.2, RFC 2595 2.3, RFC 2595 3: STARTTLS,
 * behind which what was told before is told again; and no password before. */
static void
starttls(void **state)
{
	static const struct listener strict = { .name = "imap", .tls = TLS_STARTTLS };
	struct talk t;

	assert_non_null(strstr(begin(&t, &strict), " STARTTLS LOGINDISABLED "));
	HAS(&t, "a001 LOGIN alice@demo.test demo\r\n", "a001 NO [PRIVACYREQUIRED]");
	SAYS(&t, "a003 STARTTLS\r\n", "a003 OK Begin TLS now\r\n");
	assert_int_equal(t.next, NEXT_START_TLS);
	talk_end(&t);
}

/* RFC 3501 6.2.2, RFC 9051 6.2.2: challenges and responses in base64; "*" gives up. */
static void
authenticate(void **state)
{
	struct talk t;

	(void)begin(&t, &plain);
	SAYS(&t, "A001 AUTHENTICATE PLAIN\r\n", "+ \r\n");
	HAS(&t, "*\r\n", "A001 BAD");
	SAYS(&t, "A002 AUTHENTICATE PLAIN\r\n", "+ \r\n");
	HAS(&t, "not base64!\r\n", "A002 BAD");
	HAS(&t, "A003 AUTHENTICATE NOSUCH\r\n", "A003 NO");
	SAYS(&t, "A004 AUTHENTICATE X-TALK\r\n", "+ bmFtZT8=\r\n");
	SAYS(&t, "YWxpY2VAZGVtby50ZXN0\r\n", "+ d2VsY29tZQ==\r\n");
	HAS(&t, "\r\n", "A004 OK [CAPABILITY ");
	talk_end(&t);
}

/* ---- 6.3: mailboxes ---- */

/* RFC 3501 6.3.2: EXAMINE is SELECT without changes, \Recent included. */
static void
examine(void **state)
{
	struct talk t, other;

	sign_in(&t);
	ok(&t, "CREATE blurdybloop");
	append_to(&t, "blurdybloop", "", MAIL_A);
	HAS(&t, "A932 EXAMINE blurdybloop\r\n", "A932 OK [READ-ONLY] EXAMINE done\r\n");
	HAS(&t, "a1 FETCH 1 (FLAGS BODY[TEXT])\r\n", "FLAGS (\\Recent)");
	HAS(&t, "a2 EXAMINE blurdybloop\r\n", "* OK [PERMANENTFLAGS ()]");
	sign_in(&other);
	HAS(&other, "b1 SELECT blurdybloop\r\n", "* 1 RECENT\r\n");
	talk_end(&other);
	talk_end(&t);
}

/* RFC 3501 6.3.3, 6.3.4, RFC 9051 6.3.5: the RFC's owatagusiam and foo. */
static void
create_and_delete(void **state)
{
	struct talk t;

	sign_in(&t);
	SAYS(&t, "A003 CREATE owatagusiam/\r\n", "A003 OK CREATE done\r\n");
	SAYS(&t, "A004 CREATE owatagusiam/blurdybloop\r\n", "A004 OK CREATE done\r\n");
	ok(&t, "CREATE blurdy");
	ok(&t, "CREATE foo/bar");
	SAYS(&t, "A682 LIST \"\" foo*\r\n",
	    "* LIST (\\HasChildren) \"/\" foo\r\n* LIST (\\HasNoChildren) \"/\" foo/bar\r\n"
	    "A682 OK LIST done\r\n");
	SAYS(&t, "A683 DELETE blurdy\r\n", "A683 OK DELETE done\r\n");
	SAYS(&t, "A684 DELETE foo\r\n", "A684 OK DELETE done\r\n");
	SAYS(&t, "A685 LIST \"\" foo*\r\n",
	    "* LIST (\\Noselect \\HasChildren) \"/\" foo\r\n"
	    "* LIST (\\HasNoChildren) \"/\" foo/bar\r\nA685 OK LIST done\r\n");
	HAS(&t, "A686 SELECT foo\r\n", "A686 NO");
	SAYS(&t, "A687 DELETE foo/bar\r\n", "A687 OK DELETE done\r\n");
	SAYS(&t, "A688 LIST \"\" foo*\r\n", "A688 OK LIST done\r\n");
	talk_end(&t);
}

/* RFC 3501 6.3.5: INBOX is emptied into the new name and stays. */
static void
rename_inbox(void **state)
{
	struct talk t;

	sign_in(&t);
	append_to(&t, "INBOX", "", MAIL_A);
	SAYS(&t, "Z432 LIST \"\" old-mail\r\n", "Z432 OK LIST done\r\n");
	SAYS(&t, "Z433 RENAME INBOX old-mail\r\n", "Z433 OK RENAME done\r\n");
	SAYS(&t, "Z434 LIST \"\" INBOX\r\n",
	    "* LIST (\\HasNoChildren) \"/\" INBOX\r\nZ434 OK LIST done\r\n");
	HAS(&t, "a1 STATUS INBOX (MESSAGES)\r\n", "(MESSAGES 0)");
	HAS(&t, "a2 STATUS old-mail (MESSAGES)\r\n", "(MESSAGES 1)");
	talk_end(&t);
}

/* RFC 3501 6.3.6, 6.3.7, 6.3.9, 7.2.3, RFC 9051 6.3.8: a subscription outlives its mailbox. */
static void
subscriptions(void **state)
{
	struct talk t;

	sign_in(&t);
	ok(&t, "CREATE comp/mail/mime");
	SAYS(&t, "A002 SUBSCRIBE comp/mail/mime\r\n", "A002 OK SUBSCRIBE done\r\n");
	ok(&t, "DELETE comp/mail/mime");
	SAYS(&t, "A003 LSUB \"comp/\" \"*\"\r\n",
	    "* LSUB (\\Noselect) \"/\" comp/mail/mime\r\nA003 OK LSUB done\r\n");
	SAYS(&t, "A004 UNSUBSCRIBE comp/mail/mime\r\n", "A004 OK UNSUBSCRIBE done\r\n");
	SAYS(&t, "A005 LSUB \"comp/\" \"*\"\r\n", "A005 OK LSUB done\r\n");
	talk_end(&t);
}

/* RFC 3501 6.3.8, 7.2.2, RFC 9051 5.1.1: reference and pattern, by the RFC's own pairs. */
static void
list(void **state)
{
	struct talk t;

	sign_in(&t);
	ok(&t, "CREATE foo.x/bar");
	ok(&t, "CREATE \"~banana/x\"");
	SAYS(&t, "A1 LIST foo.x/ %\r\n",
	    "* LIST (\\HasNoChildren) \"/\" foo.x/bar\r\nA1 OK LIST done\r\n");
	SAYS(&t, "A2 LIST \"foo.x\" %\r\n",
	    "* LIST (\\HasChildren) \"/\" foo.x\r\nA2 OK LIST done\r\n");
	SAYS(&t, "A3 LIST \"~banana/\" *\r\n",
	    "* LIST (\\HasNoChildren) \"/\" ~banana/x\r\nA3 OK LIST done\r\n");
	HAS(&t, "A4 LIST \"\" foo.x*\r\n", "foo.x/bar\r\n");
	talk_end(&t);
}

/* RFC 3501 6.3.10, 7.2.4, RFC 9051 7.3.3: STATUS selects nothing and takes no \Recent. */
static void
status(void **state)
{
	struct talk t;

	sign_in(&t);
	ok(&t, "CREATE blurdy2");
	append_to(&t, "blurdy2", "", MAIL_A);
	HAS(&t, "A042 STATUS blurdy2 (UIDNEXT MESSAGES)\r\n",
	    "* STATUS blurdy2 (MESSAGES 1 UIDNEXT 2)\r\nA042 OK STATUS done\r\n");
	HAS(&t, "A043 STATUS blurdy2 (RECENT)\r\n", "(RECENT 1)");
	HAS(&t, "A044 SELECT blurdy2\r\n", "* 1 RECENT\r\n");
	talk_end(&t);
}

/* RFC 3501 6.3.11, 7.5, RFC 9051 7.6: the RFC's message, of 310 octets there. */
static void
append(void **state)
{
	struct talk t;
	char line[600];

	sign_in(&t);
	ok(&t, "CREATE saved-messages");
	(void)snprintf(line, sizeof(line), "A003 APPEND saved-messages (\\Seen) {%zu}\r\n%s\r\n",
	    strlen(MRC), MRC);
	HAS(&t, line, "+ Send the message\r\nA003 OK [APPENDUID ");
	HAS(&t, "A004 SELECT saved-messages\r\n", "* 1 EXISTS\r\n");
	HAS(&t, "A005 FETCH 1 FLAGS\r\n", "(FLAGS (\\Seen \\Recent))");
	/* A mailbox that is not there, and that a client may make. */
	SAYS(&t, "A006 APPEND nowhere {5+}\r\nx: y\n\r\n",
	    "A006 NO [TRYCREATE] There is no such mailbox\r\n");
	talk_end(&t);
}

/* ---- 6.4: messages ---- */

/* RFC 3501 6.4.1, 6.4.2: CHECK is a checkpoint; CLOSE removes and says
 * nothing of it, and after EXAMINE removes nothing. */
static void
check_and_close(void **state)
{
	struct talk t;

	begin_with(&t, "Closed", 2);
	SAYS(&t, "FXXZ CHECK\r\n", "FXXZ OK CHECK done\r\n");
	ok(&t, "STORE 1 +FLAGS.SILENT (\\Deleted)");
	ok(&t, "EXAMINE Closed");
	SAYS(&t, "A340 CLOSE\r\n", "A340 OK CLOSE done\r\n");
	HAS(&t, "a1 SELECT Closed\r\n", "* 2 EXISTS\r\n");
	SAYS(&t, "A341 CLOSE\r\n", "A341 OK CLOSE done\r\n");
	HAS(&t, "a2 SELECT Closed\r\n", "* 1 EXISTS\r\n");
	talk_end(&t);
}

/* RFC 3501 6.4.3, 7.4.1: the RFC's example, messages 3, 4, 7 and 11 deleted.
 * Told from the last on, so that each number is what it was before. */
static void
expunge(void **state)
{
	struct talk t;

	begin_with(&t, "Expunge", 11);
	ok(&t, "STORE 3,4,7,11 +FLAGS.SILENT (\\Deleted)");
	SAYS(&t, "A202 EXPUNGE\r\n",
	    "* 11 EXPUNGE\r\n* 7 EXPUNGE\r\n* 4 EXPUNGE\r\n* 3 EXPUNGE\r\n* 7 RECENT\r\n"
	    "A202 OK EXPUNGE done\r\n");
	talk_end(&t);
}

/* RFC 3501 6.4.6, RFC 9051 7.3.5: the RFC's STORE 2:4 +FLAGS (\Deleted). RFC 3501 7.2.6 and
 * RFC 3501 2.3.2: what may be set is told, keywords that are new as well. */
static void
store(void **state)
{
	struct talk t;

	begin_with(&t, "Store", 4);
	ok(&t, "STORE 3 FLAGS.SILENT (\\Flagged \\Seen)");
	SAYS(&t, "A003 STORE 2:4 +FLAGS (\\Deleted)\r\n",
	    "* 2 FETCH (FLAGS (\\Deleted \\Recent))\r\n"
	    "* 3 FETCH (FLAGS (\\Flagged \\Deleted \\Seen \\Recent))\r\n"
	    "* 4 FETCH (FLAGS (\\Deleted \\Recent))\r\nA003 OK STORE done\r\n");
	HAS(&t, "A004 STORE 1 +FLAGS ($Quite-New)\r\n", "$Quite-New");
	talk_end(&t);
}

/* RFC 3501 6.4.7: flags and date go with the copy; all or nothing. */
static void
copy(void **state)
{
	struct talk t;

	sign_in(&t);
	ok(&t, "CREATE MEETING");
	ok(&t, "CREATE Source");
	append_to(&t, "Source", "(\\Seen $Label) \"17-Jul-1996 02:44:25 -0700\" ", MAIL_A);
	append_to(&t, "Source", "", MAIL_B);
	ok(&t, "SELECT Source");
	HAS(&t, "A003 COPY 1:2 MEETING\r\n", "A003 OK [COPYUID ");
	HAS(&t, "A004 COPY 1:3 MEETING\r\n", "A004 BAD");
	ok(&t, "SELECT MEETING");
	HAS(&t, "A005 FETCH 1 (FLAGS INTERNALDATE)\r\n",
	    "* 1 FETCH (FLAGS (\\Seen \\Recent $Label) "
	    "INTERNALDATE \"17-Jul-1996 09:44:25 +0000\")\r\n");
	talk_end(&t);
}

/* RFC 3501 6.4.4, 7.2.5: the RFC's three searches. */
static void
search(void **state)
{
	struct talk t;

	begin_with(&t, "Search", 3);
	ok(&t, "STORE 2 +FLAGS.SILENT (\\Flagged)");
	SAYS(&t, "A282 SEARCH FLAGGED SINCE 1-Feb-1994 NOT FROM \"Smith\"\r\n",
	    "* SEARCH 2\r\nA282 OK SEARCH done\r\n");
	SAYS(&t, "A283 SEARCH TEXT \"string not in mailbox\"\r\n",
	    "* SEARCH\r\nA283 OK SEARCH done\r\n");
	SAYS(&t, "A284 SEARCH CHARSET UTF-8 TEXT {6}\r\n", "+ Go on\r\n");
	SAYS(&t, "second\r\n", "* SEARCH 2\r\nA284 OK SEARCH done\r\n");
	talk_end(&t);
}

/* RFC 3501 6.4.8: UID of a message that is not there is no error; UIDs come
 * with the answer, asked for or not. */
static void
uid(void **state)
{
	struct talk t;

	begin_with(&t, "Uid", 2);
	SAYS(&t, "A999 UID FETCH 4827313:4828442 FLAGS\r\n", "A999 OK UID FETCH done\r\n");
	SAYS(&t, "B0 UID FETCH 4827313:* FLAGS\r\n",
	    "* 2 FETCH (UID 2 FLAGS (\\Recent))\r\nB0 OK UID FETCH done\r\n");
	HAS(&t, "B1 UID STORE 2 +FLAGS (\\Seen)\r\n",
	    "* 2 FETCH (UID 2 FLAGS (\\Seen \\Recent))\r\n");
	HAS(&t, "B2 UID NONSENSE 1\r\n", "B2 BAD");
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags),
		cmocka_unit_test(uids),
		cmocka_unit_test(dates_and_sizes),
		cmocka_unit_test(states),
		cmocka_unit_test(strings),
		cmocka_unit_test(numbers),
		cmocka_unit_test(updates),
		cmocka_unit_test(pipelined),
		cmocka_unit_test(capability),
		cmocka_unit_test(noop_and_logout),
		cmocka_unit_test(starttls),
		cmocka_unit_test(authenticate),
		cmocka_unit_test(examine),
		cmocka_unit_test(create_and_delete),
		cmocka_unit_test(rename_inbox),
		cmocka_unit_test(subscriptions),
		cmocka_unit_test(list),
		cmocka_unit_test(status),
		cmocka_unit_test(append),
		cmocka_unit_test(check_and_close),
		cmocka_unit_test(expunge),
		cmocka_unit_test(store),
		cmocka_unit_test(copy),
		cmocka_unit_test(search),
		cmocka_unit_test(uid),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
