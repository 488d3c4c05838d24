/* SPDX-License-Identifier: ISC */
/*
 * Address lists of header fields (RFC 5322 3.4 and 4.4), leniently. The value
 * is cut at the next "," ";" ":" or "<" that stands outside quotes, comments
 * and literals; what lies before it is a phrase or an address, as the
 * delimiter says. Each stretch is read a fixed number of times, so the whole
 * is linear. Texts are views of the message unless quoting has to be undone.
 */
#include "mime/address.h"

#include <string.h>

#include "mime/lexical.h"

struct reading {
	struct lexical l;
	struct arena *a;
	uint32_t max;
	uint32_t cap;
	struct mime_addresses list;
	bool in_group;
	bool waiting;		    /* an address whose name may still follow */
	struct mime_address waiter; /* it */
};

static void
emit(struct reading *r, struct mime_address address)
{
	if (r->list.count == r->max) {
		r->list.cut = true;
		return;
	}
	if (r->list.count == r->cap) {
		uint32_t cap = r->cap == 0 ? 2 : r->cap * 2;
		struct mime_address *at = ARENA_ARRAY(r->a, struct mime_address, cap);

		if (r->list.count > 0)
			memcpy(at, r->list.at, r->list.count * sizeof(*at));
		r->list.at = at;
		r->cap = cap;
	}
	r->list.at[r->list.count++] = address;
}

/* Moves to the next delimiter and returns it, 0 at the end; *before is what
 * was passed over. */
static char
next_delimiter(struct reading *r, struct text *before)
{
	struct cursor *in = &r->l.in;
	const char *start = in->at;
	char found = 0;

	while (in->at < in->end && found == 0) {
		const char *past = NULL;

		switch (*in->at) {
		case '"':
			past = lexical_quoted(&r->l);
			break;
		case '(':
			past = lexical_comment(&r->l);
			break;
		case '[':
			past = lexical_literal(&r->l);
			break;
		case ':':
			found = r->in_group ? 0 : ':';
			break;
		case ',':
		case ';':
		case '<':
			found = *in->at;
			break;
		default:
			break;
		}
		if (found == 0)
			in->at = past != NULL ? past : in->at + 1;
	}
	*before = (struct text){ start, (size_t)(in->at - start) };
	return found;
}

/* Whether t can be given out as it is: no quoting, comments or folds. */
static bool
is_plain(struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		char c = t.ptr[i];

		if (c == '"' || c == '(' || c == '\\' || c == '\r' || c == '\n' || c == '\t' ||
		    c == '\0')
			return false;
		if (c == ' ' && i + 1 < t.len && t.ptr[i + 1] == ' ')
			return false;
	}
	return true;
}

/* The text of a phrase: quotes undone, comments left out, one blank between
 * words (RFC 5322 3.2.5). */
static struct text
phrase(struct text region, struct arena *a)
{
	struct text t = text_trim(region);
	struct lexical l = lexical_of(t);
	bool blank = false;
	size_t n = 0;
	char *copy;

	if (is_plain(t))
		return t;
	if (lexical_quoted(&l) == t.ptr + t.len)
		return lexical_unquote(text_part(t, 1, t.len - 1), a);
	copy = arena_alloc(a, t.len);
	while (l.in.at < l.in.end) {
		const char *quoted, *past = lexical_comment(&l);
		struct text piece = { l.in.at, 1 };

		if (past != NULL || lexical_blank(*l.in.at)) {
			blank = n > 0;
			l.in.at = past != NULL ? past : l.in.at + 1;
			continue;
		}
		quoted = lexical_quoted(&l);
		if (quoted != NULL)
			piece = lexical_unquote(
			    (struct text){ l.in.at + 1, (size_t)(quoted - l.in.at) - 2 }, a);
		l.in.at = quoted != NULL ? quoted : l.in.at + 1;
		if (piece.len == 0 || *piece.ptr == '\0')
			continue;
		if (blank)
			copy[n++] = ' ';
		blank = false;
		memcpy(copy + n, piece.ptr, piece.len);
		n += piece.len;
	}
	return (struct text){ copy, n };
}

/* What the first comment says: the old place of a name. */
static struct text
comment_of(struct text region, struct arena *a)
{
	struct lexical l = lexical_of(region);

	if (region.len == 0 || memchr(region.ptr, '(', region.len) == NULL)
		return TEXT_EMPTY;
	while (l.in.at < l.in.end) {
		const char *past = lexical_comment(&l);

		if (past != NULL)
			return text_trim(lexical_unquote(
			    (struct text){ l.in.at + 1, (size_t)(past - l.in.at) - 2 }, a));
		past = lexical_quoted(&l);
		l.in.at = past != NULL ? past : l.in.at + 1;
	}
	return TEXT_EMPTY;
}

/* Copies an address without comments, blanks and quoting; gives the position
 * of the last "@" that was not quoted, or the length. */
static struct text
squeeze(struct text t, struct arena *a, size_t *at_sign)
{
	struct lexical l = lexical_of(t);
	char *copy = arena_alloc(a, t.len + 1);
	size_t n = 0, at = SIZE_MAX;

	while (lexical_skip(&l), l.in.at < l.in.end) {
		const char *past = lexical_quoted(&l);

		if (past != NULL) {
			struct text inside = lexical_unquote(
			    (struct text){ l.in.at + 1, (size_t)(past - l.in.at) - 2 }, a);

			memcpy(copy + n, inside.ptr, inside.len);
			n += inside.len;
			l.in.at = past;
			continue;
		}
		if (*l.in.at == '@')
			at = n;
		if (*l.in.at != '\0')
			copy[n++] = *l.in.at;
		l.in.at++;
	}
	*at_sign = at == SIZE_MAX ? n : at;
	return (struct text){ copy, n };
}

