/* SPDX-License-Identifier: ISC */
/*
 * The base subject (RFC 5256 2.1): the subject without "Re:", "Fwd:", list
 * tags and "(fwd)", by the six steps of the RFC. All ABNF names are its own.
 */
#include <string.h>

#include "base/cursor.h"
#include "mime/parse.h"

/* Step 1: blanks become single spaces. */
static struct text
single_spaces(struct text subject, struct arena *a)
{
	struct text t = text_trim(subject);
	bool single = memchr(t.ptr, '\t', t.len) == NULL;
	size_t n = 0;
	char *copy;

	if (t.len == 0 || (single && text_find(t, TEXT("  "), 0) == t.len))
		return t;
	copy = arena_alloc(a, t.len);
	for (size_t i = 0; i < t.len; i++) {
		char c = t.ptr[i] == '\t' ? ' ' : t.ptr[i];

		if (c != ' ' || n == 0 || copy[n - 1] != ' ')
			copy[n++] = c;
	}
	return (struct text){ copy, n };
}

static void
subj_space(struct cursor *c)
{
	cursor_wsp(c);
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP */
static bool
subj_blob(struct cursor *c)
{
	struct cursor at = *c;
	int byte;

	if (!cursor_byte(&at, '['))
		return false;
	while ((byte = cursor_next(&at)) != ']')
		if (byte < 0 || byte == '[')
			return false;
	subj_space(&at);
	*c = at;
	return true;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool
subj_refwd(struct cursor *c)
{
	struct cursor at = *c;

	if (!cursor_text_ci(&at, TEXT("re")) && !cursor_text_ci(&at, TEXT("fwd")) &&
	    !cursor_text_ci(&at, TEXT("fw")))
		return false;
	subj_space(&at);
	(void)subj_blob(&at);
	if (!cursor_byte(&at, ':'))
		return false;
	*c = at;
	return true;
}

/* subj-leader = (*subj-blob subj-refwd) / WSP */
static bool
subj_leader(struct cursor *c)
{
	struct cursor at = *c;

	if (cursor_byte(c, ' '))
		return true;
	while (subj_blob(&at))
		;
	if (!subj_refwd(&at))
		return false;
	*c = at;
	return true;
}

/* Step 2: subj-trailer = "(fwd)" / WSP */
static struct text
without_trailers(struct text t)
{
	for (;;) {
		if (text_ends_ci(t, TEXT("(fwd)")))
			t.len -= 5;
		else if (text_ends(t, TEXT(" ")))
			t.len--;
		else
			return t;
	}
}

/* Steps 3 to 5. */
static struct text
without_leaders(struct text t)
{
	struct cursor c = cursor_of(t);

	for (;;) {
		struct cursor blob;

		while (subj_leader(&c))
			;
		blob = c;
		if (!subj_blob(&blob) || cursor_done(&blob))
			return cursor_rest(&c);
		c = blob;
	}
}

struct text
mime_base_subject(struct text subject, struct arena *a)
{
	struct text t = single_spaces(subject, a);

	for (;;) {
		t = without_leaders(without_trailers(t));
		/* Step 6: subj-fwd-hdr, subj-fwd-trl. */
		if (!text_starts_ci(t, TEXT("[fwd:")) || !text_ends(t, TEXT("]")))
			return t;
		t = text_part(t, 5, t.len - 1);
	}
}
