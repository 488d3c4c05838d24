/* SPDX-License-Identifier: ISC */
/* The JSON writer: commas, nesting, escapes, numbers. */
#include "codec/json.h"

#include "codec/test_support.h"

static void
nesting(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct json j = json_to(&b);

	json_object(&j);
	json_key(&j, "a");
	json_array(&j);
	json_u64(&j, 1);
	json_array(&j);
	json_array_end(&j);
	json_object(&j);
	json_object_end(&j);
	json_null(&j);
	json_array_end(&j);
	json_key(&j, "b");
	json_bool(&j, true);
	json_key(&j, "c");
	json_object(&j);
	json_key(&j, "d");
	json_bool(&j, false);
	json_object_end(&j);
	json_key(&j, "e");
	json_text(&j, TEXT("f"));
	json_object_end(&j);
	ASSERT_BUFFER(
	    &b, TEXT("{\"a\":[1,[],{},null],\"b\":true,\"c\":{\"d\":false},\"e\":\"f\"}"));
	buffer_done(&b);
}

static void
strings(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct json j = json_to(&b);

	json_text(&j, TEXT("q\" b\\ \b\t\n\v\f\r\x01\x1f\x7f \xc3\xa9 \xff/\0"));
	ASSERT_BUFFER(&b, TEXT("\"q\\\" b\\\\ \\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\\u007f \xc3\xa9 "
			       "\xef\xbf\xbd/\\u0000\""));
	buffer_done(&b);
}

static void
numbers(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct json j = json_to(&b);

	json_array(&j);
	json_u64(&j, UINT64_MAX);
	json_i64(&j, INT64_MIN);
	json_i64(&j, -1);
	json_i64(&j, 5);
	json_double(&j, 0.5);
	json_double(&j, 1e300 * 1e300);
	json_array_end(&j);
	ASSERT_BUFFER(&b, TEXT("[18446744073709551615,-9223372036854775808,-1,5,0.5,null]"));
	buffer_done(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nesting),
		cmocka_unit_test(strings),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
