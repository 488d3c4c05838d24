/* SPDX-License-Identifier: ISC */
/* Tests of base/pack.h: every value comes back, and bad bytes stick. */
#include "base/pack.h"

#include "base/testing.h"

static void
a_struct_comes_back(void **state)
{
	struct buffer b = BUFFER_INIT;
	struct unpack u;

	pack_u8(&b, 200);
	pack_be32(&b, 0x01020304);
	pack_be64(&b, UINT64_C(0x0102030405060708));
	pack_text(&b, TEXT("hello"));
	pack_signed(&b, -3);
	assert_text(buffer_text(&b), "\xc8\1\2\3\4\1\2\3\4\5\6\7\10\5hello\5");
	u = unpack_of(buffer_text(&b));
	assert_int_equal(unpack_u8(&u), 200);
	assert_int_equal(unpack_be32(&u), 0x01020304);
	assert_true(unpack_be64(&u) == UINT64_C(0x0102030405060708));
	assert_text(unpack_text(&u), "hello");
	assert_false(unpack_end(&u));
	assert_int_equal(unpack_signed(&u), -3);
	assert_true(unpack_end(&u));
	buffer_done(&b);
}

static void
round_trip(uint64_t v)
{
	struct buffer b = BUFFER_INIT;
	struct unpack u;

	pack_varint(&b, v);
	pack_signed(&b, (int64_t)v);
	u = unpack_of(buffer_text(&b));
	assert_true(unpack_varint(&u) == v);
	assert_true(unpack_signed(&u) == (int64_t)v);
	assert_true(unpack_end(&u));
	buffer_done(&b);
}

static void
varints_of_every_length(void **state)
{
	for (unsigned shift = 0; shift < 64; shift++) {
		round_trip(UINT64_C(1) << shift);
		round_trip((UINT64_C(1) << shift) - 1);
		round_trip(0 - (UINT64_C(1) << shift));
	}
}

static bool
varint_is_bad(struct text t)
{
	struct unpack u = unpack_of(t);

	return unpack_varint(&u) == 0 && !unpack_ok(&u);
}

static void
a_value_has_one_encoding(void **state)
{
	assert_true(varint_is_bad(TEXT("")));
	assert_true(varint_is_bad(TEXT("\x80")));
	assert_true(varint_is_bad(TEXT("\x80\x00")));
	assert_true(varint_is_bad(TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")));
	assert_true(varint_is_bad(TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00")));
	assert_false(varint_is_bad(TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")));
}

static void
an_error_sticks(void **state)
{
	struct unpack u = unpack_of(TEXT("\x05"
					 "abc"
					 "\x01\x02\x03\x04"));

	assert_int_equal(unpack_bytes(&u, 9).len, 0);
	assert_false(unpack_ok(&u));
	assert_int_equal(unpack_u8(&u), 0);
	assert_int_equal(unpack_be32(&u), 0);
	assert_true(unpack_be64(&u) == 0);
	assert_true(unpack_varint(&u) == 0);
	assert_int_equal(unpack_signed(&u), 0);
	assert_int_equal(unpack_text(&u).len, 0);
	assert_false(unpack_end(&u));
}

static void
lengths_are_bounded(void **state)
{
	struct unpack u = unpack_of(TEXT("\x05"
					 "abcd"));

	assert_int_equal(unpack_text(&u).len, 0);
	assert_false(unpack_ok(&u));
	u = unpack_of(TEXT("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
			   "a"));
	assert_int_equal(unpack_text(&u).len, 0);
	assert_false(unpack_ok(&u));
	u = unpack_of(TEXT("\x09\x0a"));
	assert_int_equal(unpack_varint_max(&u, 9), 9);
	assert_int_equal(unpack_varint_max(&u, 9), 0);
	assert_false(unpack_ok(&u));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_struct_comes_back),
		cmocka_unit_test(varints_of_every_length),
		cmocka_unit_test(a_value_has_one_encoding),
		cmocka_unit_test(an_error_sticks),
		cmocka_unit_test(lengths_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
