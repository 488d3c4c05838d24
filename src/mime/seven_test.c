/* SPDX-License-Identifier: ISC */
/* Tests of messages made 7-bit (RFC 6152 3, RFC 2045 6). */
#include "base/testing.h"

#include <ftw.h>
#include <stdio.h>

#include "mime/seven_check.h"

#define UE "\xc3\xbc"

static void
assert_seven(const char *in, const char *out)
{
	struct buffer b = BUFFER_INIT;
	struct arena a = ARENA_INIT;
	struct mime_summary s;
	enum status st;

	mime_parse(text_of(in), NULL, &a, &s);
	st = mime_seven(text_of(in), &s, &b, NULL);
	if (out == NULL) {
		if (st != STATUS_DENIED)
			fail_msg("not refused: %s", buffer_string(&b));
	} else {
		assert_ok(st);
		if (strcmp(buffer_string(&b), out) != 0)
			fail_msg("got:\n%s\ninstead of:\n%s", buffer_string(&b), out);
	}
	buffer_done(&b);
	arena_done(&a);
	(void)seven_check(text_of(in));
}

static void
clean(void **state)
{
	static char line[1002];

	memset(line, 'x', sizeof(line));
	memcpy(line + 998, "\r\n", 3);
	assert_true(mime_seven_clean(text_of(line)));
	memcpy(line + 998, "x\r\n", 4);
	assert_false(mime_seven_clean((struct text){ line, 1001 }));
	assert_true(mime_seven_clean(TEXT_EMPTY));
	assert_true(mime_seven_clean(TEXT("a\r\nb")));
	assert_false(mime_seven_clean(TEXT("a\nb")));
	assert_false(mime_seven_clean(TEXT("a\rb")));
	assert_false(mime_seven_clean(TEXT("a\r")));
	assert_false(mime_seven_clean(TEXT("a\r\r\n")));
	assert_false(mime_seven_clean(TEXT("\n")));
	assert_false(mime_seven_clean(TEXT("a\0b")));
	assert_false(mime_seven_clean(TEXT("\xff")));
}

static void
single(void **state)
{
	/* the field stays in its place */
	assert_seven("Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n"
		     "content-transfer-encoding:\r\n 8bit\r\nSubject: x\r\n\r\nGr" UE "n = x\r\n",
	    "Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\nSubject: x\r\n\r\nGr=C3=BCn =3D x\r\n");
	/* no MIME at all (RFC 1428) */
	assert_seven("Subject: x\r\n\r\n" UE " and some more\r\n",
	    "Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n"
	    "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
	    "=C3=BC and some more\r\n");
	assert_seven("\r\n\xfc and some more\r\n",
	    "Content-Transfer-Encoding: quoted-printable\r\nMIME-Version: 1.0\r\n"
	    "Content-Type: text/plain; charset=unknown-8bit\r\n\r\n=FC and some more\r\n");
	/* not readable anyway, or no text */
	assert_seven("MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\n" UE UE "\r\n",
	    "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nw7zDvA0K\r\n");
	assert_seven("MIME-Version: 1.0\r\nContent-Type: image/x\r\n"
		     "Content-Transfer-Encoding: binary\r\n\r\nab\ncd",
	    "MIME-Version: 1.0\r\nContent-Type: image/x\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\nYWIKY2Q=\r\n");
	/* nothing to do but the label */
	assert_seven("Content-Transfer-Encoding: 8bit\r\n\r\nabc\r\n",
	    "Content-Transfer-Encoding: 7bit\r\n\r\nabc\r\n");
	assert_seven("Subject: x\r\n\r\nabc\r\n", "Subject: x\r\n\r\nabc\r\n");
	assert_seven("Subject: x", "Subject: x");
	assert_seven("", "");
	/* 8 bits under a 7-bit encoding: what it is decoded to, anew */
	assert_seven("MIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
		     "Content-Transfer-Encoding: quoted-printable\r\n\r\n=3D and " UE " here\r\n",
	    "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n"
	    "Content-Transfer-Encoding: quoted-printable\r\n\r\n=3D and =C3=BC here\r\n");
}

