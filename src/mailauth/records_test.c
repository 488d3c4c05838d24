/* SPDX-License-Identifier: ISC */
/* RDATA of mail's records: what is read of them, and what is refused. */
#include "mailauth/records.h"

#include "base/testing.h"

static void
mx(void **state)
{
	struct arena a = ARENA_INIT;
	struct record_mx m = { .preference = 7 };

	assert_ok(record_mx(TEXT("\x01\x02\2mX\7Example\3org\0"), &a, &m));
	assert_int_equal(m.preference, 258);
	assert_text(m.host, "mx.example.org");
	assert_ok(record_mx(TEXT("\0\0\0"), &a, &m)); /* RFC 7505 3 */
	assert_int_equal(m.preference, 0);
	assert_int_equal(m.host.len, 0);
	arena_done(&a);
}

static void
names_that_no_host_has(void **state)
{
	static const struct text bad[] = {
		{ "", 0 }, { "\2mx", 3 }, /* no root */
		{ "\2mx\0x", 5 },	  /* something behind it */
		{ "\5mx\0", 4 },	  /* a label cut off */
		{ "\xc0\x0c", 2 },	  /* a pointer (RFC 1035 4.1.4) */
		{ "\4a.bc\0", 6 },	  /* a dot within */
		{ "\3a b\3org\0", 9 },	  /* a space */
		{ "\4x\0yz\3org\0", 10 }, /* a NUL */
		{ "\3\xc3\xa4x\0", 5 },	  /* not ASCII */
	};
	struct text name = TEXT("untouched");
	struct arena a = ARENA_INIT;
	struct record_mx m;
	char rdata[300];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (record_name(bad[i], &a, &name) != STATUS_INVALID)
			fail_msg("row %zu was taken", i);
	assert_text(name, "untouched");
	assert_int_equal(record_mx(TEXT("\0"), &a, &m), STATUS_INVALID);
	assert_int_equal(record_mx(TEXT("\0\1"), &a, &m), STATUS_INVALID);

	/* 127 labels of one octet are 253 as text, one more is too long. */
	for (size_t i = 0; i < 128; i++)
		memcpy(rdata + 2 * i, "\1a", 2);
	rdata[254] = '\0';
	assert_ok(record_name((struct text){ rdata, 255 }, &a, &name));
	assert_int_equal(name.len, RECORD_NAME_MAX);
	rdata[254] = '\1';
	rdata[256] = '\0';
	assert_int_equal(record_name((struct text){ rdata, 257 }, &a, &name), STATUS_INVALID);
	/* A label of 64 octets. */
	memset(rdata, 'a', sizeof(rdata));
	rdata[0] = 64;
	rdata[65] = '\0';
	assert_int_equal(record_name((struct text){ rdata, 66 }, &a, &name), STATUS_INVALID);
	arena_done(&a);
}

static void
txt(void **state)
{
	struct arena a = ARENA_INIT;
	struct text t;

	assert_ok(record_txt(TEXT("\3v=a\0\2bc"), &a, &t));
	assert_text(t, "v=abc");
	assert_int_equal(record_txt(TEXT("\3v=a\3bc"), &a, &t), STATUS_INVALID);
	arena_done(&a);
}

static void
tlsa(void **state)
{
	char rdata[67] = "\3\1\2";
	struct record_tlsa t;

	assert_ok(record_tlsa((struct text){ rdata, 67 }, &t));
	assert_int_equal(t.usage, 3);
	assert_int_equal(t.selector, 1);
	assert_int_equal(t.matching, 2);
	assert_int_equal(t.data.len, 64);
	assert_true(record_tlsa_usable(&t));
	assert_int_equal(record_tlsa((struct text){ rdata, 66 }, &t), STATUS_INVALID);
	rdata[2] = 1;
	assert_int_equal(record_tlsa((struct text){ rdata, 67 }, &t), STATUS_INVALID);
	assert_ok(record_tlsa((struct text){ rdata, 35 }, &t));
	rdata[2] = 0;
	assert_ok(record_tlsa((struct text){ rdata, 4 }, &t));
	assert_int_equal(record_tlsa((struct text){ rdata, 3 }, &t), STATUS_INVALID);
	assert_int_equal(record_tlsa((struct text){ rdata, 2 }, &t), STATUS_INVALID);
}

/* RFC 7672 3.1.3: PKIX-TA and PKIX-EE are not for SMTP. */
static void
tlsa_that_smtp_can_use(void **state)
{
	static const struct {
		struct record_tlsa t;
		bool usable;
	} rows[] = {
		{ { .usage = 0 }, false },
		{ { .usage = 1, .matching = 1 }, false },
		{ { .usage = 2, .matching = 1 }, true },
		{ { .usage = 3, .selector = 1, .matching = 2 }, true },
		{ { .usage = 4 }, false },
		{ { .usage = 3, .selector = 2 }, false },
		{ { .usage = 3, .matching = 3 }, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(record_tlsa_usable(&rows[i].t), rows[i].usable);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mx),
		cmocka_unit_test(names_that_no_host_has),
		cmocka_unit_test(txt),
		cmocka_unit_test(tlsa),
		cmocka_unit_test(tlsa_that_smtp_can_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
