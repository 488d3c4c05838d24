/* SPDX-License-Identifier: ISC */
/*
 * ESEARCH (RFC 4731) and saved results (RFC 5182), with the examples of both
 * RFCs and of RFC 9051 6.4.4: what is written for a given result, and whole
 * sessions for what "$" stands for.
 */
#include "imap/search.h"
#include "imap/session_testing.h"

/* ---- what is written ---- */

struct written {
	struct imap im;
	struct view view;
	struct command c;
	struct runs found;
};

/* A mailbox of these UIDs in which these were found. */
static void
set_up(struct written *w, const char *tag, bool uid)
{
	*w = (struct written){ 0 };
	w->im.view = &w->view;
	w->c = (struct command){ .im = &w->im, .tag = text_of(tag), .uid = uid };
}

static const char *
answer(struct written *w, const char *options)
{
	struct cursor c = cursor_of(text_of(options));
	unsigned returns;
	bool present;

	assert_true(imap_search_return(&c, &present, &returns));
	assert_true(imap_end(&c));
	assert_true(present);
	buffer_clear(&w->c.out);
	imap_search_write_extended(&w->c, &w->found, returns, 0);
	return buffer_string(&w->c.out);
}

static void
tear_down(struct written *w)
{
	view_done(&w->view);
	runs_done(&w->found);
	buffer_done(&w->c.out);
}

static void
examples_of_rfc_4731(void **state)
{
	struct written w;

	/* RFC 4731 3.2: by number, all UIDs are numbers here */
	set_up(&w, "A282", false);
	uidset_add(&w.view.uids, 1, 1000);
	runs_add(&w.found, 2, 2);
	runs_add(&w.found, 10, 11);
	assert_string_equal(
	    answer(&w, " RETURN (MIN COUNT)"), "* ESEARCH (TAG \"A282\") MIN 2 COUNT 3\r\n");
	w.c.tag = TEXT("A283");
	assert_string_equal(answer(&w, " RETURN ()"), "* ESEARCH (TAG \"A283\") ALL 2,10:11\r\n");
	assert_string_equal(answer(&w, " RETURN (MAX MIN ALL)"),
	    "* ESEARCH (TAG \"A283\") MIN 2 MAX 11 ALL 2,10:11\r\n");
	tear_down(&w);
	set_up(&w, "A285", true);
	uidset_add(&w.view.uids, 1, 50000);
	runs_add(&w.found, 7, 7);
	runs_add(&w.found, 3000, 3800);
	assert_string_equal(
	    answer(&w, " RETURN (MIN MAX)"), "* ESEARCH (TAG \"A285\") UID MIN 7 MAX 3800\r\n");
	runs_remove(&w.found, 3001, 3799);
	w.c.tag = TEXT("A286");
	assert_string_equal(
	    answer(&w, " RETURN (COUNT)"), "* ESEARCH (TAG \"A286\") UID COUNT 3\r\n");
	tear_down(&w);
}

/* Nothing found: only COUNT has something to say (RFC 4731 3.1). */
static void
nothing_found(void **state)
{
	struct written w;

	set_up(&w, "a]b", true);
	assert_string_equal(answer(&w, " RETURN (MIN MAX ALL)"), "* ESEARCH (TAG \"a]b\") UID\r\n");
	assert_string_equal(
	    answer(&w, " return (count min)"), "* ESEARCH (TAG \"a]b\") UID COUNT 0\r\n");
	assert_string_equal(answer(&w, " RETURN (SAVE)"), ""); /* RFC 9051 6.4.4.1 */
	assert_string_equal(
	    answer(&w, " RETURN (SAVE COUNT)"), "* ESEARCH (TAG \"a]b\") UID COUNT 0\r\n");
	tear_down(&w);
}

