/* SPDX-License-Identifier: ISC */
/* SEARCH keys (RFC 3501 6.4.4) held against one message: what each key finds,
 * when the answer is known, and what is no search. */
#include "imap/search.h"

#include "base/testing.h"
#include "codec/base64.h"
#include "imap/testing_message.h"

#define MAIL                                                                    \
	"From: =?utf-8?q?J=C3=BCrgen?= Gr\xc3\xbc\xc3\x9f <jg@example.org>\r\n" \
	"To: Bob <bob@example.com>, team@example.com\r\n"                       \
	"Subject: Quarterly =?utf-8?b?w5xiZXJzaWNodA==?=\r\n"                   \
	"Date: Fri, 1 Mar 2024 00:30:00 +0200\r\n"                              \
	"X-Empty:\r\n"                                                          \
	"MIME-Version: 1.0\r\n"                                                 \
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n"                     \
	"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"               \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"                   \
	"soft=\r\n break, caf=E9 au lait\r\n"                                   \
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\n"                    \
	"Content-Transfer-Encoding: base64\r\n\r\n"                             \
	"aGlkZGVuIHRy\r\nZWFzdXJlIGlzbGFuZA==\r\n" /* hidden treasure island */ \
	"--b\r\nContent-Type: application/pdf\r\n\r\nneedle in no text\r\n"     \
	"--b\r\nContent-Type: message/rfc822\r\n\r\n"                           \
	"Subject: forwarded thing\r\n\r\ndeep inside\r\n"                       \
	"--b\r\nContent-Type: message/delivery-status\r\n\r\n"                  \
	"Reporting-MTA: dns; relay.example.org\r\n"                             \
	"--b--\r\n"

static struct test_message t;

static int
make(void **state)
{
	struct store_open_reply r = { .mailbox = 1, .uidnext = 10, .recent_from = 7 };

	test_message_make(&t, TEXT(MAIL), TEXT("Return-Path: <bounce@z>\r\n"));
	keyword_cache_init(&t.server.keywords);
	t.im.keywords = keywords_get(&t.server.keywords, 1);
	keywords_learn(t.im.keywords, 0, (struct texts){ (struct text[]){ TEXT("$Work") }, 1 });
	runs_add(&r.uids, 3, 3);
	runs_add(&r.uids, 7, 9);
	view_init(&t.view, &r, false, NULL); /* the message is number 2, UID 7, and recent */
	runs_done(&r.uids);
	t.row.flags = FLAG_ANSWERED | FLAG_FLAGGED;
	t.row.keywords[0] = 0;
	t.row.keyword_count = 1;
	t.row.date = 1709300000; /* 1 March 2024 13:33 UTC */
	return 0;
}

static int
done(void **state)
{
	keywords_put(t.im.keywords);
	keyword_cache_done(&t.server.keywords);
	view_done(&t.view);
	test_message_free(&t);
	return 0;
}

static enum answer
ask_at(const char *search, enum search_level level)
{
	struct cursor c = cursor_of(text_of(search));
	struct search_key *key;
	struct candidate m = { .level = level, .uid = 7, .recent = true, .m = &t.m };
	enum answer a;

	if (imap_search_parse(&c, &t.arena, &key) != SEARCH_OK)
		fail_msg("no search: %s", search);
	imap_search_prepare(key, &t.im, &t.arena);
	a = imap_search_ask(key, &m);
	assert_ok(m.st);
	return a;
}

#define FINDS(search) assert_int_equal(ask_at(" " search, LEVEL_CONTENT), ANSWER_YES)
#define MISSES(search) assert_int_equal(ask_at(" " search, LEVEL_CONTENT), ANSWER_NO)

static void
flags_and_keywords(void **state)
{
	FINDS("ANSWERED FLAGGED UNSEEN UNDELETED UNDRAFT");
	MISSES("SEEN");
	MISSES("UNANSWERED");
	FINDS("KEYWORD $work UNKEYWORD other");
	MISSES("KEYWORD other");
	FINDS("RECENT NEW");
	MISSES("OLD");
	FINDS("ALL");
}

