/* SPDX-License-Identifier: ISC */
/* Tests of base/text.h; the folding and the finding against plain loops. */
#include "base/text.h"

#include "base/random.h"
#include "base/testing.h"

static void
comparing(void **state)
{
	assert_true(text_equal(TEXT("abc"), TEXT("abc")));
	assert_false(text_equal(TEXT("abc"), TEXT("abd")));
	assert_false(text_equal(TEXT("abc"), TEXT("ab")));
	assert_true(text_equal(TEXT_EMPTY, (struct text){ NULL, 0 }));
	assert_true(text_equal(text_of(NULL), TEXT("")));
	assert_true(text_equal_ci(TEXT("MESSAGE-id: A"), TEXT("message-ID: a")));
	assert_false(text_equal_ci(TEXT("message-id@"), TEXT("message-id`")));
	assert_false(text_equal_ci(TEXT("[[[[[[[["), TEXT("{{{{{{{{")));
	assert_true(text_compare(TEXT("a"), TEXT("b")) < 0);
	assert_true(text_compare(TEXT("ab"), TEXT("a")) > 0);
	assert_true(text_compare(TEXT("\xff"), TEXT("a")) > 0);
	assert_int_equal(text_compare(TEXT("a"), TEXT("a")), 0);
	assert_int_equal(text_compare_ci(TEXT("aBc"), TEXT("AbC")), 0);
	assert_true(text_compare_ci(TEXT("a"), TEXT("AB")) < 0);
	assert_true(text_compare_ci(TEXT("\xc3"), TEXT("Z")) > 0);
}

static void
folding_touches_ascii_letters_only(void **state)
{
	char a[8], b[8];

	for (int x = 0; x < 256; x++)
		for (int y = 0; y < 256; y++) {
			memset(a, x, sizeof(a));
			memset(b, y, sizeof(b));
			assert_int_equal(
			    text_equal_ci((struct text){ a, 8 }, (struct text){ b, 8 }),
			    byte_lower((char)x) == byte_lower((char)y));
		}
}

static void
both_ends(void **state)
{
	assert_true(text_starts(TEXT("abc"), TEXT("ab")));
	assert_false(text_starts(TEXT("ab"), TEXT("abc")));
	assert_true(text_starts_ci(TEXT("ABc"), TEXT("aB")));
	assert_true(text_ends(TEXT("abc"), TEXT("bc")));
	assert_false(text_ends(TEXT("c"), TEXT("bc")));
	assert_true(text_ends_ci(TEXT("abC"), TEXT("Bc")));
	assert_true(text_starts(TEXT("x"), TEXT_EMPTY));
	assert_true(text_ends(TEXT("x"), TEXT_EMPTY));
}

static void
finding(void **state)
{
	assert_int_equal(text_find(TEXT("abcabc"), TEXT("bc"), 0), 1);
	assert_int_equal(text_find(TEXT("abcabc"), TEXT("bc"), 2), 4);
	assert_int_equal(text_find(TEXT("abcabc"), TEXT("bd"), 0), 6);
	assert_int_equal(text_find(TEXT("abc"), TEXT("abcd"), 0), 3);
	assert_int_equal(text_find(TEXT("abc"), TEXT("c"), 7), 3);
	assert_int_equal(text_find(TEXT("abc"), TEXT(""), 1), 1);
	assert_int_equal(text_find_ci(TEXT("xxSubJECT"), TEXT("subject"), 0), 2);
	assert_int_equal(text_find_ci(TEXT("aab"), TEXT("AB"), 0), 1);
	assert_int_equal(text_find_ci(TEXT("ab"), TEXT("b"), 2), 2);
	assert_int_equal(text_find_byte(TEXT("abca"), 'a', 1), 3);
	assert_int_equal(text_find_byte(TEXT("abca"), 'x', 0), 4);
	assert_int_equal(text_find_byte(TEXT("abca"), 'a', 9), 4);
	assert_int_equal(text_find_last(TEXT("abca"), 'a'), 3);
	assert_int_equal(text_find_last(TEXT("abca"), 'x'), 4);
	assert_int_equal(text_find_last(TEXT_EMPTY, 'x'), 0);
}

static size_t
find_plainly(struct text t, struct text needle, size_t from)
{
	for (size_t i = from; i + needle.len <= t.len; i++)
		if (text_equal_ci(text_part(t, i, i + needle.len), needle))
			return i;
	return t.len;
}

