/* SPDX-License-Identifier: ISC */
/*
 * BINARY in FETCH (RFC 3516 4.2, RFC 9051 6.4.5 and 7.5.2): parts with their
 * transfer encoding undone, whole, by range and by size alone.
 */
#include "codec/base64.h"
#include "imap/session_testing.h"

/* Part 1 is quoted-printable, 2 base64 with a NUL, 3 of an unknown encoding,
 * 4 a message with one base64 text, 5 a multipart with one plain part. */
#define MAIL                                                                   \
	"Subject: b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"      \
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\n"                   \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\n"                  \
	"caf=C3=A9 =\r\nau lait \r\n=3D\r\n"                                   \
	"--b\r\nContent-Type: image/png\r\n"                                   \
	"Content-Transfer-Encoding: BASE64\r\n\r\n"                            \
	"AAECAwQF\r\nBgcICQ==\r\n"                                             \
	"--b\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n"  \
	"--b\r\nContent-Type: message/rfc822\r\n\r\n"                          \
	"Subject: in\r\nContent-Transfer-Encoding: base64\r\n\r\naW5zaWRl\r\n" \
	"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"             \
	"--c\r\n\r\nplain\r\n--c--\r\n"                                        \
	"--b--\r\n"

static void
open_mailbox(struct talk *t, const char *mailbox, const char *mail)
{
	struct buffer b = BUFFER_INIT;

	sign_in(t);
	buffer_addf(&b, "c CREATE %s\r\n", mailbox);
	HAS(t, buffer_string(&b), "c OK");
	append_to(t, mailbox, "", mail);
	buffer_clear(&b);
	buffer_addf(&b, "s SELECT %s\r\n", mailbox);
	HAS(t, buffer_string(&b), "s OK");
	buffer_done(&b);
}

/* What is said may hold NULs. */
static void
says_octets(struct talk *t, const char *words, struct text want)
{
	struct text got;

	(void)talk_say(t, words);
	got = buffer_text(&t->out);
	if (!text_equal(got, want))
		fail_msg("%s\ngot %zu octets:\n%.*s", words, got.len, TEXT_ARG(got));
}

static void
decoded(void **state)
{
	struct talk t;

	open_mailbox(&t, "Decoded", MAIL);
	SAYS(&t, "a1 FETCH 1 BINARY.PEEK[1]\r\n",
	    "* 1 FETCH (BINARY[1] {16}\r\ncaf\xc3\xa9 au lait\r\n=)\r\na1 OK FETCH done\r\n");
	says_octets(&t, "a2 FETCH 1 BINARY.PEEK[2]\r\n",
	    TEXT("* 1 FETCH (BINARY[2] ~{10}\r\n\0\1\2\3\4\5\6\7\x08\x09)\r\n"
		 "a2 OK FETCH done\r\n"));
	SAYS(&t, "a3 FETCH 1 (BINARY.SIZE[1] BINARY.SIZE[2] BINARY.SIZE[4])\r\n",
	    "* 1 FETCH (BINARY.SIZE[1] 16 BINARY.SIZE[2] 10 BINARY.SIZE[4] 58)\r\n"
	    "a3 OK FETCH done\r\n");
	SAYS(&t, "a4 FETCH 1 (BINARY.PEEK[4.1] BINARY.PEEK[5.1])\r\n",
	    "* 1 FETCH (BINARY[4.1] {6}\r\ninside BINARY[5.1] {5}\r\nplain)\r\n"
	    "a4 OK FETCH done\r\n");
	/* A message and what has parts are as they are. */
	HAS(&t, "a5 FETCH 1 BINARY.PEEK[4]\r\n",
	    "BINARY[4] {58}\r\nSubject: in\r\nContent-Transfer-Encoding: base64\r\n\r\n"
	    "aW5zaWRl)\r\n");
	HAS(&t, "a6 FETCH 1 BINARY.PEEK[5]\r\n",
	    "BINARY[5] {19}\r\n--c\r\n\r\nplain\r\n--c--)\r\n");
	HAS(&t, "a7 FETCH 1 BINARY.PEEK[]<0.10>\r\n", "BINARY[]<0> {10}\r\nSubject: b)\r\n");
	talk_end(&t);
}

