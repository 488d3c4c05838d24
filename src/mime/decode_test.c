/* SPDX-License-Identifier: ISC */
/* Bodies to text: encodings within a bound, HTML to words, header fields by
 * name, and previews as a reader wants them. */
#include "mime/decode.h"

#include "codec/test_support.h"
#include "mime/bodies.h"

static void
bodies(void **state)
{
	struct buffer b = BUFFER_INIT, in = BUFFER_INIT;

	mime_decode_body(MIME_BASE64, TEXT("Zm9v\r\nYmFy\r\n"), 100, &b);
	ASSERT_BUFFER(&b, TEXT("foobar"));
	mime_decode_body(MIME_BASE64, TEXT("Zm9v\r\nYmFy\r\n"), 4, &b);
	ASSERT_BUFFER(&b, TEXT("foob"));
	mime_decode_body(MIME_QP, TEXT("a=\r\nb=3D"), 100, &b);
	ASSERT_BUFFER(&b, TEXT("ab="));
	mime_decode_body(MIME_UNKNOWN_ENCODING, TEXT("a=3D"), 3, &b);
	ASSERT_BUFFER(&b, TEXT("a=3"));
	/* Longer than a piece. */
	for (int i = 0; i < 20000; i++)
		buffer_add_string(&in, "YWJj=\r\n");
	mime_decode_body(MIME_BASE64, buffer_text(&in), 1000000, &b);
	assert_int_equal(b.len, 60000);
	buffer_clear(&b);
	mime_decode_body(MIME_QP, buffer_text(&in), 1000000, &b);
	assert_int_equal(b.len, 80000);
	buffer_clear(&b);
	mime_decode_body(MIME_QP, buffer_text(&in), 50001, &b);
	assert_int_equal(b.len, 50001);
	buffer_done(&b);
	buffer_done(&in);
}

static const struct {
	const char *html;
	const char *text;
} pages[] = {
	{ "", "" },
	{ "plain  text\n", "plain text" },
	{ "<p>One<p>Two<br>three", "One Two three" },
	{ "in<b>side</b> a<i>word</i>", "inside aword" },
	{ "a<td>b</td>c", "a b c" },
	{ "<!DOCTYPE html><html><head><title>No</title><style>p > a { }</style></head>Yes", "Yes" },
	{ "a<script>if (a < b) document.write('</p>')</script>b", "a b" },
	{ "a<SCRIPT>x</Script >b", "a b" },
	{ "a<script>never closed", "a" },
	{ "a<!-- <b>no</b> -->b<!-- never closed", "ab" },
	{ "<a href=\"x>y\">link</a>", "link" },
	{ "<a title='never closed>link", "" },
	{ "<a don't>link", "link" },
	{ "1 < 2 && 3 > 2 <", "1 < 2 && 3 > 2 <" },
	{ "&lt;b&gt; &amp;amp; &eacute;&#233;&#xE9;&#XE9; &bogus; &nbsp; &",
	    "<b> &amp; "
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9 "
	    "&bogus; &" },
	{ "&euro;5&hellip; &copy 2026 &#x110000; &#0;x", "\xe2\x82\xac"
							 "5\xe2\x80\xa6 \xc2\xa9 2026 "
							 "\xef\xbf\xbd x" },
	{ "a&zwnj;&#8203;\xe2\x80\x8c\xc2\xad\xef\xbb\xbf b", "a b" },
	{ "bad \xff utf-8", "bad \xef\xbf\xbd utf-8" },
};

static void
html(void **state)
{
	struct buffer b = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		mime_html_text(text_of(pages[i].html), 1000, &b);
		check_text(buffer_text(&b), text_of(pages[i].text), pages[i].html, __LINE__);
		buffer_clear(&b);
	}
	mime_html_text(TEXT("<p>ab \xc3\xa9\xc3\xa9"), 4, &b);
	ASSERT_BUFFER(&b, TEXT("ab"));
	mime_html_text(TEXT("<p>ab \xc3\xa9\xc3\xa9"), 5, &b);
	ASSERT_BUFFER(&b, TEXT("ab \xc3\xa9"));
	buffer_done(&b);
}