static void
several(void **state)
{
	assert_seven("Content-Type: multipart/mixed; boundary=b\r\n"
		     "Content-Transfer-Encoding: 8bit\r\n\r\n"
		     "pre" UE "\r\namble\r\n--b\r\n\r\nwords " UE "\r\n--b\r\n"
		     "Content-Type: text/plain\r\n\r\nascii\r\n--b\r\n"
		     "Content-Type: image/x\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xff\r\n"
		     "--b--\r\nepi" UE "logue\r\n",
	    "Content-Type: multipart/mixed; boundary=b\r\n"
	    "Content-Transfer-Encoding: 7bit\r\n\r\n"
	    "\r\namble\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
	    "words =C3=BC\r\n--b\r\n"
	    "Content-Type: text/plain\r\n\r\nascii\r\n--b\r\n"
	    "Content-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\n/w==\r\n"
	    "--b--\r\n\r\n");
	/* a soft break must not make a boundary */
	assert_seven("Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\r\n" UE
		     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx--b-\r\n"
		     "--b--\r\n",
	    "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n"
	    "w7x4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\r\n"
	    "eHh4eHh4eHh4eHh4eHgtLWIt\r\n--b--\r\n");
}

static void
refused(void **state)
{
	static const char *const messages[] = {
		"Subject: " UE "\r\n\r\nx\r\n",
		"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n" UE "\r\n--b--\r\n",
		"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\n" UE
		"\r\n--b--\r\n",
		"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\n" UE "\r\n",
		"Content-Type: message/partial\r\n\r\n" UE "\r\n",
		"Content-Transfer-Encoding: x-own\r\n\r\n" UE "\r\n",
		"Content-Type: multipart/mixed; boundary=" UE "\r\n\r\n--" UE "\r\n\r\nx\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\nno parts " UE "\r\n",
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nX: " UE
		"\r\n\r\nx\r\n--b--\r\n",
		"Subject: x\n\nbare line ends, " UE "\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		assert_seven(messages[i], NULL);
	/* sealed, and fit: as it is */
	assert_seven("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"
		     "Content-Transfer-Encoding: 8bit\r\n\r\nx\r\n--b--\r\n",
	    "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n"
	    "Content-Transfer-Encoding: 8bit\r\n\r\nx\r\n--b--\r\n");
}

/* ---- messages that others collected ---- */

static unsigned files, made;

static void
read_crlf(const char *path, struct buffer *out)
{
	FILE *f = fopen(path, "rb");
	int c, before = 0;

	assert_non_null(f);
	while ((c = fgetc(f)) != EOF) {
		if (c == '\n' && before != '\r')
			buffer_add_byte(out, '\r');
		buffer_add_byte(out, (char)c);
		before = c;
	}
	(void)fclose(f);
}

static int
visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	struct buffer message = BUFFER_INIT;

	if (type != FTW_F || st->st_size > 4 << 20)
		return 0;
	read_crlf(path, &message);
	files++;
	if (seven_check(buffer_text(&message)))
		made++;
	buffer_done(&message);
	return 0;
}

static void
corpora(void **state)
{
	const char *shared = getenv("MAILSTEAD_SHARED");
	char folder[1024];

	(void)snprintf(
	    folder, sizeof(folder), "%s/vectors/mime", shared == NULL ? "../shared" : shared);
	if (access(folder, R_OK) != 0) {
		print_message("no vectors at %s: passed over\n", folder);
		return;
	}
	assert_int_equal(nftw(folder, visit, 20, FTW_PHYS), 0);
	print_message("%u of %u messages made 7-bit\n", made, files);
	assert_true(files > 200 && made > files / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clean),
		cmocka_unit_test(single),
		cmocka_unit_test(several),
		cmocka_unit_test(refused),
		cmocka_unit_test(corpora),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