/* RFC 3516 4.2: a partial counts decoded octets. */
static void
partial(void **state)
{
	struct talk t;

	open_mailbox(&t, "Partial", MAIL);
	SAYS(&t, "a1 FETCH 1 BINARY.PEEK[1]<4.5>\r\n",
	    "* 1 FETCH (BINARY[1]<4> {5}\r\n\xa9 au )\r\na1 OK FETCH done\r\n");
	SAYS(&t, "a2 FETCH 1 BINARY.PEEK[2]<1.4>\r\n",
	    "* 1 FETCH (BINARY[2]<1> {4}\r\n\1\2\3\4)\r\na2 OK FETCH done\r\n");
	SAYS(&t, "a3 FETCH 1 BINARY.PEEK[2]<8.100>\r\n",
	    "* 1 FETCH (BINARY[2]<8> {2}\r\n\x08\x09)\r\na3 OK FETCH done\r\n");
	SAYS(&t, "a4 FETCH 1 BINARY.PEEK[2]<10.1>\r\n",
	    "* 1 FETCH (BINARY[2]<10> {0}\r\n)\r\na4 OK FETCH done\r\n");
	SAYS(&t, "a5 FETCH 1 BINARY.PEEK[2]<18446744073709551615.18446744073709551615>\r\n",
	    "* 1 FETCH (BINARY[2]<18446744073709551615> {0}\r\n)\r\na5 OK FETCH done\r\n");
	SAYS(&t, "a6 FETCH 1 BINARY.PEEK[5.1]<1.3>\r\n",
	    "* 1 FETCH (BINARY[5.1]<1> {3}\r\nlai)\r\na6 OK FETCH done\r\n");
	talk_end(&t);
}

static void
what_is_not_there(void **state)
{
	struct talk t;

	open_mailbox(&t, "Absent", MAIL);
	SAYS(&t, "a1 FETCH 1 (BINARY[6] BINARY.SIZE[1.1])\r\n",
	    "* 1 FETCH (BINARY[6] NIL BINARY.SIZE[1.1] 0 FLAGS (\\Seen \\Recent))\r\n"
	    "a1 OK FETCH done\r\n");
	/* RFC 3516 4.3 */
	SAYS(&t, "a2 FETCH 1 (UID BINARY.PEEK[3] BINARY.SIZE[3])\r\n",
	    "* 1 FETCH (UID 1 BINARY[3] NIL BINARY.SIZE[3] 0)\r\n"
	    "a2 NO [UNKNOWN-CTE] Some parts have an encoding that is not known\r\n");
	HAS(&t, "a3 FETCH 1 BODY.PEEK[3]\r\n", "BODY[3] {11}\r\nbegin 644 x)");
	HAS(&t, "a4 FETCH 1 BINARY[HEADER]\r\n", "a4 BAD");
	HAS(&t, "a5 FETCH 1 BINARY[1.MIME]\r\n", "a5 BAD");
	HAS(&t, "a6 FETCH 1 BINARY.SIZE[1]<0.1>\r\n", "a6 BAD");
	HAS(&t, "a7 FETCH 1 BINARY\r\n", "a7 BAD");
	HAS(&t, "a8 FETCH 1 BINARY.PEEK.SIZE[1]\r\n", "a8 BAD");
	talk_end(&t);
}

/* Only BINARY itself is reading (RFC 9051 6.4.5). */
static void
seen(void **state)
{
	struct talk t;

	open_mailbox(&t, "Seen", MAIL);
	HAS(&t, "a1 FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1])\r\n", "a1 OK");
	SAYS(&t, "a2 FETCH 1 FLAGS\r\n", "* 1 FETCH (FLAGS (\\Recent))\r\na2 OK FETCH done\r\n");
	SAYS(&t, "a3 FETCH 1 BINARY[2]<3.1>\r\n",
	    "* 1 FETCH (BINARY[2]<3> {1}\r\n\3 FLAGS (\\Seen \\Recent))\r\na3 OK FETCH done\r\n");
	talk_end(&t);
}

