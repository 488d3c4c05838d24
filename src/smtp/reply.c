/* SPDX-License-Identifier: ISC */
/*
 * Writes replies from the table of smtp/replies.def. What comes from outside
 * (a recipient, a host name) is cleaned: a reply is printable and one line,
 * whatever a stranger put into it (RFC 5321 4.2: textstring is SP, HT and
 * printable ASCII; RFC 6531 3.7.4.2 lets UTF-8 in for SMTPUTF8 sessions, but a
 * '?' is understood by all).
 */
#include "smtp/reply.h"

#include <stdio.h>
#include <string.h>

static const struct smtp_reply_row rows[REPLY_COUNT] = {
#define REPLY(id, code, enhanced, words) [REPLY_##id] = { code, enhanced, words },
#include "smtp/replies.def"
#undef REPLY
};

const struct smtp_reply_row *
smtp_reply_row(enum smtp_reply id)
{
	CHECK(id > REPLY_NONE && id < REPLY_COUNT);
	return &rows[id];
}

/* A line under construction, with room for its CRLF kept. */
struct line {
	char at[REPLY_LINE_MAX];
	size_t len;
};

static void
line_add(struct line *l, struct text t)
{
	for (size_t i = 0; i < t.len && l->len < sizeof(l->at) - 2; i++) {
		char c = t.ptr[i];

		l->at[l->len++] = c >= ' ' && c <= '~' ? c : '?';
	}
}

static void
line_add_words(struct line *l, struct text words, struct text detail)
{
	size_t hole = text_find(words, TEXT("{}"), 0);

	line_add(l, text_part(words, 0, hole));
	if (hole < words.len) {
		line_add(l, detail);
		line_add(l, text_part(words, hole + 2, words.len));
	}
}

static void
line_send(struct line *l, struct stream *s)
{
	memcpy(l->at + l->len, "\r\n", 2);
	stream_write(s, (struct text){ l->at, l->len + 2 });
}

static void
line_begin(struct line *l, const struct smtp_reply_row *row, char separator)
{
	const char code[4] = { (char)('0' + row->code / 100), (char)('0' + row->code / 10 % 10),
		(char)('0' + row->code % 10), separator };

	l->len = 0;
	line_add(l, (struct text){ code, sizeof(code) });
	if (row->enhanced[0] != '\0') {
		line_add(l, text_of(row->enhanced));
		line_add(l, TEXT(" "));
	}
}

void
smtp_reply_write(struct stream *s, enum smtp_reply id, const struct smtp_reply_parts *parts)
{
	const struct smtp_reply_row *row = smtp_reply_row(id);
	struct line l;

	line_begin(&l, row, ' ');
	if (parts->recipient.len > 0) {
		line_add(&l, TEXT("<"));
		line_add(&l, parts->recipient);
		line_add(&l, TEXT("> "));
	}
	if (parts->words.len > 0)
		line_add(&l, parts->words);
	else
		line_add_words(&l, text_of(row->words), parts->detail);
	line_send(&l, s);
}

void
smtp_reply_line(struct stream *s, enum smtp_reply id, bool last, struct text words)
{
	struct line l;

	line_begin(&l, smtp_reply_row(id), last ? ' ' : '-');
	line_add(&l, words);
	line_send(&l, s);
}
