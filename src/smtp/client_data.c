/* SPDX-License-Identifier: ISC */
/*
 * The message on its way out. DATA: dots are stuffed (RFC 5321 4.5.2), in
 * stretches as long as can be. A CR or LF that stands alone, which a message of
 * text never has, becomes a line end, so that no server sees an end where we see
 * none; a line that is longer than SMTP has room for (RFC 5321 4.5.3.1.6) is broken as
 * a header is folded. BDAT: one chunk of all octets as they are (RFC 3030 2). Between pieces
 * the server is listened to: one that answers before the end has decided.
 */
#include <string.h>

#include "smtp/client_private.h"

#define TEXT_LINE_MAX 998 /* octets of a line without its end */

struct dotted {
	struct stream *stream;
	bool inside;   /* of a line */
	bool cr;       /* held back until it is known what follows */
	size_t length; /* of the line so far */
};

static void
line_end(struct dotted *d)
{
	stream_write(d->stream, TEXT("\r\n"));
	d->inside = d->cr = false;
	d->length = 0;
}

/* Where the line that begins at at ends well; or what there is of it up to its
 * first CR or LF that is no line end, which *odd tells. */
static size_t
line_reach(struct text t, size_t at, bool *odd)
{
	size_t lf = text_find_byte(t, '\n', at);
	size_t cr = text_find_byte(text_part(t, 0, lf), '\r', at);

	if (cr + 1 == lf && lf < t.len)
		return lf + 1;
	*odd = cr < lf || lf < t.len;
	return cr < lf ? cr : lf;
}

/* Goes on in the line up to end, of which from on is not written yet. */
static void
lengthen(struct dotted *d, struct text t, size_t *from, size_t at, size_t end)
{
	bool ends = end > at && t.ptr[end - 1] == '\n';
	size_t text_end = ends ? end - 2 : end;

	while (d->length + (text_end - at) > TEXT_LINE_MAX) {
		at += TEXT_LINE_MAX - d->length;
		stream_write(d->stream, text_part(t, *from, at));
		stream_write(d->stream, TEXT("\r\n "));
		*from = at;
		d->length = 1;
	}
	d->length = ends ? 0 : d->length + (text_end - at);
}

static void
put(struct dotted *d, struct text t)
{
	size_t at = 0, from = 0;

	if (d->cr && t.len > 0) {
		line_end(d);
		at = from = t.ptr[0] == '\n' ? 1 : 0;
	}
	while (at < t.len) {
		bool odd = false;
		size_t end;

		if (!d->inside && t.ptr[at] == '.') {
			stream_write(d->stream, text_part(t, from, at));
			stream_write(d->stream, TEXT("."));
			from = at;
		}
		end = line_reach(t, at, &odd);
		lengthen(d, t, &from, at, end);
		d->inside = t.ptr[end > at ? end - 1 : at] != '\n';
		at = end;
		if (!odd)
			continue;
		stream_write(d->stream, text_part(t, from, at));
		d->cr = t.ptr[at] == '\r' && at + 1 == t.len;
		if (!d->cr)
			line_end(d);
		from = ++at;
	}
	stream_write(d->stream, text_part(t, from, t.len));
}

static void
put_end(struct dotted *d)
{
	if (d->inside || d->cr)
		line_end(d);
	stream_write(d->stream, TEXT(".\r\n"));
}

/* The server spoke, or is gone, before it had the message. */
static enum status
cut_short(struct smtp_client *c)
{
	struct smtp_answer answer = { 0 };
	enum status st = client_answer(c, SMTP_AT_MESSAGE, c->config->times.hello, &answer, NULL);

	if (st != STATUS_OK)
		return st;
	if (answer.code < 400)
		return client_fail(
		    c, SMTP_AT_MESSAGE, STATUS_INVALID, "The server answered what was not asked");
	(void)client_refused(c, SMTP_AT_MESSAGE, &answer);
	c->talking = false; /* it would take QUIT for text */
	return STATUS_DENIED;
}

static enum status
send_all(struct smtp_client *c, const struct smtp_envelope *e, struct dotted *dotted)
{
	for (uint64_t at = 0; at < e->size;) {
		struct text piece;
		enum status st = e->read(e->arg, at, &piece);

		if (st != STATUS_OK || piece.len == 0)
			return client_fail(c, SMTP_AT_MESSAGE, STATUS_UNAVAILABLE,
			    "The message cannot be read here at the moment");
		piece = text_part(piece, 0, e->size - at);
		at += piece.len;
		client_patience(c, c->config->times.block);
		if (dotted != NULL)
			put(dotted, piece);
		else
			stream_write(c->stream, piece);
		if (c->stream->broken != STATUS_OK || (at < e->size && client_heard(c)))
			return cut_short(c);
	}
	return STATUS_OK;
}

enum status
client_message(struct smtp_client *c, const struct smtp_envelope *e, bool chunk)
{
	struct dotted dotted = { .stream = c->stream };
	enum status st;

	stream_set_min_rate(c->stream, c->config->times.min_rate);
	client_patience(c, c->config->times.block);
	if (chunk)
		stream_print(c->stream, "BDAT %llu LAST\r\n", (unsigned long long)e->size);
	st = send_all(c, e, chunk ? NULL : &dotted);
	if (st == STATUS_OK && !chunk)
		put_end(&dotted);
	client_patience(c, c->config->times.block);
	if (st == STATUS_OK && stream_flush(c->stream) != STATUS_OK)
		st = cut_short(c);
	stream_set_min_rate(c->stream, 0);
	return st;
}
