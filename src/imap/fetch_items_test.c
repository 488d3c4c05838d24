/* SPDX-License-Identifier: ISC */
/* What FETCH may ask for (RFC 3501 6.4.5), and what it may not. */
#include "imap/fetch_items.h"

#include "base/buffer.h"
#include "base/testing.h"

static struct arena a;

static int
reset(void **state)
{
	arena_done(&a);
	return 0;
}

static bool
parse(const char *words, struct fetch_items *out)
{
	struct cursor c = cursor_of(text_of(words));

	return imap_fetch_items(&c, &a, out) && imap_end(&c);
}

/* Parses one section and gives its label. */
static void
labelled(const char *words, const char *label)
{
	struct fetch_items items;

	if (!parse(words, &items))
		fail_msg("not taken: %s", words);
	assert_int_equal(items.count, 1);
	if (!text_equal(items.at[0].label, text_of(label)))
		fail_msg("%s is labelled %.*s", words, TEXT_ARG(items.at[0].label));
}

static void
macros(void **state)
{
	struct fetch_items items;

	assert_true(parse("ALL", &items));
	assert_int_equal(items.count, 4);
	assert_int_equal(items.at[3].id, ITEM_ENVELOPE);
	assert_true(parse("fast", &items));
	assert_int_equal(items.count, 3);
	assert_int_equal(items.needs, 0);
	assert_true(parse("FULL", &items));
	assert_int_equal(items.at[4].id, ITEM_BODY);
	assert_true(items.has_flags);
	assert_false(parse("(ALL)", &items));
}

static void
needs(void **state)
{
	struct fetch_items items;

	assert_true(parse("(UID FLAGS INTERNALDATE RFC822.SIZE)", &items));
	assert_int_equal(items.needs, 0);
	assert_false(items.sets_seen);
	assert_true(parse("(ENVELOPE BODYSTRUCTURE)", &items));
	assert_int_equal(items.needs, FETCH_SHOWN);
	assert_true(parse("BODY[]", &items));
	assert_int_equal(items.needs, FETCH_PIECE0);
	assert_true(items.sets_seen);
	assert_true(parse("BODY.PEEK[1.2]", &items));
	assert_int_equal(items.needs, FETCH_PIECE0 | FETCH_SHOWN);
	assert_false(items.sets_seen);
	assert_true(parse("RFC822.HEADER", &items));
	assert_int_equal(items.needs, FETCH_HEADER);
	assert_false(items.sets_seen);
	assert_true(parse("(BODY.PEEK[HEADER] BODY.PEEK[HEADER.FIELDS (TO)])", &items));
	assert_int_equal(items.needs, FETCH_HEADER);
	assert_true(parse("BODY.PEEK[1.HEADER]", &items)); /* it stands in the body */
	assert_int_equal(items.needs, FETCH_PIECE0 | FETCH_SHOWN);
	assert_true(parse("BODY.PEEK[TEXT]", &items));
	assert_int_equal(items.needs, FETCH_PIECE0);
	assert_true(parse("RFC822", &items));
	assert_true(items.sets_seen);
	assert_true(parse("BODY", &items));
	assert_false(items.sets_seen);
}

static void
labels(void **state)
{
	labelled("BODY[]", "BODY[]");
	labelled("body.peek[text]<0.100>", "BODY[TEXT]<0>");
	labelled("BODY[HEADER]", "BODY[HEADER]");
	labelled("BODY[4.2.2.1]", "BODY[4.2.2.1]");
	labelled("BODY[4.2.MIME]", "BODY[4.2.MIME]");
	labelled("BODY.PEEK[HEADER.FIELDS (Date \"X Y\")]", "BODY[HEADER.FIELDS (Date \"X Y\")]");
	labelled("BODY[3.HEADER.FIELDS.NOT (to)]", "BODY[3.HEADER.FIELDS.NOT (to)]");
	labelled("RFC822.TEXT", "RFC822.TEXT");
}

static void
partials(void **state)
{
	struct fetch_items items;

	assert_true(parse("BODY[]<7.9>", &items));
	assert_true(items.at[0].partial);
	assert_int_equal(items.at[0].from, 7);
	assert_int_equal(items.at[0].len, 9);
	assert_false(parse("BODY[]<7.0>", &items));
	assert_false(parse("BODY[]<7>", &items));
	assert_false(parse("BODY[]<7.9", &items));
}

static void
refused(void **state)
{
	static const char *const bad[] = { "", "()", "(FLAGS", "FLAGS UID", "(FLAGS  UID)", "BODY[",
		"BODY[MIME]", "BODY[0]", "BODY[1.]", "BODY[1.2TEXT]", "BODY[HEADER.FIELDS]",
		"BODY[HEADER.FIELDS ()]", "BODY[TEXT.1]", "BODYSTRUCTURE[]", "RFC822[]", "X",
		"BODY.PEEK", "ENVELOPEX" };
	struct fetch_items items;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (parse(bad[i], &items))
			fail_msg("taken: %s", bad[i]);
}

static void
limits(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct fetch_items items;

	buffer_add_string(&b, "(UID");
	for (int i = 0; i < FETCH_ITEMS_MAX - 1; i++)
		buffer_add_string(&b, " FLAGS");
	buffer_add_byte(&b, ')');
	assert_true(parse(buffer_string(&b), &items));
	b.len--;
	buffer_add_string(&b, " FLAGS)");
	assert_false(parse(buffer_string(&b), &items));
	buffer_clear(&b);
	buffer_add_string(&b, "BODY[1");
	for (int i = 0; i < SECTION_DEPTH_MAX; i++)
		buffer_add_string(&b, ".1");
	buffer_add_byte(&b, ']');
	assert_false(parse(buffer_string(&b), &items));
	buffer_done(&b);
}

static void
uid_goes_first(void **state)
{
	struct fetch_items items;

	assert_true(parse("(FLAGS BODY[])", &items));
	imap_fetch_add_uid(&items);
	imap_fetch_add_uid(&items);
	assert_int_equal(items.count, 3);
	assert_int_equal(items.at[0].id, ITEM_UID);
	assert_int_equal(items.at[2].id, ITEM_SECTION);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(macros, reset),
		cmocka_unit_test_teardown(needs, reset),
		cmocka_unit_test_teardown(labels, reset),
		cmocka_unit_test_teardown(partials, reset),
		cmocka_unit_test_teardown(refused, reset),
		cmocka_unit_test_teardown(limits, reset),
		cmocka_unit_test_teardown(uid_goes_first, reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
