/* SPDX-License-Identifier: ISC */
/* The dots of DATA and strict lines: every end, every cut, every smuggler. */
#include "base/testing.h"

#include "base/buffer.h"
#include "base/random.h"
#include "smtp/dots.h"

static void
collect(void *arg, struct text part)
{
	assert_true(part.len > 0);
	buffer_add_text(arg, part);
}

/* Feeds in cuts of n octets; *used: how many belong to the message. */
static struct dots
feed(struct text in, size_t n, struct buffer *out, size_t *used)
{
	struct dots d = { .state = DOTS_START };
	size_t at = 0;

	buffer_clear(out);
	while (at < in.len && d.state != DOTS_ENDED) {
		struct text part = text_part(in, at, at + n);
		size_t took = dots_take(&d, part, collect, out);

		assert_true(took == part.len || d.state == DOTS_ENDED);
		at += took;
	}
	*used = at;
	return d;
}

struct row {
	const char *in;
	const char *text; /* what is kept; NULL: not ended */
	const char *rest; /* what comes behind the message */
	bool bare;
};

static const struct row rows[] = {
	{ ".\r\n", "", "", false },
	{ ".\r\nQUIT\r\n", "", "QUIT\r\n", false },
	{ "a\r\n.\r\n", "a\r\n", "", false },
	{ "a\r\n\r\nb\r\n.\r\nX", "a\r\n\r\nb\r\n", "X", false },
	{ "..\r\n.\r\n", ".\r\n", "", false },
	{ "...\r\n..a\r\n.b\r\n.\r\n", "..\r\n.a\r\nb\r\n", "", false },
	{ "a.\r\n.\r\n", "a.\r\n", "", false },
	{ "a\r\n. \r\n.\r\n", "a\r\n \r\n", "", false },
	/* What others took for an end of the message. */
	{ "a\n.\nb\r\n.\r\n", "a\n.\nb\r\n", "", true },
	{ "a\n.\r\nb\r\n.\r\n", "a\n.\r\nb\r\n", "", true },
	{ "a\r\n.\nb\r\n.\r\n", "a\r\n\nb\r\n", "", true },
	{ "a\r.\rb\r\n.\r\n", "a\r.\rb\r\n", "", true },
	{ "a\r.\r\nb\r\n.\r\n", "a\r.\r\nb\r\n", "", true },
	{ "a\r\n.\rb\r\n.\r\n", "a\r\n\rb\r\n", "", true },
	{ "a\r\n.\r\r\nb\r\n.\r\n", "a\r\n\r\r\nb\r\n", "", true },
	{ "a\r\n\r.\r\nb\r\n.\r\n", "a\r\n\r.\r\nb\r\n", "", true },
	{ "a\n\n.\r\nb\r\n.\r\n", "a\n\n.\r\nb\r\n", "", true },
	{ "a\r\r\n.\r\n", "a\r\r\n", "", true },
	{ "a\n\r\n.\r\n", "a\n\r\n", "", true },
	{ "a\r\n.\r\n\n", "a\r\n", "\n", false },
	{ "\n.\r\n.\r\n", "\n.\r\n", "", true },
	/* No end. */
	{ "a\r\n.", NULL, "", false },
	{ "a\r\n.\r", NULL, "", false },
	{ "a.\r\n", NULL, "", false },
	{ "\r\n", NULL, "", false },
};

static void
ends_and_smugglers_in_every_cut(void **state)
{
	struct buffer out = BUFFER_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (size_t n = 1; n <= strlen(rows[i].in); n++) {
			struct text in = text_of(rows[i].in);
			size_t used;
			struct dots d = feed(in, n, &out, &used);

			assert_int_equal(d.state == DOTS_ENDED, rows[i].text != NULL);
			if (rows[i].text == NULL)
				continue;
			assert_true(text_equal(buffer_text(&out), text_of(rows[i].text)));
			assert_true(text_equal(text_part(in, used, in.len), text_of(rows[i].rest)));
			assert_int_equal(d.lines.bare, rows[i].bare);
		}
	buffer_done(&out);
}

/* Octet by octet, as the RFC puts it: the reference. */
static bool
slow(struct text in, struct buffer *out, size_t *used, bool *bare)
{
	bool start = true, cr = false, dot = false;

	buffer_clear(out);
	*bare = false;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.ptr[i];

		if (cr && c != '\n')
			*bare = true;
		if (c == '\n' && !cr)
			*bare = true;
		if (dot && cr && c == '\n') {
			buffer_cut(out, out->len - 1); /* the CR */
			*used = i + 1;
			return true;
		}
		if (start && c == '.') {
			dot = true;
			start = cr = false;
			continue;
		}
		if (dot && !(c == '\r' && !cr && in.ptr[i - 1] == '.'))
			dot = false;
		buffer_add_byte(out, c);
		start = cr && c == '\n';
		cr = c == '\r';
	}
	return false;
}

static void
random_text_agrees_with_the_reference(void **state)
{
	struct buffer fast = BUFFER_INIT, reference = BUFFER_INIT;
	static const char alphabet[] = "\r\n.a";

	random_seed_for_test(7);
	for (int round = 0; round < 20000; round++) {
		char in[24];
		size_t used_fast = 0, used_slow = 0, len = random_below(sizeof(in) + 1);
		bool bare;

		for (size_t i = 0; i < len; i++)
			in[i] = alphabet[random_below(4)];
		struct text t = { in, len };
		bool ended = slow(t, &reference, &used_slow, &bare);
		struct dots d = feed(t, 1 + random_below(6), &fast, &used_fast);

		assert_int_equal(d.state == DOTS_ENDED, ended);
		if (!ended)
			continue;
		assert_int_equal(used_fast, used_slow);
		assert_true(text_equal(buffer_text(&fast), buffer_text(&reference)));
		assert_int_equal(d.lines.bare, bare);
	}
	random_seed_for_test(0);
	buffer_done(&fast);
	buffer_done(&reference);
}

static void
lines_of_chunks(void **state)
{
	struct lines l = { 0 };

	lines_all(&l, TEXT("abc\r"));
	assert_true(l.cr && !l.bare);
	lines_all(&l, TEXT("\nabcde"));
	assert_true(!l.cr && !l.bare);
	lines_all(&l, TEXT("f\r\ng"));
	assert_int_equal(l.longest, 6);
	lines_end(&l);
	assert_false(l.bare); /* a last line without an end is no crime */

	lines_all(&l, TEXT("x\r"));
	lines_end(&l);
	assert_true(l.bare);
}

static void
lone_octets_in_chunks(void **state)
{
	static const char *const bad[] = { "a\nb", "a\rb", "\n", "\r\r\n", "a\r\n\nb" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		for (size_t cut = 0; cut <= strlen(bad[i]); cut++) {
			struct lines l = { 0 };
			struct text t = text_of(bad[i]);

			lines_all(&l, text_part(t, 0, cut));
			lines_all(&l, text_part(t, cut, t.len));
			lines_end(&l);
			assert_true(l.bare);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_and_smugglers_in_every_cut),
		cmocka_unit_test(random_text_agrees_with_the_reference),
		cmocka_unit_test(lines_of_chunks),
		cmocka_unit_test(lone_octets_in_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
