/* SPDX-License-Identifier: ISC */
/*
 * The preview: the first words that a person would read. Only the first few
 * KiB of the first text are decoded. Of plain text, what is quoted, lines of
 * rules and what follows the signature mark (RFC 3676 4.3) are left out, so
 * that the preview of an answer is the answer; unless nothing else is there.
 */
#include "codec/charset.h"
#include "codec/utf8.h"
#include "mime/bodies.h"
#include "mime/decode.h"
#include "mime/flow.h"
#include "mime/params.h"
#include "mime/parse.h"

/* How much of a text is decoded: little at first, which nearly always will do,
 * then more, for those that begin with quotes, or with styles. */
static const size_t text_looks[] = { 1024, 8192 };
static const size_t html_looks[] = { 2048, 32768 };

/* The start of a text part in UTF-8. */
static void
start_of(struct text message, const struct mime_part *part, size_t octets, struct buffer *out)
{
	struct text body = text_part(message, part->body_at, part->body_at + part->body_len);
	struct text charset = TEXT_EMPTY, start;
	struct buffer decoded = BUFFER_INIT;

	mime_decode_body(part->encoding, text_part(body, 0, octets), octets, &decoded);
	start = buffer_text(&decoded);
	/* No half character at the cut. */
	if (body.len > octets)
		for (int i = 0; i < 4 && start.len > 0 && (start.ptr[start.len - 1] & 0x80) != 0;
		     i++)
			start.len--;
	(void)mime_param_get(&part->params, TEXT("charset"), &charset);
	charset_to_utf8(charset, start, octets * 2, out);
	buffer_done(&decoded);
}

/* A line that says something: letters, digits, or characters beyond ASCII. */
static bool
has_words(struct text line)
{
	for (size_t i = 0; i < line.len; i++)
		if (byte_alpha(line.ptr[i]) || byte_digit(line.ptr[i]) || (line.ptr[i] & 0x80) != 0)
			return true;
	return false;
}

static void
flow_plain(struct text text, struct flow *f)
{
	struct text line;

	while (!f->full && text_split(&text, '\n', &line)) {
		if (text_ends(line, TEXT("\r")))
			line.len--;
		if (text_equal(line, TEXT("-- ")))
			return;
		if (text_starts(line, TEXT(">")) || !has_words(line))
			continue;
		flow_add_text(f, line);
		flow_add(f, ' ');
	}
}

/* The words in the first octets of a part. */
static void
words_of(
    struct text message, const struct mime_part *part, bool html, size_t octets, struct buffer *out)
{
	struct flow f = flow_to(out, MIME_PREVIEW_MAX);
	struct buffer text = BUFFER_INIT;

	start_of(message, part, octets, &text);
	if (html)
		mime_html_text(buffer_text(&text), MIME_PREVIEW_MAX, out);
	else
		flow_plain(buffer_text(&text), &f);
	if (!html && out->len == 0 && octets >= part->body_len)
		flow_add_text(&f, buffer_text(&text));
	buffer_done(&text);
}

static void
preview_of(struct text message, const struct mime_part *part, struct buffer *out)
{
	bool html = mime_part_is(part, TEXT("text"), TEXT("html"));
	const size_t *looks = html ? html_looks : text_looks;

	for (size_t i = 0; i < ARRAY_LEN(text_looks); i++) {
		buffer_clear(out);
		words_of(message, part, html, looks[i], out);
		/* Full, but for a blank and a character that did not fit. */
		if (out->len + 5 > MIME_PREVIEW_MAX || looks[i] >= part->body_len)
			return;
	}
}

void
mime_preview_find(struct text message, struct arena *a, struct mime_summary *s)
{
	struct buffer out = BUFFER_INIT;
	struct mime_bodies bodies;

	mime_bodies_find(&s->root, a, &bodies);
	for (uint32_t i = 0; i < bodies.text.count && i < 5 && out.len == 0; i++)
		if (text_equal(bodies.text.at[i]->type, TEXT("text")))
			preview_of(message, bodies.text.at[i], &out);
	for (uint32_t i = 0; i < bodies.html.count && i < 5 && out.len == 0; i++)
		if (text_equal(bodies.html.at[i]->type, TEXT("text")))
			preview_of(message, bodies.html.at[i], &out);
	if (out.len > 0)
		s->preview = arena_copy(a, buffer_text(&out));
	buffer_done(&out);
}
