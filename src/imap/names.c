/* SPDX-License-Identifier: ISC */
/*
 * Names of mailboxes and patterns over them. A pattern is matched with two
 * places to go back to: behind the last "%", as long as no separator is passed
 * over, and behind the last "*". What "*" takes may grow, and then "%" begins
 * anew, so nothing else needs to be remembered, and no pattern makes the match
 * exponential.
 */
#include "imap/names.h"

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

static bool
has_control(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.ptr[i] < 0x20 || t.ptr[i] == 0x7f)
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

enum status
imap_name_decode(struct text wire, struct arena *a, struct text *out, const char **why)
{
	struct buffer utf8 = BUFFER_INIT;
	struct text name;

	if (wire.len > 4 * MAILBOX_NAME_MAX)
		return wrong(why, STATUS_LIMIT, "Mailbox name is too long");
	if (utf7_decode(&utf8, wire) != STATUS_OK) {
		buffer_done(&utf8);
		return wrong(why, STATUS_INVALID, "Mailbox name is not valid modified UTF-7");
	}
	name = arena_copy(a, buffer_text(&utf8));
	buffer_done(&utf8);
	/* A separator at the end says that there will be children, no more. */
	if (name.len > 1 && name.ptr[name.len - 1] == IMAP_SEPARATOR)
		name.len--;
	if (name.len > MAILBOX_NAME_MAX)
		return wrong(why, STATUS_LIMIT, "Mailbox name is too long");
	if (!utf8_valid(name) || has_control(name))
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
imap_name_encode(struct buffer *out, struct text name)
{
	if (utf8_is_ascii(name) && text_find_byte(name, '&', 0) == name.len)
		buffer_add_text(out, name);
	else
		utf7_encode(out, name);
}

enum status
imap_pattern_make(
    struct text reference, struct text mailbox, struct arena *a, struct name_pattern *out)
{
	size_t wild = 0;

	if (reference.len + mailbox.len > NAME_PATTERN_MAX)
		return STATUS_LIMIT;
	out->pattern = arena_join(a, reference, mailbox);
	while (wild < out->pattern.len && out->pattern.ptr[wild] != '*' &&
	       out->pattern.ptr[wild] != '%')
		wild++;
	out->fixed = text_part(out->pattern, 0, wild);
	out->wild = wild < out->pattern.len;
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
