/* SPDX-License-Identifier: ISC */
/* Tag lists (RFC 6376 3.2): what is one, and what is refused. */
#include "base/testing.h"

#include "base/buffer.h"

#include "mailauth/tags.h"

static void
values(void **state)
{
	struct tags t;

	assert_ok(
	    tags_parse(TEXT(" v=1 ;\r\n a = rsa-sha256; h=from :\r\n\tto; e=; B_9=\xc3\xa9;"), &t));
	assert_int_equal(t.count, 5);
	assert_text(tags_value(&t, TEXT("v")), "1");
	assert_text(tags_value(&t, TEXT("a")), "rsa-sha256");
	assert_text(tags_value(&t, TEXT("h")), "from :\r\n\tto");
	assert_text(tags_get(&t, TEXT("a"))->span, " rsa-sha256");
	assert_non_null(tags_get(&t, TEXT("e")));
	assert_text(tags_value(&t, TEXT("e")), "");
	assert_text(tags_value(&t, TEXT("B_9")), "\xc3\xa9");
	assert_null(tags_get(&t, TEXT("V"))); /* RFC 6376 3.2: case matters */
}

static void
refused(void **state)
{
	static const char *const bad[] = { "", ";", "v", "v=1;;a=2", "=1", "v=1;v=2", "v=1; 9=x",
		"v=a\x01", "v w=1", "v=1;a-b=2", "v=1;;" };
	struct tags t = { .count = 77 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (tags_parse(text_of(bad[i]), &t) != STATUS_INVALID)
			fail_msg("\"%s\" was taken", bad[i]);
	assert_int_equal(t.count, 77);
}

static void
too_many(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct tags t;

	for (unsigned i = 0; i < TAGS_MAX; i++)
		buffer_addf(&b, "t%u=;", i);
	assert_ok(tags_parse(buffer_text(&b), &t));
	buffer_add_string(&b, "more=");
	assert_int_equal(tags_parse(buffer_text(&b), &t), STATUS_LIMIT);
	buffer_done(&b);
}

static void
lists_and_base64(void **state)
{
	struct arena a = ARENA_INIT;
	struct text out = TEXT("before");

	assert_true(tags_list_has(TEXT("sha1 : SHA256"), TEXT("sha256")));
	assert_false(tags_list_has(TEXT("sha1:sha2567"), TEXT("sha256")));
	assert_false(tags_list_has(TEXT(""), TEXT("y")));
	assert_int_equal(tags_base64(TEXT("Zm9*"), &a, &out), STATUS_INVALID);
	assert_int_equal(tags_base64(TEXT(" \t"), &a, &out), STATUS_INVALID);
	assert_text(out, "before");
	assert_ok(tags_base64(TEXT("Zm\r\n 9v\tYg =="), &a, &out)); /* RFC 6376 2.10 */
	assert_text(out, "foob");
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(refused),
		cmocka_unit_test(too_many),
		cmocka_unit_test(lists_and_base64),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
