/* SPDX-License-Identifier: ISC */
/* What a record of fields is, and which of several counts (RFC 8461 3.1). */
#include "mailauth/fields.h"

#include "base/testing.h"

#define VERSION TEXT("v=X1")

static void
a_record_begins_with_its_version(void **state)
{
	struct text rest = TEXT("before");

	(void)state;
	assert_false(fields_begin(TEXT("v=X1"), VERSION, &rest));
	assert_false(fields_begin(TEXT("v=X12; a=b"), VERSION, &rest));
	assert_false(fields_begin(TEXT(" v=X1; a=b"), VERSION, &rest));
	assert_text(rest, "before");
	assert_true(fields_begin(TEXT("v=X1 \t; a=b"), VERSION, &rest));
	assert_text(rest, " a=b");
}

static void
fields_one_by_one(void **state)
{
	struct text rest = TEXT(" a=b=c ;; \t;d=;e"), name, value;

	(void)state;
	assert_ok(fields_next(&rest, &name, &value));
	assert_text(name, "a");
	assert_text(value, "b=c");
	assert_ok(fields_next(&rest, &name, &value));
	assert_text(name, "d");
	assert_text(value, "");
	assert_int_equal(fields_next(&rest, &name, &value), STATUS_INVALID);
	assert_int_equal(fields_next(&rest, &name, &value), STATUS_NOT_FOUND);
	rest = TEXT("=b");
	assert_int_equal(fields_next(&rest, &name, &value), STATUS_INVALID);
	assert_text(name, "d");
}

static void
one_of_several(void **state)
{
	const struct text txts[] = { TEXT("v=spf1 -all"), TEXT("v=X1; a=b"), TEXT("v=X1;") };

	(void)state;
	assert_null(fields_only(txts, 1, VERSION));
	assert_ptr_equal(fields_only(txts, 2, VERSION), &txts[1]);
	assert_null(fields_only(txts, 3, VERSION));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_begins_with_its_version),
		cmocka_unit_test(fields_one_by_one),
		cmocka_unit_test(one_of_several),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
