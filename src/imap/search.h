/* SPDX-License-Identifier: ISC */
/*
 * SEARCH: keys parsed into a tree, and a tree held against messages (RFC 3501
 * 6.4.4). What must be read grows by levels: the view alone, what the store
 * says of sets, the row, the summary, the header, the content. A tree is asked at each level with
 * what is known by then and says yes, no or not yet; only messages without an answer are read at
 * the next level. Words are compared by full case folding (RFC 5051 is the model), and a word is
 * found within words.
 */
#ifndef IMAP_SEARCH_H
#define IMAP_SEARCH_H

#include "imap/message.h"
#include "imap/resync.h"

enum search_level {
	LEVEL_VIEW,
	LEVEL_SETS, /* the store tells which of a set */
	LEVEL_ROW,
	LEVEL_SUMMARY,
	LEVEL_HEADER,
	LEVEL_CONTENT
};
enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

enum search_key_id {
#define X(id, name, args, level, matcher) KEY_##id,
#include "imap/search_keys.def"
#undef X
	KEY_SEQUENCE, /* a set of numbers */
	KEY_NOT,
	KEY_OR,
	KEY_AND, /* parentheses, and the whole search */
	KEY_COUNT
};

#define SEARCH_DEPTH_MAX 50
#define SEARCH_KEYS_MAX 1000  /* each may look at every message */
#define SEARCH_MODSEQS_MAX 10 /* each holds what has changed */
#define SEARCH_WORD_MAX 1000  /* octets of a folded word */

struct search_key {
	enum search_key_id id;
	struct search_key *next;  /* beside it */
	struct search_key *first; /* NOT, OR, AND: what stands below */
	struct text word;	  /* folded */
	struct text field;	  /* HEADER */
	struct sequence_set set;
	struct runs uids; /* what the set holds of the view, and perhaps others */
	uint32_t keyword; /* position, or UINT32_MAX: nobody has it */
	struct text keyword_name;
	uint64_t number;
	bool known; /* MODSEQ: uids are those that match */
	int64_t day;
};

enum search_error {
	SEARCH_OK,
	SEARCH_SYNTAX,
	SEARCH_CHARSET,
	SEARCH_NESTED,
	SEARCH_KEYS,
	SEARCH_WORD
};

/* Everything behind SEARCH, its first space included. */
enum search_error imap_search_parse(struct cursor *c, struct arena *a, struct search_key **out);
/* Resolves sets and keywords; asks the store where a keyword is not known yet. */
void imap_search_prepare(struct search_key *key, struct imap *im, struct arena *a);

/* What MODSEQ in a tree needs (RFC 7162 3.1.5), and whether there is any: the
 * change log names the messages where it reaches back. */
enum status imap_search_modseqs(
    struct command *c, struct search_key *key, bool *any, struct failure *why) MUST_CHECK;
/* The greatest modseq of these messages, 0 when they are gone. */
enum status imap_search_highest(
    struct command *c, const struct runs *found, uint64_t *highest, struct failure *why) MUST_CHECK;
/* Whether numbers of messages stand in the tree. */
bool imap_search_has_numbers(const struct search_key *key);

/* What RETURN asks for (RFC 4731 3.1, RFC 5182 2.1), as bits. */
enum search_return {
	RETURN_MIN = 1,
	RETURN_MAX = 2,
	RETURN_ALL = 4,
	RETURN_COUNT = 8,
	RETURN_SAVE = 16,
};
/* [SP "RETURN" SP "(" options ")"]; () is ALL. False: it is no such thing. */
bool imap_search_return(struct cursor *c, bool *present, unsigned *returns);

/* Which messages of a domain match for sure, and which must be looked at. */
struct search_sets {
	struct runs yes, maybe;
};
/* Asking the store about rows, or what went wrong with it. A tree may need several
 * questions, and others change messages meanwhile: what has changed since the first
 * answer was perhaps never what all answers together say. */
struct search_rows {
	struct command *c;
	struct failure *why;
	enum status st;
	uint64_t since;	     /* modseq of what is known first; 0: nothing is */
	struct runs absent;  /* of the messages asked about */
	struct runs changed; /* of them, since then */
	struct arena batch;
};
void imap_search_rows_done(struct search_rows *rows);
/* What the store is asked for a key, or for NOT and a key; false: it is none
 * that the store answers. */
bool imap_search_question(const struct search_key *key, struct store_question *q);
/* Adds those of the domain to yes of which all the questions are true. */
void imap_search_ask_rows(struct search_rows *rows, const struct store_question *q, uint32_t count,
    const struct runs *domain, struct runs *yes);

/* out is emptied first, and freed by _done. The key was prepared. rows NULL:
 * by the view alone. */
void imap_search_sets(struct view *v, struct search_rows *rows, const struct search_key *key,
    const struct runs *domain, struct search_sets *out);
void imap_search_sets_done(struct search_sets *s);

/* Adds the UIDs that match to found: with MIN or MAX and neither ALL nor COUNT
 * only the least and the greatest. unreadable: some could not be looked at. */
enum status imap_search_run(struct command *c, const struct search_key *key, unsigned returns,
    struct runs *found, bool *unreadable, struct failure *why) MUST_CHECK;

/* "* ESEARCH (TAG "a") UID ALL 2,10:11 MODSEQ 7" of what RETURN asks for; highest
 * 0: without MODSEQ. */
void imap_search_write_extended(
    struct command *c, struct runs *found, unsigned returns, uint64_t highest);
/* "* SEARCH 2 84 882 (MODSEQ 7)" */
void imap_search_write_plain(struct command *c, const struct runs *found, uint64_t highest);

/* A message as far as it is known at the level. */
struct candidate {
	enum search_level level;
	uint32_t uid;
	bool recent;
	struct message *m; /* from LEVEL_ROW on */
	enum status st;	   /* what went wrong while reading */
};
enum answer imap_search_ask(const struct search_key *key, struct candidate *m);
/* The levels at which a tree may learn something, a bit (1 << level) each. */
unsigned imap_search_levels(const struct search_key *key);

/* What search_words.c offers: folded text in which a folded word is sought. */
bool imap_has_word(struct text utf8, struct text word);
/* A header field's raw value, encoded words decoded. */
bool imap_field_has_word(struct text raw, struct text word);
/* The decoded parts of text and of reports, read in windows, and the headers of
 * messages inside. header: also its own header fields and those of its parts
 * (RFC 9051 6.4.4). */
bool imap_content_has_word(struct message *m, struct text word, bool header, enum status *st);
/* A header field by name that holds the word (empty: any). */
bool imap_header_has_word(struct message *m, struct text field, struct text word, enum status *st);
/* The same by the summary alone, where that can tell. */
enum answer imap_summary_has_word(struct message *m, struct text field, struct text word);

#endif
