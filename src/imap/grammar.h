/* SPDX-License-Identifier: ISC */
/*
 * The grammar of IMAP commands (RFC 3501 9, with what RFC 7888, RFC 4466,
 * RFC 5182 and RFC 6154 add): a function per ABNF rule, named after it. A command is parsed
 * when it is whole, its literals in place behind their "{n}" lines, so no rule
 * ever waits. Each consumes the rule and gives true, or consumes nothing and
 * gives false. Texts are views of the command, or of the arena where escapes
 * had to be undone.
 */
#ifndef IMAP_GRAMMAR_H
#define IMAP_GRAMMAR_H

#include "base/arena.h"
#include "base/cursor.h"
#include "base/runs.h"
#include "runtime/calls.h"

/* SP, and the end of the command. */
bool imap_sp(struct cursor *c);
bool imap_end(const struct cursor *c);
/* A word of the grammar, whatever its case, that ends where an atom ends. */
bool imap_word(struct cursor *c, struct text word);

bool imap_tag(struct cursor *c, struct text *out);
bool imap_atom(struct cursor *c, struct text *out);
bool imap_quoted(struct cursor *c, struct arena *a, struct text *out);
/* "{n}" or "{n+}", line end, n octets without NUL. */
bool imap_literal(struct cursor *c, struct text *out);
bool imap_string(struct cursor *c, struct arena *a, struct text *out);
bool imap_astring(struct cursor *c, struct arena *a, struct text *out);
/* *present is false for NIL. */
bool imap_nstring(struct cursor *c, struct arena *a, bool *present, struct text *out);
bool imap_list_mailbox(struct cursor *c, struct arena *a, struct text *out);
bool imap_number(struct cursor *c, uint32_t *out);
bool imap_nz_number(struct cursor *c, uint32_t *out);
bool imap_number64(struct cursor *c, uint64_t *out);

/* The end of a line that announces a literal, "{n}" or "{n+}", with "~" in front
 * a literal8 (RFC 9051 4.3.1): how many octets follow, whether the client waits
 * for our "+", and where the mark begins. */
struct literal_mark {
	uint64_t octets;
	bool waits;
	bool binary; /* literal8: may hold NUL */
	size_t at;
};
bool imap_literal_mark(struct text line, struct literal_mark *out);

/* A sequence-set as it was written; "*" is SEQ_STAR, which is no number. */
#define SEQ_STAR 0
struct seq_range {
	uint32_t first, last;
};
struct sequence_set {
	struct seq_range *at;
	uint32_t count;
	bool saved; /* "$": what the last SEARCH saved (RFC 5182 2.1) */
};
bool imap_sequence_set(struct cursor *c, struct arena *a, struct sequence_set *out);
/* sequence-set, or "$" alone (RFC 9051 9 seq-last-command): where messages of
 * the selected mailbox are meant. */
bool imap_message_set(struct cursor *c, struct arena *a, struct sequence_set *out);
/* The numbers, ordered, with star (0: there is no greatest) in place of "*".
 * out is emptied first. */
void imap_sequence_numbers(const struct sequence_set *set, uint32_t star, struct runs *out);

/* Flags of STORE, APPEND: flags is enum message_flag; \Recent is passed over,
 * since no client may set it (RFC 3501 2.3.2). */
struct imap_flags {
	uint32_t flags;
	struct texts keywords; /* as written, each once */
	bool too_many;	       /* some are left out: of a length or number beyond the limits */
};
#define IMAP_TOO_MANY_KEYWORDS "A message takes no more keywords, and no longer ones"
bool imap_flag_list(struct cursor *c, struct arena *a, struct imap_flags *out);
/* flag-list, or flags with spaces and no parentheses (store-att-flags). */
bool imap_store_flags(struct cursor *c, struct arena *a, struct imap_flags *out);
/* What a keyword may be: an atom of at most KEYWORD_MAX octets. */
bool imap_is_keyword(struct text t);

/* DQUOTE date-time DQUOTE: seconds since 1970. */
bool imap_date_time(struct cursor *c, int64_t *at);
/* date, quoted or not: days since 1970-01-01. */
bool imap_date(struct cursor *c, int64_t *day);

/* Which bytes may stand in an atom, and in an astring without quotes. */
extern const bool imap_atom_char[256];
extern const bool imap_astring_char[256];

#endif
