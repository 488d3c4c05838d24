/* SPDX-License-Identifier: ISC */
/* Base64: the vectors of RFC 4648 10, what strict decoding refuses, and
 * lenient decoding cut at every place. */
#include "codec/base64.h"

#include "codec/test_support.h"

static const struct {
	struct text plain;
	struct text coded;
} vectors[] = {
	{ { "", 0 }, { "", 0 } },
	{ { "f", 1 }, { "Zg==", 4 } },
	{ { "fo", 2 }, { "Zm8=", 4 } },
	{ { "foo", 3 }, { "Zm9v", 4 } },
	{ { "foob", 4 }, { "Zm9vYg==", 8 } },
	{ { "fooba", 5 }, { "Zm9vYmE=", 8 } },
	{ { "foobar", 6 }, { "Zm9vYmFy", 8 } },
	{ { "\xff\xfe\x00\xfb\xef", 5 }, { "//4A++8=", 8 } },
};

static void
rfc_vectors(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		base64_encode(&b, vectors[i].plain);
		ASSERT_BUFFER(&b, vectors[i].coded);
		assert_int_equal(base64_decode(&b, vectors[i].coded), STATUS_OK);
		ASSERT_BUFFER(&b, vectors[i].plain);
	}
	buffer_done(&b);
}

static void
url_alphabet(void **state)
{
	struct buffer b = BUFFER_INIT;

	base64_url_encode(&b, vectors[7].plain);
	ASSERT_BUFFER(&b, TEXT("__4A--8"));
	assert_int_equal(base64_url_decode(&b, TEXT("__4A--8")), STATUS_OK);
	ASSERT_BUFFER(&b, vectors[7].plain);
	assert_int_equal(base64_url_decode(&b, TEXT("//4A++8")), STATUS_INVALID);
	assert_int_equal(base64_url_decode(&b, TEXT("__4A--8=")), STATUS_INVALID);
	buffer_done(&b);
}

static void
strict_refuses(void **state)
{
	static const char *const bad[] = { "Z", "Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\r\n",
		"Zm 9v", "Zm9v=", "Zh==", "Zm9=", "Zg==Zg==", "Zm9vZ\xc3\xa9==" };
	struct buffer b = BUFFER_INIT;

	buffer_add_string(&b, "before");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(base64_decode(&b, text_of(bad[i])), STATUS_INVALID);
		ASSERT_TEXT(buffer_text(&b), TEXT("before"));
	}
	buffer_done(&b);
}

static void
lenient_cut_anywhere(void **state)
{
	struct text in = TEXT("Zm9v\r\nYm*Fy IGJhejE=\r\nZm9vYg==Zm8");
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i <= in.len; i++) {
		for (size_t k = i; k <= in.len; k++) {
			struct base64_decoder d = { 0 };

			base64_feed(&d, text_part(in, 0, i), &b);
			base64_feed(&d, text_part(in, i, k), &b);
			base64_feed(&d, text_part(in, k, in.len), &b);
			ASSERT_BUFFER(&b, TEXT("foobar baz1foobfo"));
		}
	}
	buffer_done(&b);
}

static void
all_octets_round(void **state)
{
	struct buffer in = BUFFER_INIT, coded = BUFFER_INIT, out = BUFFER_INIT;

	for (int i = 0; i < 1000; i++) {
		buffer_add_byte(&in, (char)(i * 7 % 256));
		base64_encode(&coded, buffer_text(&in));
		assert_int_equal(base64_decode(&out, buffer_text(&coded)), STATUS_OK);
		buffer_clear(&coded);
		ASSERT_BUFFER(&out, buffer_text(&in));
	}
	buffer_done(&in);
	buffer_done(&coded);
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_vectors),
		cmocka_unit_test(url_alphabet),
		cmocka_unit_test(strict_refuses),
		cmocka_unit_test(lenient_cut_anywhere),
		cmocka_unit_test(all_octets_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