static void
finding_agrees_with_a_plain_search(void **state)
{
	char hay[40], pin[4];

	random_seed_for_test(11);
	for (int round = 0; round < 20000; round++) {
		struct text t = { hay, random_below(sizeof(hay) + 1) };
		struct text needle = { pin, 1 + random_below(sizeof(pin)) };
		size_t from = random_below(sizeof(hay));

		for (size_t i = 0; i < t.len; i++)
			hay[i] = "aAbB-"[random_below(5)];
		for (size_t i = 0; i < needle.len; i++)
			pin[i] = "aAbB-"[random_below(5)];
		assert_int_equal(text_find_ci(t, needle, from), find_plainly(t, needle, from));
	}
	random_seed_for_test(0);
}

static void
cutting(void **state)
{
	assert_text(text_part(TEXT("abcdef"), 1, 3), "bc");
	assert_text(text_part(TEXT("abc"), 2, 100), "c");
	assert_text(text_part(TEXT("abc"), 5, 9), "");
	assert_text(text_part(TEXT("abc"), 2, 1), "");
	assert_text(text_trim(TEXT(" \t a b\r\n")), "a b");
	assert_text(text_trim(TEXT(" \r\n")), "");
}

static void
splitting(void **state)
{
	struct text t = TEXT("a,,b,"), piece = TEXT_EMPTY;

	assert_true(text_split(&t, ',', &piece));
	assert_text(piece, "a");
	assert_true(text_split(&t, ',', &piece));
	assert_text(piece, "");
	assert_true(text_split(&t, ',', &piece));
	assert_text(piece, "b");
	assert_false(text_split(&t, ',', &piece));
	assert_text(piece, "b");
}

static void
numbers(void **state)
{
	uint64_t big = 7;
	uint32_t small = 7;

	assert_ok(text_to_u64(TEXT("18446744073709551615"), &big));
	assert_true(big == UINT64_MAX);
	assert_int_equal(text_to_u64(TEXT("18446744073709551616"), &big), STATUS_LIMIT);
	assert_int_equal(text_to_u64(TEXT("99999999999999999999x"), &big), STATUS_INVALID);
	assert_int_equal(text_to_u64(TEXT(""), &big), STATUS_INVALID);
	assert_int_equal(text_to_u64(TEXT("+1"), &big), STATUS_INVALID);
	assert_int_equal(text_to_u64(TEXT(" 1"), &big), STATUS_INVALID);
	assert_true(big == UINT64_MAX);
	assert_ok(text_to_u32(TEXT("0004294967295"), &small));
	assert_int_equal(small, UINT32_MAX);
	assert_int_equal(text_to_u32(TEXT("4294967296"), &small), STATUS_LIMIT);
	assert_int_equal(small, UINT32_MAX);
}

static void
strings(void **state)
{
	char out[4] = "???";

	assert_ok(text_to_string(TEXT("abc"), out, sizeof(out)));
	assert_string_equal(out, "abc");
	assert_int_equal(text_to_string(TEXT("abcd"), out, sizeof(out)), STATUS_LIMIT);
	assert_int_equal(text_to_string(TEXT("a\0b"), out, sizeof(out)), STATUS_LIMIT);
	assert_string_equal(out, "abc");
	assert_ok(text_to_string(TEXT_EMPTY, out, sizeof(out)));
	assert_string_equal(out, "");
}

static void
hashes(void **state)
{
	struct text upper = TEXT("ALICE@Example.ORG"), lower = TEXT("alice@example.org");

	assert_true(text_hash(lower) == text_hash(lower));
	assert_true(text_hash(lower) != text_hash(upper));
	assert_true(text_hash_ci(lower) == text_hash_ci(upper));
	assert_true(text_hash_ci(lower) == text_hash(lower));
	assert_true(text_hash(TEXT("a")) != text_hash(TEXT("a\0")));
	assert_true(text_hash(TEXT("@@@@@@@@")) != text_hash_ci(TEXT("````````")));
	/* The published values of FNV-1a: keys on disk rest on them. */
	assert_true(text_hash_stable(TEXT_EMPTY) == UINT64_C(0xcbf29ce484222325));
	assert_true(text_hash_stable(TEXT("a")) == UINT64_C(0xaf63dc4c8601ec8c));
	assert_true(text_hash_stable(TEXT("foobar")) == UINT64_C(0x85944171f73967e8));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comparing),
		cmocka_unit_test(folding_touches_ascii_letters_only),
		cmocka_unit_test(both_ends),
		cmocka_unit_test(finding),
		cmocka_unit_test(finding_agrees_with_a_plain_search),
		cmocka_unit_test(cutting),
		cmocka_unit_test(splitting),
		cmocka_unit_test(numbers),
		cmocka_unit_test(strings),
		cmocka_unit_test(hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