/* Local part and domain; without "@" all of it is the local part. */
static void
address_spec(struct text region, struct arena *a, struct mime_address *out)
{
	struct text t = text_trim(region);
	size_t at;

	if (is_plain(t) && memchr(t.ptr, ' ', t.len) == NULL)
		at = text_find_last(t, '@');
	else
		t = squeeze(t, a, &at);
	out->mailbox = text_part(t, 0, at);
	out->host = at < t.len ? text_part(t, at + 1, t.len) : TEXT_EMPTY;
}

/* What stands between "<" and ">": perhaps a route, then the address. */
static void
angle_address(struct text inside, struct arena *a, struct mime_address *out)
{
	struct text t = text_trim(inside);

	if (t.len > 0 && t.ptr[0] == '@') {
		size_t colon = text_find_byte(t, ':', 0);

		if (colon < t.len) {
			out->adl = phrase(text_part(t, 0, colon), a);
			t = text_part(t, colon + 1, t.len);
		}
	}
	address_spec(t, a, out);
}

/* Moves to the ">". Where none comes before the next "<" or the end, nobody
 * wrote it, and the first comma ends the address, unless a route begins it. */
static void
to_angle_end(struct lexical *l)
{
	struct cursor *in = &l->in;
	const char *start = in->at, *comma = NULL;

	while (in->at < in->end && *in->at != '>' && (*in->at != '<' || comma == NULL)) {
		const char *past = lexical_quoted(l);

		if (*in->at == ',' && comma == NULL && *start != '@')
			comma = in->at;
		in->at = past != NULL ? past : in->at + 1;
	}
	if (comma != NULL && (in->at == in->end || *in->at == '<'))
		in->at = comma;
}

/* The "<" was met. Leaves the cursor behind the ">". */
static void
read_angle(struct reading *r, struct text before)
{
	struct cursor *in = &r->l.in;
	struct text inside;

	in->at++;
	inside.ptr = in->at;
	to_angle_end(&r->l);
	inside.len = (size_t)(in->at - inside.ptr);
	(void)cursor_byte(in, '>');
	r->waiter = (struct mime_address){ .name = phrase(before, r->a) };
	if (r->waiter.name.len == 0)
		r->waiter.name = comment_of(before, r->a);
	angle_address(inside, r->a, &r->waiter);
	r->waiting = true;
}

/* An address in angle brackets is complete; after is what followed it. */
static void
finish_waiter(struct reading *r, struct text after)
{
	if (r->waiter.name.len == 0)
		r->waiter.name = phrase(after, r->a);
	if (r->waiter.name.len == 0)
		r->waiter.name = comment_of(after, r->a);
	if (r->waiter.name.len > 0 || r->waiter.mailbox.len > 0 || r->waiter.host.len > 0)
		emit(r, r->waiter);
	r->waiting = false;
}

/* What stands between two delimiters and is no angle address. */
static void
finish_bare(struct reading *r, struct text region)
{
	struct mime_address address = { 0 };

	if (r->waiting) {
		finish_waiter(r, region);
		return;
	}
	address_spec(region, r->a, &address);
	if (address.mailbox.len == 0 && address.host.len == 0)
		return;
	/* No address: the words as they are, not squeezed together. */
	if (address.host.len == 0)
		address.mailbox = phrase(region, r->a);
	address.name = comment_of(region, r->a);
	emit(r, address);
}

static void
end_group(struct reading *r)
{
	if (r->in_group)
		emit(r, (struct mime_address){ .group_end = true });
	r->in_group = false;
}

static void
read_field(struct reading *r)
{
	while (!cursor_done(&r->l.in) && !r->list.cut) {
		struct text before;
		char delimiter = next_delimiter(r, &before);

		if (delimiter == '<') {
			if (r->waiting)
				finish_waiter(r, TEXT_EMPTY);
			read_angle(r, before);
			continue;
		}
		if (delimiter == ':') {
			if (r->waiting)
				finish_waiter(r, TEXT_EMPTY);
			emit(r, (struct mime_address){
				    .mailbox = phrase(before, r->a), .group_start = true });
			r->in_group = true;
		} else {
			finish_bare(r, before);
			if (delimiter == ';')
				end_group(r);
		}
		cursor_next(&r->l.in);
	}
	if (r->waiting)
		finish_waiter(r, TEXT_EMPTY);
	end_group(r);
}

void
mime_addresses_parse_fields(struct arena *a, const struct text *values, uint32_t count,
    uint32_t max, struct mime_addresses *out)
{
	struct reading r = { .a = a, .max = max };

	for (uint32_t i = 0; i < count && !r.list.cut; i++) {
		r.l = lexical_of(values[i]);
		read_field(&r);
	}
	*out = r.list;
}

void
mime_addresses_parse(struct arena *a, struct text value, uint32_t max, struct mime_addresses *out)
{
	mime_addresses_parse_fields(a, &value, 1, max, out);
}
