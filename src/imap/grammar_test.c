/* SPDX-License-Identifier: ISC */
/* The rules of RFC 3501 9: what they take, where they stop, and that a rule
 * that does not match consumes nothing. */
#include "imap/grammar.h"

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
atoms_stop_at_specials(void **state)
{
	struct cursor c = cursor_of(TEXT("a+b] (x)"));
	struct text t;

	assert_true(imap_atom(&c, &t));
	assert_text(t, "a+b");
	assert_false(imap_atom(&c, &t));
	assert_int_equal(cursor_peek(&c), ']');
	c = cursor_of(TEXT("a001+ NOOP"));
	assert_true(imap_tag(&c, &t));
	assert_text(t, "a001");
	c = cursor_of(TEXT("x] y"));
	assert_true(imap_astring(&c, &a, &t));
	assert_text(t, "x]");
}

static void
quoted_undoes_escapes(void **state)
{
	struct cursor c = cursor_of(TEXT("\"a \\\"b\\\\c\" rest"));
	struct text t;

	assert_true(imap_quoted(&c, &a, &t));
	assert_text(t, "a \"b\\c");
	assert_text(cursor_rest(&c), " rest");
	c = cursor_of(TEXT("\"\""));
	assert_true(imap_astring(&c, &a, &t));
	assert_int_equal(t.len, 0);
}

static void
quoted_refuses(void **state)
{
	static const char *const bad[] = { "\"open", "\"a\\n\"", "\"line\r\n\"", "\"\\", "no" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cursor c = cursor_of(text_of(bad[i]));
		struct text t;

		assert_false(imap_quoted(&c, &a, &t));
		assert_ptr_equal(c.at, bad[i]);
	}
}

static void
literal_takes_its_octets(void **state)
{
	struct cursor c = cursor_of(TEXT("{11}\r\nFRED FOOBAR {7+}\r\nfat man"));
	struct text t;

	assert_true(imap_astring(&c, &a, &t));
	assert_text(t, "FRED FOOBAR");
	assert_true(imap_sp(&c));
	assert_true(imap_astring(&c, &a, &t));
	assert_text(t, "fat man");
	assert_true(imap_end(&c));
	c = cursor_of(TEXT("{5}\r\nfour"));
	assert_false(imap_literal(&c, &t));
	c = cursor_of((struct text){ "{3}\r\na\0b", 8 });
	assert_false(imap_literal(&c, &t)); /* CHAR8 has no NUL */
	c = cursor_of(TEXT("{99999999999999999999}\r\nx"));
	assert_false(imap_literal(&c, &t));
	c = cursor_of(TEXT("{3}abc"));
	assert_false(imap_literal(&c, &t));
}

static void
literal_marks(void **state)
{
	struct literal_mark m;

	assert_true(imap_literal_mark(TEXT("a LOGIN {5}"), &m));
	assert_int_equal(m.octets, 5);
	assert_true(m.waits);
	assert_int_equal(m.at, 8);
	assert_true(imap_literal_mark(TEXT("{310+}"), &m));
	assert_int_equal(m.octets, 310);
	assert_false(m.waits);
	assert_int_equal(m.at, 0);
	assert_true(imap_literal_mark(TEXT("{99999999999999999999+}"), &m));
	assert_true(m.octets == UINT64_MAX);
	assert_false(m.binary);
	assert_true(imap_literal_mark(TEXT("a APPEND b ~{7+}"), &m)); /* RFC 9051 4.3.1 */
	assert_true(m.binary);
	assert_int_equal(m.octets, 7);
	assert_int_equal(m.at, 11);
	assert_false(imap_literal_mark(TEXT("a {}"), &m));
	assert_false(imap_literal_mark(TEXT("a 5}"), &m));
	assert_false(imap_literal_mark(TEXT("{+}"), &m));
	assert_false(imap_literal_mark(TEXT("a {5} "), &m));
	assert_false(imap_literal_mark(TEXT(""), &m));
}

static void
words_end_where_atoms_end(void **state)
{
	struct cursor c = cursor_of(TEXT("rfc822.size"));

	assert_false(imap_word(&c, TEXT("RFC822")));
	assert_true(imap_word(&c, TEXT("RFC822.SIZE")));
	c = cursor_of(TEXT("BODY[]"));
	assert_true(imap_word(&c, TEXT("BODY")));
	c = cursor_of(TEXT("nil)"));
	assert_true(imap_word(&c, TEXT("NIL")));
	assert_int_equal(cursor_peek(&c), ')');
}

static void
nstrings(void **state)
{
	struct cursor c = cursor_of(TEXT("NIL \"NIL\""));
	bool present = true;
	struct text t = TEXT("kept");

	assert_true(imap_nstring(&c, &a, &present, &t));
	assert_false(present);
	assert_text(t, "kept");
	assert_true(imap_sp(&c));
	assert_true(imap_nstring(&c, &a, &present, &t));
	assert_true(present);
	assert_text(t, "NIL");
}

static void
set_is(const char *set, uint32_t star, const char *want)
{
	struct cursor c = cursor_of(text_of(set));
	struct sequence_set parsed;
	struct runs numbers = RUNS_INIT;
	struct buffer b = BUFFER_INIT;

	assert_true(imap_sequence_set(&c, &a, &parsed));
	assert_true(imap_end(&c));
	imap_sequence_numbers(&parsed, star, &numbers);
	runs_print(&b, &numbers);
	assert_string_equal(buffer_string(&b), want);
	buffer_done(&b);
	runs_done(&numbers);
}

