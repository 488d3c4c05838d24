/* SPDX-License-Identifier: ISC */
/* Paths and parameters of MAIL and RCPT: what is taken, what is not, and that
 * nothing is consumed of what is not. */
#include "base/testing.h"

#include <stdio.h>

#include "smtp/path.h"

static void
check(bool (*rule)(struct cursor *, struct arena *, struct text *), const char *in,
    const char *address, const char *rest)
{
	struct arena a = ARENA_INIT;
	struct cursor c = cursor_of(text_of(in));
	struct text got = TEXT("untouched");
	bool taken = rule(&c, &a, &got);

	assert_int_equal(taken, address != NULL);
	assert_true(text_equal(got, text_of(address != NULL ? address : "untouched")));
	assert_true(text_equal(cursor_rest(&c), text_of(address != NULL ? rest : in)));
	arena_done(&a);
}

static void
reverse_paths(void **state)
{
	check(smtp_path_reverse, "<>", "", "");
	check(smtp_path_reverse, " <> SIZE=1", "", " SIZE=1");
	check(smtp_path_reverse, "<a@b.test>", "a@b.test", "");
	check(smtp_path_reverse, "<@x.test,@y.test:a@b.test>", "a@b.test", "");
	check(smtp_path_reverse, "<\"a b\"@c.test> X", "\"a b\"@c.test", " X");
	check(smtp_path_reverse, "<\"a\"@c.test>", "a@c.test", "");
	check(smtp_path_reverse, "<a@[192.0.2.1]>", "a@[192.0.2.1]", "");
	check(smtp_path_reverse, "<\xc3\xa4@\xc3\xa4.test>", "\xc3\xa4@\xc3\xa4.test", "");

	check(smtp_path_reverse, "a@b.test", NULL, NULL);
	check(smtp_path_reverse, "<a@b.test", NULL, NULL);
	check(smtp_path_reverse, "<a@b.test>x", NULL, NULL);
	check(smtp_path_reverse, "<a@b.test>>", NULL, NULL);
	check(smtp_path_reverse, "<<a@b.test>>", NULL, NULL);
	check(smtp_path_reverse, "<a>", NULL, NULL);
	check(smtp_path_reverse, "<postmaster>", NULL, NULL);
	check(smtp_path_reverse, "<a @b.test>", NULL, NULL);
	check(smtp_path_reverse, "<a@b@c.test>", NULL, NULL);
	check(smtp_path_reverse, "<@b.test>", NULL, NULL);
	check(smtp_path_reverse, "<\xff@b.test>", NULL, NULL);
	check(smtp_path_reverse, "", NULL, NULL);
}

static void
forward_paths(void **state)
{
	check(smtp_path_forward, "<a@b.test>", "a@b.test", "");
	check(smtp_path_forward, "<Postmaster>", "postmaster", "");
	check(smtp_path_forward, "<POSTMASTER> X=1", "postmaster", " X=1");
	check(smtp_path_forward, "<postmaster@b.test>", "postmaster@b.test", "");
	check(smtp_path_forward, "<>", NULL, NULL);
	check(smtp_path_forward, "<postmasters>", NULL, NULL);
}

static void
lengths(void **state)
{
	char in[400], address[400];

	/* RFC 5321 4.5.3.1.1: a local part of 64 octets, not of 65. */
	(void)snprintf(address, sizeof(address), "%064d@b.test", 7);
	(void)snprintf(in, sizeof(in), "<%064d@b.test>", 7);
	check(smtp_path_forward, in, address, "");
	(void)snprintf(in, sizeof(in), "<%065d@b.test>", 7);
	check(smtp_path_forward, in, NULL, NULL);
}

static void
parameters(void **state)
{
	struct cursor c = cursor_of(TEXT(" SIZE=12  BODY=8BITMIME SMTPUTF8 x-Y=a+b "));
	struct smtp_parameter p;

	assert_true(smtp_parameter_next(&c, &p));
	assert_text(p.keyword, "SIZE");
	assert_text(p.value, "12");
	assert_true(smtp_parameter_next(&c, &p));
	assert_text(p.keyword, "BODY");
	assert_true(smtp_parameter_next(&c, &p));
	assert_text(p.keyword, "SMTPUTF8");
	assert_int_equal(p.value.len, 0);
	assert_true(smtp_parameter_next(&c, &p));
	assert_text(p.value, "a+b");
	assert_false(smtp_parameter_next(&c, &p));
	assert_true(cursor_done(&c));
}

static void
bad_parameters_are_left(void **state)
{
	static const char *const bad[] = { "SIZE=1", " =1", " SIZE=", " SIZE=1=2", " -x=1", " a,b",
		" <a@b>" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct cursor c = cursor_of(text_of(bad[i]));
		struct smtp_parameter p;

		assert_false(smtp_parameter_next(&c, &p));
		assert_true(text_equal(cursor_rest(&c), text_of(bad[i])));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reverse_paths),
		cmocka_unit_test(forward_paths),
		cmocka_unit_test(lengths),
		cmocka_unit_test(parameters),
		cmocka_unit_test(bad_parameters_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
