/* SPDX-License-Identifier: ISC */
/*
 * Names of mailboxes on the wire, and what is done to mailboxes by name
 * (RFC 3501 6.3.3 to 6.3.7, RFC 9051 5.1 and 6.3.4 to 6.3.8).
 */
#include "imap/session_testing.h"

#define E_NFC "\xc3\xa9"  /* e with acute */
#define E_NFD "e\xcc\x81" /* the same in two characters */
#define TAIPEI "\xe5\x8f\xb0\xe5\x8c\x97"

static void
sign_in_modern(struct talk *t)
{
	sign_in(t);
	((struct imap *)t->s)->enabled |= ENABLED_REV2;
}

/* ---- names ---- */

/* RFC 9051 A: what one client makes, another sees in its own spelling. */
static void
names_of_old_and_new_clients(void **state)
{
	struct talk old, new;

	sign_in(&old);
	sign_in_modern(&new);
	/* RFC 3501 5.1.3, RFC 9051 A.1 */
	SAYS(&old, "a1 CREATE \"~peter/mail/&U,BTFw-/&ZeVnLIqe-\"\r\n", "a1 OK CREATE done\r\n");
	SAYS(&new, "b1 LIST \"\" ~peter/mail/*\r\n",
	    "* LIST (\\HasChildren) \"/\" \"~peter/mail/" TAIPEI "\"\r\n"
	    "* LIST (\\HasNoChildren) \"/\" \"~peter/mail/" TAIPEI
	    "/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\"\r\nb1 OK LIST done\r\n");
	SAYS(&new, "b2 CREATE \"caf" E_NFC " & more\"\r\n", "b2 OK CREATE done\r\n");
	SAYS(&old, "a2 LIST \"\" caf*\r\n",
	    "* LIST (\\HasNoChildren) \"/\" \"caf&AOk- &- more\"\r\na2 OK LIST done\r\n");
	SAYS(&new, "b3 STATUS \"caf" E_NFC " & more\" (MESSAGES)\r\n",
	    "* STATUS \"caf" E_NFC " & more\" (MESSAGES 0)\r\nb3 OK STATUS done\r\n");
	HAS(&new, "b4 STATUS {12+}\r\ncaf" E_NFC " & more (MESSAGES)\r\n", "b4 OK ");
	SAYS(&old, "a3 STATUS \"caf&AOk- &- more\" (MESSAGES)\r\n",
	    "* STATUS \"caf&AOk- &- more\" (MESSAGES 0)\r\na3 OK STATUS done\r\n");
	/* Each in its own spelling alone. */
	HAS(&old, "a4 STATUS \"caf" E_NFC "\" (MESSAGES)\r\n", "a4 NO [CANNOT] ");
	HAS(&new, "b5 STATUS \"caf\xe9\" (MESSAGES)\r\n", "b5 NO [CANNOT] ");
	HAS(&new, "b6 CREATE &AOk-\r\n", "b6 OK ");
	SAYS(&old, "a5 LIST \"\" &-AOk-\r\n",
	    "* LIST (\\HasNoChildren) \"/\" &-AOk-\r\na5 OK LIST done\r\n");
	HAS(&new, "b7 SUBSCRIBE \"caf" E_NFC " & more\"\r\n", "b7 OK ");
	HAS(&old, "a6 LSUB \"\" caf%\r\n", "* LSUB () \"/\" \"caf&AOk- &- more\"\r\n");
	HAS(&new, "b8 LSUB \"\" \"ca%" E_NFC "*\"\r\n",
	    "* LSUB () \"/\" \"caf" E_NFC " & more\"\r\n");
	HAS(&old, "a7 LIST \"\" \"ca%&AOk-%\"\r\n", "* LIST ");
	HAS(&new, "b9 SELECT \"caf" E_NFC " & more\"\r\n", "b9 OK ");
	append_to(&new, "\"caf" E_NFC " & more\"", "", MAIL_A);
	HAS(&new, "c1 COPY 1 \"caf" E_NFC " & more\"\r\n", "c1 OK [COPYUID ");
	talk_end(&old);
	talk_end(&new);
}

/* RFC 9051 5.1, RFC 5198 3: one name, however it is composed; the client is
 * told by OLDNAME (RFC 9051 6.3.9.7). */