/* Numbers join where UIDs have holes between them. */
static void
numbers_join(void **state)
{
	struct written w;

	set_up(&w, "a", false);
	uidset_add(&w.view.uids, 5, 6);
	uidset_add(&w.view.uids, 100, 104);
	uidset_add(&w.view.uids, 900, 900);
	runs_add(&w.found, 6, 6);
	runs_add(&w.found, 100, 101);
	runs_add(&w.found, 103, 103);
	runs_add(&w.found, 900, 900);
	assert_string_equal(answer(&w, " RETURN (ALL)"), "* ESEARCH (TAG \"a\") ALL 2:4,6,8\r\n");
	w.c.uid = true;
	assert_string_equal(
	    answer(&w, " RETURN (ALL)"), "* ESEARCH (TAG \"a\") UID ALL 6,100:101,103,900\r\n");
	tear_down(&w);
}

static void
bad_options(void **state)
{
	static const char *const bad[] = { " RETURN", " RETURN ALL", " RETURN (ALL",
		" RETURN (ALL )", " RETURN (ALLS)", " RETURN ( ALL)", " RETURN (ALL,MIN)" };
	unsigned returns;
	bool present;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cursor c = cursor_of(text_of(bad[i]));

		assert_false(imap_search_return(&c, &present, &returns));
	}
}

/* ---- sessions ---- */

/* Five messages: 2 and 4 of Bob, 3 of Bob and seen. */
static void
fill(struct talk *t, const char *mailbox)
{
	struct buffer b = BUFFER_INIT;

	buffer_addf(&b, "c CREATE %s\r\n", mailbox);
	HAS(t, buffer_string(&b), "c OK");
	buffer_clear(&b);
	append_to(t, mailbox, "", MAIL_A);
	append_to(t, mailbox, "", MAIL_B);
	append_to(t, mailbox, "(\\Seen) ", MAIL_B);
	append_to(t, mailbox, "", MAIL_B);
	append_to(t, mailbox, "(\\Flagged) ", MAIL_A);
	buffer_addf(&b, "s SELECT %s\r\n", mailbox);
	HAS(t, buffer_string(&b), "s OK");
	buffer_done(&b);
}

static void
extended(void **state)
{
	struct talk t;

	sign_in(&t);
	fill(&t, "Extended");
	SAYS(&t, "a1 SEARCH RETURN (MIN MAX COUNT ALL) FROM bob\r\n",
	    "* ESEARCH (TAG \"a1\") MIN 2 MAX 4 ALL 2:4 COUNT 3\r\na1 OK SEARCH done\r\n");
	SAYS(&t, "a2 UID SEARCH RETURN () CHARSET utf-8 SUBJECT first\r\n",
	    "* ESEARCH (TAG \"a2\") UID ALL 1,5\r\na2 OK UID SEARCH done\r\n");
	SAYS(&t, "a3 SEARCH RETURN (MIN) FROM bob UNSEEN\r\n",
	    "* ESEARCH (TAG \"a3\") MIN 2\r\na3 OK SEARCH done\r\n");
	SAYS(&t, "a4 SEARCH RETURN (MAX) OR 1 FROM bob\r\n",
	    "* ESEARCH (TAG \"a4\") MAX 4\r\na4 OK SEARCH done\r\n");
	SAYS(&t, "a5 SEARCH RETURN (MIN MAX) OR 3 BODY \"second body\"\r\n",
	    "* ESEARCH (TAG \"a5\") MIN 2 MAX 4\r\na5 OK SEARCH done\r\n");
	SAYS(&t, "a6 SEARCH RETURN (MAX) FLAGGED SEEN\r\n",
	    "* ESEARCH (TAG \"a6\")\r\na6 OK SEARCH done\r\n");
	SAYS(&t, "a7 SEARCH RETURN (COUNT) ALL\r\n",
	    "* ESEARCH (TAG \"a7\") COUNT 5\r\na7 OK SEARCH done\r\n");
	HAS(&t, "a8 SEARCH RETURN (NONE) ALL\r\n", "a8 BAD");
	HAS(&t, "a9 SEARCH RETURN (ALL)\r\n", "a9 BAD");
	talk_end(&t);
}

