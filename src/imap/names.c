/* SPDX-License-Identifier: ISC */
/*
 * Names of mailboxes and patterns over them. A pattern is held against a name
 * byte by byte, with all places of the pattern that can be reached by then, a
 * bit each: a match never goes back, and costs the name's length times a 64th
 * of the pattern's, whatever the client put into either.
 */
#include "imap/names.h"

#include <stdlib.h>
#include <string.h>

#include "codec/nfc.h"
#include "codec/utf7.h"
#include "codec/utf8.h"
#include "store/calls.h"

static const struct text inbox = { "INBOX", 5 };

/* Whether a name is INBOX or stands below it, whatever the case. */
static bool
under_inbox(struct text name)
{
	return text_starts_ci(name, inbox) &&
	       (name.len == inbox.len || name.ptr[inbox.len] == IMAP_SEPARATOR);
}

/* C0, DEL, C1 and the separators of lines and paragraphs (RFC 6855 3). */
static bool
has_control(struct text t)
{
	struct cursor c = cursor_of(t);
	int32_t ch;

	while ((ch = utf8_next(&c)) >= 0)
		if (ch < 0x20 || (ch >= 0x7f && ch < 0xa0) || ch == 0x2028 || ch == 0x2029)
			return true;
	return false;
}

static bool
has_empty_level(struct text t)
{
	return t.len == 0 || t.ptr[0] == IMAP_SEPARATOR || t.ptr[t.len - 1] == IMAP_SEPARATOR ||
	       text_find(t, TEXT("//"), 0) < t.len;
}

static enum status
wrong(const char **why, enum status s, const char *words)
{
	*why = words;
	return s;
}

/* The octets of the wire as UTF-8 in its normal form. */
static enum status
decode(struct text wire, bool utf8, struct arena *a, struct text *out)
{
	struct buffer plain = BUFFER_INIT, normal = BUFFER_INIT;
	enum status st = STATUS_OK;

	if (utf8)
		buffer_add_text(&plain, wire);
	else
		st = utf7_decode(&plain, wire);
	if (st == STATUS_OK && !utf8_valid(buffer_text(&plain)))
		st = STATUS_INVALID;
	if (st == STATUS_OK) {
		text_nfc(&normal, buffer_text(&plain));
		*out = arena_copy(a, buffer_text(&normal));
	}
	buffer_done(&plain);
	buffer_done(&normal);
	return st;
}

enum status
imap_name_decode(struct text wire, bool utf8, struct arena *a, struct text *out, const char **why)
{
	struct text name;

	if (wire.len > 4 * MAILBOX_NAME_MAX)
		return wrong(why, STATUS_LIMIT, "Mailbox name is too long");
	if (decode(wire, utf8, a, &name) != STATUS_OK)
		return wrong(why, STATUS_INVALID,
		    utf8 ? "Mailbox name is not valid UTF-8"
			 : "Mailbox name is not valid modified UTF-7");
	/* A separator at the end says that there will be children, no more. */
	if (name.len > 1 && name.ptr[name.len - 1] == IMAP_SEPARATOR)
		name.len--;
	if (name.len > MAILBOX_NAME_MAX)
		return wrong(why, STATUS_LIMIT, "Mailbox name is too long");
	if (has_control(name))
		return wrong(
		    why, STATUS_INVALID, "Mailbox name has characters that are not allowed");
	if (has_empty_level(name))
		return wrong(why, STATUS_INVALID, "Mailbox name has an empty level");
	if (under_inbox(name))
		name = arena_join(a, inbox, text_part(name, inbox.len, name.len));
	*out = name;
	return STATUS_OK;
}

void
imap_name_encode(struct buffer *out, struct text name, bool utf8)
{
	if (utf8 || (utf8_is_ascii(name) && text_find_byte(name, '&', 0) == name.len))
		buffer_add_text(out, name);
	else
		utf7_encode(out, name);
}

/* "*" beside anything takes what both would; "%%" is "%". */
static struct text
join_wildcards(struct text t, struct arena *a)
{
	char *to = arena_alloc(a, t.len);
	size_t n = 0;

	for (size_t i = 0; i < t.len; i++) {
		char last = n > 0 ? to[n - 1] : '\0', c = t.ptr[i];

		if ((c == '*' || c == '%') && (last == '*' || last == '%'))
			to[n - 1] = c == '*' ? c : last;
		else
			to[n++] = c;
	}
	return (struct text){ to, n };
}

static void
make_places(struct text pattern, struct arena *a, struct name_places *out)
{
	size_t words = pattern.len / 64 + 1;
	uint64_t *at = ARENA_ARRAY(a, uint64_t, (256 + 2) * words);

	*out = (struct name_places){ at, at + words, at + 2 * words, words };
	for (size_t i = 0; i < pattern.len; i++) {
		unsigned char c = (unsigned char)pattern.ptr[i];
		uint64_t *set = c == '*'   ? out->any
				: c == '%' ? out->level
					   : out->takes + c * words;

		set[i / 64] |= (uint64_t)1 << i % 64;
	}
}

enum status
imap_pattern_make(struct text reference, struct text mailbox, bool utf8, struct arena *a,
    struct name_pattern *out)
{
	struct name_pattern p = { .pattern = TEXT_EMPTY };
	size_t wild = 0;

