/* SPDX-License-Identifier: ISC */
/*
 * Fuzzes the message on its way out by DATA (RFC 5321 4.5.2, 4.5.3.1.6): the first
 * octets say in what pieces it is read, the rest is the message. What goes out are
 * whole lines that are short enough, with one end; it does not depend on the
 * pieces, and of what was written only line ends and spaces were added or changed.
 */
#include "smtp/client_private.h"
#include "smtp/client_testing.h"

#define CUTS 8
#define LINE_MAX_OCTETS 998 /* without CRLF and the dot that was added */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct cut {
	struct text message;
	const uint8_t *sizes; /* CUTS of them, in turn; 0: the rest */
	size_t turn;
};

static enum status
read_cut(void *arg, uint64_t at, struct text *piece)
{
	struct cut *c = arg;
	size_t n = c->sizes[c->turn++ % CUTS];

	*piece = text_part(c->message, at, n == 0 ? c->message.len : at + n);
	return STATUS_OK;
}

/* Nothing comes from the server meanwhile. */
static void
send_message(struct text message, const uint8_t *sizes, struct buffer *out)
{
	static const char *const silent[] = { HANGS, NULL };
	struct cut c = { message, sizes, 0 };
	struct play p;

	play_init(&p, silent);
	p.envelope.size = message.len;
	p.envelope.read = read_cut;
	p.envelope.arg = &c;
	CHECK(client_message(&p.client, &p.envelope, false) == STATUS_OK);
	buffer_add_text(out, buffer_text(&p.out));
	play_done(&p);
}

/* Without what may change: CR, LF and space. */
static void
add_solid(struct text t, struct buffer *out)
{
	for (size_t i = 0; i < t.len; i++)
		if (t.ptr[i] != '\r' && t.ptr[i] != '\n' && t.ptr[i] != ' ')
			buffer_add_byte(out, t.ptr[i]);
}

static void
check_line(struct text line, bool last, struct buffer *solid)
{
	CHECK(text_find_byte(line, '\r', 0) == line.len);
	if (last) {
		CHECK(text_equal(line, TEXT(".")));
		return;
	}
	if (text_starts(line, TEXT("."))) {
		CHECK(text_starts(line, TEXT("..")));
		line = text_part(line, 1, line.len);
	}
	CHECK(line.len <= LINE_MAX_OCTETS);
	add_solid(line, solid);
}

static void
check(struct text message, struct text out)
{
	struct buffer want = BUFFER_INIT, solid = BUFFER_INIT;
	struct text line;

	CHECK(text_ends(out, TEXT("\r\n")));
	out = text_part(out, 0, out.len - 1); /* the last one ends no line that follows */
	while (text_split(&out, '\n', &line)) {
		CHECK(text_ends(line, TEXT("\r")));
		check_line(text_part(line, 0, line.len - 1), out.len == 0, &solid);
	}
	add_solid(message, &want);
	CHECK(text_equal(buffer_text(&want), buffer_text(&solid)));
	buffer_done(&want);
	buffer_done(&solid);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t whole[CUTS] = { 0 }, single[CUTS] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	struct buffer out = BUFFER_INIT, other = BUFFER_INIT;
	struct text message;

	if (size < CUTS)
		return 0;
	message = (struct text){ (const char *)data + CUTS, size - CUTS };
	send_message(message, whole, &out);
	check(message, buffer_text(&out));
	send_message(message, data, &other);
	CHECK(text_equal(buffer_text(&out), buffer_text(&other)));
	buffer_clear(&other);
	send_message(message, single, &other);
	CHECK(text_equal(buffer_text(&out), buffer_text(&other)));
	buffer_done(&out);
	buffer_done(&other);
	return 0;
}