static void
names_are_normalized(void **state)
{
	struct talk t;

	sign_in_modern(&t);
	SAYS(&t, "a1 CREATE \"caf" E_NFD "\"\r\n",
	    "* LIST () \"/\" \"caf" E_NFC "\" (\"OLDNAME\" (\"caf" E_NFD "\"))\r\n"
	    "a1 OK CREATE done\r\n");
	HAS(&t, "a2 CREATE \"caf" E_NFC "\"\r\n", "a2 NO [ALREADYEXISTS] ");
	HAS(&t, "a3 STATUS \"caf" E_NFD "\" (MESSAGES)\r\n", "* STATUS \"caf" E_NFC "\" (");
	HAS(&t, "a4 LIST \"\" \"%" E_NFD "\"\r\n",
	    "* LIST (\\HasNoChildren) \"/\" \"caf" E_NFC "\"");
	SAYS(&t, "a5 CREATE inbox/x/\r\n",
	    "* LIST () \"/\" INBOX/x (\"OLDNAME\" (inbox/x))\r\na5 OK CREATE done\r\n");
	SAYS(&t, "a6 RENAME \"caf" E_NFD "\" tea\r\n",
	    "* LIST () \"/\" tea (\"OLDNAME\" (\"caf" E_NFD "\"))\r\na6 OK RENAME done\r\n");
	SAYS(&t, "b1 RENAME tea \"th" E_NFD "\"\r\n",
	    "* LIST () \"/\" \"th" E_NFC "\" (\"OLDNAME\" (tea))\r\nb1 OK RENAME done\r\n");
	SAYS(&t, "b2 RENAME \"th" E_NFC "\" tea\r\n", "b2 OK RENAME done\r\n");
	SAYS(&t, "b3 RENAME tea \"th" E_NFC "\"\r\n", "b3 OK RENAME done\r\n");
	SAYS(&t, "b4 DELETE \"th" E_NFD "\"\r\n",
	    "* LIST (\\NonExistent) \"/\" \"th" E_NFC "\" (\"OLDNAME\" (\"th" E_NFD "\"))\r\n"
	    "b4 OK DELETE done\r\n");
	SAYS(&t, "a7 CREATE plain/\r\n", "a7 OK CREATE done\r\n");
	talk_end(&t);
	/* No extended answers for who does not know of them. */
	sign_in(&t);
	SAYS(&t, "a8 CREATE cafe&AwE-\r\n", "a8 OK CREATE done\r\n");
	HAS(&t, "a9 LIST \"\" caf%\r\n", "* LIST (\\HasNoChildren) \"/\" caf&AOk-\r\n");
	talk_end(&t);
}

static void
strange_names(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	SAYS(&t, "a1 CREATE \"say \\\"hi\\\" \\\\ (100%) *\"\r\n", "a1 OK CREATE done\r\n");
	SAYS(&t, "a2 LIST \"\" \"say*\"\r\n",
	    "* LIST (\\HasNoChildren) \"/\" \"say \\\"hi\\\" \\\\ (100%) *\"\r\n"
	    "a2 OK LIST done\r\n");
	HAS(&t, "a5 STATUS {19+}\r\nsay \"hi\" \\ (100%) * (MESSAGES)\r\n", "a5 OK ");
	HAS(&t, "a6 CREATE \"tab\there\"\r\n", "a6 NO [CANNOT] ");
	HAS(&t, "a7 CREATE {3+}\r\na\nb\r\n", "a7 NO [CANNOT] ");
	HAS(&t, "a8 CREATE \"\"\r\n", "a8 NO [CANNOT] ");
	HAS(&t, "a9 CREATE /x\r\n", "a9 NO [CANNOT] ");
	HAS(&t, "b1 CREATE x//y\r\n", "b1 NO [CANNOT] ");
	HAS(&t, "b2 CREATE a&b\r\n", "b2 NO [CANNOT] ");
	HAS(&t, "b3 CREATE &IIg-\r\n", "b3 OK "); /* a left-to-right override is odd but legal */
	HAS(&t, "b4 CREATE &ICg-\r\n", "b4 NO [CANNOT] "); /* U+2028, RFC 6855 3 */
	HAS(&t, "b5 CREATE &AIU-\r\n", "b5 NO [CANNOT] "); /* U+0085 */
	buffer_add_string(&b, "b6 CREATE ");
	for (int i = 0; i < 1001; i++)
		buffer_add_byte(&b, 'x');
	buffer_add_string(&b, "\r\n");
	HAS(&t, buffer_string(&b), "b6 NO [LIMIT] ");
	buffer_clear(&b);
	buffer_add_string(&b, "b7 CREATE a");
	for (int i = 0; i < 50; i++)
		buffer_add_string(&b, "/a");
	buffer_add_string(&b, "\r\n");
	HAS(&t, buffer_string(&b), "b7 NO [LIMIT] ");
	buffer_done(&b);
	talk_end(&t);
}

