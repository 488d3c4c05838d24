/* SPDX-License-Identifier: ISC */
/* Verifiers of all kinds, sealing, preparation, and what is remembered. */
#include "auth/prep.h"

#include "auth/remember.h"
#include "auth/seal.h"
#include "auth/verifier.h"
#include "base/testing.h"

static void
made_here(void **state)
{
	struct arena a = ARENA_INIT;
	struct buffer packed = BUFFER_INIT;
	struct verifier v, back;

	assert_int_equal(verifier_of_password(TEXT("correct horse"), &a, &v, NULL), STATUS_OK);
	verifier_pack(&v, &packed);
	assert_int_equal(verifier_unpack(buffer_text(&packed), &a, &back), STATUS_OK);
	assert_true(verifier_matches(&back, TEXT("correct horse")));
	assert_false(verifier_matches(&back, TEXT("correct horsf")));
	assert_false(verifier_matches(&back, TEXT("")));
	assert_false(verifier_is_old(&back));
	/* The SCRAM half alone says the same. */
	back.hash = TEXT_EMPTY;
	assert_true(verifier_matches(&back, TEXT("correct horse")));
	assert_false(verifier_matches(&back, TEXT("wrong")));
	for (size_t cut = 0; cut < packed.len; cut++)
		assert_int_equal(
		    verifier_unpack(text_part(buffer_text(&packed), 0, cut), &a, &back),
		    STATUS_CORRUPT);
	assert_int_equal(verifier_of_password(TEXT(""), &a, &v, NULL), STATUS_INVALID);
	buffer_done(&packed);
	arena_done(&a);
}

/* Made by mkpasswd, argon2 and PostgreSQL's formats for the password "demo"
 * and "pencil". */
static void
brought_along(void **state)
{
	static const char *const bad[] = { "demo", "{SSHA}abc", "$1$abc$def", "$6$", "",
		"$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$AAAA", "SCRAM-SHA-256$4096:x$y:z",
		"SCRAM-SHA-256$1:c2FsdA==$AAAA:AAAA" };
	struct arena a = ARENA_INIT;
	struct failure f;
	struct verifier v;
	struct text sha512 = TEXT("$6$abcdefgh$YyrQeFbGiXKdFWP1HCOzoP98lGOJT3o5vkaIf4qMuSiGF1QU7Z/"
				  "4JRNxv5cCm90HIZgemX3wm8UCkgoQqsyRQ.");
	struct text scram = TEXT("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
				 "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
				 "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");

	assert_int_equal(verifier_of_hash(scram, &a, &v, &f), STATUS_OK);
	assert_true(verifier_matches(&v, TEXT("pencil")));
	assert_false(verifier_matches(&v, TEXT("pencils")));
	assert_true(verifier_is_old(&v));
	assert_int_equal(verifier_of_hash(sha512, &a, &v, &f), STATUS_OK);
	assert_false(v.has_scram);
	assert_true(verifier_is_old(&v));
	assert_true(verifier_matches(&v, TEXT("demo")));
	assert_false(verifier_matches(&v, TEXT("wrong")));
	assert_int_equal(
	    verifier_of_hash(
		TEXT("$y$j9T$abcdefgh$IvrO6nupgvJA4VrX/l3Zwo705kSQkQRYaBRwupvsSB8"), &a, &v, &f),
	    STATUS_OK);
	assert_true(verifier_matches(&v, TEXT("demo")));
	assert_int_equal(
	    verifier_of_hash(
		TEXT("$2b$05$abcdefghijklmnopqrstuupHpIXcOJo1NoZgX.hjwSF2SVi6yU1wa"), &a, &v, &f),
	    STATUS_OK);
	assert_true(verifier_matches(&v, TEXT("demo")));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		f.client[0] = '\0';
		assert_int_not_equal(verifier_of_hash(text_of(bad[i]), &a, &v, &f), STATUS_OK);
		assert_true(f.client[0] != '\0');
	}
	arena_done(&a);
}

static void
sealed(void **state)
{
	struct text key = TEXT("0123456789abcdef0123456789abcdef");
	struct text other = TEXT("0123456789abcdef0123456789abcdeg");
	struct buffer s = BUFFER_INIT, twice = BUFFER_INIT, plain = BUFFER_INIT;

	seal_close(key, TEXT("a verifier"), &s);
	seal_close(key, TEXT("a verifier"), &twice);
	assert_false(text_equal(buffer_text(&s), buffer_text(&twice)));
	assert_int_equal(seal_open(key, buffer_text(&s), &plain), STATUS_OK);
	assert_string_equal(buffer_string(&plain), "a verifier");
	buffer_clear(&plain);
	assert_int_equal(seal_open(other, buffer_text(&s), &plain), STATUS_CORRUPT);
	for (size_t i = 0; i < s.len; i++) {
		s.ptr[i] ^= 1;
		assert_int_equal(seal_open(key, buffer_text(&s), &plain), STATUS_CORRUPT);
		s.ptr[i] ^= 1;
		assert_int_equal(
		    seal_open(key, text_part(buffer_text(&s), 0, i), &plain), STATUS_CORRUPT);
	}
	assert_int_equal(plain.len, 0);
	buffer_done(&s);
	buffer_done(&twice);
	buffer_done(&plain);
}

/* RFC 4013 3. */
static void
prepared(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = { { "I\xc2\xadX", "IX" }, { "user", "user" }, { "USER", "USER" },
		{ "\xc2\xaa", "a" }, { "\xe2\x85\xa8", "IX" }, { "\xff\xfe", "\xff\xfe" } };
	struct buffer out = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buffer_clear(&out);
		assert_int_equal(prep_password(text_of(rows[i].in), &out), STATUS_OK);
		assert_string_equal(buffer_string(&out), rows[i].out);
	}
	buffer_done(&out);
}

static void
remembered(void **state)
{
	struct remember *r = remember_new(64);

	assert_false(remember_knows(r, 7, TEXT("v"), TEXT("p"), 10));
	remember_add(r, 7, TEXT("v"), TEXT("p"), 100);
	assert_true(remember_knows(r, 7, TEXT("v"), TEXT("p"), 10));
	assert_false(remember_knows(r, 7, TEXT("v"), TEXT("q"), 10));
	assert_false(remember_knows(r, 7, TEXT("vp"), TEXT(""), 10));
	assert_false(remember_knows(r, 8, TEXT("v"), TEXT("p"), 10));
	assert_false(remember_knows(r, 7, TEXT("v2"), TEXT("p"), 10));
	assert_false(remember_knows(r, 7, TEXT("v"), TEXT("p"), 100));
	remember_add(r, 7, TEXT("v"), TEXT("p"), 200);
	remember_forget(r, 7);
	assert_false(remember_knows(r, 7, TEXT("v"), TEXT("p"), 10));
	/* More than fits: the newest are known. */
	for (uint64_t i = 1; i <= 1000; i++)
		remember_add(r, i, TEXT("v"), TEXT("p"), (int64_t)i * 10);
	assert_true(remember_knows(r, 1000, TEXT("v"), TEXT("p"), 5));
	remember_free(r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_here),
		cmocka_unit_test(brought_along),
		cmocka_unit_test(sealed),
		cmocka_unit_test(prepared),
		cmocka_unit_test(remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
