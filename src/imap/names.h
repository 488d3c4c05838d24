/* SPDX-License-Identifier: ISC */
/*
 * Mailbox names. On the wire they are UTF-8 where the client enabled IMAP4rev2
 * (RFC 9051 5.1), else modified UTF-7 (RFC 3501 5.1.3); in the store UTF-8 in
 * Normalization Form C (RFC 5198 3) with "/" between levels, INBOX spelt so
 * whatever its case (RFC 3501 5.1). And the patterns of LIST and LSUB (RFC
 * 3501 6.3.8).
 */
#ifndef IMAP_NAMES_H
#define IMAP_NAMES_H

#include "base/arena.h"
#include "base/buffer.h"

#define IMAP_SEPARATOR '/'

/* From the wire to the store's spelling. *why says in words for the client
 * what is wrong when the answer is INVALID or LIMIT. */
enum status imap_name_decode(
    struct text wire, bool utf8, struct arena *a, struct text *out, const char **why) MUST_CHECK;
/* The store's spelling to the wire's, appended without quotes. */
void imap_name_encode(struct buffer *out, struct text name, bool utf8);

#define NAME_PATTERN_MAX 4000 /* octets on the wire, and decoded */
/* Sets of places in a pattern, its end included, a bit each. */
#define NAME_PLACES_WORDS (NAME_PATTERN_MAX / 64 + 1)
struct name_places {
	uint64_t *any;	 /* "*" stands there */
	uint64_t *level; /* "%" */
	uint64_t *takes; /* of each of 256 bytes, where it stands */
	size_t words;	 /* of each set */
};

/* A pattern in the store's spelling, with the reference in front of it. */
struct name_pattern {
	struct text pattern; /* wildcards side by side are one */
	struct text fixed;   /* what stands in front of the first wildcard */
	struct name_places places;
	bool wild;    /* it has a wildcard at all */
	bool percent; /* and one of them is "%" */
};
/* LIMIT: longer than any name could need. INVALID: no name is spelt so. */
enum status imap_pattern_make(struct text reference, struct text mailbox, bool utf8,
    struct arena *a, struct name_pattern *out) MUST_CHECK;
/* Whether the pattern names this mailbox; name in the store's spelling. */
bool imap_pattern_match(const struct name_pattern *p, struct text name);

/* Where the names that patterns can match stand in mailbox_order: those that
 * begin with prefix, or (one) that name alone. */
struct name_stretch {
	struct text prefix;
	bool one;
};
/* For each of count patterns at most two, in order, none inside another.
 * below: what is below a name without wildcards belongs to it. */
size_t imap_pattern_stretches(const struct name_pattern *p, size_t count, bool below,
    struct arena *a, struct name_stretch **out);

/* Whether name is below parent. */
bool imap_name_below(struct text name, struct text parent);
/* The name one level up; empty when there is none. */
struct text imap_name_parent(struct text name);

#endif