/* ---- commands ---- */

/* RFC 3501 6.3.3 and RFC 3501 6.3.4, RFC 9051 6.3.4 and RFC 9051 6.3.5; levels, RFC
 * 9051 5.1.1 */
static void
create_and_delete(void **state)
{
	struct talk t;

	sign_in(&t);
	SAYS(&t, "A003 CREATE owatagusiam/\r\n", "A003 OK CREATE done\r\n");
	SAYS(&t, "A004 CREATE owatagusiam/blurdybloop\r\n", "A004 OK CREATE done\r\n");
	HAS(&t, "A005 CREATE Inbox\r\n", "A005 NO [ALREADYEXISTS] ");
	HAS(&t, "A006 CREATE owatagusiam\r\n", "A006 NO [ALREADYEXISTS] ");
	SAYS(&t, "A684 DELETE owatagusiam\r\n", "A684 OK DELETE done\r\n");
	/* What is below stays, and the name with it. */
	SAYS(&t, "A685 LIST \"\" owat*\r\n",
	    "* LIST (\\Noselect \\HasChildren) \"/\" owatagusiam\r\n"
	    "* LIST (\\HasNoChildren) \"/\" owatagusiam/blurdybloop\r\nA685 OK LIST done\r\n");
	HAS(&t, "A686 DELETE owatagusiam\r\n", "A686 NO [NONEXISTENT] ");
	HAS(&t, "A687 SELECT owatagusiam\r\n", "A687 NO [NONEXISTENT] ");
	HAS(&t, "A688 CREATE owatagusiam\r\n", "A688 OK ");
	HAS(&t, "A689 DELETE INBOX\r\n", "A689 NO [CANNOT] ");
	/* The selected one is left; others who have it selected are told. */
	HAS(&t, "A690 SELECT owatagusiam\r\n", "A690 OK ");
	SAYS(&t, "A691 DELETE owatagusiam\r\n", "A691 OK DELETE done\r\n");
	HAS(&t, "A692 FETCH 1 FLAGS\r\n", "A692 BAD Select a mailbox first");
	talk_end(&t);
}

/* RFC 3501 2.3.1.1, RFC 3501 6.3.3: a name that is used again has another UIDVALIDITY. */
static void
a_new_mailbox_of_an_old_name(void **state)
{
	struct talk t;
	unsigned long first, second;

	sign_in(&t);
	HAS(&t, "a1 CREATE again\r\n", "a1 OK ");
	HAS(&t, "a2 STATUS again (UIDVALIDITY)\r\n", "UIDVALIDITY");
	first = strtoul(strstr(buffer_string(&t.out), "VALIDITY") + 9, NULL, 10);
	HAS(&t, "a3 DELETE again\r\n", "a3 OK ");
	HAS(&t, "a4 CREATE again\r\n", "a4 OK ");
	HAS(&t, "a5 STATUS again (UIDVALIDITY)\r\n", "UIDVALIDITY");
	second = strtoul(strstr(buffer_string(&t.out), "VALIDITY") + 9, NULL, 10);
	assert_true(second > first);
	talk_end(&t);
}

/* RFC 3501 6.3.5, RFC 9051 6.3.6 */
static void
renames(void **state)
{
	struct talk t;

	sign_in(&t);
	HAS(&t, "a1 CREATE blurdybloop/deep/er\r\n", "a1 OK ");
	HAS(&t, "a2 CREATE foo\r\n", "a2 OK ");
	SAYS(&t, "A683 RENAME blurdybloop sarasoop/new\r\n", "A683 OK RENAME done\r\n");
	SAYS(&t, "A684 RENAME foo zowie\r\n", "A684 OK RENAME done\r\n");
	SAYS(&t, "A685 LIST \"\" s*\r\n",
	    "* LIST (\\HasChildren) \"/\" sarasoop\r\n"
	    "* LIST (\\HasChildren) \"/\" sarasoop/new\r\n"
	    "* LIST (\\HasChildren) \"/\" sarasoop/new/deep\r\n"
	    "* LIST (\\HasNoChildren) \"/\" sarasoop/new/deep/er\r\nA685 OK LIST done\r\n");
	HAS(&t, "a3 RENAME zowie sarasoop\r\n", "a3 NO [ALREADYEXISTS] ");
	HAS(&t, "a4 RENAME nothing sarasoop2\r\n", "a4 NO [NONEXISTENT] ");
	HAS(&t, "a5 RENAME sarasoop sarasoop/new/below\r\n", "a5 NO [CANNOT] ");
	HAS(&t, "a6 RENAME zowie inbox\r\n", "a6 NO [ALREADYEXISTS] ");
	/* INBOX stays, its messages go; what is below it stays. */
	HAS(&t, "a7 CREATE INBOX/bar\r\n", "a7 OK ");
	append_to(&t, "INBOX", "", MAIL_A);
	SAYS(&t, "Z433 RENAME INBOX old-mail\r\n", "Z433 OK RENAME done\r\n");
	SAYS(&t, "Z434 LIST \"\" (I* old*)\r\n",
	    "* LIST (\\HasChildren) \"/\" INBOX\r\n"
	    "* LIST (\\HasNoChildren) \"/\" INBOX/bar\r\n"
	    "* LIST (\\HasNoChildren) \"/\" old-mail\r\nZ434 OK LIST done\r\n");
	HAS(&t, "a8 STATUS old-mail (MESSAGES)\r\n", "(MESSAGES 1)");
	HAS(&t, "a9 STATUS INBOX (MESSAGES)\r\n", "(MESSAGES 0)");
	talk_end(&t);
}

