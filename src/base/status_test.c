/* SPDX-License-Identifier: ISC */
/* Tests of base/status.h: words, the two texts of a failure, die(). */
#include "base/status.h"

#include "base/testing.h"

static void
words_follow_the_table(void **state)
{
	assert_string_equal(status_word(STATUS_OK), "ok");
	assert_string_equal(status_word(STATUS_NOT_FOUND), "not-found");
	assert_string_equal(status_word(STATUS_IO), "io");
	assert_string_equal(status_word(STATUS_COUNT), "unknown");
	assert_string_equal(status_word((enum status) - 1), "unknown");
	for (int s = 0; s < STATUS_COUNT; s++)
		assert_non_null(status_word((enum status)s));
}

static void
a_failure_has_two_texts(void **state)
{
	struct failure f;

	assert_int_equal(
	    fail(&f, STATUS_LIMIT, "100% full", "size %d of %s", 7, "x"), STATUS_LIMIT);
	assert_int_equal(f.status, STATUS_LIMIT);
	assert_string_equal(f.client, "100% full");
	assert_string_equal(f.log, "size 7 of x");
	assert_int_equal(fail(NULL, STATUS_IO, "a", "b"), STATUS_IO);
}

static void
long_texts_are_cut(void **state)
{
	struct failure f;
	char big[1000];

	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	assert_int_equal(fail(&f, STATUS_IO, big, "%s", big), STATUS_IO);
	assert_int_equal(strlen(f.client), sizeof(f.client) - 1);
	assert_int_equal(strlen(f.log), sizeof(f.log) - 1);
}

static void
die_plainly(void)
{
	die("out of %s", "luck");
}

static void
die_at_length(void)
{
	die("%05000d", 1);
}

static void
die_by_check(void)
{
	CHECK(1 + 1 == 3);
}

static void
pass_a_check(void)
{
	CHECK(1 + 1 == 2);
}

static void
a_bug_ends_the_process(void **state)
{
	assert_true(test_dies(die_plainly));
	assert_true(test_dies(die_at_length));
	assert_true(test_dies(die_by_check));
	assert_false(test_dies(pass_a_check));
}

static void
die_says_why(void **state)
{
	char said[2000];
	int ends[2];
	ssize_t n;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		(void)signal(SIGABRT, SIG_DFL);
		(void)dup2(ends[1], STDERR_FILENO);
		die("the %s is on fire", "disk");
	}
	(void)close(ends[1]);
	n = read(ends[0], said, sizeof(said));
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(
	    n > 0 && text_starts((struct text){ said, (size_t)n }, TEXT("the disk is on fire\n")));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_follow_the_table),
		cmocka_unit_test(a_failure_has_two_texts),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(a_bug_ends_the_process),
		cmocka_unit_test(die_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
