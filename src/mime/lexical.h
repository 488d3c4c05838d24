/* SPDX-License-Identifier: ISC */
/*
 * The words of structured header fields (RFC 5322 3.2): comments, quoted
 * strings, folding white space, read leniently. What was opened and never
 * closed is an ordinary character; since finding that out costs a walk to the
 * end, only a few of them are looked for in one value (patience), which keeps
 * every reader linear.
 */
#ifndef MIME_LEXICAL_H
#define MIME_LEXICAL_H

#include "base/arena.h"
#include "base/cursor.h"

#define LEXICAL_PATIENCE 8

struct lexical {
	struct cursor in;
	uint8_t patience; /* how many more unclosed things are looked for */
};

struct lexical lexical_of(struct text t);

/* Space, tab, CR, LF. */
static inline bool
lexical_blank(int c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* If a whole comment, quoted string or [domain literal] begins at the cursor:
 * where it ends, else NULL. */
const char *lexical_comment(struct lexical *l);
const char *lexical_quoted(struct lexical *l);
const char *lexical_literal(struct lexical *l);
/* Passes over blanks and comments. */
void lexical_skip(struct lexical *l);

/* Without backslashes of quoted pairs, without CR, LF and NUL; a view where
 * nothing has to go. inside: without the quotes or parentheses. */
struct text lexical_unquote(struct text inside, struct arena *a);
/* A whole unstructured value on one line: trimmed, without CR, LF and NUL. */
struct text lexical_unfold(struct text value, struct arena *a);

#endif
