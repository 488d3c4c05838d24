/* SPDX-License-Identifier: ISC */
/*
 * Mailbox names: modified UTF-7 on the wire (RFC 3501 5.1.3), UTF-8 with "/"
 * between levels in the store, INBOX spelt so whatever its case (RFC 3501
 * 5.1). And the patterns of LIST and LSUB (RFC 3501 6.3.8).
 */
#ifndef IMAP_NAMES_H
#define IMAP_NAMES_H

#include "base/arena.h"
#include "base/buffer.h"

#define IMAP_SEPARATOR '/'

/* From the wire to the store's spelling. *why says in words for the client
 * what is wrong when the answer is INVALID or LIMIT. */
enum status imap_name_decode(
    struct text wire, struct arena *a, struct text *out, const char **why) MUST_CHECK;
/* The store's spelling to the wire's, appended without quotes. */
void imap_name_encode(struct buffer *out, struct text name);

/* A pattern in the wire's spelling, with the reference in front of it. */
struct name_pattern {
	struct text pattern;
	struct text fixed; /* what stands in front of the first wildcard */
	bool wild;	   /* it has a wildcard at all */
};
#define NAME_PATTERN_MAX 2000 /* octets */
/* LIMIT: longer than any name could need. */
enum status imap_pattern_make(struct text reference, struct text mailbox, struct arena *a,
    struct name_pattern *out) MUST_CHECK;
/* Whether the pattern names this mailbox; name in the wire's spelling. */
bool imap_pattern_match(const struct name_pattern *p, struct text name);

/* Whether name is below parent. */
bool imap_name_below(struct text name, struct text parent);
/* The name one level up; empty when there is none. */
struct text imap_name_parent(struct text name);

#endif