/* More keys than the store is asked about at once. */
static void
many_keys(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	fill(&t, "Keys");
	for (int n = 30; n <= 70; n += 2) {
		buffer_add_string(&b, "a SEARCH");
		for (int i = 0; i < n; i++)
			buffer_add_string(&b, i % 2 == 0 ? " UNSEEN" : " NOT DELETED");
		buffer_add_string(&b, " NOT FLAGGED\r\n");
		SAYS(&t, buffer_string(&b), "* SEARCH 1 2 4\r\na OK SEARCH done\r\n");
		buffer_clear(&b);
	}
	talk_end(&t);
	buffer_done(&b);
}

/* RFC 9051 6.4.4: no SEARCH response any more. */
static void
revision_2_answers_by_esearch(void **state)
{
	struct talk t;

	sign_in(&t);
	fill(&t, "Second");
	((struct imap *)t.s)->enabled |= ENABLED_REV2;
	SAYS(&t, "a1 SEARCH UNSEEN FROM bob\r\n",
	    "* ESEARCH (TAG \"a1\") ALL 2,4\r\na1 OK SEARCH done\r\n");
	SAYS(&t, "a2 UID SEARCH KEYWORD none\r\n",
	    "* ESEARCH (TAG \"a2\") UID\r\na2 OK UID SEARCH done\r\n");
	talk_end(&t);
}

/* RFC 5182 2.2, examples 1 to 4; RFC 9051 6.4.4.4 */
static void
saved_for_other_commands(void **state)
{
	struct talk t;

	sign_in(&t);
	fill(&t, "Saved");
	SAYS(&t, "a0 FETCH $ UID\r\n", "a0 OK FETCH done\r\n"); /* nothing was saved */
	SAYS(&t, "a1 UID SEARCH RETURN (SAVE) FROM bob\r\n", "a1 OK UID SEARCH done\r\n");
	SAYS(&t, "a2 FETCH $ (UID)\r\n",
	    "* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n* 4 FETCH (UID 4)\r\na2 OK FETCH done\r\n");
	SAYS(&t, "a3 SEARCH UID $ UNSEEN\r\n", "* SEARCH 2 4\r\na3 OK SEARCH done\r\n");
	SAYS(&t, "a4 SEARCH RETURN (SAVE COUNT) $ UNSEEN\r\n",
	    "* ESEARCH (TAG \"a4\") COUNT 2\r\na4 OK SEARCH done\r\n");
	SAYS(&t, "a5 SEARCH NOT $\r\n", "* SEARCH 1 3 5\r\na5 OK SEARCH done\r\n");
	HAS(&t, "a6 UID COPY $ INBOX\r\n", " 2,4 ");
	SAYS(&t, "a7 STORE $ +FLAGS (\\Deleted)\r\n",
	    "* 2 FETCH (FLAGS (\\Deleted \\Recent))\r\n* 4 FETCH (FLAGS (\\Deleted \\Recent))\r\n"
	    "a7 OK STORE done\r\n");
	/* RFC 5182 2.1: what is expunged leaves it. */
	HAS(&t, "a8 UID EXPUNGE 2\r\n", "* 2 EXPUNGE\r\n");
	SAYS(&t, "a9 UID FETCH $ FLAGS\r\n",
	    "* 3 FETCH (UID 4 FLAGS (\\Deleted \\Recent))\r\na9 OK UID FETCH done\r\n");
	HAS(&t, "b0 COPY $ INBOX\r\n", "b0 OK [COPYUID "); /* by numbers: all or nothing */
	HAS(&t, "b1 MOVE $ INBOX\r\n", "* 3 EXPUNGE\r\n");
	SAYS(&t, "b2 UID SEARCH UID $\r\n", "* SEARCH\r\nb2 OK UID SEARCH done\r\n");
	HAS(&t, "b3 FETCH $,1 UID\r\n", "b3 BAD"); /* alone, or not at all */
	talk_end(&t);
}