/* RFC 3501 6.3.6 and RFC 3501 6.3.7, RFC 9051 6.3.7 and RFC 9051 6.3.8: a name may be
 * subscribed to that is not there. */
static void
subscriptions(void **state)
{
	struct talk t;

	sign_in(&t);
	SAYS(&t, "A002 SUBSCRIBE #news.comp.mail.mime\r\n", "A002 OK SUBSCRIBE done\r\n");
	SAYS(&t, "A003 SUBSCRIBE #news.comp.mail.mime\r\n", "A003 OK SUBSCRIBE done\r\n");
	SAYS(&t, "A004 LIST (SUBSCRIBED) \"\" #*\r\n",
	    "* LIST (\\NonExistent \\Subscribed \\HasNoChildren) \"/\" #news.comp.mail.mime\r\n"
	    "A004 OK LIST done\r\n");
	SAYS(&t, "A005 LIST \"\" #*\r\n", "A005 OK LIST done\r\n");
	SAYS(&t, "A006 UNSUBSCRIBE #news.comp.mail.mime\r\n", "A006 OK UNSUBSCRIBE done\r\n");
	SAYS(&t, "A007 UNSUBSCRIBE #news.comp.mail.mime\r\n", "A007 OK UNSUBSCRIBE done\r\n");
	SAYS(&t, "A008 LSUB \"\" #*\r\n", "A008 OK LSUB done\r\n");
	talk_end(&t);
}

/* RFC 6154 3 and the examples of RFC 6154 5 */
static void
create_with_a_use(void **state)
{
	struct talk t;

	sign_in(&t);
	SAYS(&t, "t1 CREATE MySpecial (USE (\\Important))\r\n", "t1 OK CREATE done\r\n");
	SAYS(&t, "t2 LIST \"\" My*\r\n",
	    "* LIST (\\HasNoChildren \\Important) \"/\" MySpecial\r\nt2 OK LIST done\r\n");
	HAS(&t, "t3 CREATE Second (USE (\\Drafts \\Sent))\r\n", "t3 NO [USEATTR] ");
	HAS(&t, "t4 CREATE Second (USE (\\Nonsense))\r\n", "t4 NO [USEATTR] ");
	HAS(&t, "t5 CREATE Second (USE (\\Sent))\r\n", "t5 NO [USEATTR] ");
	HAS(&t, "t6 CREATE Plain (USE ())\r\n", "t6 OK ");
	HAS(&t, "t7 CREATE Wrong (USE)\r\n", "t7 BAD ");
	HAS(&t, "t8 LIST \"\" (Second Wrong)\r\n", "t8 OK ");
	assert_null(strstr(buffer_string(&t.out), "* LIST"));
	talk_end(&t);
}

/* RFC 2342 5 and RFC 2342 6, RFC 9051 6.3.10 and RFC 9051 7.3.2 */
static void
one_namespace(void **state)
{
	struct talk t;

	sign_in(&t);
	SAYS(&t, "A001 NAMESPACE\r\n",
	    "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\nA001 OK NAMESPACE done\r\n");
	HAS(&t, "A002 NAMESPACE x\r\n", "A002 BAD ");
	talk_end(&t);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_house, close_house)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(names_of_old_and_new_clients),
		CASE(names_are_normalized),
		CASE(strange_names),
		CASE(create_and_delete),
		CASE(a_new_mailbox_of_an_old_name),
		CASE(renames),
		CASE(subscriptions),
		CASE(create_with_a_use),
		CASE(one_namespace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