/* RFC 9051 9: a literal holds CHAR8, which NUL is not; RFC 3516 4.2, 4.4. */
static void
nul_only_in_literal8(void **state)
{
	const struct text mail = TEXT("Content-Transfer-Encoding: binary\r\nX: \0\r\n\r\na\0"
				      "b");
	struct buffer say = BUFFER_INIT;
	struct talk t;

	open_mailbox(&t, "Nul", "Subject: first\r\n\r\n");
	buffer_addf(&say, "b1 APPEND Nul ~{%zu+}\r\n", mail.len);
	buffer_add_text(&say, mail);
	buffer_add_string(&say, "\r\n");
	(void)talk_run(&t, buffer_text(&say), WAKE_INPUT);
	says_octets(&t, "b2 FETCH 2 (BODY.PEEK[TEXT] BODY.PEEK[HEADER.FIELDS (X)])\r\n",
	    TEXT("* 2 FETCH (BODY[TEXT] {3}\r\na\x80"
		 "b BODY[HEADER.FIELDS (X)] {8}\r\n"
		 "X: \x80\r\n\r\n)\r\nb2 OK FETCH done\r\n"));
	says_octets(&t, "b3 FETCH 2 BINARY.PEEK[1]\r\n",
	    TEXT("* 2 FETCH (BINARY[1] ~{3}\r\na\0"
		 "b)\r\nb3 OK FETCH done\r\n"));
	talk_end(&t);
	buffer_done(&say);
}

/* The same where the octets go to the client piece by piece. */
static void
nul_in_large_sections(void **state)
{
	struct buffer mail = BUFFER_INIT, say = BUFFER_INIT;
	struct text got;
	struct talk t;

	buffer_add_string(&mail, "X: y\r\n\r\n");
	for (size_t i = 0; i < 1000000; i++)
		buffer_add_byte(&mail, i % 1000 == 0 ? '\0' : 'x');
	open_mailbox(&t, "Nuls", "Subject: first\r\n\r\n");
	buffer_addf(&say, "b1 APPEND Nuls ~{%zu+}\r\n", mail.len);
	buffer_add_text(&say, buffer_text(&mail));
	buffer_add_string(&say, "\r\n");
	(void)talk_run(&t, buffer_text(&say), WAKE_INPUT);
	(void)talk_say(&t, "b2 FETCH 2 BODY.PEEK[TEXT]\r\n");
	got = buffer_text(&t.out);
	assert_true(text_starts(got, TEXT("* 2 FETCH (BODY[TEXT] {1000000}\r\n\x80xxx")));
	assert_int_equal(text_find_byte(got, '\0', 0), got.len);
	talk_end(&t);
	buffer_done(&say);
	buffer_done(&mail);
}

/* ---- much of it ---- */

#define BIG (3u << 20)

/* A pattern in which any octet tells where it stands, and NULs are. */
static char
octet_at(size_t i)
{
	return (char)(i % 251 ^ i >> 16);
}

static void
make_big(struct buffer *mail)
{
	struct buffer octets = BUFFER_INIT, coded = BUFFER_INIT;

	for (size_t i = 0; i < BIG; i++)
		buffer_add_byte(&octets, octet_at(i));
	base64_encode(&coded, buffer_text(&octets));
	buffer_add_string(
	    mail, "Content-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	for (size_t i = 0; i < coded.len; i += 76) {
		buffer_add_text(mail, text_part(buffer_text(&coded), i, i + 76));
		buffer_add_string(mail, "\r\n");
	}
	buffer_done(&octets);
	buffer_done(&coded);
}

