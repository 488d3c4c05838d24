/* SPDX-License-Identifier: ISC */
/* APPEND: what is stored and what is answered, by RFC section. */
#include "imap/session_testing.h"

/* Says octets that hold NUL. */
static void
says_octets(struct talk *t, struct text octets, const char *want)
{
	const char *got = talk_run(t, octets, WAKE_INPUT);

	if (strstr(got, want) == NULL)
		fail_msg("got:\n%s\nwant in it:\n%s", got, want);
}

/* RFC 3516 4.4, RFC 9051 6.3.12: the octets of a literal8 stay as they are. */
static void
a_literal8_keeps_its_octets(void **state)
{
	static const struct text mail = { "Content-Transfer-Encoding: binary\r\n\r\nA\0B\0\r\n",
		43 };
	struct buffer b = BUFFER_INIT;
	struct talk t;
	const char *got;

	sign_in(&t);
	HAS(&t, "a1 CREATE Raw\r\n", "a1 OK");
	buffer_addf(&b, "a2 APPEND Raw (\\Seen) ~{%zu+}\r\n", mail.len);
	buffer_add_text(&b, mail);
	buffer_add_string(&b, "\r\n");
	says_octets(&t, buffer_text(&b), "a2 OK [APPENDUID ");
	HAS(&t, "a3 EXAMINE Raw\r\n", "* 1 EXISTS\r\n");
	buffer_clear(&b);
	buffer_addf(&b, "* 1 FETCH (RFC822.SIZE %zu)\r\na4 OK", mail.len);
	HAS(&t, "a4 FETCH 1 RFC822.SIZE\r\n", buffer_string(&b));
	got = talk_say(&t, "a5 FETCH 1 BODY.PEEK[TEXT]\r\n");
	assert_true(text_find(buffer_text(&t.out), TEXT("A\0B\0\r\n"), 0) < t.out.len);
	assert_non_null(got);
	/* The client that waits is asked for it; without SP it is no literal8. */
	HAS(&t, "a6 APPEND Nowhere ~{5}\r\n", "a6 NO [TRYCREATE]");
	HAS(&t, "a7 APPEND Raw~{5+}\r\nhello\r\n", "a7 BAD");
	buffer_done(&b);
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    a_literal8_keeps_its_octets, open_house, close_house),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
