/* SPDX-License-Identifier: ISC */
/*
 * Tag lists "v=1; a=rsa-sha256; ..." (RFC 6376 3.2), which DKIM, ARC and
 * DMARC write in. Strict: what is malformed is
 * refused whole, since a lax reader and a strict one would see two lists.
 */
#ifndef MAILAUTH_TAGS_H
#define MAILAUTH_TAGS_H

#include "base/arena.h"
#include "base/text.h"

#define TAGS_MAX 64

struct tag {
	struct text name;  /* case matters (RFC 6376 3.2) */
	struct text value; /* without white space at its ends; may be empty */
	struct text span;  /* all between "=" and ";", white space included */
};

struct tags {
	struct tag at[TAGS_MAX];
	uint32_t count;
};

/* Views into list. INVALID: bad syntax, or a name twice (RFC 6376 3.2); LIMIT:
 * more than TAGS_MAX. One ";" at the end is allowed, empty tags are not. */
enum status tags_parse(struct text list, struct tags *out) MUST_CHECK;
/* The tag of that name, or NULL. */
const struct tag *tags_get(const struct tags *tags, struct text name);
/* The value, or the empty text where the tag is absent. */
struct text tags_value(const struct tags *tags, struct text name);
/* True when one of the colon-separated words of value is word, whatever its
 * case; white space around colons does not count. */
bool tags_list_has(struct text value, struct text word);
/* A value in base64 with folding white space in it (RFC 6376 2.10), decoded.
 * INVALID; empty values too. */
enum status tags_base64(struct text value, struct arena *a, struct text *out) MUST_CHECK;

#endif
