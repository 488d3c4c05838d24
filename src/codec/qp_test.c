/* SPDX-License-Identifier: ISC */
/* Quoted-printable: rules of RFC 2045 6.7, leniency, and encoding that
 * decodes to what it was, in lines of at most 76. */
#include "codec/qp.h"

#include "codec/test_support.h"

static const struct {
	const char *in;
	const char *out;
} decodes[] = {
	{ "", "" },
	{ "plain", "plain" },
	{ "caf=C3=A9", "caf\xc3\xa9" },
	{ "caf=c3=a9", "caf\xc3\xa9" },
	{ "Now's the time =\r\nfor all folk to come=\r\n to the aid of their country.",
	    "Now's the time for all folk to come to the aid of their country." },
	{ "soft = \t\r\nbreak", "soft break" },
	{ "soft =\nbreak", "soft break" },
	{ "trailing   \t\r\nspace \n", "trailing\r\nspace\n" },
	{ "kept=20\r\n", "kept \r\n" },
	{ "bad =G1 =4 = x=", "bad =G1 =4 = x" },
	{ "=3D=3d==3D", "====" },
	{ "end with space ", "end with space" },
	{ "a=0D=0Ab\rc", "a\r\nb\rc" },
};

static void
decoding(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(decodes); i++) {
		qp_decode(&b, text_of(decodes[i].in));
		ASSERT_BUFFER(&b, text_of(decodes[i].out));
	}
	buffer_done(&b);
}

/* However it is cut into feeds, the same comes out. */
static void
decoding_in_feeds(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(decodes); i++) {
		struct text in = text_of(decodes[i].in);

		for (size_t cut = 0; cut <= in.len; cut++) {
			struct qp_decoder d = { 0 };

			qp_feed(&d, text_part(in, 0, cut), &b);
			for (size_t k = cut; k < in.len; k++)
				qp_feed(&d, text_part(in, k, k + 1), &b);
			qp_end(&d, &b);
			ASSERT_BUFFER(&b, text_of(decodes[i].out));
		}
	}
	buffer_done(&b);
}

/* A line that ends in megabytes of blanks takes no memory for them. */
static void
feeds_are_bounded(void **state)
{
	struct qp_decoder d = { 0 };
	struct buffer b = BUFFER_INIT;

	for (int i = 0; i < 3 * QP_HELD; i++)
		qp_feed(&d, TEXT(" "), &b);
	qp_feed(&d, TEXT("x"), &b);
	qp_end(&d, &b);
	assert_int_equal(b.len, 3 * QP_HELD + 1);
	buffer_clear(&b);
	for (int i = 0; i < 3 * QP_HELD; i++)
		qp_feed(&d, TEXT("=\t\r"), &b);
	qp_end(&d, &b);
	assert_int_equal(b.len, 9 * QP_HELD);
	buffer_done(&b);
}

static void
encoding(void **state)
{
	struct buffer b = BUFFER_INIT;

	qp_encode(&b, TEXT("a=b\r\ntab\t\n end \r\n.\r\n..\r\nFrom me\r\nFrom\r\nbare\rcr\0"));
	ASSERT_BUFFER(&b,
	    TEXT("a=3Db\r\ntab=09\r\n end=20\r\n=2E\r\n..\r\n=46rom me\r\nFrom\r\nbare=0Dcr=00"));
	buffer_done(&b);
}

/* Every line fits, and what was encoded comes back; for each length around
 * the fold, and each kind of byte at the fold. */
static void
round_trip(void **state)
{
	static const char kinds[] = "a =\xe9.\t";
	struct buffer in = BUFFER_INIT, coded = BUFFER_INIT, out = BUFFER_INIT;

	for (size_t k = 0; kinds[k] != '\0'; k++) {
		for (size_t n = 60; n < 240; n++) {
			struct text rest, line;

			for (size_t i = 0; i < n; i++)
				buffer_add_byte(&in, i % 5 == n % 5 ? kinds[k] : 'x');
			qp_encode(&coded, buffer_text(&in));
			rest = buffer_text(&coded);
			while (text_split(&rest, '\n', &line))
				assert_true(line.len <= 77);
			qp_decode(&out, buffer_text(&coded));
			ASSERT_BUFFER(&out, buffer_text(&in));
			buffer_clear(&in);
			buffer_clear(&coded);
		}
	}
	buffer_done(&in);
	buffer_done(&coded);
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoding),
		cmocka_unit_test(decoding_in_feeds),
		cmocka_unit_test(feeds_are_bounded),
		cmocka_unit_test(encoding),
		cmocka_unit_test(round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