static void
sets(void **state)
{
	FINDS("2");
	FINDS("1:*");
	MISSES("1,3:*");
	FINDS("UID 5:8");
	MISSES("UID 8:9");
	FINDS("2 UID 7");
	MISSES("99:100"); /* no such numbers: no such messages */
}

static void
dates_and_sizes(void **state)
{
	FINDS("ON 1-Mar-2024");
	FINDS("SINCE 1-Mar-2024 BEFORE 2-Mar-2024");
	MISSES("BEFORE 1-Mar-2024");
	/* The day is that of the field's own zone. */
	FINDS("SENTON 1-Mar-2024 SENTSINCE \"1-Mar-2024\"");
	MISSES("SENTBEFORE 1-Mar-2024");
	FINDS("LARGER 100 SMALLER 100000");
	MISSES("LARGER 100000");
}

static void
envelope_words(void **state)
{
	FINDS("FROM \"j\xc3\xbcrgen gr\xc3\xbcss\"");
	FINDS("FROM <JG@example");
	MISSES("FROM bob");
	FINDS("TO team@ TO BOB");
	MISSES("CC bob");
	FINDS("SUBJECT \"\xc3\xbc"
	      "bersicht\"");
	FINDS("SUBJECT {12}\r\nquarterly \xc3\xbc");
	FINDS("CHARSET iso-8859-1 SUBJECT {2}\r\n\xfc"
	      "b");
	MISSES("SUBJECT yearly");
}

static void
headers(void **state)
{
	FINDS("HEADER Subject quarterly");
	FINDS("HEADER x-empty \"\"");
	MISSES("HEADER x-none \"\"");
	FINDS("HEADER Return-Path bounce@");
	MISSES("HEADER To jg@");
}

static void
bodies(void **state)
{
	FINDS("BODY \"soft break\"");
	FINDS("BODY \"CAF\xc3\x89 au\"");
	FINDS("BODY \"hidden treasure island\"");
	MISSES("BODY needle");
	MISSES("BODY quarterly");
	FINDS("TEXT quarterly");
	FINDS("TEXT bounce@z");
	FINDS("BODY \"deep inside\"");
	FINDS("BODY \"forwarded thing\"");
	FINDS("BODY relay.example.org");
	MISSES("TEXT nowhere");
	FINDS("BODY \"\"");
	/* The header fields of parts are header fields (RFC 9051 6.4.4). */
	FINDS("TEXT application/pdf");
	FINDS("TEXT delivery-status");
	FINDS("TEXT iso-8859-1");
	MISSES("BODY application/pdf");
	MISSES("BODY iso-8859-1");
}

static void
logic(void **state)
{
	FINDS("OR SEEN FLAGGED");
	FINDS("NOT SEEN");
	FINDS("NOT (SEEN FLAGGED)");
	MISSES("OR (SEEN ALL) NOT FLAGGED");
	FINDS("(ANSWERED (FLAGGED)) NOT NOT ALL");
}