/* RFC 5182 2.4 */
static void
what_is_saved(void **state)
{
	static const struct {
		const char *options, *saved;
	} table[] = {
		{ "SAVE MIN", "* SEARCH 2\r\n" },
		{ "SAVE MAX", "* SEARCH 4\r\n" },
		{ "SAVE MIN MAX", "* SEARCH 2 4\r\n" },
		{ "SAVE MIN COUNT", "* SEARCH 2 3 4\r\n" },
		{ "SAVE MAX ALL", "* SEARCH 2 3 4\r\n" },
		{ "SAVE", "* SEARCH 2 3 4\r\n" },
	};
	struct talk t;

	sign_in(&t);
	fill(&t, "Rules");
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct buffer b = BUFFER_INIT;

		buffer_addf(&b, "a SEARCH RETURN (%s) FROM bob\r\n", table[i].options);
		HAS(&t, buffer_string(&b), "a OK");
		buffer_done(&b);
		HAS(&t, "b SEARCH $\r\n", table[i].saved);
	}
	talk_end(&t);
}

/* RFC 5182 2.1: NO empties it, BAD leaves it, another mailbox knows none. */
static void
when_it_is_emptied(void **state)
{
	struct talk t;

	sign_in(&t);
	fill(&t, "Emptied");
	HAS(&t, "a1 SEARCH RETURN (SAVE) 2:3\r\n", "a1 OK");
	HAS(&t, "a2 SEARCH RETURN (SAVE) NONSENSE\r\n", "a2 BAD");
	HAS(&t, "a3 SEARCH $\r\n", "* SEARCH 2 3\r\n");
	HAS(&t, "a4 SEARCH CHARSET x-none ALL\r\n", "a4 NO [BADCHARSET ("); /* saves nothing */
	HAS(&t, "a5 SEARCH $\r\n", "* SEARCH 2 3\r\n");
	HAS(&t, "a6 SEARCH RETURN (SAVE) CHARSET x-none ALL\r\n", "a6 NO [BADCHARSET (");
	HAS(&t, "a7 SEARCH $\r\n", "* SEARCH\r\n");
	/* RFC 5182 2.3, RFC 9051 6.4.4.2: a client need not wait. */
	SAYS(&t, "b1 SEARCH RETURN (SAVE) 4:*\r\nb2 SEARCH $\r\n",
	    "b1 OK SEARCH done\r\n* SEARCH 4 5\r\nb2 OK SEARCH done\r\n");
	HAS(&t, "b3 SELECT Emptied\r\n", "b3 OK");
	HAS(&t, "b4 SEARCH $\r\n", "* SEARCH\r\n");
	talk_end(&t);
}

/* More ranges than the setting allows: RFC 5182 2.1, 2.5, RFC 9051 6.4.4.3 NOTSAVED. */
static void
too_much_to_save(void **state)
{
	struct talk t;

	sign_in(&t);
	HAS(&t, "c CREATE Many\r\n", "c OK");
	for (int i = 0; i < 202; i++)
		append_to(&t, "Many", i % 2 == 0 ? "(\\Seen) " : "", "Subject: x\r\n\r\n");
	HAS(&t, "s SELECT Many\r\n", "s OK");
	assert_ok(setting_apply(SET_IMAP_SEARCH_SAVED_MAX, TEXT("100")));
	HAS(&t, "a1 SEARCH RETURN (SAVE) 2\r\n", "a1 OK");
	SAYS(&t, "a2 SEARCH RETURN (SAVE) SEEN\r\n",
	    "a2 NO [NOTSAVED] Too many ranges of messages to keep\r\n");
	HAS(&t, "a3 SEARCH $\r\n", "* SEARCH\r\n");
	assert_ok(setting_apply(SET_IMAP_SEARCH_SAVED_MAX, TEXT("")));
	HAS(&t, "a4 SEARCH RETURN (SAVE COUNT) SEEN\r\n", "COUNT 101\r\na4 OK");
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_rfc_4731),
		cmocka_unit_test(nothing_found),
		cmocka_unit_test(numbers_join),
		cmocka_unit_test(bad_options),
		cmocka_unit_test(extended),
		cmocka_unit_test(many_keys),
		cmocka_unit_test(revision_2_answers_by_esearch),
		cmocka_unit_test(saved_for_other_commands),
		cmocka_unit_test(what_is_saved),
		cmocka_unit_test(when_it_is_emptied),
		cmocka_unit_test(too_much_to_save),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