static void
make_big_qp(struct buffer *mail)
{
	buffer_add_string(
	    mail, "Content-Type: image/x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
	for (size_t i = 0; i < BIG; i++)
		buffer_addf(mail, "=%02X%s", (unsigned)(unsigned char)octet_at(i),
		    i % 25 == 24 ? "=\r\n" : "");
}

/* The octets behind head are those of the range. */
static void
is_range(struct talk *t, const char *words, const char *head, size_t from, size_t len)
{
	struct text got;
	size_t at = strlen(head);

	(void)talk_say(t, words);
	got = buffer_text(&t->out);
	assert_true(text_starts(got, text_of(head)));
	assert_true(got.len > at + len);
	for (size_t i = 0; i < len; i++)
		if (got.ptr[at + i] != octet_at(from + i))
			fail_msg("%s: octet %zu is not right", words, i);
	assert_true(text_starts(text_part(got, at + len, got.len), TEXT(")\r\n")));
}

static void
large(void **state)
{
	struct buffer mail = BUFFER_INIT;
	struct talk t;

	make_big(&mail);
	open_mailbox(&t, "Large", buffer_string(&mail));
	SAYS(&t, "a1 FETCH 1 BINARY.SIZE[1]\r\n",
	    "* 1 FETCH (BINARY.SIZE[1] 3145728)\r\na1 OK FETCH done\r\n");
	is_range(
	    &t, "a2 FETCH 1 BINARY.PEEK[1]\r\n", "* 1 FETCH (BINARY[1] ~{3145728}\r\n", 0, BIG);
	is_range(&t, "a3 FETCH 1 BINARY.PEEK[1]<2000000.500000>\r\n",
	    "* 1 FETCH (BINARY[1]<2000000> ~{500000}\r\n", 2000000, 500000);
	is_range(&t, "a4 FETCH 1 BINARY.PEEK[1]<1000000.4000000000>\r\n",
	    "* 1 FETCH (BINARY[1]<1000000> ~{2145728}\r\n", 1000000, BIG - 1000000);
	talk_end(&t);
	buffer_done(&mail);
}

/* Range after range, each is decoded from where the last one ended; and ranges
 * in any order are right all the same. */
static void
read_ranges(const char *mailbox, void (*make)(struct buffer *mail), size_t ranges)
{
	const struct binary_mark *mark;
	struct buffer mail = BUFFER_INIT;
	struct talk t;

	make(&mail);
	open_mailbox(&t, mailbox, buffer_string(&mail));
	mark = &((struct imap *)t.s)->view->binary;
	for (size_t i = 0; i < ranges; i++) {
		/* 300,000 octets each; every fourth goes back. */
		size_t from = 300000 * (i % 4 == 3 ? 9 - i % 10 : i % 10);
		struct buffer say = BUFFER_INIT, head = BUFFER_INIT;

		buffer_addf(&say, "a FETCH 1 BINARY.PEEK[1]<%zu.300000>\r\n", from);
		buffer_addf(&head, "* 1 FETCH (BINARY[1]<%zu> ~{300000}\r\n", from);
		is_range(&t, buffer_string(&say), buffer_string(&head), from, 300000);
		/* The window that holds the end is where the next one begins. */
		assert_int_equal(mark->uid, 1);
		assert_true(mark->decoded <= from + 300000);
		assert_true(mark->decoded + (256u << 10) >= from + 300000);
		buffer_done(&say);
		buffer_done(&head);
	}
	/* Who measures has not read. */
	is_range(&t, "a FETCH 1 BINARY.PEEK[1]<0.300000>\r\n",
	    "* 1 FETCH (BINARY[1]<0> ~{300000}\r\n", 0, 300000);
	HAS(&t, "a FETCH 1 BINARY.SIZE[1]\r\n", "BINARY.SIZE[1] 3145728)\r\n");
	assert_in_range(mark->decoded, 1, 300000);
	talk_end(&t);
	buffer_done(&mail);
}

static void
range_by_range(void **state)
{
	read_ranges("Ranges", make_big, 40);
	read_ranges("Printable", make_big_qp, 8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoded),
		cmocka_unit_test(partial),
		cmocka_unit_test(what_is_not_there),
		cmocka_unit_test(seen),
		cmocka_unit_test(nul_only_in_literal8),
		cmocka_unit_test(nul_in_large_sections),
		cmocka_unit_test(large),
		cmocka_unit_test(range_by_range),
	};

	return cmocka_run_group_tests(tests, open_house, close_house);
}