	if (reference.len + mailbox.len > NAME_PATTERN_MAX)
		return STATUS_LIMIT;
	/* Wildcards stand outside of what is encoded, and stay as they are. */
	if (decode(arena_join(a, reference, mailbox), utf8, a, &p.pattern) != STATUS_OK)
		return STATUS_INVALID;
	if (p.pattern.len > NAME_PATTERN_MAX)
		return STATUS_LIMIT;
	while (wild < p.pattern.len && p.pattern.ptr[wild] != '*' && p.pattern.ptr[wild] != '%')
		wild++;
	p.fixed = text_part(p.pattern, 0, wild);
	p.wild = wild < p.pattern.len;
	p.percent = text_find_byte(p.pattern, '%', 0) < p.pattern.len;
	p.pattern = join_wildcards(p.pattern, a);
	make_places(p.pattern, a, &p.places);
	*out = p;
	return STATUS_OK;
}

/* A wildcard may take nothing; no other stands behind it. */
static void
pass_wildcards(const struct name_places *p, uint64_t *at)
{
	uint64_t carry = 0;

	for (size_t w = 0; w < p->words; w++) {
		uint64_t pass = at[w] & (p->any[w] | p->level[w]);

		at[w] |= pass << 1 | carry;
		carry = pass >> 63;
	}
}

/* Over one byte of a name, also: its other case. False: no place is left. */
static bool
take_byte(const struct name_places *p, unsigned char c, unsigned char also, uint64_t *at)
{
	const uint64_t *takes = p->takes + c * p->words, *too = p->takes + also * p->words;
	uint64_t carry = 0, left = 0;

	for (size_t w = 0; w < p->words; w++) {
		uint64_t moved = at[w] & (takes[w] | too[w]);
		uint64_t stays = p->any[w] | (c != IMAP_SEPARATOR ? p->level[w] : 0);

		at[w] = (at[w] & stays) | moved << 1 | carry;
		carry = moved >> 63;
		left |= at[w];
	}
	return left != 0;
}

static bool
is_at(const uint64_t at[static NAME_PLACES_WORDS], size_t place)
{
	return (at[place / 64] >> place % 64 & 1) != 0;
}

bool
imap_pattern_match(const struct name_pattern *p, struct text name)
{
	uint64_t at[NAME_PLACES_WORDS];
	size_t fold = under_inbox(name) ? inbox.len : 0, end = p->pattern.len;
	bool open = end > 0 && p->pattern.ptr[end - 1] == '*'; /* whatever follows */

	memset(at, 0, p->places.words * sizeof(at[0]));
	at[0] = 1;
	pass_wildcards(&p->places, at);
	for (size_t i = 0; i < name.len && !(open && is_at(at, end)); i++) {
		unsigned char c = (unsigned char)name.ptr[i];
		unsigned char also = i < fold ? c ^ 0x20 : c; /* letters all */

		if (!take_byte(&p->places, c, also, at))
			return false;
		pass_wildcards(&p->places, at);
	}
	return is_at(at, end);
}

static int
by_prefix(const void *x, const void *y)
{
	const struct name_stretch *a = x, *b = y;
	int order = mailbox_order(a->prefix, b->prefix);

	return order != 0 ? order : (int)a->one - (int)b->one;
}

/* Names that begin as the pattern does, and INBOX if its case alone differs. */
static size_t
stretches_of(const struct name_pattern *p, bool below, struct arena *a, struct name_stretch *out)
{
	bool one = !p->wild && !below;
	size_t n = 0;

	if (under_inbox(p->fixed) && (!p->wild || p->fixed.len > inbox.len)) {
		out[n++] = (struct name_stretch){
			arena_join(a, inbox, text_part(p->fixed, inbox.len, p->fixed.len)), one
		};
		return n;
	}
	out[n++] = (struct name_stretch){ p->fixed, one };
	if (p->wild && text_starts_ci(inbox, p->fixed) && !text_starts(inbox, p->fixed))
		out[n++] = (struct name_stretch){ inbox, false };
	return n;
}

size_t
imap_pattern_stretches(const struct name_pattern *p, size_t count, bool below, struct arena *a,
    struct name_stretch **out)
{
	struct name_stretch *at = ARENA_ARRAY(a, struct name_stretch, 2 * count);
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < count; i++)
		n += stretches_of(&p[i], below, a, at + n);
	qsort(at, n, sizeof(*at), by_prefix);
	for (size_t i = 0; i < n; i++) {
		const struct name_stretch *last = kept > 0 ? &at[kept - 1] : NULL;
		bool inside = last != NULL && (last->one ? text_equal(at[i].prefix, last->prefix)
							 : text_starts(at[i].prefix, last->prefix));

		if (!inside)
			at[kept++] = at[i];
	}
	*out = at;
	return kept;
}

bool
imap_name_below(struct text name, struct text parent)
{
	return name.len > parent.len && name.ptr[parent.len] == IMAP_SEPARATOR &&
	       text_starts(name, parent);
}

struct text
imap_name_parent(struct text name)
{
	size_t at = text_find_last(name, IMAP_SEPARATOR);

	return at == name.len ? TEXT_EMPTY : text_part(name, 0, at);
}
