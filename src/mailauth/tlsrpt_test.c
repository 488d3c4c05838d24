/* SPDX-License-Identifier: ISC */
/* Records that ask for reports about TLS, and what they ask for. */
#include "mailauth/tlsrpt.h"

#include "base/buffer.h"
#include "base/testing.h"

/* RFC 8460 3, 3.1 */
static void
records(void **state)
{
	static const struct {
		const char *txt, *places; /* NULL: none */
	} rows[] = {
		{ "v=TLSRPTv1; rua=mailto:reports@example.com", "reports@example.com" },
		{ "v=TLSRPTv1;rua=https://reporting.example.com/v1/tlsrpt;",
		    "https://reporting.example.com/v1/tlsrpt" },
		{ "v=TLSRPTv1 ; x=y ; rua=mailto:a@b.test , https://c.test/d ;",
		    "a@b.test https://c.test/d" },
		{ "v=TLSRPTv1; rua=mailto:a%2Cb@b.test?subject=x", NULL }, /* no dot-atom */
		{ "v=TLSRPTv1; rua=mailto:a%2bb@b.test", "a+b@b.test" },
		{ "v=TLSRPTv1; rua=mailto:a@b.test%", NULL },
		{ "v=TLSRPTv1; rua=mailto:a@b.test%0d%0aX: y", NULL },
		{ "v=TLSRPTv1; rua=ftp://a.test,mailto:a@b.test", "a@b.test" },
		{ "v=TLSRPTv1; rua=http://a.test", NULL },
		{ "v=TLSRPTv1; rua=https://", NULL },
		{ "v=TLSRPTv1; rua=https://a b", NULL },
		{ "v=TLSRPTv1; rua=", NULL },
		{ "v=TLSRPTv1; rua=mailto:a@b.test; rua=mailto:c@d.test", NULL },
		{ "v=TLSRPTv1; nonsense; rua=mailto:a@b.test", NULL },
		{ "v=TLSRPTv1;", NULL },
		{ "v=TLSRPTv2; rua=mailto:a@b.test", NULL },
		{ "rua=mailto:a@b.test; v=TLSRPTv1", NULL },
		{ "", NULL },
	};
	struct arena a = ARENA_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct tlsrpt t = { .count = 0 };
		struct buffer b = BUFFER_INIT;
		enum status s = tlsrpt_record(text_of(rows[i].txt), &a, &t);

		for (uint32_t k = 0; k < t.count; k++) {
			assert_int_equal(t.rua[k].https, text_starts(t.rua[k].to, TEXT("https:")));
			buffer_addf(&b, "%s%.*s", k == 0 ? "" : " ", TEXT_ARG(t.rua[k].to));
		}
		if ((s == STATUS_OK) != (rows[i].places != NULL) ||
		    (s == STATUS_OK && !text_equal(buffer_text(&b), text_of(rows[i].places))))
			fail_msg(
			    "%s: %s, %.*s", rows[i].txt, status_word(s), TEXT_ARG(buffer_text(&b)));
		buffer_done(&b);
	}
	arena_done(&a);
}

static void
places_are_bounded(void **state)
{
	struct arena a = ARENA_INIT;
	struct buffer b = BUFFER_INIT;
	struct tlsrpt t;

	buffer_add_string(&b, "v=TLSRPTv1; rua=mailto:a@b.test");
	for (int i = 0; i < 30; i++)
		buffer_addf(&b, ",mailto:a%d@b.test", i);
	assert_ok(tlsrpt_record(buffer_text(&b), &a, &t));
	assert_int_equal(t.count, TLSRPT_RUAS_MAX);
	buffer_done(&b);
	arena_done(&a);
}

/* RFC 8460 3: several records, or none, are no wish. */
static void
one_of_several_records(void **state)
{
	const struct text good = TEXT("v=TLSRPTv1; rua=mailto:a@b.test");
	const struct text one[] = { TEXT("v=spf1 -all"), good, TEXT("v=TLSRPTv2; rua=x") };
	const struct text two[] = { good, good };
	struct arena a = ARENA_INIT;
	struct tlsrpt t;

	assert_ok(tlsrpt_record_of(one, 3, &a, &t));
	assert_text(t.rua[0].to, "a@b.test");
	assert_int_equal(tlsrpt_record_of(two, 2, &a, &t), STATUS_NOT_FOUND);
	assert_int_equal(tlsrpt_record_of(one, 1, &a, &t), STATUS_NOT_FOUND);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(places_are_bounded),
		cmocka_unit_test(one_of_several_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