static void
answers_come_as_early_as_they_can(void **state)
{
	assert_int_equal(ask_at(" UID 8 BODY x", LEVEL_VIEW), ANSWER_NO);
	assert_int_equal(ask_at(" UID 7 BODY x", LEVEL_ROW), ANSWER_UNKNOWN);
	assert_int_equal(ask_at(" SEEN BODY x", LEVEL_ROW), ANSWER_NO);
	assert_int_equal(ask_at(" OR FLAGGED BODY x", LEVEL_ROW), ANSWER_YES);
	assert_int_equal(ask_at(" NOT BODY x", LEVEL_SUMMARY), ANSWER_UNKNOWN);
	assert_int_equal(ask_at(" SUBJECT quarterly", LEVEL_SUMMARY), ANSWER_YES);
	assert_int_equal(ask_at(" FLAGGED", LEVEL_VIEW), ANSWER_UNKNOWN);
	assert_int_equal(ask_at(" HEADER X-None x", LEVEL_SUMMARY), ANSWER_NO);
	assert_int_equal(ask_at(" HEADER X-Empty \"\"", LEVEL_SUMMARY), ANSWER_YES);
	assert_int_equal(ask_at(" HEADER SUBJECT quarterly", LEVEL_SUMMARY), ANSWER_YES);
	assert_int_equal(ask_at(" HEADER SUBJECT yearly", LEVEL_SUMMARY), ANSWER_NO);
	/* The envelope's value and the header's answer alike. */
	assert_int_equal(ask_at(" HEADER Subject \" quarterly\"", LEVEL_SUMMARY), ANSWER_NO);
	assert_int_equal(ask_at(" HEADER Subject \" quarterly\"", LEVEL_HEADER), ANSWER_NO);
	/* Fields of the prefix, and those that the summary has no value of. */
	assert_int_equal(ask_at(" HEADER Return-Path bounce@", LEVEL_SUMMARY), ANSWER_UNKNOWN);
	assert_int_equal(ask_at(" HEADER Return-Path bounce@", LEVEL_HEADER), ANSWER_YES);
	assert_int_equal(ask_at(" HEADER To bob", LEVEL_SUMMARY), ANSWER_UNKNOWN);
	assert_int_equal(ask_at(" BODY x", LEVEL_HEADER), ANSWER_UNKNOWN);
}

static unsigned
levels_of(const char *search)
{
	struct cursor c = cursor_of(text_of(search));
	struct search_key *key;

	assert_int_equal(imap_search_parse(&c, &t.arena, &key), SEARCH_OK);
	return imap_search_levels(key);
}

static void
nothing_is_read_for_no_key(void **state)
{
	assert_int_equal(levels_of(" 1:*"), 1u << LEVEL_VIEW);
	assert_int_equal(levels_of(" TEXT x"), 1u << LEVEL_CONTENT);
	assert_int_equal(
	    levels_of(" UNSEEN NOT SUBJECT x"), 1u << LEVEL_SETS | 1u << LEVEL_SUMMARY);
	assert_int_equal(levels_of(" HEADER To x"), 1u << LEVEL_SUMMARY | 1u << LEVEL_HEADER);
	assert_int_equal(levels_of(" OR BODY x (SEEN ALL)"),
	    1u << LEVEL_CONTENT | 1u << LEVEL_SETS | 1u << LEVEL_VIEW);
}

static enum search_error
error_of(const char *search)
{
	struct cursor c = cursor_of(text_of(search));
	struct search_key *key;

	return imap_search_parse(&c, &t.arena, &key);
}

static void
no_searches(void **state)
{
	static const char *const bad[] = { "", " ", " NOT", " OR ALL", " (ALL", " ()", " FROM",
		" LARGER x", " ON 2024", " UID", " KEYWORD", " ALL  ALL", " CHARSET utf-8", " ALLX",
		" HEADER Subject" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (error_of(bad[i]) != SEARCH_SYNTAX)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(error_of(" CHARSET x-nonsense ALL"), SEARCH_CHARSET);
}

/* However many holes the mailbox has. */
static void
sets_are_as_long_as_they_are_written(void **state)
{
	static const char *const searches[] = { " 1:*", " UID 1:*", " $" };
	struct search_key *key;

	for (uint32_t uid = 101; uid < 300; uid += 2) {
		uidset_add(&t.view.uids, uid, uid);
		runs_add(&t.view.saved, uid, uid);
	}
	for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
		struct cursor c = cursor_of(text_of(searches[i]));

		assert_int_equal(imap_search_parse(&c, &t.arena, &key), SEARCH_OK);
		imap_search_prepare(key, &t.im, &t.arena);
		assert_true(runs_has(&key->first->uids, 299));
		if (key->first->uids.count > 1)
			assert_ptr_equal(key->first->uids.at, t.view.saved.at);
	}
	uidset_remove(&t.view.uids, 101, 299);
	runs_done(&t.view.saved);
}

