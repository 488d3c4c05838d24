/* SPDX-License-Identifier: ISC */
/*
 * LIST, LSUB and STATUS by RFC section, with the RFCs' own examples. Where an
 * example leaves the server free, ours has \HasChildren or \HasNoChildren in
 * every answer, and the mailboxes in the order of their tree.
 */
#include "imap/list.h"
#include "imap/session_testing.h"

/* The mailboxes of a new account are in nobody's example. */
static void
begin_empty(struct talk *t)
{
	static const char *const made[] = { "Archive", "Drafts", "Junk", "Sent", "Trash" };
	struct buffer b = BUFFER_INIT;

	sign_in(t);
	for (size_t i = 0; i < ARRAY_LEN(made); i++) {
		buffer_clear(&b);
		buffer_addf(&b, "t UNSUBSCRIBE %s\r\nt DELETE %s\r\n", made[i], made[i]);
		HAS(t, buffer_string(&b), "t OK DELETE");
	}
	ok(t, "UNSUBSCRIBE INBOX");
	buffer_done(&b);
}

/* ---- LIST ---- */

static void
the_root_is_told(void **state)
{
	struct talk t;

	begin_empty(&t);
	/* RFC 3501 6.3.8 */
	SAYS(&t, "A101 LIST \"\" \"\"\r\n",
	    "* LIST (\\Noselect) \"/\" \"\"\r\nA101 OK LIST done\r\n");
	/* RFC 5258 3: not where the command is an extended one. */
	SAYS(&t, "A102 LIST () \"\" \"\"\r\n", "A102 OK LIST done\r\n");
	SAYS(&t, "A103 LIST \"\" \"\" RETURN ()\r\n", "A103 OK LIST done\r\n");
	/* RFC 9051 6.3.9: there, an empty name is passed over, whatever the reference. */
	SAYS(&t, "A104 LIST () INBOX \"\"\r\n", "A104 OK LIST done\r\n");
	SAYS(&t, "A105 LIST INBOX (\"\" \"x\")\r\n", "A105 OK LIST done\r\n");
	talk_end(&t);
}

/* RFC 5258 5, RFC 9051 6.3.9.8, examples 1 to 3: fruit and vegetables. */
static void
fruit(struct talk *t)
{
	begin_empty(t);
	ok(t, "CREATE Fruit/Apple");
	ok(t, "CREATE Fruit/Banana");
	ok(t, "CREATE Fruit/Peach");
	ok(t, "CREATE Tofu");
	ok(t, "CREATE Vegetable/Broccoli");
	ok(t, "CREATE Vegetable/Corn");
	ok(t, "SUBSCRIBE INBOX");
	ok(t, "SUBSCRIBE Fruit/Banana");
	ok(t, "SUBSCRIBE Fruit/Peach");
	ok(t, "DELETE Fruit/Peach");
	ok(t, "SUBSCRIBE Vegetable");
	ok(t, "SUBSCRIBE Vegetable/Broccoli");
}

/* RFC 5258 3.1, RFC 5258 3.2, RFC 5258 3.3, RFC 5258 4; RFC 9051 6.3.9.1, RFC 9051
 * 6.3.9.2, RFC 9051 6.3.9.3, RFC 9051 6.3.9.5; RFC 3348 3; RFC 3501
 * 7.2.2 */
static void
everything_and_what_is_subscribed(void **state)
{
	struct talk t;

	fruit(&t);
	SAYS(&t, "A01 LIST \"\" \"*\"\r\n",
	    "* LIST (\\HasChildren) \"/\" Fruit\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Fruit/Apple\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Fruit/Banana\r\n"
	    "* LIST (\\HasNoChildren) \"/\" INBOX\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Tofu\r\n"
	    "* LIST (\\HasChildren) \"/\" Vegetable\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Vegetable/Broccoli\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Vegetable/Corn\r\n"
	    "A01 OK LIST done\r\n");
	SAYS(&t, "A02 LIST (SUBSCRIBED) \"\" \"*\"\r\n",
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" Fruit/Banana\r\n"
	    "* LIST (\\NonExistent \\Subscribed \\HasNoChildren) \"/\" Fruit/Peach\r\n"
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" INBOX\r\n"
	    "* LIST (\\Subscribed \\HasChildren) \"/\" Vegetable\r\n"
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" Vegetable/Broccoli\r\n"
	    "A02 OK LIST done\r\n");
	SAYS(&t, "A03 LIST () \"\" \"%\" RETURN (CHILDREN)\r\n",
	    "* LIST (\\HasChildren) \"/\" Fruit\r\n"
	    "* LIST (\\HasNoChildren) \"/\" INBOX\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Tofu\r\n"
	    "* LIST (\\HasChildren) \"/\" Vegetable\r\n"
	    "A03 OK LIST done\r\n");
	/* Example 4 and 5: nothing is on another server. */
	SAYS(&t, "A04 LIST (REMOTE) \"\" \"T%\" RETURN (CHILDREN)\r\n",
	    "* LIST (\\HasNoChildren) \"/\" Tofu\r\nA04 OK LIST done\r\n");
	SAYS(&t, "A06 LIST (REMOTE) \"\" \"Fruit*\" RETURN (SUBSCRIBED)\r\n",
	    "* LIST (\\HasChildren) \"/\" Fruit\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Fruit/Apple\r\n"
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" Fruit/Banana\r\n"
	    "A06 OK LIST done\r\n");
	talk_end(&t);
}

