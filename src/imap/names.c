/* SPDX-License-Identifier: ISC */
/*
 * Names of mailboxes and patterns over them. A pattern is matched with two
 * places to go back to: behind the last "%", as long as no separator is passed
 * over, and behind the last "*". What "*" takes may grow, and then "%" begins
 * anew, so nothing else needs to be remembered, and no pattern makes the match
 * exponential.
 */
#include "imap/names.h"

#include <stdlib.h>

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
	while (wild < p.pattern.len && p.pattern.ptr[wild] != '*' && p.pattern.ptr[wild] != '%')
		wild++;
	p.fixed = text_part(p.pattern, 0, wild);
	p.wild = wild < p.pattern.len;
	p.percent = text_find_byte(p.pattern, '%', 0) < p.pattern.len;
	*out = p;
	return STATUS_OK;
}

/* Where to go on when a byte does not match: the place in the pattern behind
 * a wildcard and the first byte that it did not take yet. */
struct retry {
	size_t pattern, name;
	bool set;
};

bool
imap_pattern_match(const struct name_pattern *p, struct text name)
{
	struct text pat = p->pattern;
	struct retry star = { 0 }, percent = { 0 };
	size_t i = 0, j = 0, fold = under_inbox(name) ? inbox.len : 0;

	while (j < name.len || i < pat.len) {
		if (i < pat.len && pat.ptr[i] == '*') {
			star = (struct retry){ ++i, j, true };
			percent.set = false;
		} else if (i < pat.len && pat.ptr[i] == '%') {
			percent = (struct retry){ ++i, j, true };
		} else if (i < pat.len && j < name.len &&
			   (pat.ptr[i] == name.ptr[j] ||
			       (j < fold && byte_lower(pat.ptr[i]) == byte_lower(name.ptr[j])))) {
			i++;
			j++;
		} else if (percent.set && percent.name < name.len &&
			   name.ptr[percent.name] != IMAP_SEPARATOR) {
			i = percent.pattern;
			j = ++percent.name;
		} else if (star.set && star.name < name.len) {
			percent.set = false;
			i = star.pattern;
			j = ++star.name;
		} else {
			return false;
		}
	}
	return true;
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