static void
limits(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (int i = 0; i < SEARCH_KEYS_MAX; i++)
		buffer_add_string(&b, " 1");
	assert_int_equal(error_of(buffer_string(&b)), SEARCH_OK);
	buffer_add_string(&b, " 1");
	assert_int_equal(error_of(buffer_string(&b)), SEARCH_KEYS);
	buffer_clear(&b);
	for (int i = 0; i <= SEARCH_MODSEQS_MAX; i++)
		buffer_add_string(&b, " MODSEQ 1");
	assert_int_equal(error_of(buffer_string(&b)), SEARCH_KEYS);
	buffer_clear(&b);

	for (int i = 0; i <= SEARCH_DEPTH_MAX; i++)
		buffer_add_string(&b, " NOT");
	buffer_add_string(&b, " ALL");
	assert_int_equal(error_of(buffer_string(&b)), SEARCH_NESTED);
	buffer_clear(&b);
	buffer_add_string(&b, " BODY ");
	for (int i = 0; i <= SEARCH_WORD_MAX; i++)
		buffer_add_byte(&b, 'x');
	assert_int_equal(error_of(buffer_string(&b)), SEARCH_WORD);
	buffer_done(&b);
}

/* A long base64 text with the word behind so many octets. */
static void
long_text(size_t before, struct buffer *mail)
{
	struct buffer body = BUFFER_INIT, encoded = BUFFER_INIT;

	for (size_t i = 0; i < before; i++)
		buffer_add_byte(&body, i % 5000 == 4999 ? '\n' : (char)('a' + i % 13));
	buffer_add_string(&body, "N\xc3\xa4"
				 "del\nim Heu");
	base64_encode(&encoded, buffer_text(&body));
	buffer_clear(mail);
	buffer_add_string(mail, "Content-Type: text/plain; charset=utf-8\r\n"
				"Content-Transfer-Encoding: base64\r\n\r\n");
	for (size_t i = 0; i < encoded.len; i += 76) {
		buffer_add_text(mail, text_part(buffer_text(&encoded), i, i + 76));
		buffer_add_string(mail, "\r\n");
	}
	buffer_done(&body);
	buffer_done(&encoded);
}

/* A word that lies across a cut is found, wherever it stands. */
static void
words_across_windows(void **state)
{
	struct buffer mail = BUFFER_INIT;
	struct store_row row = t.row;

	for (size_t before = 65500; before <= 65570; before++) {
		struct test_message l;
		struct message m;
		enum status st = STATUS_OK;

		long_text(before, &mail);
		test_message_make(&l, buffer_text(&mail), TEXT("X: y\r\n"));
		row = l.row;
		imap_message_init(&m, &t.im, &row, &t.arena);
		assert_true(imap_content_has_word(&m,
		    TEXT("n\xc3\xa4"
			 "del\nim"),
		    false, &st));
		assert_false(imap_content_has_word(&m, TEXT("nadel"), false, &st));
		assert_ok(st);
		test_message_free(&l);
	}
	buffer_done(&mail);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(flags_and_keywords, make, done),
		cmocka_unit_test_setup_teardown(sets, make, done),
		cmocka_unit_test_setup_teardown(dates_and_sizes, make, done),
		cmocka_unit_test_setup_teardown(envelope_words, make, done),
		cmocka_unit_test_setup_teardown(headers, make, done),
		cmocka_unit_test_setup_teardown(bodies, make, done),
		cmocka_unit_test_setup_teardown(logic, make, done),
		cmocka_unit_test_setup_teardown(answers_come_as_early_as_they_can, make, done),
		cmocka_unit_test_setup_teardown(nothing_is_read_for_no_key, make, done),
		cmocka_unit_test_setup_teardown(no_searches, make, done),
		cmocka_unit_test_setup_teardown(sets_are_as_long_as_they_are_written, make, done),
		cmocka_unit_test_setup_teardown(limits, make, done),
		cmocka_unit_test_setup_teardown(words_across_windows, make, done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
