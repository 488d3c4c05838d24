/* SPDX-License-Identifier: ISC */
/* SEARCH BODY in texts that go by in several windows (RFC 3501 6.4.4): wherever
 * a word stands, whatever charset and encoding it has, it is found. */
#include "codec/base64.h"
#include "imap/session_testing.h"

#define FRAME (256u << 10) /* of content: what one window has at most */

static void
put(struct talk *t, const char *mailbox, const char *header, struct text body)
{
	struct buffer b = BUFFER_INIT;

	buffer_addf(&b, "c CREATE %s\r\n", mailbox);
	HAS(t, buffer_string(&b), "c OK");
	buffer_clear(&b);
	buffer_addf(&b, "%s\r\n", header);
	buffer_add_text(&b, body);
	append_to(t, mailbox, "", buffer_string(&b));
	buffer_clear(&b);
	buffer_addf(&b, "s SELECT %s\r\n", mailbox);
	HAS(t, buffer_string(&b), "s OK");
	buffer_done(&b);
}

/* Words around the end of a window, in a text of one line. */
static void
one_long_line(void **state)
{
	static const char *const fillers[] = { "x", "\xe2\x82\xac", "xyz " };
	struct talk t;

	sign_in(&t);
	for (size_t f = 0; f < ARRAY_LEN(fillers); f++) {
		for (unsigned shift = 1; shift < 9; shift++) {
			struct buffer body = BUFFER_INIT;
			char name[20];

			while (body.len + strlen(fillers[f]) + shift <= FRAME)
				buffer_add_string(&body, fillers[f]);
			buffer_add_string(&body, "Gr\xc3\xb6\xc3\x9f"
						 "e");
			while (body.len < FRAME + 70000)
				buffer_add_string(&body, fillers[f]);
			(void)snprintf(name, sizeof(name), "Line%zu-%u", f, shift);
			put(&t, name, "Content-Type: text/plain; charset=utf-8\r\n",
			    buffer_text(&body));
			HAS(&t, "a SEARCH BODY \"gr\xc3\xb6sse\"\r\n", "* SEARCH 1\r\n");
			buffer_done(&body);
		}
	}
	talk_end(&t);
}

/* UTF-16 says in front which octet comes first, and only there. */
static void
wide_characters(void **state)
{
	struct buffer octets = BUFFER_INIT, coded = BUFFER_INIT;
	struct talk t;

	sign_in(&t);
	buffer_add(&octets, "\xff\xfe", 2);
	while (octets.len < 3 * FRAME)
		buffer_add(&octets, "x\0y\0 \0", 6);
	buffer_add(&octets, "n\0e\0e\0d\0l\0e\0", 12);
	base64_encode(&coded, buffer_text(&octets));
	put(&t, "Wide",
	    "Content-Type: text/plain; charset=UTF-16\r\nContent-Transfer-Encoding: base64\r\n",
	    buffer_text(&coded));
	HAS(&t, "a SEARCH BODY Needle\r\n", "* SEARCH 1\r\n");
	HAS(&t, "b SEARCH BODY noodle\r\n", "* SEARCH\r\n");
	talk_end(&t);
	buffer_done(&octets);
	buffer_done(&coded);
}

/* An escape that is cut by the end of a window, in a line without an end. */
static void
quoted_printable(void **state)
{
	struct talk t;

	sign_in(&t);
	for (unsigned shift = 1; shift < 20; shift++) {
		struct buffer body = BUFFER_INIT;
		char name[20];

		while (body.len + shift < FRAME)
			buffer_add_byte(&body, 'x');
		buffer_add_string(&body, "needle=20in=20a=20haystack");
		while (body.len < FRAME + 70000)
			buffer_add_byte(&body, 'x');
		(void)snprintf(name, sizeof(name), "Coded%u", shift);
		put(&t, name, "Content-Transfer-Encoding: quoted-printable\r\n",
		    buffer_text(&body));
		HAS(&t, "a SEARCH BODY \"needle in a haystack\"\r\n", "* SEARCH 1\r\n");
		buffer_done(&body);
	}
	talk_end(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_long_line),
		cmocka_unit_test(wide_characters),
		cmocka_unit_test(quoted_printable),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
