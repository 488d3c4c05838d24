/* SPDX-License-Identifier: ISC */
/* Searches of any bytes held against one message: an answer that is known
 * early is the answer at the end, and NOT turns it round; what is said of sets
 * of messages is true of each of them. */
#include "imap/search.h"
#include "imap/testing_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char mail[] =
    "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\nSubject: Hello\r\n"
    "Date: Fri, 1 Mar 2024 00:30:00 +0200\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n"
    "--b\r\nContent-Transfer-Encoding: base64\r\n\r\naGlkZGVu\r\n--b--\r\n";

static void
ask_sets(struct test_message *t, const struct search_key *key, enum answer known)
{
	struct search_sets sets = { 0 };
	struct runs both = RUNS_INIT, all = RUNS_INIT;

	uidset_to_runs(&t->view.uids, &all);
	imap_search_sets(&t->view, NULL, key, &all, &sets);
	runs_done(&all);
	runs_both(&both, &sets.yes, &sets.maybe);
	CHECK(runs_empty(&both));
	CHECK(!runs_has(&sets.yes, 7) || known == ANSWER_YES);
	CHECK(runs_has(&sets.yes, 7) || runs_has(&sets.maybe, 7) || known == ANSWER_NO);
	runs_done(&both);
	imap_search_sets_done(&sets);
}

static void
ask(struct test_message *t, const struct search_key *key)
{
	const struct search_key not = { .id = KEY_NOT,
		.first = (struct search_key *)(uintptr_t)key };
	enum answer known = ANSWER_UNKNOWN;

	for (int level = LEVEL_VIEW; level <= LEVEL_CONTENT; level++) {
		struct candidate m = {
			.level = (enum search_level)level, .uid = 7, .recent = true, .m = &t->m
		};
		enum answer a = imap_search_ask(key, &m);

		CHECK(known == ANSWER_UNKNOWN || a == known);
		known = a;
		CHECK(a == ANSWER_UNKNOWN || imap_search_ask(&not, &m) == (a == ANSWER_NO));
	}
	CHECK(known != ANSWER_UNKNOWN);
	ask_sets(t, key, known);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of((struct text){ (const char *)data, size < 500 ? size : 500 });
	struct test_message t;
	struct search_key *key;
	unsigned returns;
	bool present;

	test_message_make(&t, text_of(mail), TEXT("Return-Path: <>\r\n"));
	keyword_cache_init(&t.server.keywords);
	t.im.keywords = keywords_get(&t.server.keywords, 1);
	uidset_add(&t.view.uids, 5, 9);
	runs_add(&t.view.recent, 7, 7);
	runs_add(&t.view.saved, 6, 7);
	if (imap_search_return(&c, &present, &returns) &&
	    imap_search_parse(&c, &t.arena, &key) == SEARCH_OK) {
		imap_search_prepare(key, &t.im, &t.arena);
		ask(&t, key);
	}
	keywords_put(t.im.keywords);
	keyword_cache_done(&t.server.keywords);
	view_done(&t.view);
	test_message_free(&t);
	return 0;
}
