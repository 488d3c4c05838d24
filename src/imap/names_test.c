/* SPDX-License-Identifier: ISC */
/* Mailbox names and patterns; the matcher agrees with a naive one that tries
 * everything. */
#include "imap/names.h"

#include <stdio.h>

#include "base/random.h"
#include "base/testing.h"
#include "store/calls.h"

static struct arena a;

static int
reset(void **state)
{
	arena_done(&a);
	return 0;
}

static void
decoded_to(const char *wire, const char *want)
{
	struct text name;
	const char *why;

	assert_ok(imap_name_decode(text_of(wire), false, &a, &name, &why));
	assert_true(text_equal(name, text_of(want)));
}

static void
names_are_decoded(void **state)
{
	decoded_to("inbox", "INBOX");
	decoded_to("Inbox/Sub", "INBOX/Sub");
	decoded_to("inboxes", "inboxes");
	decoded_to("Entw&APw-rfe", "Entw\xc3\xbcrfe");
	decoded_to("Tom &- Jerry", "Tom & Jerry");
	decoded_to("foo/", "foo"); /* RFC 3501 6.3.3 */
}

static void
names_are_refused(void **state)
{
	static const char *const bad[] = { "", "/", "/a", "a//b", "a&", "caf\xc3\xa9", "x&AAo-y",
		"a//" };
	struct buffer b = BUFFER_INIT;
	struct text name;
	const char *why = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (imap_name_decode(text_of(bad[i]), false, &a, &name, &why) == STATUS_OK)
			fail_msg("taken: %s", bad[i]);
		assert_non_null(why);
	}
	for (int i = 0; i <= MAILBOX_NAME_MAX; i++)
		buffer_add_byte(&b, 'x');
	assert_int_equal(imap_name_decode(buffer_text(&b), false, &a, &name, &why), STATUS_LIMIT);
	buffer_done(&b);
}

static void
names_are_encoded(void **state)
{
	struct buffer b = BUFFER_INIT;

	imap_name_encode(&b, TEXT("Entw\xc3\xbcrfe/Tom & J"), false);
	assert_text(buffer_text(&b), "Entw&APw-rfe/Tom &- J");
	buffer_done(&b);
}

static bool
matches(const char *reference, const char *pattern, const char *name)
{
	struct name_pattern p;

	assert_ok(imap_pattern_make(text_of(reference), text_of(pattern), false, &a, &p));
	return imap_pattern_match(&p, text_of(name));
}

static void
patterns(void **state)
{
	assert_true(matches("", "*", "a/b/c"));
	assert_true(matches("", "%", "a"));
	assert_false(matches("", "%", "a/b"));
	assert_true(matches("", "%/%", "a/b"));
	assert_true(matches("", "*c", "a/b/c"));
	assert_true(matches("", "a%c", "abbc"));
	assert_false(matches("", "a%c", "a/c"));
	assert_true(matches("", "a*%d", "a/b/cd"));
	assert_true(matches("foo/", "%", "foo/bar"));
	assert_false(matches("foo/", "%", "foo/bar/baz"));
	assert_true(matches("", "inbox", "INBOX"));
	assert_true(matches("", "inBOX/%", "INBOX/x"));
	assert_false(matches("", "archive", "Archive"));
	assert_true(matches("", "i*X", "INBOX"));
	assert_false(matches("", "", "a"));
	assert_true(matches("", "", ""));
}

/* What goes back over the name for each wildcard needs minutes for this. */
static void
no_pattern_takes_long(void **state)
{
	char name[MAILBOX_NAME_MAX + 1], pattern[600];
	struct name_pattern p;

	memset(name, 'a', MAILBOX_NAME_MAX);
	name[MAILBOX_NAME_MAX] = '\0';
	memset(pattern, 'a', sizeof(pattern));
	memcpy(pattern, "*a%", 3);
	memcpy(pattern + sizeof(pattern) - 2, "b", 2);
	assert_ok(imap_pattern_make(TEXT_EMPTY, text_of(pattern), false, &a, &p));
	for (int i = 0; i < 1000; i++)
		assert_false(imap_pattern_match(&p, text_of(name)));
	name[MAILBOX_NAME_MAX - 1] = 'b';
	assert_true(imap_pattern_match(&p, text_of(name)));
}

static bool
naive(const char *p, const char *n)
{
	if (*p == '\0')
		return *n == '\0';
	if (*p == '*' || *p == '%')
		return naive(p + 1, n) ||
		       (*n != '\0' && (*p == '*' || *n != '/') && naive(p, n + 1));
	return *p == *n && naive(p + 1, n + 1);
}

static void
random_word(const char *letters, size_t max, char *out)
{
	size_t n = random_below(max + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = letters[random_below(strlen(letters))];
	out[n] = '\0';
}

static void
agrees_with_the_naive_matcher(void **state)
{
	int yes = 0;

	random_seed_for_test(7);
	for (int i = 0; i < 20000; i++) {
		/* In front of both, so that places go over words of 64. */
		char pattern[8], name[10], front[70], whole[80];

		random_word("ab/%*", sizeof(pattern) - 1, pattern);
		random_word("ab/", sizeof(name) - 1, name);
		random_word("x", sizeof(front) - 1, front);
		(void)snprintf(whole, sizeof(whole), "%s%s", front, name);
		if (matches(front, pattern, whole) != naive(pattern, name))
			fail_msg("%s%s against %s", front, pattern, whole);
		yes += naive(pattern, name);
		arena_done(&a);
	}
	random_seed_for_test(0);
	assert_true(yes > 500);
}

static void
parents(void **state)
{
	assert_true(imap_name_below(TEXT("a/b/c"), TEXT("a")));
	assert_false(imap_name_below(TEXT("ab"), TEXT("a")));
	assert_text(imap_name_parent(TEXT("a/b/c")), "a/b");
	assert_int_equal(imap_name_parent(TEXT("a")).len, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(names_are_decoded, reset),
		cmocka_unit_test_teardown(names_are_refused, reset),
		cmocka_unit_test_teardown(names_are_encoded, reset),
		cmocka_unit_test_teardown(patterns, reset),
		cmocka_unit_test_teardown(no_pattern_takes_long, reset),
		cmocka_unit_test_teardown(agrees_with_the_naive_matcher, reset),
		cmocka_unit_test_teardown(parents, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
