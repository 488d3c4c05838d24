/* SPDX-License-Identifier: ISC */
/* Words of strangers on a terminal: what it would obey is not shown. */
#include "base/testing.h"

#include "command/terminal.h"

static void
strangers_do_not_steer_a_terminal(void **state)
{
	static const struct {
		const char *words, *shown;
	} rows[] = {
		{ "b\xc3\xb8"
		  "b@example.org",
		    "b\xc3\xb8"
		    "b@example.org" },
		{ "\x1b[31mred\x07\x7f", "?[31mred??" },
		{ "a\xc2\x9b"
		  "31mb",
		    "a?31mb" }, /* CSI of C1, in UTF-8 */
		{ "a\x9b"
		  "31mb",
		    "a?31mb" }, /* and as an octet */
		{ "a\xe2\x80\xae"
		  "b\xe2\x81\xa6"
		  "c",
		    "a?b?c" }, /* from right to left */
		{ "250 one\r\n250 two", "250 one / 250 two" },
	};
	struct buffer out = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buffer_clear(&out);
		terminal_print(&out, text_of(rows[i].words), " / ");
		assert_string_equal(buffer_string(&out), rows[i].shown);
	}
	buffer_clear(&out);
	terminal_print(&out, (struct text){ "a\0b", 3 }, " ");
	assert_string_equal(buffer_string(&out), "a?b");
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_do_not_steer_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