/* RFC 5258 5, example 7: Foo, Foo/Bar, Foo/Baz and Moo. RFC 5258 3.5, RFC 9051
 * 6.3.9.6 */
static void
childinfo_is_not_children(void **state)
{
	struct talk t;

	begin_empty(&t);
	ok(&t, "CREATE Foo/Bar");
	ok(&t, "CREATE Foo/Baz");
	ok(&t, "CREATE Moo");
	ok(&t, "SUBSCRIBE Foo/Baz");
	SAYS(&t, "C02 LIST (SUBSCRIBED) \"\" \"*\"\r\n",
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" Foo/Baz\r\nC02 OK LIST done\r\n");
	SAYS(&t, "C03 LIST (SUBSCRIBED) \"\" \"%\"\r\n", "C03 OK LIST done\r\n");
	SAYS(&t, "C04 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"\r\n",
	    "* LIST (\\HasChildren) \"/\" Foo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	    "C04 OK LIST done\r\n");
	/* RFC 9051 6.3.9.8, example 9: CHILDINFO of what does not exist. */
	ok(&t, "SUBSCRIBE Moo/gone");
	SAYS(&t, "C10 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" Moo RETURN (CHILDREN)\r\n",
	    "* LIST (\\HasNoChildren) \"/\" Moo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	    "C10 OK LIST done\r\n");
	ok(&t, "UNSUBSCRIBE Moo/gone");
	/* A name without wildcards, of which only what is below is selected. */
	SAYS(&t, "C05 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" Foo\r\n",
	    "* LIST (\\HasChildren) \"/\" Foo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	    "C05 OK LIST done\r\n");
	/* A1 */
	ok(&t, "SUBSCRIBE Foo");
	SAYS(&t, "C06 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"\r\n",
	    "* LIST (\\Subscribed \\HasChildren) \"/\" Foo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	    "C06 OK LIST done\r\n");
	/* A2 */
	ok(&t, "UNSUBSCRIBE Foo");
	ok(&t, "DELETE Foo");
	SAYS(&t, "C07 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"\r\n",
	    "* LIST (\\NonExistent \\HasChildren) \"/\" Foo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	    "C07 OK LIST done\r\n");
	/* B */
	ok(&t, "CREATE Foo");
	ok(&t, "UNSUBSCRIBE Foo/Baz");
	SAYS(&t, "C08 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\"\r\n", "C08 OK LIST done\r\n");
	/* C */
	ok(&t, "SUBSCRIBE Foo");
	ok(&t, "SUBSCRIBE Moo");
	SAYS(&t, "C09 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" \"%\" RETURN (CHILDREN)\r\n",
	    "* LIST (\\Subscribed \\HasChildren) \"/\" Foo\r\n"
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" Moo\r\n"
	    "C09 OK LIST done\r\n");
	talk_end(&t);
}

/* RFC 5258 5, example 8: CHILDINFO whether or not what is below matches the
 * pattern; and none for a name whose selected children are all told (3.5). */
static void
childinfo_of_what_is_told_nowhere_else(void **state)
{
	static const char *const boxes[] = { "foo2/bar1", "foo2/bar2", "baz2/bar2", "baz2/bar22",
		"baz2/bar222", "eps2/mamba", "qux2/bar2" };
	struct buffer b = BUFFER_INIT;
	struct talk t;

	begin_empty(&t);
	for (size_t i = 0; i < ARRAY_LEN(boxes); i++) {
		buffer_clear(&b);
		buffer_addf(&b, "t CREATE %s\r\nt SUBSCRIBE %s\r\n", boxes[i], boxes[i]);
		HAS(&t, buffer_string(&b), "t OK SUBSCRIBE");
	}
	ok(&t, "SUBSCRIBE eps2");
	ok(&t, "DELETE qux2");
	SAYS(&t, "D03 LIST (RECURSIVEMATCH SUBSCRIBED) \"\" \"*2\"\r\n",
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" baz2/bar2\r\n"
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" baz2/bar22\r\n"
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" baz2/bar222\r\n"
	    "* LIST (\\Subscribed \\HasChildren) \"/\" eps2 (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	    "* LIST (\\HasChildren) \"/\" foo2 (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" foo2/bar2\r\n"
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" qux2/bar2\r\n"
	    "D03 OK LIST done\r\n");
	buffer_done(&b);
	talk_end(&t);
}

/* RFC 5258 3: several patterns, each mailbox once. */
static void
several_patterns(void **state)
{
	struct talk t;

	fruit(&t);
	SAYS(&t, "BBB LIST \"\" (\"INBOX\" \"Fruit/%\" \"F*a\" \"inbox\")\r\n",
	    "* LIST (\\HasNoChildren) \"/\" Fruit/Apple\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Fruit/Banana\r\n"
	    "* LIST (\\HasNoChildren) \"/\" INBOX\r\nBBB OK LIST done\r\n");
	SAYS(&t, "B2 LIST \"Vegetable/\" (C% Br%)\r\n",
	    "* LIST (\\HasNoChildren) \"/\" Vegetable/Broccoli\r\n"
	    "* LIST (\\HasNoChildren) \"/\" Vegetable/Corn\r\nB2 OK LIST done\r\n");
	SAYS(&t, "B3 LIST \"\" (Tofu Nowhere)\r\n",
	    "* LIST (\\HasNoChildren) \"/\" Tofu\r\nB3 OK LIST done\r\n");
	talk_end(&t);
}

/* RFC 5258 6, RFC 5819 4, RFC 6154 6 */
static void
wrong_lists(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	begin_empty(&t);
	/* RFC 5258 3: RECURSIVEMATCH alone, or with REMOTE alone; unknown options. */
	HAS(&t, "a1 LIST (RECURSIVEMATCH) \"\" *\r\n", "a1 BAD ");
	HAS(&t, "a2 LIST (REMOTE RECURSIVEMATCH) \"\" *\r\n", "a2 BAD ");
	HAS(&t, "a3 LIST (NONSENSE) \"\" *\r\n", "a3 BAD ");
	HAS(&t, "a4 LIST \"\" * RETURN (NONSENSE)\r\n", "a4 BAD ");
	HAS(&t, "a5 LIST \"\" ()\r\n", "a5 BAD ");
	HAS(&t, "a6 LIST \"\" (a b\r\n", "a6 BAD ");
	HAS(&t, "a7 LIST \"\" * RETURN (STATUS)\r\n", "a7 BAD ");
	HAS(&t, "a8 LIST \"\" * RETURN (STATUS ())\r\n", "a8 BAD ");
	HAS(&t, "a9 LIST \"\" * RETURN (CHILDREN) x\r\n", "a9 BAD ");
	HAS(&t, "b1 LIST \"\"\r\n", "b1 BAD ");
	HAS(&t, "b2 LSUB (SUBSCRIBED) \"\" *\r\n", "b2 BAD ");
	HAS(&t, "b3 LIST \"\" &&\r\n", "b3 OK "); /* spelt like no name */
	HAS(&t, "b4 LIST (subscribed recursivematch) \"\" * return (children)\r\n", "b4 OK ");
	buffer_addf(&b, "b5 LIST \"\" (a");
	for (int i = 0; i < LIST_PATTERNS_MAX; i++)
		buffer_add_string(&b, " b");
	buffer_add_string(&b, ")\r\n");
	HAS(&t, buffer_string(&b), "b5 NO [LIMIT] ");
	buffer_clear(&b);
	buffer_add_string(&b, "b6 LIST \"\" ");
	for (int i = 0; i < 4100; i++)
		buffer_add_byte(&b, 'x');
	buffer_add_string(&b, "\r\n");
	HAS(&t, buffer_string(&b), "b6 NO [LIMIT] ");
	buffer_done(&b);
	talk_end(&t);
}

/* RFC 6154 2 and RFC 6154 5.2 */
static void
special_use(void **state)
{
	struct talk t;

	sign_in(&t);
	SAYS(&t, "t1 LIST \"\" \"%\" RETURN (SPECIAL-USE)\r\n",
	    "* LIST (\\HasNoChildren \\Archive) \"/\" Archive\r\n"
	    "* LIST (\\HasNoChildren \\Drafts) \"/\" Drafts\r\n"
	    "* LIST (\\HasNoChildren) \"/\" INBOX\r\n"
	    "* LIST (\\HasNoChildren \\Junk) \"/\" Junk\r\n"
	    "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\n"
	    "* LIST (\\HasNoChildren \\Trash) \"/\" Trash\r\nt1 OK LIST done\r\n");
	SAYS(&t, "t2 LIST (SPECIAL-USE) \"\" \"[A-D]\"\r\n", "t2 OK LIST done\r\n");
	ok(&t, "UNSUBSCRIBE Sent");
	ok(&t, "CREATE Deep/All (USE (\\All))");
	SAYS(&t, "t3 LIST (SPECIAL-USE) \"\" (\"D*\" \"S*\" \"I*\")\r\n",
	    "* LIST (\\HasNoChildren \\All) \"/\" Deep/All\r\n"
	    "* LIST (\\HasNoChildren \\Drafts) \"/\" Drafts\r\n"
	    "* LIST (\\HasNoChildren \\Sent) \"/\" Sent\r\nt3 OK LIST done\r\n");
	SAYS(&t, "t4 LIST (SPECIAL-USE SUBSCRIBED) \"\" (\"S*\" \"T*\")\r\n",
	    "* LIST (\\Subscribed \\HasNoChildren \\Trash) \"/\" Trash\r\nt4 OK LIST done\r\n");
	SAYS(&t, "t5 LIST (SPECIAL-USE RECURSIVEMATCH) \"\" \"D%\"\r\n",
	    "* LIST (\\HasChildren) \"/\" Deep (\"CHILDINFO\" (\"SPECIAL-USE\"))\r\n"
	    "* LIST (\\HasNoChildren \\Drafts) \"/\" Drafts\r\nt5 OK LIST done\r\n");
	talk_end(&t);
}

/* RFC 3501 7.2.2, RFC 3348 3: \Noinferiors where there is no room for a name below. */
static void
no_inferiors(void **state)
{
	struct buffer create = BUFFER_INIT;
	struct talk t;

	begin_empty(&t);
	buffer_add_string(&create, "t CREATE a");
	for (int i = 1; i < MAILBOX_DEPTH_MAX; i++)
		buffer_add_string(&create, "/a");
	buffer_add_string(&create, "\r\n");
	HAS(&t, buffer_string(&create), "t OK ");
	HAS(&t, "a1 LIST \"\" a*\r\n", "* LIST (\\Noinferiors) \"/\" a/a");
	HAS(&t, "a2 LIST \"\" a/a\r\n", "* LIST (\\HasChildren) \"/\" a/a\r\n");
	buffer_done(&create);
	talk_end(&t);
}

/* ---- LIST-STATUS ---- */

/* RFC 5819 2, with the examples of RFC 5819 3: STATUS behind the LIST of each mailbox that can be
 * selected and was, not where only something below it was. */
static void
list_with_status(void **state)
{
	struct talk t;

	begin_empty(&t);
	ok(&t, "CREATE foo/bar");
	ok(&t, "SUBSCRIBE INBOX");
	ok(&t, "SUBSCRIBE foo/bar");
	append_to(&t, "INBOX", "(\\Seen) ", MAIL_A);
	append_to(&t, "foo/bar", "", MAIL_B);
	SAYS(&t, "A01 LIST \"\" % RETURN (STATUS (MESSAGES UNSEEN))\r\n",
	    "* LIST (\\HasNoChildren) \"/\" INBOX\r\n"
	    "* STATUS INBOX (MESSAGES 1 UNSEEN 0)\r\n"
	    "* LIST (\\HasChildren) \"/\" foo\r\n"
	    "* STATUS foo (MESSAGES 0 UNSEEN 0)\r\nA01 OK LIST done\r\n");
	SAYS(&t, "A02 LIST (SUBSCRIBED RECURSIVEMATCH) \"\" % RETURN (STATUS (MESSAGES SIZE))\r\n",
	    "* LIST (\\Subscribed \\HasNoChildren) \"/\" INBOX\r\n"
	    "* STATUS INBOX (MESSAGES 1 SIZE 150)\r\n"
	    "* LIST (\\HasChildren) \"/\" foo (\"CHILDINFO\" (\"SUBSCRIBED\"))\r\n"
	    "A02 OK LIST done\r\n");
	ok(&t, "DELETE foo");
	SAYS(&t, "A03 LIST \"\" foo* RETURN (STATUS (UIDNEXT))\r\n",
	    "* LIST (\\NonExistent \\HasChildren) \"/\" foo\r\n"
	    "* LIST (\\HasNoChildren) \"/\" foo/bar\r\n"
	    "* STATUS foo/bar (UIDNEXT 2)\r\nA03 OK LIST done\r\n");
	talk_end(&t);
}

/* ---- LSUB ---- */

/* RFC 3501 6.3.9 and RFC 3501 7.2.3 */
static void
lsub(void **state)
{
	struct talk t;

	begin_empty(&t);
	ok(&t, "CREATE #news.comp.mail.mime");
	ok(&t, "SUBSCRIBE #news.comp.mail.mime");
	ok(&t, "SUBSCRIBE foo/bar"); /* which is not there */
	SAYS(&t, "A002 LSUB \"#news.\" \"comp.mail.*\"\r\n",
	    "* LSUB () \"/\" #news.comp.mail.mime\r\nA002 OK LSUB done\r\n");
	SAYS(&t, "A003 LSUB \"#news.\" \"comp.%\"\r\n",
	    "* LSUB () \"/\" #news.comp.mail.mime\r\nA003 OK LSUB done\r\n");
	SAYS(&t, "A004 LSUB \"\" \"f%\"\r\n",
	    "* LSUB (\\Noselect) \"/\" foo\r\nA004 OK LSUB done\r\n");
	SAYS(&t, "A005 LSUB \"\" \"f*\"\r\n",
	    "* LSUB (\\Noselect) \"/\" foo/bar\r\nA005 OK LSUB done\r\n");
	SAYS(&t, "A006 LSUB \"\" foo\r\n", "A006 OK LSUB done\r\n");
	talk_end(&t);
}

/* ---- STATUS ---- */

/* RFC 3501 6.3.10 and RFC 3501 7.2.4, RFC 9051 6.3.11 and RFC 9051 7.3.3, RFC 8438 2 */
static void
status(void **state)
{
	struct talk t;

	begin_empty(&t);
	ok(&t, "CREATE blurdybloop");
	append_to(&t, "blurdybloop", "(\\Seen \\Deleted) ", MAIL_A);
	append_to(&t, "blurdybloop", "", MAIL_B);
	SAYS(&t, "A042 STATUS blurdybloop (UIDNEXT MESSAGES)\r\n",
	    "* STATUS blurdybloop (MESSAGES 2 UIDNEXT 3)\r\nA042 OK STATUS done\r\n");
	SAYS(&t, "A043 STATUS blurdybloop (SIZE DELETED UNSEEN RECENT)\r\n",
	    "* STATUS blurdybloop (RECENT 2 UNSEEN 1 DELETED 1 SIZE 217)\r\n"
	    "A043 OK STATUS done\r\n");
	HAS(&t, "A044 STATUS nowhere (MESSAGES)\r\n", "A044 NO [NONEXISTENT] ");
	HAS(&t, "A045 STATUS blurdybloop (MESSAGES NONSENSE)\r\n", "A045 BAD ");
	HAS(&t, "A046 STATUS blurdybloop MESSAGES\r\n", "A046 BAD ");
	HAS(&t, "A047 STATUS inbox (MESSAGES)\r\n", "* STATUS INBOX (MESSAGES 0)\r\n");
	talk_end(&t);
}

/* RFC 7162 3.1, RFC 7162 3.1.7: asking for HIGHESTMODSEQ enables CONDSTORE. */
static void
status_of_modseq(void **state)
{
	struct talk t;

	sign_in(&t);
	assert_int_equal(((struct imap *)t.s)->enabled, 0);
	HAS(&t, "a1 STATUS INBOX (HIGHESTMODSEQ)\r\n", "* STATUS INBOX (HIGHESTMODSEQ ");
	assert_int_equal(((struct imap *)t.s)->enabled, ENABLED_CONDSTORE);
	talk_end(&t);
	sign_in(&t);
	HAS(&t, "a2 LIST \"\" INBOX RETURN (STATUS (HIGHESTMODSEQ))\r\n", "(HIGHESTMODSEQ ");
	assert_int_equal(((struct imap *)t.s)->enabled, ENABLED_CONDSTORE);
	talk_end(&t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_root_is_told),
		CASE(everything_and_what_is_subscribed),
		CASE(childinfo_is_not_children),
		CASE(childinfo_of_what_is_told_nowhere_else),
		CASE(several_patterns),
		CASE(wrong_lists),
		CASE(special_use),
		CASE(no_inferiors),
		CASE(list_with_status),
		CASE(lsub),
		CASE(status),
		CASE(status_of_modseq),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