static void
fields(void **state)
{
	struct text header =
	    TEXT("From x\r\nA: one\r\nb : two\r\n  folded\r\njunk\r\na:three\r\n\r\nA: body\r\n");
	struct arena a = ARENA_INIT;
	struct cursor c = cursor_of(header);
	struct text name, field, value;

	assert_true(mime_header_next(&c, &name, &field));
	ASSERT_TEXT(name, TEXT("A"));
	ASSERT_TEXT(field, TEXT("A: one\r\n"));
	assert_true(mime_header_next(&c, &name, &field));
	ASSERT_TEXT(name, TEXT("b"));
	ASSERT_TEXT(field, TEXT("b : two\r\n  folded\r\n"));
	assert_true(mime_header_next(&c, &name, &field));
	ASSERT_TEXT(field, TEXT("a:three\r\n"));
	assert_false(mime_header_next(&c, &name, &field));
	assert_true(mime_header_get(header, TEXT("B"), 0, &a, &value));
	ASSERT_TEXT(value, TEXT("two  folded"));
	assert_true(mime_header_get(header, TEXT("A"), 1, &a, &value));
	ASSERT_TEXT(value, TEXT("three"));
	assert_false(mime_header_get(header, TEXT("A"), 2, &a, &value));
	arena_done(&a);
}

static const struct {
	const char *message;
	const char *preview;
} previews[] = {
	{ "A: b\n\nHello,\n\n  world\n", "Hello, world" },
	{ "A: b\n\n> quoted\n> more\n\nThe answer\n-- \nBob\n", "The answer" },
	{ "A: b\n\n> only\n> quoted\n", "> only > quoted" },
	{ "A: b\n\n-----\n=====\n***\nText\n", "Text" },
	{ "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
	  "quoted-printable\n\n"
	  "caf=E9 =\nau lait\n",
	    "caf\xc3\xa9 au lait" },
	{ "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: "
	  "base64\n\n4oKsIDU=\n",
	    "\xe2\x82\xac 5" },
	{ "Content-Type: text/html\n\n<style>x</style><p>Hi&nbsp;there</p>", "Hi there" },
	{ "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n \n--b\nContent-Type: "
	  "text/html\n\n"
	  "<p>From HTML\n--b--\n",
	    "From HTML" },
	{ "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: "
	  "image/png\n\nPNG\n--b\n\nText\n--b--\n",
	    "Text" },
	{ "Content-Type: image/png\n\nPNG\n", "" },
};

static void
preview(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(previews); i++) {
		struct arena a = ARENA_INIT;
		struct mime_summary s;

		mime_parse(text_of(previews[i].message), NULL, &a, &s);
		check_text(s.preview, text_of(previews[i].preview), previews[i].message, __LINE__);
		arena_done(&a);
	}
}

/* RFC 8621 4.1.4 on the message that it draws: where its parts go. */
static void
lists(void **state)
{
	static const char message[] =
	    "Content-Type: multipart/mixed; boundary=1\n\n"
	    "--1\nContent-Type: text/plain\nContent-Disposition: inline\n\nA\n"
	    "--1\nContent-Type: multipart/mixed; boundary=2\n\n"
	    "--2\nContent-Type: multipart/alternative; boundary=3\n\n"
	    "--3\nContent-Type: multipart/mixed; boundary=4\n\n"
	    "--4\nContent-Type: text/plain\nContent-Disposition: inline\n\nB\n"
	    "--4\nContent-Type: image/jpeg\nContent-Disposition: inline\n\nC\n"
	    "--4\nContent-Type: text/plain\nContent-Disposition: inline\n\nD\n--4--\n"
	    "--3\nContent-Type: multipart/related; boundary=5\n\n"
	    "--5\nContent-Type: text/html\n\nE\n--5\nContent-Type: image/jpeg\n\nF\n--5--\n--3--\n"
	    "--2\nContent-Type: image/jpeg\nContent-Disposition: attachment\n\nG\n"
	    "--2\nContent-Type: application/x-excel\n\nH\n"
	    "--2\nContent-Type: message/rfc822\n\nSubject: J\n\nJ\n--2--\n"
	    "--1\nContent-Type: text/plain\nContent-Disposition: inline\n\nK\n--1--\n";
	struct arena a = ARENA_INIT;
	struct buffer b = BUFFER_INIT;
	struct mime_bodies bodies;
	struct mime_summary s;
	const struct mime_part_list *all[] = { &bodies.text, &bodies.html, &bodies.attachments };

	mime_parse(text_of(message), NULL, &a, &s);
	mime_bodies_find(&s.root, &a, &bodies);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		for (uint32_t k = 0; k < all[i]->count; k++) {
			const struct mime_part *part = all[i]->at[k];

			if (part->child != NULL)
				part = part->child;
			buffer_add_byte(&b, message[part->body_at]);
		}
		buffer_add_byte(&b, '/');
	}
	ASSERT_BUFFER(&b, TEXT("ABCDK/AEK/CFGHJ/"));
	buffer_done(&b);
	arena_done(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies),
		cmocka_unit_test(html),
		cmocka_unit_test(fields),
		cmocka_unit_test(preview),
		cmocka_unit_test(lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