/* RFC 9051 4.1.1 */
static void
sequence_sets(void **state)
{
	set_is("2,4:7,9,12:*", 15, "2,4:7,9,12:15"); /* RFC 3501 9 */
	set_is("*:4,5:7", 10, "4:10");
	set_is("3:1", 9, "1:3");
	set_is("*", 4, "4");
	set_is("1000:*", 7, "7:1000"); /* the last one, always (RFC 3501 6.4.8) */
	set_is("*", 0, "");
	set_is("9,8,7,1", 9, "1,7:9");
	set_is("4294967295", 3, "4294967295");
	set_is("2:4294967295", 3, "2:4294967295");
}

static void
sequence_sets_refused(void **state)
{
	static const char *const bad[] = { "", "0", "1:0", ",1", "x", "1:", "1,,2", "4294967296" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cursor c = cursor_of(text_of(bad[i]));
		struct sequence_set set;

		assert_false(imap_sequence_set(&c, &a, &set));
		assert_ptr_equal(c.at, bad[i]);
	}
}

static void
flag_lists(void **state)
{
	struct cursor c = cursor_of(TEXT("(\\Seen \\DELETED $Work work $work \\Recent)"));
	struct imap_flags f;

	assert_true(imap_flag_list(&c, &a, &f));
	assert_int_equal(f.flags, FLAG_SEEN | FLAG_DELETED);
	assert_int_equal(f.keywords.count, 2);
	assert_text(f.keywords.at[0], "$Work");
	assert_text(f.keywords.at[1], "work");
	c = cursor_of(TEXT("()"));
	assert_true(imap_flag_list(&c, &a, &f));
	assert_int_equal(f.flags, 0);
	c = cursor_of(TEXT("\\Seen NonJunk"));
	assert_true(imap_store_flags(&c, &a, &f));
	assert_int_equal(f.keywords.count, 1);
	assert_false(f.too_many);
	assert_true(imap_end(&c));
}

static void
flag_lists_refused(void **state)
{
	static const char *const bad[] = { "(", "(\\Seen", "(\\Nonsense)", "(\\Seen  x)", "(a\"b)",
		"(\\Seenx)" };
	struct buffer many = BUFFER_INIT;
	struct imap_flags f;
	struct cursor c;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		c = cursor_of(text_of(bad[i]));
		assert_false(imap_flag_list(&c, &a, &f));
		assert_ptr_equal(c.at, bad[i]);
	}
	buffer_add_string(&many, "(");
	for (int i = 0; i <= KEYWORDS_PER_MESSAGE; i++)
		buffer_addf(&many, "%sk%d", i > 0 ? " " : "", i);
	buffer_add_string(&many, ")");
	c = cursor_of(buffer_text(&many));
	assert_true(imap_flag_list(&c, &a, &f) && imap_end(&c));
	assert_true(f.too_many);
	assert_int_equal(f.keywords.count, KEYWORDS_PER_MESSAGE);
	buffer_clear(&many);
	buffer_add_string(&many, "(k ");
	for (int i = 0; i <= KEYWORD_MAX; i++)
		buffer_add_byte(&many, 'k');
	buffer_add_string(&many, " \\Seen)");
	c = cursor_of(buffer_text(&many));
	assert_true(imap_flag_list(&c, &a, &f) && imap_end(&c));
	assert_true(f.too_many);
	assert_int_equal(f.keywords.count, 1);
	assert_int_equal(f.flags, FLAG_SEEN);
	buffer_done(&many);
}

static void
dates(void **state)
{
	struct cursor c = cursor_of(TEXT("\" 7-Feb-1994 21:52:25 -0800\" {3}"));
	int64_t at, day;

	assert_true(imap_date_time(&c, &at));
	assert_int_equal(at, 760686745);
	c = cursor_of(TEXT("1-Feb-1994 X"));
	assert_true(imap_date(&c, &day));
	assert_int_equal(day, 8797);
	assert_text(cursor_rest(&c), " X");
	c = cursor_of(TEXT("\"1-Feb-1994\""));
	assert_true(imap_date(&c, &day));
	assert_true(imap_end(&c));
	c = cursor_of(TEXT("\"1-Feb-1994"));
	assert_false(imap_date(&c, &day));
	c = cursor_of(TEXT("31-Foo-1994"));
	assert_false(imap_date(&c, &day));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(atoms_stop_at_specials, reset),
		cmocka_unit_test_teardown(quoted_undoes_escapes, reset),
		cmocka_unit_test_teardown(quoted_refuses, reset),
		cmocka_unit_test_teardown(literal_takes_its_octets, reset),
		cmocka_unit_test_teardown(literal_marks, reset),
		cmocka_unit_test_teardown(words_end_where_atoms_end, reset),
		cmocka_unit_test_teardown(nstrings, reset),
		cmocka_unit_test_teardown(sequence_sets, reset),
		cmocka_unit_test_teardown(sequence_sets_refused, reset),
		cmocka_unit_test_teardown(flag_lists, reset),
		cmocka_unit_test_teardown(flag_lists_refused, reset),
		cmocka_unit_test_teardown(dates, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
