/* SPDX-License-Identifier: ISC */
/*
 * See smtp/path.h. One leniency, as every server has it: spaces between the
 * colon and the path. The angle brackets are a must: without them a parameter
 * and an address cannot be told apart.
 */
#include "smtp/path.h"

#include "codec/utf8.h"
#include "mime/address.h"

#define PATH_MAX_OCTETS 320 /* local part 64, domain 255 (RFC 5321 4.5.3.1) */

/* A-d-l = At-domain *( "," At-domain ), and the colon behind it. */
static bool
source_route(struct cursor *c)
{
	struct cursor at = *c;
	struct text hops = cursor_until(&at, ':');

	if (hops.len < 2 || hops.ptr[0] != '@' || !cursor_byte(&at, ':'))
		return false;
	if (text_find_byte(hops, '>', 0) < hops.len || text_find_byte(hops, '"', 0) < hops.len)
		return false;
	*c = at;
	return true;
}

/* "<" [ A-d-l ":" ] Mailbox ">" */
static bool
path(struct cursor *c, struct arena *a, struct text *address)
{
	struct cursor at = *c;
	struct smtp_address parsed;
	struct buffer out = BUFFER_INIT;

	if (!cursor_byte(&at, '<'))
		return false;
	(void)source_route(&at);
	if (!smtp_address_mailbox(&at, true, a, &parsed) || !cursor_byte(&at, '>'))
		return false;
	buffer_init(&out, PATH_MAX_OCTETS);
	smtp_address_print(&out, parsed);
	if (!out.overflow && utf8_valid(buffer_text(&out))) {
		*address = arena_copy(a, buffer_text(&out));
		*c = at;
	}
	buffer_done(&out);
	return c->at == at.at;
}

/* What follows a path: a space or the end. */
static bool
path_ends(const struct cursor *c)
{
	return cursor_done(c) || cursor_peek(c) == ' ';
}

bool
smtp_path_reverse(struct cursor *c, struct arena *a, struct text *address)
{
	struct cursor at = *c;
	struct text found = TEXT_EMPTY;

	cursor_wsp(&at);
	if (!cursor_text(&at, TEXT("<>")) && !path(&at, a, &found))
		return false;
	if (!path_ends(&at))
		return false;
	*c = at;
	*address = found;
	return true;
}

bool
smtp_path_forward(struct cursor *c, struct arena *a, struct text *address)
{
	struct cursor at = *c;
	struct text found = TEXT("postmaster");

	cursor_wsp(&at);
	if (!cursor_text_ci(&at, TEXT("<postmaster>")) && !path(&at, a, &found))
		return false;
	if (!path_ends(&at))
		return false;
	*c = at;
	*address = found;
	return true;
}

static bool
keyword_octet(int c)
{
	return c >= 0 && (byte_alpha((char)c) || byte_digit((char)c) || c == '-');
}

/* %d33-60 / %d62-126, and UTF-8 (RFC 6531 3.3 for ORCPT). */
static bool
value_octet(int c)
{
	return c > ' ' && c != '=' && c != 127;
}

static struct text
run_of(struct cursor *c, bool (*octet)(int))
{
	const char *from = c->at;

	while (octet(cursor_peek(c)))
		c->at++;
	return (struct text){ from, (size_t)(c->at - from) };
}

bool
smtp_parameter_next(struct cursor *c, struct smtp_parameter *out)
{
	struct cursor at = *c;
	struct smtp_parameter p = { TEXT_EMPTY, TEXT_EMPTY };

	if (cursor_peek(&at) != ' ')
		return false;
	cursor_wsp(&at);
	if (cursor_done(&at)) { /* spaces at the end of the line */
		*c = at;
		return false;
	}
	p.keyword = run_of(&at, keyword_octet);
	if (p.keyword.len == 0 || p.keyword.ptr[0] == '-')
		return false;
	if (cursor_byte(&at, '=')) {
		p.value = run_of(&at, value_octet);
		if (p.value.len == 0)
			return false;
	}
	if (!path_ends(&at))
		return false;
	*c = at;
	*out = p;
	return true;
}
