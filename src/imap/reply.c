/* SPDX-License-Identifier: ISC */
/*
 * Replies: untagged lines, the tagged one, and what a failed call means to a
 * client (response codes of RFC 5530 3). A handler collects its responses in
 * c->out, which goes to the stream in portions; nothing here waits unless the
 * client does not read.
 */
#include <stdio.h>

#include "base/clock.h"
#include "imap/session.h"
#include "imap/write.h"
#include "runtime/settings.h"

#define PUSH_AT 65536 /* few system calls for many small messages */
/* A transfer that the rate rule lets go on ends at last by this. */
#define TRANSFER_MAX (2 * CLOCK_HOUR)

enum outcome
imap_ok(struct command *c, const char *words)
{
	c->word = "OK";
	c->words = words != NULL ? arena_copy(&c->arena, text_of(words)) : TEXT_EMPTY;
	return IMAP_DONE;
}

enum outcome
imap_no(struct command *c, const char *code, const char *words)
{
	c->word = "NO";
	c->code = code != NULL ? arena_copy(&c->arena, text_of(code)) : TEXT_EMPTY;
	c->words = arena_copy(&c->arena, text_of(words));
	return IMAP_DONE;
}

enum outcome
imap_bad(struct command *c, const char *words)
{
	c->word = "BAD";
	c->code = TEXT_EMPTY;
	c->words = arena_copy(&c->arena, text_of(words));
	return IMAP_DONE;
}

/* What a status means where the command has no better word for it. */
static const struct {
	enum status status;
	const char *code, *words;
} meanings[] = {
	{ STATUS_INVALID, "CANNOT", "The server cannot do that" },
	{ STATUS_NOT_FOUND, "NONEXISTENT", "There is no such mailbox" },
	{ STATUS_EXISTS, "ALREADYEXISTS", "That name is taken" },
	{ STATUS_DENIED, "CANNOT", "That is not allowed" },
	{ STATUS_LIMIT, "LIMIT", "A limit of the server is reached" },
	{ STATUS_QUOTA, "OVERQUOTA", "The account is full; delete some mail first" },
	{ STATUS_CONFLICT, "INUSE", "Somebody else changed that at the same time, try again" },
	{ STATUS_AMBIGUOUS, "UNAVAILABLE",
	    "The connection to the mail store broke; it is not known "
	    "whether that was done" },
	{ STATUS_FULL, "UNAVAILABLE", "The server's disk is full; nothing was changed" },
	{ STATUS_CORRUPT, "SERVERBUG", "What is stored cannot be read; the operator is told" },
	{ STATUS_IO, "SERVERBUG", "The server's disk failed; the operator is told" },
};

enum outcome
imap_failed(struct command *c, enum status st, const struct failure *f)
{
	const char *words = "The mail store is not there right now, try again later";
	const char *code = "UNAVAILABLE";

	for (size_t i = 0; i < ARRAY_LEN(meanings); i++) {
		if (meanings[i].status == st) {
			code = meanings[i].code;
			words = meanings[i].words;
		}
	}
	if (f != NULL && f->client[0] != '\0')
		words = f->client;
	c->denied = st == STATUS_DENIED;
	return imap_no(c, code, words);
}

void
imap_code(struct command *c, const char *fmt, ...)
{
	struct buffer b = BUFFER_INIT;
	va_list ap;

	va_start(ap, fmt);
	buffer_addv(&b, fmt, ap);
	va_end(ap);
	c->code = arena_copy(&c->arena, buffer_text(&b));
	buffer_done(&b);
}

void
imap_push(struct command *c)
{
	stream_write(&c->im->session.stream, buffer_text(&c->out));
	buffer_clear(&c->out);
}

void
imap_push_some(struct command *c)
{
	if (c->out.len >= PUSH_AT)
		imap_push(c);
}

void
imap_line(struct command *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buffer_addv(&c->out, fmt, ap);
	va_end(ap);
	buffer_add(&c->out, "\r\n", 2);
	imap_push_some(c);
}

void
imap_write_tagged(const struct command *c, struct buffer *out)
{
	if (c->tag.len > 0)
		buffer_add_text(out, c->tag);
	else
		buffer_add_byte(out, '*'); /* RFC 3501 7.1.3 */
	buffer_addf(out, " %s ", c->word);
	if (c->code.len > 0) {
		buffer_add_byte(out, '[');
		imap_write_words(out, c->code);
		buffer_add_string(out, "] ");
	}
	if (c->words.len > 0)
		imap_write_words(out, c->words);
	else
		buffer_addf(out, "%s%.*s done", c->uid ? "UID " : "", TEXT_ARG(c->row->name));
	buffer_add(out, "\r\n", 2);
}

void
imap_finish(struct command *c)
{
	imap_write_tagged(c, &c->out);
	buffer_add_text(&c->out, c->behind);
	imap_push(c);
}

enum outcome
imap_bye(struct imap *im, const char *words)
{
	if (!im->told_bye)
		stream_print(&im->session.stream, "* BYE %s\r\n", words);
	im->told_bye = true;
	return IMAP_CLOSE;
}

enum outcome
imap_expect(struct command *c, struct text prompt,
    enum outcome (*more)(struct command *c, struct text line))
{
	struct imap *im = c->im;

	im->more = more;
	im->more_row = c->row;
	if (im->more_tag == NULL)
		im->more_tag = mem_string(c->tag);
	buffer_add(&c->out, "+ ", 2);
	buffer_add_text(&c->out, prompt);
	buffer_add(&c->out, "\r\n", 2);
	return IMAP_MORE;
}

bool
imap_gone(const struct imap *im)
{
	return im->session.stream.broken != STATUS_OK && !im->session.stream.ended;
}

void
imap_transfer_begins(struct imap *im)
{
	stream_set_deadline(&im->session.stream, clock_mono() + TRANSFER_MAX);
	stream_set_min_rate(&im->session.stream, (uint32_t)setting(SET_ACCESS_MIN_RATE));
}
